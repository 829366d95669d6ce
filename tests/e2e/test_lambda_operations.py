"""Each served Lambda operation through boto3: field sets, defaults, state changes, revisions.

Source of what is expected: fact sheet "Lambda control-plane API", sections 3, 4, 8.3 and 11. That
each response is as the service model has it is checked for every call, in the harness.
"""

import re
import urllib.error
import urllib.request

import pytest
from harness.clients import Caller
from harness.functions import PROVIDED, PYTHON, Lab, unique
from harness.packages import code_sha256, program, zip_of

HELLO = "def handler(event, context):\n    return 'hello'\n"
OTHER = "def handler(event, context):\n    return 'other'\n"
ALWAYS = {
    "FunctionName", "FunctionArn", "Runtime", "Role", "Handler", "CodeSize", "Description", "Timeout", "MemorySize",
    "LastModified", "CodeSha256", "Version", "TracingConfig", "RevisionId", "PackageType", "Architectures",
    "EphemeralStorage", "SnapStart", "LoggingConfig",
}
LAST_MODIFIED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+0000")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
CREATING = {"StateReason": "The function is being created.", "StateReasonCode": "Creating"}


def fields(answer):
    return set(answer) - {"ResponseMetadata"}


def test_create_function_answers_with_every_default(caller, lab):
    package = zip_of({"app.py": HELLO})
    name = unique()
    answer = caller.awslambda.create_function(
        FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=caller.role, Code={"ZipFile": package})
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert fields(answer) == ALWAYS | {"RuntimeVersionConfig", "State", "StateReason", "StateReasonCode"}
    expected = {
        "FunctionName": name, "FunctionArn": caller.arn(name), "Runtime": PYTHON, "Role": caller.role,
        "Handler": "app.handler", "CodeSize": len(package), "CodeSha256": code_sha256(package), "Description": "",
        "Timeout": 3, "MemorySize": 128, "Version": "$LATEST", "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip", "Architectures": ["x86_64"], "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"}, "State": "Pending", **CREATING,
    }
    assert {k: answer[k] for k in expected} == expected
    assert LAST_MODIFIED.fullmatch(answer["LastModified"])
    assert UUID.fullmatch(answer["RevisionId"])
    assert re.fullmatch(r"arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}", answer["RuntimeVersionConfig"]["RuntimeVersionArn"])
    caller.awslambda.delete_function(FunctionName=name)


def test_create_function_keeps_every_setting(caller, lab):
    settings = {
        "Description": "what it is for", "Timeout": 42, "MemorySize": 384, "EphemeralStorage": {"Size": 640},
        "Environment": {"Variables": {"ONE": "1", "zwei": "zwo"}}, "Tags": {"team": "a", "ünï": "ço de"},
        "Architectures": ["x86_64"],
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "DEBUG", "LogGroup": "/my/group"},
    }
    function = lab.deploy(HELLO, **settings)
    found = function.configuration()
    assert {k: found[k] for k in settings if k != "Tags"} == {k: v for k, v in settings.items() if k != "Tags"}
    whole = caller.awslambda.get_function(FunctionName=function.name)
    assert whole["Tags"] == settings["Tags"]


def test_names_may_be_arns(caller, lab):
    for make in (caller.arn, lambda n: f"{caller.account}:function:{n}", lambda n: f"function:{n}"):
        name = unique()
        function = lab.deploy(HELLO, name=make(name))
        assert function.created["FunctionName"] == name
        assert caller.awslambda.get_function_configuration(FunctionName=make(name))["FunctionName"] == name
        assert function.call() == "hello"
        caller.awslambda.delete_function(FunctionName=make(name))


def test_get_function(caller, lab):
    package = zip_of({"app.py": HELLO})
    function = lab.deploy(package, Environment={"Variables": {}})
    answer = caller.awslambda.get_function(FunctionName=function.name)
    assert fields(answer) == {"Configuration", "Code"}, "no Tags when there are none"
    configuration = answer["Configuration"]
    assert fields(configuration) == ALWAYS | {"RuntimeVersionConfig", "State", "LastUpdateStatus", "Environment"}
    assert configuration["State"] == "Active" and configuration["LastUpdateStatus"] == "Successful"
    assert configuration["Environment"] == {"Variables": {}}
    assert answer["Code"]["RepositoryType"] == "S3"
    assert set(answer["Code"]) == {"RepositoryType", "Location"}
    with urllib.request.urlopen(answer["Code"]["Location"]) as download:
        assert download.read() == package

    qualified = caller.awslambda.get_function(FunctionName=function.name, Qualifier="$LATEST")
    assert qualified["Configuration"]["FunctionArn"] == caller.arn(function.name, "$LATEST")
    again = caller.awslambda.get_function_configuration(FunctionName=caller.arn(function.name, "$LATEST"))
    assert again["FunctionArn"] == caller.arn(function.name, "$LATEST")
    assert fields(again) == fields(configuration)


def test_the_package_link_is_for_that_package_alone(caller, lab):
    function = lab.deploy(HELLO)
    link = caller.awslambda.get_function(FunctionName=function.name)["Code"]["Location"]
    forged = re.sub(r"(Signature|sig|token)=([^&]{4})", lambda m: f"{m[1]}={'0000' if m[2] != '0000' else '1111'}", link, count=1)
    forged = forged if forged != link else link[:-1] + ("0" if link[-1] != "0" else "1")
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(forged)
    assert error.value.code == 403


def test_revision_ids_change_with_every_change(caller, lab):
    function = lab.deploy(HELLO)
    seen = [function.created["RevisionId"]]

    def changed():
        now = function.configuration()["RevisionId"]
        assert now not in seen, "the revision id did not change"
        seen.append(now)
        return now

    changed()  # Pending -> Active
    assert function.configuration()["RevisionId"] == seen[-1], "reading changes nothing"
    during = caller.awslambda.update_function_configuration(FunctionName=function.name, Description="x", RevisionId=seen[-1])
    assert during["RevisionId"] not in seen
    seen.append(during["RevisionId"])
    function.settled()
    changed()  # InProgress -> Successful
    during = caller.awslambda.update_function_code(FunctionName=function.name, ZipFile=zip_of({"app.py": OTHER}), RevisionId=seen[-1])
    seen.append(during["RevisionId"])
    function.settled()
    changed()
    caller.awslambda.tag_resource(Resource=function.arn, Tags={"a": "b"})
    changed()
    caller.awslambda.untag_resource(Resource=function.arn, TagKeys=["a"])
    changed()
    with pytest.raises(caller.awslambda.exceptions.PreconditionFailedException):
        caller.awslambda.update_function_configuration(FunctionName=function.name, Description="y", RevisionId=seen[0])


def test_update_function_code(caller, lab):
    function = lab.deploy(HELLO)
    assert function.call() == "hello"
    before = function.configuration()
    package = zip_of({"app.py": OTHER})

    tried = caller.awslambda.update_function_code(FunctionName=function.name, ZipFile=package, DryRun=True)
    assert tried["CodeSha256"] == code_sha256(package)
    assert function.configuration() | {"ResponseMetadata": 0} == before | {"ResponseMetadata": 0}, "a dry run changes nothing"

    answer = caller.awslambda.update_function_code(FunctionName=function.name, ZipFile=package)
    assert answer["State"] == "Active" and answer["LastUpdateStatus"] == "InProgress"
    assert answer["LastUpdateStatusReason"] == "The function is being created."
    assert answer["LastUpdateStatusReasonCode"] == "Creating"
    after = function.settled()
    assert after["CodeSha256"] == code_sha256(package) and after["CodeSize"] == len(package)
    assert after["LastModified"] >= before["LastModified"]
    assert not {"LastUpdateStatusReason", "LastUpdateStatusReasonCode"} & fields(after)
    assert function.call() == "other"

    again = caller.awslambda.update_function_code(FunctionName=function.name, ZipFile=package)
    assert again["LastUpdateStatus"] == "InProgress" and again["RevisionId"] != after["RevisionId"], "identical code counts"
    function.settled()


def test_update_function_configuration_changes_only_what_is_given(caller, lab):
    function = lab.deploy(HELLO, Description="first", Timeout=5, MemorySize=192, Environment={"Variables": {"AB": "1"}})
    before = function.configuration()
    answer = caller.awslambda.update_function_configuration(FunctionName=function.name, Timeout=6)
    assert answer["LastUpdateStatus"] == "InProgress" and answer["State"] == "Active"
    changing = {"Timeout", "RevisionId", "LastModified", "ResponseMetadata"}
    after = function.settled()
    assert after["Timeout"] == 6
    assert {k: v for k, v in after.items() if k not in changing} == {k: v for k, v in before.items() if k not in changing}

    after = function.configure(Environment={"Variables": {}})
    assert after["Environment"] == {"Variables": {}}
    after = function.configure(
        Handler="app.handler", Role=caller.role + "2", Description="", MemorySize=256, EphemeralStorage={"Size": 1024})
    assert (after["Description"], after["MemorySize"], after["EphemeralStorage"]) == ("", 256, {"Size": 1024})
    assert after["Role"] == caller.role + "2"


def test_log_levels_follow_the_format(lab):
    function = lab.deploy(HELLO)
    own = {"LogGroup": function.group}
    json_defaults = {"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO", **own}
    assert function.configure(LoggingConfig={"LogFormat": "JSON"})["LoggingConfig"] == json_defaults
    found = function.configure(LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "ERROR"})["LoggingConfig"]
    assert found["ApplicationLogLevel"] == "ERROR"
    assert function.configure(LoggingConfig={"LogFormat": "Text"})["LoggingConfig"] == {"LogFormat": "Text", **own}
    assert function.configure(LoggingConfig={"LogGroup": "/other"})["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/other"}


def test_delete_function(caller, lab):
    function = lab.deploy(HELLO)
    answer = caller.awslambda.delete_function(FunctionName=function.name)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204 and answer["StatusCode"] == 204
    for operation in ("get_function", "get_function_configuration", "delete_function", "invoke"):
        with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
            getattr(caller.awslambda, operation)(FunctionName=function.name)
    reborn = lab.deploy(OTHER, name=function.name)
    assert reborn.call() == "other"


def test_list_functions_pages(server, checker):
    caller = Caller(server, checker)
    lab = Lab(caller)
    assert caller.awslambda.list_functions()["Functions"] == []
    package = zip_of({"bootstrap": program("#!/bin/sh\n")})
    names = sorted(unique("page") for _ in range(53))
    for name in names:
        lab.deploy(package, PROVIDED, "bootstrap", name=name, wait=False)
    for name in names[-3:]:
        caller.awslambda.get_waiter("function_active_v2").wait(FunctionName=name, WaiterConfig={"Delay": 1})

    first = caller.awslambda.list_functions(MaxItems=10_000)
    assert len(first["Functions"]) == 50 and "NextMarker" in first, "a page has at most 50"
    assert fields(first["Functions"][0]) == ALWAYS
    rest = caller.awslambda.list_functions(Marker=first["NextMarker"])
    assert len(rest["Functions"]) == 3 and "NextMarker" not in rest
    for size in (1, 7, 50):
        pages = caller.awslambda.get_paginator("list_functions").paginate(PaginationConfig={"PageSize": size})
        found = [f["FunctionName"] for page in pages for f in page["Functions"]]
        assert sorted(found) == names
    everything = caller.awslambda.list_functions(FunctionVersion="ALL", MaxItems=5)["Functions"]
    assert all(f["FunctionArn"].endswith(":$LATEST") for f in everything)
    assert Caller(server, checker).awslambda.list_functions()["Functions"] == [], "another account sees none"
    lab.clear()
    assert caller.awslambda.list_functions()["Functions"] == []


def test_a_page_that_just_fits_has_no_marker(server, checker):
    caller = Caller(server, checker)
    lab = Lab(caller)
    for _ in range(2):
        lab.deploy(zip_of({"bootstrap": program("#!/bin/sh\n")}), PROVIDED, "bootstrap", wait=False)
    assert "NextMarker" not in caller.awslambda.list_functions(MaxItems=2)
    assert "NextMarker" in caller.awslambda.list_functions(MaxItems=1)
    lab.clear()


def test_tags(caller, lab):
    function = lab.deploy(HELLO)
    client = caller.awslambda
    assert client.list_tags(Resource=function.arn)["Tags"] == {}
    client.tag_resource(Resource=function.arn, Tags={"a": "1", "b": "2"})
    client.tag_resource(Resource=function.arn, Tags={"b": "3", "c d/e": ""})
    assert client.list_tags(Resource=function.arn)["Tags"] == {"a": "1", "b": "3", "c d/e": ""}
    client.untag_resource(Resource=function.arn, TagKeys=["a", "c d/e", "never there"])
    assert client.list_tags(Resource=function.arn)["Tags"] == {"b": "3"}
    assert client.get_function(FunctionName=function.name)["Tags"] == {"b": "3"}
    client.untag_resource(Resource=function.arn, TagKeys=["b"])
    assert "Tags" not in client.get_function(FunctionName=function.name)


def test_account_settings(server, checker):
    caller = Caller(server, checker)
    lab = Lab(caller)
    limits = {
        "TotalCodeSize": 80530636800, "CodeSizeUnzipped": 262144000, "CodeSizeZipped": 52428800,
        "ConcurrentExecutions": 1000, "UnreservedConcurrentExecutions": 1000,
    }
    answer = caller.awslambda.get_account_settings()
    assert answer["AccountLimit"] == limits
    assert answer["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}
    package = zip_of({"bootstrap": program("#!/bin/sh\n")})
    functions = [lab.deploy(package, PROVIDED, "bootstrap") for _ in range(2)]
    usage = caller.awslambda.get_account_settings()["AccountUsage"]
    assert usage == {"TotalCodeSize": 2 * len(package), "FunctionCount": 2}
    larger = zip_of({"bootstrap": program("#!/bin/sh\n" + "# more\n" * 50)})
    functions[0].upload(larger)
    functions[1].configure(Description="config updates add nothing")
    assert caller.awslambda.get_account_settings()["AccountUsage"]["TotalCodeSize"] == len(package) + len(larger)
    lab.clear()
    assert caller.awslambda.get_account_settings()["AccountUsage"] == {"TotalCodeSize": 0, "FunctionCount": 0}


def test_invoke(caller, lab):
    function = lab.deploy("def handler(event, context):\n    print('printed')\n    return event\n")
    event = {"text": "äß€😀", "list": [1, 2.5, None, True], "empty": {}}
    invocation = function.invoke(event)
    assert invocation.ok() == event
    assert invocation.version == "$LATEST"
    assert invocation.headers["content-type"] == "application/json"
    assert re.fullmatch(r"[Rr]oot=1-[0-9a-f]{8}-[0-9a-f]{24}.*", invocation.headers["x-amzn-trace-id"])
    assert f"START RequestId: {invocation.request_id} Version: $LATEST\n" in invocation.tail
    assert "printed\n" in invocation.tail
    assert function.invoke(event, tail=False).tail is None, "no log without LogType=Tail"
    assert function.invoke(event, Qualifier="$LATEST").ok() == event

    dry = caller.awslambda.invoke(FunctionName=function.name, InvocationType="DryRun")
    assert dry["StatusCode"] == 204 and dry["Payload"].read() == b"" and "ExecutedVersion" not in dry
    with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
        caller.awslambda.invoke(FunctionName=unique(), InvocationType="DryRun")


def test_the_tail_is_the_last_4096_bytes(lab):
    function = lab.deploy("def handler(event, context):\n    for i in range(2000):\n        print('line', i)\n")
    tail = function.invoke().tail
    assert len(tail.encode()) == 4096
    assert "line 1999\n" in tail and tail.splitlines()[-1].startswith("REPORT RequestId: ")


def test_waiters_of_boto3(caller, lab):
    function = lab.deploy(HELLO, wait=False)
    for name in ("function_exists", "function_active", "function_active_v2", "function_updated", "function_updated_v2"):
        caller.awslambda.get_waiter(name).wait(FunctionName=function.name, WaiterConfig={"Delay": 1, "MaxAttempts": 20})
