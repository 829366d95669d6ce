"""The check of responses against the service model finds what it is there to find."""

import json

import botocore.session
import pytest
from harness.model_check import violations

ID = {"x-amzn-RequestId": "00000000-0000-4000-8000-000000000000"}
JSON = {**ID, "Content-Type": "application/json"}
XML = {**ID, "Content-Type": "text/xml"}
LOGS = {**ID, "Content-Type": "application/x-amz-json-1.1"}


def xml(operation, result):
    """An answer of the query protocol; `None` for one without a result."""
    service = "sts" if operation == "GetCallerIdentity" else "iam"
    version = "2011-06-15" if service == "sts" else "2010-05-08"
    inner = "" if result is None else f"<{operation}Result>{result}</{operation}Result>"
    return (f'<{operation}Response xmlns="https://{service}.amazonaws.com/doc/{version}/">{inner}<ResponseMetadata>'
            f'<RequestId>{ID["x-amzn-RequestId"]}</RequestId></ResponseMetadata></{operation}Response>').encode()


def xml_error(code):
    return (f'<ErrorResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><Error><Type>Sender</Type><Code>{code}</Code>'
            f'<Message>m</Message></Error><RequestId>{ID["x-amzn-RequestId"]}</RequestId></ErrorResponse>').encode()


def check(operation, status, headers, body, *expected):
    """Each of the expected texts is in one violation, and there are no more."""
    service, name = operation.split(":")
    model = botocore.session.get_session().get_service_model(service).operation_model(name)
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    found = list(violations(model, {"status_code": status, "headers": headers, "body": raw}))
    assert len(found) == len(expected) and all(text in one for text, one in zip(expected, found)), found


GOOD = [
    ("lambda:ListTags", 200, JSON, {"Tags": {"a": "b"}}),
    ("lambda:TagResource", 204, ID, b""),
    ("lambda:DeleteFunction", 204, ID, b""),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"MemorySize": 128, "State": "Active"}),
    ("lambda:GetFunction", 404, {**JSON, "x-amzn-ErrorType": "ResourceNotFoundException"}, {"Type": "User", "Message": "m"}),
    ("lambda:GetFunction", 400, {**JSON, "x-amzn-ErrorType": "ValidationException"}, {"message": "m"}),
    ("logs:GetLogEvents", 200, LOGS, {"events": [{"timestamp": 1, "message": "m", "ingestionTime": 2}]}),
    ("logs:GetLogEvents", 400, LOGS, {"__type": "ResourceNotFoundException", "message": "m"}),
    ("sts:GetCallerIdentity", 200, XML, xml("GetCallerIdentity", "<UserId>1</UserId><Account>1</Account>")),
    ("iam:ListRoles", 200, XML, xml("ListRoles", "<Roles></Roles><IsTruncated>false</IsTruncated>")),
    ("iam:DeleteRole", 200, XML, xml("DeleteRole", None)),
    ("iam:GetRole", 404, XML, xml_error("NoSuchEntity")),
    ("iam:GetRole", 400, XML, xml_error("ValidationError")),
]
BAD = [
    ("iam:DeleteRole", 200, XML, b"{}", "expected XML"),
    ("iam:DeleteRole", 200, XML, xml("DeleteRole", ""), "expected DeleteRoleResponse"),
    ("iam:DeleteRole", 200, XML, xml("DeleteRole", None).replace(b"iam.", b"sts."), "expected the namespace"),
    ("iam:DeleteRole", 200, JSON, xml("DeleteRole", None), "text/xml"),
    ("iam:DeleteRole", 200, XML, xml("DeleteRole", None).replace(b"-8000-", b"-9000-"), "request's id"),
    ("iam:ListRoles", 200, XML, xml("ListRoles", "<IsTruncated>no</IsTruncated>"), "expected boolean", "Roles is missing"),
    ("iam:ListRoles", 200, XML, xml("ListRoles", "<Roles><item/></Roles>"), "expected <member>"),
    ("iam:ListRolePolicies", 200, XML, xml("ListRolePolicies", "<PolicyNames><member>a b</member></PolicyNames>"), "a match"),
    ("iam:UpdateRole", 200, XML, xml("UpdateRole", "<Colour/>"), "unknown member UpdateRoleResult.Colour"),
    ("iam:GetRole", 400, XML, xml_error("NoSuchEntity"), "expected status {404}"),
    ("iam:GetRole", 400, XML, xml_error("MalformedPolicyDocument"), "does not declare"),
    ("lambda:ListTags", 200, {"Content-Type": "application/json"}, {}, "x-amzn-RequestId"),
    ("lambda:ListTags", 200, {**ID, "Content-Type": "text/plain"}, {}, "Content-Type"),
    ("lambda:ListTags", 201, JSON, {}, "status"),
    ("lambda:ListTags", 200, JSON, {"Tags": None}, "Tags is null"),
    ("lambda:ListTags", 200, JSON, {"Tagz": {}}, "unknown member Tagz"),
    ("lambda:ListTags", 200, JSON, {"Tags": {"a": 1}}, "expected string"),
    ("lambda:ListTags", 200, JSON, [], "expected a JSON object"),
    ("lambda:TagResource", 204, ID, b"{}", "empty body"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"MemorySize": "128"}, "expected integer"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"MemorySize": True}, "expected integer"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"MemorySize": 1}, "expected 128..32768"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"State": "Sleeping"}, "expected one of"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"Role": "r"}, "expected a match"),
    ("lambda:GetFunctionConfiguration", 200, JSON, {"EphemeralStorage": {}}, "required member EphemeralStorage.Size"),
    ("lambda:GetFunction", 400, {**JSON, "x-amzn-ErrorType": "ResourceNotFoundException"}, {"Message": "m"}, "expected status 404"),
    ("lambda:GetFunction", 404, {**JSON, "x-amzn-ErrorType": "ResourceNotFoundException"}, {"message": "m"}, "unknown member message"),
    ("lambda:GetFunction", 404, {**JSON, "x-amzn-ErrorType": "PreconditionFailedException"}, {"message": "m"}, "does not declare"),
    ("lambda:GetFunction", 404, JSON, {"Message": "m"}, "expected an error code"),
    ("logs:GetLogEvents", 200, LOGS, {"events": [{"timestamp": "1"}]}, "expected long"),
    ("logs:GetLogEvents", 400, LOGS, {"message": "m"}, "expected an error code"),
]


@pytest.mark.parametrize("case", GOOD)
def test_good_responses_pass(case):
    check(*case)


@pytest.mark.parametrize("case", BAD)
def test_bad_responses_are_found(case):
    check(*case)
