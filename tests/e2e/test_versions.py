"""Versions through boto3 and the AWS CLI: published, invoked, listed, deleted; SnapStart.

Source of what is expected: fact sheet "Lambda control-plane API", sections 3 and 4.
"""

import json

import pytest
from botocore.exceptions import ClientError
from harness.functions import unique
from harness.packages import code_sha256, zip_of
from harness.waiting import eventually

WHO = """
import os
MARK = {mark!r}
def handler(event, context):
    return [MARK, context.function_version, context.invoked_function_arn, os.environ["AWS_LAMBDA_FUNCTION_VERSION"]]
"""
SNAPPED = """
import uuid
BORN = str(uuid.uuid4())
def handler(event, context):
    return BORN
"""


def text(mark):
    return WHO.format(mark=mark)


def upload(function, mark):
    return function.upload({"app.py": text(mark)})


def publish(function, **options):
    return function.caller.awslambda.publish_version(FunctionName=function.name, **options)


@pytest.fixture
def function(lab):
    return lab.deploy(text("one"))


def test_a_version_runs_what_latest_was(caller, function):
    answer = publish(function, Description="first")
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (answer["Version"], answer["State"], answer["LastUpdateStatus"]) == ("1", "Active", "Successful")
    assert answer["FunctionArn"] == caller.arn(function.name, "1")
    upload(function, "two")
    invocation = function.invoke(Qualifier="1")
    assert invocation.ok() == ["one", "1", caller.arn(function.name, "1"), "1"]
    assert invocation.version == "1"
    for name in (f"{function.name}:1", caller.arn(function.name, "1"), f"{caller.account}:function:{function.name}:1"):
        answer = caller.awslambda.invoke(FunctionName=name)
        assert json.load(answer["Payload"])[:2] == ["one", "1"] and answer["ExecutedVersion"] == "1"
    assert function.call() == ["two", "$LATEST", function.arn, "$LATEST"]
    assert publish(function)["Version"] == "2"
    assert function.call(Qualifier="2")[:2] == ["two", "2"]
    with pytest.raises(ClientError) as refused:
        function.call(Qualifier="3")
    assert refused.value.response["Message"] == f"Function not found: {caller.arn(function.name, '3')}"


def test_publishing_twice_gives_one_version(caller, function):
    first = publish(function)
    again = publish(function, Description="not taken")
    for key in ("Version", "RevisionId", "Description", "CodeSha256"):
        assert again[key] == first[key]
    function.configure(Description="changed")
    changed = publish(function)
    assert (changed["Version"], changed["Description"]) == ("2", "changed")


def test_conditions_of_publishing(caller, function):
    current = function.configuration()
    with pytest.raises(caller.awslambda.exceptions.InvalidParameterValueException) as refused:
        publish(function, CodeSha256=code_sha256(b"other"))
    assert "is different from current CodeSHA256 in $LATEST" in str(refused.value)
    with pytest.raises(caller.awslambda.exceptions.PreconditionFailedException):
        publish(function, RevisionId="old")
    assert publish(function, CodeSha256=current["CodeSha256"], RevisionId=current["RevisionId"])["Version"] == "1"
    assert function.configuration()["RevisionId"] != current["RevisionId"]


def test_publish_on_create_and_on_new_code(caller, lab):
    function = lab.deploy(text("one"), Publish=True)
    assert (function.created["Version"], function.created["FunctionArn"]) == ("1", function.arn)
    caller.awslambda.get_waiter("published_version_active").wait(FunctionName=function.name, Qualifier="1")
    assert function.call(Qualifier="1")[:2] == ["one", "1"]
    answer = caller.awslambda.update_function_code(
        FunctionName=function.name, ZipFile=zip_of({"app.py": text("two")}), Publish=True)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert (answer["Version"], answer["State"], answer["FunctionArn"]) == ("2", "Pending", caller.arn(function.name, "2"))
    caller.awslambda.get_waiter("function_active_v2").wait(FunctionName=caller.arn(function.name, "2"))
    caller.awslambda.get_waiter("function_updated_v2").wait(FunctionName=function.name)
    assert function.call(Qualifier="2")[:2] == ["two", "2"]
    assert function.call(Qualifier="1")[:2] == ["one", "1"]


def test_lists_page_by_page(caller, lab):
    functions = [lab.deploy(text("one")) for _ in range(2)]
    for function in functions:
        for n in range(4):
            function.configure(Description=f"{n}")
            publish(function)
    name = functions[0].name
    pages = caller.awslambda.get_paginator("list_versions_by_function")
    found = [v for page in pages.paginate(FunctionName=name, PaginationConfig={"PageSize": 2}) for v in page["Versions"]]
    assert [v["Version"] for v in found] == ["$LATEST", "1", "2", "3", "4"]
    assert [v["FunctionArn"] for v in found] == [caller.arn(name, v["Version"]) for v in found]
    assert all("State" not in v for v in found)
    pages = caller.awslambda.get_paginator("list_functions")
    for size in (1, 3, 50):
        found = [f for page in pages.paginate(FunctionVersion="ALL", PaginationConfig={"PageSize": size}) for f in page["Functions"]]
        mine = [(f["FunctionName"], f["Version"]) for f in found if f["FunctionName"] in {g.name for g in functions}]
        assert mine == [(g, v) for g in sorted(g.name for g in functions) for v in ["$LATEST", "1", "2", "3", "4"]]


def test_deleted_versions_are_gone_and_their_numbers_with_them(caller, function):
    publish(function)
    for _ in range(2):
        answer = caller.awslambda.delete_function(FunctionName=function.name, Qualifier="1")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 204
    with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
        function.call(Qualifier="1")
    assert publish(function)["Version"] == "2"
    assert function.call()[0] == "one"


def test_the_command_line(awscli, function):
    assert awscli.json("lambda", "publish-version", "--function-name", function.name)["Version"] == "1"
    awscli.text("lambda", "wait", "published-version-active", "--function-name", function.name, "--qualifier", "1")
    upload(function, "two")
    assert awscli.json("lambda", "publish-version", "--function-name", function.name, "--description", "d")["Version"] == "2"
    found = awscli.json("lambda", "list-versions-by-function", "--function-name", function.name, "--page-size", "1")
    assert [v["Version"] for v in found["Versions"]] == ["$LATEST", "1", "2"]
    answer = awscli.json("lambda", "invoke", "--function-name", f"{function.name}:1", "out.json")
    assert answer["ExecutedVersion"] == "1"
    assert json.loads((awscli.folder / "out.json").read_text())[0] == "one"
    shown = awscli.json("lambda", "get-function", "--function-name", function.name, "--qualifier", "2")
    assert (shown["Configuration"]["Version"], shown["Configuration"]["Description"]) == ("2", "d")
    awscli.text("lambda", "delete-function", "--function-name", function.name, "--qualifier", "1")
    told = awscli.fails("lambda", "get-function", "--function-name", function.name, "--qualifier", "1")
    assert f"Function not found: {function.arn}:1" in told


def test_versions_outlive_a_restart(make_server, lab_on):
    server = make_server().start()
    lab = lab_on(server)
    function = lab.deploy(text("one"))
    publish(function)
    upload(function, "two")
    server.stop_cleanly()
    server.start()
    assert function.call(Qualifier="1")[:2] == ["one", "1"]
    assert function.call()[:2] == ["two", "$LATEST"]
    assert publish(function)["Version"] == "2"


@pytest.fixture
def snappable(server):
    """A runtime of the host's that SnapStart is for."""
    ready = [row["id"] for row in json.loads(server.command("runtimes", "-o", "json")) if row["state"] == "ready"]
    found = [i for i in ready if i.startswith("python3.") and int(i.removeprefix("python3.")) >= 12]
    if not found:
        pytest.skip("this host has no Python of 3.12 or later")
    return found[0]


def test_snap_start_of_a_published_version(caller, lab, snappable):
    function = lab.deploy(SNAPPED, snappable, SnapStart={"ApplyOn": "PublishedVersions"}, Timeout=20)
    assert function.configuration()["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    answer = publish(function)
    assert (answer["Version"], answer["State"], answer["StateReasonCode"]) == ("1", "Pending", "Creating")
    caller.awslambda.get_waiter("published_version_active").wait(
        FunctionName=function.name, Qualifier="1", WaiterConfig={"Delay": 1})
    shown = caller.awslambda.get_function_configuration(FunctionName=function.name, Qualifier="1")
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert function.call(Qualifier="1")


def test_snap_start_of_a_version_whose_init_fails(caller, lab, snappable):
    function = lab.deploy("raise ValueError('no luck')\n", snappable, SnapStart={"ApplyOn": "PublishedVersions"})
    publish(function)

    def failed():
        shown = caller.awslambda.get_function_configuration(FunctionName=function.name, Qualifier="1")
        return shown if shown["State"] == "Failed" else None

    shown = eventually(failed, "a failed version", 60)
    assert shown["StateReasonCode"].startswith("FunctionError"), shown
    assert shown["SnapStart"]["OptimizationStatus"] == "Off"
    with pytest.raises(caller.awslambda.exceptions.ResourceConflictException):
        function.call(Qualifier="1")


def test_snap_start_needs_a_runtime_that_has_it(caller):
    with pytest.raises(caller.awslambda.exceptions.InvalidParameterValueException) as refused:
        caller.awslambda.create_function(
            FunctionName=unique(), Runtime="nodejs22.x", Handler="app.handler", Role=caller.role,
            Code={"ZipFile": zip_of({"app.js": ""})}, SnapStart={"ApplyOn": "PublishedVersions"})
    assert refused.value.response["Error"]["Message"] == "nodejs22.x is not supported for SnapStart enabled functions."
