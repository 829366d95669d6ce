"""Reserved and provisioned concurrency through boto3 and the AWS CLI.

Source of what is expected: fact sheets "Lambda control-plane API", section 8, and "Lambda
invocation", section 3.
"""

import threading

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.clients import Caller
from harness.functions import Lab
from harness.waiting import eventually

KIND = """
import os, time
def handler(event, context):
    time.sleep((event or {}).get("s", 0))
    return [os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"], context.function_version]
"""


@pytest.fixture
def function(lab):
    """With versions 1 and 2."""
    function = lab.deploy(KIND)
    for n in (1, 2):
        function.configure(Description=f"{n}")
        lab.caller.awslambda.publish_version(FunctionName=function.name)
    return function


def reserve(function, n):
    return function.caller.awslambda.put_function_concurrency(
        FunctionName=function.name, ReservedConcurrentExecutions=n)


def provision(function, qualifier, n):
    return function.caller.awslambda.put_provisioned_concurrency_config(
        FunctionName=function.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=n)


def shown(function, qualifier):
    return function.caller.awslambda.get_provisioned_concurrency_config(FunctionName=function.name, Qualifier=qualifier)


def counts(answer):
    names = ("Requested", "Allocated", "Available")
    return tuple(answer[f"{name}ProvisionedConcurrentExecutions"] for name in names)


def ready(function, qualifier):
    def probe():
        found = shown(function, qualifier)
        assert found["Status"] != "FAILED", found
        return found if found["Status"] == "READY" else None

    return eventually(probe, "provisioned environments", 60)


def unreserved(caller):
    return caller.awslambda.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]


def test_reserved_concurrency(caller, function):
    before = unreserved(caller)
    get = caller.awslambda.get_function_concurrency
    assert "ReservedConcurrentExecutions" not in get(FunctionName=function.name)
    assert reserve(function, 7)["ReservedConcurrentExecutions"] == 7
    assert get(FunctionName=function.name)["ReservedConcurrentExecutions"] == 7
    assert caller.awslambda.get_function(FunctionName=function.name)["Concurrency"] == {"ReservedConcurrentExecutions": 7}
    assert unreserved(caller) == before - 7
    caller.awslambda.delete_function_concurrency(FunctionName=function.name)
    assert "Concurrency" not in caller.awslambda.get_function(FunctionName=function.name)
    assert unreserved(caller) == before


def test_zero_switches_a_function_off(caller, function):
    reserve(function, 0)
    for qualifier in ("$LATEST", "1"):
        with pytest.raises(caller.awslambda.exceptions.TooManyRequestsException) as refused:
            function.call(Qualifier=qualifier)
        assert refused.value.response["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
        assert refused.value.response["Error"]["Message"] == "Rate Exceeded."
    caller.awslambda.delete_function_concurrency(FunctionName=function.name)
    assert function.call()[1] == "$LATEST"


def test_versions_share_what_is_reserved(caller, function):
    reserve(function, 1)
    function.call(Qualifier="1")

    def is_throttled(event, qualifier):
        try:
            function.invoke(event, Qualifier=qualifier, tail=False)
        except ClientError as error:
            return error.response["Error"]["Code"] == "TooManyRequestsException"

    # The probe below may be faster, and have the one place first.
    done = threading.Thread(target=lambda: eventually(lambda: not is_throttled({"s": 4}, "1"), "a place", 30))
    done.start()
    eventually(lambda: is_throttled({}, "2"), "a throttled invocation", 30)
    done.join()
    assert function.call(Qualifier="2")[1] == "2"


def test_too_much_is_refused(caller, function):
    for n in (901, 1_001):
        with pytest.raises(caller.awslambda.exceptions.InvalidParameterValueException) as refused:
            reserve(function, n)
        assert refused.value.response["Error"]["Message"] == (
            "Specified ReservedConcurrentExecutions for function decreases account's UnreservedConcurrentExecution below its "
            "minimum value of [100].")
    assert unreserved(caller) == 1_000


def test_provisioned_environments_are_there_before_they_are_wanted(caller, function):
    answer = provision(function, "1", 2)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (counts(answer), answer["Status"]) == ((2, 0, 0), "IN_PROGRESS")
    assert counts(ready(function, "1")) == (2, 2, 2)
    assert function.call(Qualifier="1") == ["provisioned-concurrency", "1"]
    assert function.call(Qualifier="2") == ["on-demand", "2"]
    listed = caller.awslambda.list_provisioned_concurrency_configs(FunctionName=function.name)
    (only,) = listed["ProvisionedConcurrencyConfigs"]
    assert (only["FunctionArn"], only["Status"]) == (caller.arn(function.name, "1"), "READY")
    for _ in range(2):
        caller.awslambda.delete_provisioned_concurrency_config(FunctionName=function.name, Qualifier="1")
    with pytest.raises(caller.awslambda.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        shown(function, "1")


def test_what_is_provisioned_follows_its_alias(caller, function):
    caller.awslambda.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    provision(function, "live", 1)
    ready(function, "live")
    assert function.call(Qualifier="live") == ["provisioned-concurrency", "1"]
    caller.awslambda.update_alias(FunctionName=function.name, Name="live", FunctionVersion="2")
    ready(function, "live")
    assert function.call(Qualifier="live") == ["provisioned-concurrency", "2"]


def test_it_is_provisioned_again_after_a_restart(make_server, lab_on):
    server = make_server().start()
    function = lab_on(server).deploy(KIND)
    function.caller.awslambda.publish_version(FunctionName=function.name)
    provision(function, "1", 1)
    ready(function, "1")
    server.stop_cleanly()
    server.start()
    ready(function, "1")
    assert function.call(Qualifier="1") == ["provisioned-concurrency", "1"]


def test_an_init_that_fails_is_told(caller, lab):
    function = lab.deploy("raise ValueError('no luck')\n")
    caller.awslambda.publish_version(FunctionName=function.name)
    provision(function, "1", 1)

    def failed():
        found = shown(function, "1")
        return found if found["Status"] == "FAILED" else None

    found = eventually(failed, "a failed config", 60)
    assert found["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert counts(found) == (1, 0, 0)


def test_the_command_line(awscli, function):
    named = ("--function-name", function.name)
    assert awscli.json("lambda", "put-function-concurrency", *named, "--reserved-concurrent-executions", "5") == {
        "ReservedConcurrentExecutions": 5}
    assert awscli.json("lambda", "get-function-concurrency", *named) == {"ReservedConcurrentExecutions": 5}
    config = (*named, "--qualifier", "1")
    awscli.json("lambda", "put-provisioned-concurrency-config", *config, "--provisioned-concurrent-executions", "1")
    ready(function, "1")
    assert awscli.json("lambda", "get-provisioned-concurrency-config", *config)["Status"] == "READY"
    listed = awscli.json("lambda", "list-provisioned-concurrency-configs", *named)
    assert len(listed["ProvisionedConcurrencyConfigs"]) == 1
    awscli.text("lambda", "delete-provisioned-concurrency-config", *config)
    awscli.text("lambda", "delete-function-concurrency", *named)


@pytest.fixture(scope="module")
def target(server, checker):
    """The function that the refused requests are about: 2 on version 1, 1 on alias `two`, 5 reserved."""
    lab = Lab(Caller(server, checker))
    function = lab.deploy(KIND)
    client = function.caller.awslambda
    for n in (1, 2):
        function.configure(Description=f"{n}")
        client.publish_version(FunctionName=function.name)
    for name, version in (("one", "1"), ("two", "2"), ("latest", "$LATEST")):
        client.create_alias(FunctionName=function.name, Name=name, FunctionVersion=version)
    provision(function, "1", 2)
    provision(function, "two", 1)
    reserve(function, 5)
    yield function
    lab.clear()


def lower(text):
    return {"Type": "User", "message": text}


def upper(text):
    return {"Type": "User", "Message": text}


UNPUBLISHED = lower("Provisioned Concurrency Configs cannot be applied to unpublished function versions.")
RESOURCE = lower("The function resource provided must be an alias or a published version.")
FUNCTIONS_ONLY = lower(
    "This operation is permitted on Lambda functions only. Aliases and versions do not support this operation. Please specify "
    "either a function name or an unqualified function ARN.")
INVALID, CONFLICT, MISSING = "InvalidParameterValueException", "ResourceConflictException", "ResourceNotFoundException"
# Method, path, body; status, code, body of the answer. {f} is the function, {arn} its ARN.
REFUSED = {
    "latest": ("PUT", "{p}=%24LATEST", 1, 400, INVALID, UNPUBLISHED),
    "an alias of latest": ("PUT", "{p}=latest", 1, 400, INVALID, UNPUBLISHED),
    "latest, read": ("GET", "{p}=%24LATEST", None, 400, INVALID, RESOURCE),
    "latest, deleted": ("DELETE", "{p}=%24LATEST", None, 400, INVALID, RESOURCE),
    "none": ("PUT", "{p}=1", 0, 400, "ValidationException", {
        "message": "1 validation error detected: Value '0' at 'provisionedConcurrentExecutions' failed to satisfy constraint: "
                   "Member must have value greater than or equal to 1"}),
    "an unknown alias": ("PUT", "{p}=nope", 1, 404, MISSING, upper("Cannot find alias arn: {arn}:nope")),
    "an unknown version": ("PUT", "{p}=10", 1, 404, MISSING, upper("Function not found: {arn}:10")),
    "an alias onto a version": ("PUT", "{p}=one", 1, 409, CONFLICT, lower(
        "Alias can't be used for Provisioned Concurrency configuration on an already Provisioned version")),
    "a version under an alias": ("PUT", "{p}=2", 1, 409, CONFLICT, lower("Version is pointed by a Provisioned Concurrency alias")),
    "more than is reserved": ("PUT", "{p}=1", 5, 400, INVALID, {
        "message": "Requested Provisioned Concurrency should not be greater than the reservedConcurrentExecution for function"}),
    "nothing there": ("GET", "{p}=one", None, 404, "ProvisionedConcurrencyConfigNotFoundException", lower(
        "No Provisioned Concurrency Config found for this function")),
    "less reserved than provisioned": ("PUT", "/2017-10-31/functions/{f}/concurrency", 2, 400, INVALID, {
        "message": " ReservedConcurrentExecutions  2 should not be lower than function's total provisioned concurrency [3]."}),
    "reserved for latest": ("PUT", "/2017-10-31/functions/{f}%3A%24LATEST/concurrency", 9, 400, INVALID, FUNCTIONS_ONLY),
    "reserved for a version": ("PUT", "/2017-10-31/functions/{f}%3A1/concurrency", 9, 400, INVALID, FUNCTIONS_ONLY),
    "reserved for nobody": ("PUT", "/2017-10-31/functions/nobody/concurrency", 9, 404, MISSING, upper(
        "Function not found: {other}:$LATEST")),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_refused(target, what):
    method, path, count, status, code, expected = REFUSED[what]
    member = "ReservedConcurrentExecutions" if "2017" in path else "ProvisionedConcurrentExecutions"
    path = path.replace("{p}", "/2019-09-30/functions/{f}/provisioned-concurrency?Qualifier").replace("{f}", target.name)
    reply = raw.call(target.caller, method, path, None if count is None else {member: count})
    fill = {"{arn}": target.arn, "{other}": target.caller.arn("nobody")}
    expected = {k: next((v.replace(a, b) for a, b in fill.items() if a in v), v) for k, v in expected.items()}
    assert (reply.status, reply.error_type, reply.json) == (status, code, expected), reply
