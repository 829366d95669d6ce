"""Aliases through boto3 and the AWS CLI, and refusals byte for byte.

Source of what is expected: fact sheet "Lambda control-plane API", section 5.
"""

from collections import Counter

import pytest
from harness import raw
from harness.clients import Caller
from harness.functions import Lab

WHO = """
MARK = {mark!r}
def handler(event, context):
    return [MARK, context.function_version, context.invoked_function_arn]
"""
STALE = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
    "the latest Revision Id"
)


def make(lab):
    """A function with versions 1, 2 and 3."""
    function = lab.deploy(WHO.format(mark="one"))
    lab.caller.awslambda.publish_version(FunctionName=function.name)
    for mark in ("two", "three"):
        function.upload({"app.py": WHO.format(mark=mark)})
        lab.caller.awslambda.publish_version(FunctionName=function.name)
    return function


@pytest.fixture
def function(lab):
    return make(lab)


def create(function, name="live", version="1", **options):
    return function.caller.awslambda.create_alias(
        FunctionName=function.name, Name=name, FunctionVersion=version, **options)


def split(**weights):
    return {"AdditionalVersionWeights": {version.removeprefix("v"): weight for version, weight in weights.items()}}


def test_an_alias_leads_to_its_version(caller, function):
    made = create(function, Description="d")
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert set(made) - {"ResponseMetadata"} == {"AliasArn", "Name", "FunctionVersion", "Description", "RevisionId"}
    arn = caller.arn(function.name, "live")
    assert (made["AliasArn"], made["Name"], made["FunctionVersion"], made["Description"]) == (arn, "live", "1", "d")
    invocation = function.invoke(Qualifier="live")
    assert (invocation.ok(), invocation.version) == (["one", "1", arn], "1")
    moved = caller.awslambda.update_alias(
        FunctionName=function.name, Name="live", FunctionVersion="2", RevisionId=made["RevisionId"])
    assert moved["RevisionId"] != made["RevisionId"]
    invocation = function.invoke(Qualifier="live")
    assert (invocation.ok(), invocation.version) == (["two", "2", arn], "2")
    assert caller.awslambda.invoke(FunctionName=arn)["ExecutedVersion"] == "2"
    shown = caller.awslambda.get_function_configuration(FunctionName=f"{function.name}:live")
    assert (shown["FunctionArn"], shown["Version"]) == (arn, "2")
    with pytest.raises(caller.awslambda.exceptions.PreconditionFailedException):
        caller.awslambda.update_alias(FunctionName=function.name, Name="live", RevisionId=made["RevisionId"])
    for _ in range(2):
        caller.awslambda.delete_alias(FunctionName=function.name, Name="live")
    with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
        function.invoke(Qualifier="live")


def test_an_alias_of_latest(caller, function):
    create(function, "dev", "$LATEST")
    assert function.invoke(Qualifier="dev").ok() == ["three", "$LATEST", caller.arn(function.name, "dev")]


def test_a_weighted_alias_splits_its_invocations(caller, function):
    made = create(function, RoutingConfig=split(v2=0.5))
    assert made["RoutingConfig"] == split(v2=0.5)
    arn = caller.arn(function.name, "live")
    seen = Counter()
    for _ in range(120):
        invocation = function.invoke(Qualifier="live", tail=False)
        mark, version, invoked = invocation.ok()
        assert (version, invoked) == (invocation.version, arn)
        assert mark == {"1": "one", "2": "two"}[version]
        seen[version] += 1
    # Outside of these once in 10 million runs.
    assert seen["1"] + seen["2"] == 120 and 30 <= seen["1"] <= 90, seen
    caller.awslambda.update_alias(FunctionName=function.name, Name="live", RoutingConfig=split(v2=1.0))
    assert {function.invoke(Qualifier="live").version for _ in range(10)} == {"2"}
    cleared = caller.awslambda.update_alias(FunctionName=function.name, Name="live", RoutingConfig=split())
    assert "RoutingConfig" not in cleared
    assert {function.invoke(Qualifier="live").version for _ in range(10)} == {"1"}


def test_lists_page_by_page(caller, function):
    for name, version in (("c", "1"), ("a", "2"), ("b", "1")):
        create(function, name, version)
    pages = caller.awslambda.get_paginator("list_aliases")

    def names(**options):
        found = pages.paginate(FunctionName=function.name, PaginationConfig={"PageSize": 1}, **options)
        return [alias["Name"] for page in found for alias in page["Aliases"]]

    assert names() == ["a", "b", "c"]
    assert names(FunctionVersion="1") == ["b", "c"]
    assert names(FunctionVersion="3") == []


def test_the_command_line(awscli, function):
    named = ("--function-name", function.name, "--name", "live")
    made = awscli.json("lambda", "create-alias", *named, "--function-version", "1",
                       "--routing-config", "AdditionalVersionWeights={2=0.25}")
    assert made["RoutingConfig"] == split(v2=0.25)
    assert awscli.json("lambda", "get-alias", *named) == made
    assert awscli.json("lambda", "update-alias", *named, "--description", "d")["Description"] == "d"
    listed = awscli.json("lambda", "list-aliases", "--function-name", function.name, "--function-version", "1")
    assert [alias["Name"] for alias in listed["Aliases"]] == ["live"]
    told = awscli.fails("lambda", "delete-function", "--function-name", function.name, "--qualifier", "2")
    assert "Unable to delete version because the following aliases reference it: [live]" in told
    awscli.text("lambda", "delete-alias", *named)
    assert "Cannot find alias arn" in awscli.fails("lambda", "get-alias", *named)


@pytest.fixture(scope="module")
def target(server, checker):
    """The function that the refused requests are about; no test changes it."""
    lab = Lab(Caller(server, checker))
    function = make(lab)
    create(function)
    yield function
    lab.clear()


def lower(text):
    return {"Type": "User", "message": text}


def upper(text):
    return {"Type": "User", "Message": text}


def constraint(value, path, text):
    shown = "null" if value is None else f"'{value}'"
    return {"message": f"1 validation error detected: Value {shown} at '{path}' failed to satisfy constraint: {text}"}


WEIGHTS = "routingConfig.additionalVersionWeights"
# Changes to a good CreateAlias; status, code, body. {arn} is the function's.
CREATE = {
    "a numeric name": ({"Name": "12"}, 400, "ValidationException", constraint(
        "12", "name", "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)")),
    "too heavy": ({"RoutingConfig": split(v2=2.0)}, 400, "ValidationException", constraint(
        "{2=2.0}", WEIGHTS, "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must "
        "have value greater than or equal to 0.0, Member must not be null]")),
    "latest by weight": ({"RoutingConfig": {"AdditionalVersionWeights": {"$LATEST": 0.5}}}, 400, "ValidationException", constraint(
        "{$LATEST=0.5}", WEIGHTS, "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member "
        "must have length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]")),
    "three versions": ({"RoutingConfig": split(v2=0.1, v3=0.1)}, 400, "InvalidParameterValueException", lower(
        "Number of items in AdditionalVersionWeights cannot be greater than 1")),
    "the same twice": ({"RoutingConfig": split(v1=0.5)}, 400, "InvalidParameterValueException", lower(
        "Invalid function version 1. Function version 1 is already included in routing configuration.")),
    "latest and another": ({"FunctionVersion": "$LATEST", "RoutingConfig": split(v1=0.5)}, 400, "InvalidParameterValueException",
                           {"message": "$LATEST is not supported for an alias pointing to more than 1 version"}),
    "an unknown version": ({"FunctionVersion": "10"}, 404, "ResourceNotFoundException", upper("Function not found: {arn}:10")),
    "an unknown second version": ({"RoutingConfig": split(v10=0.5)}, 404, "ResourceNotFoundException",
                                  upper("Function not found: {arn}:10")),
    "a name that is taken": ({"Name": "live"}, 409, "ResourceConflictException", lower("Alias already exists: {arn}:live")),
}


def refused(function, method, rest, status, code, body, expected):
    reply = raw.call(function.caller, method, f"/2015-03-31/functions/{function.name}{rest}", body)
    expected = {key: value.replace("{arn}", function.arn) for key, value in expected.items()}
    assert (reply.status, reply.error_type, reply.json) == (status, code, expected), reply


@pytest.mark.parametrize("what", CREATE)
def test_create_alias_refuses(target, what):
    changes, status, code, expected = CREATE[what]
    refused(target, "POST", "/aliases", status, code, {"Name": "new", "FunctionVersion": "1", **changes}, expected)


def test_other_refusals(target):
    missing = ("ResourceNotFoundException", None)
    refused(target, "GET", "/aliases/nope", 404, *missing, upper("Cannot find alias arn: {arn}:nope"))
    refused(target, "PUT", "/aliases/nope", 404, "ResourceNotFoundException", {}, upper("Alias not found: {arn}:nope"))
    refused(target, "PUT", "/aliases/live", 412, "PreconditionFailedException", {"RevisionId": "old"}, lower(STALE))
    refused(target, "DELETE", "?Qualifier=live", 400, "InvalidParameterValueException", None,
            lower("Deletion of aliases is not currently supported."))
    refused(target, "DELETE", "?Qualifier=1", 409, "ResourceConflictException", None,
            lower("Unable to delete version because the following aliases reference it: [live]"))
