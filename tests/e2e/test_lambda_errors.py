"""Refusals of the Lambda API, byte for byte: status, x-amzn-ErrorType, body.

Source: fact sheets "Lambda control-plane API" (sections 1 to 4 and 11) and "Lambda invocation"
(sections 1 to 3).
"""

import base64
import json
import zipfile

import pytest
from harness import raw
from harness.clients import Caller
from harness.functions import PYTHON, Lab, unique
from harness.packages import zip_of

NAMES = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_\.]+)(:(\$LATEST(\.PUBLISHED)?|[a-zA-Z0-9-_]+))?"
)
NEW_NAMES = (
    r"(arn:(aws[a-zA-Z-]*)?:lambda:)?((eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:)?(\d{12}:)?(function:)?"
    r"([a-zA-Z0-9-_]+)(:(\$LATEST|[a-zA-Z0-9-_]+))?"
)
QUALIFIERS = r"\$(LATEST(\.PUBLISHED)?)|[a-zA-Z0-9-_$]+"
ROLES = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
TAGGABLE = (
    r"arn:(aws[a-zA-Z-]*):lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:"
    r"(function:[a-zA-Z0-9-_]+(:(\$LATEST|[a-zA-Z0-9-_]+))?|layer:([a-zA-Z0-9-_]+)|code-signing-config:csc-[a-z0-9]{17}"
    r"|event-source-mapping:[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
    r"|capacity-provider:[a-zA-Z0-9-_]+)"
)
RUNTIMES = (
    "nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, java25, python3.10, "
    "python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, java17, nodejs16.x, dotnet10, dotnet8, "
    "java11, dotnet6, nodejs18.x, provided.al2, java8.al2"
)
STALE = (
    "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to retrieve "
    "the latest Revision Id"
)
FUNCTIONS = "/2015-03-31/functions"
HELLO = zip_of({"app.py": "def handler(event, context):\n    return 'hello'\n"})


@pytest.fixture(scope="module")
def target(server, checker):
    """The function that the refused requests are about; no test changes it."""
    lab = Lab(Caller(server, checker))
    yield lab.deploy(HELLO)
    lab.clear()


def lower(text):
    return {"Type": "User", "message": text}


def upper(text):
    return {"Type": "User", "Message": text}


def constraint(value, path, text):
    shown = "null" if value is None else f"'{value}'"
    return {"message": f"1 validation error detected: Value {shown} at '{path}' failed to satisfy constraint: {text}"}


def pattern(value, path, expression):
    return constraint(value, path, f"Member must satisfy regular expression pattern: {expression}")


def new_function(target, **changes):
    """A CreateFunction body; a change to None leaves the member out."""
    body = {
        "FunctionName": unique(), "Runtime": PYTHON, "Handler": "app.handler", "Role": target.caller.role,
        "Code": {"ZipFile": base64.b64encode(HELLO).decode()}, **changes,
    }
    return {k: v for k, v in body.items() if v is not None}


def refused(target, method, path, status, code, body, expected, headers=None):
    reply = raw.call(target.caller, method, path, body, headers)
    assert (reply.status, reply.error_type) == (status, code), reply
    assert reply.headers["content-type"].split(";")[0] == "application/json", reply.headers
    assert raw.REQUEST_ID.fullmatch(reply.headers["x-amzn-requestid"]), reply.headers
    if callable(expected):
        assert expected(reply.json), reply
    else:
        assert reply.json == expected, reply
    return reply


# What CreateFunction refuses: changes to a good request, status, code, body.
CREATE = {
    "no name": ({"FunctionName": None}, 400, "ValidationException", constraint(None, "functionName", "Member must not be null")),
    "no role": ({"Role": None}, 400, "ValidationException", constraint(None, "role", "Member must not be null")),
    "no code": ({"Code": None}, 400, "ValidationException", constraint(None, "code", "Member must not be null")),
    "a bad name": ({"FunctionName": "*"}, 400, "ValidationException", pattern("*", "functionName", NEW_NAMES)),
    "another bad name": ({"FunctionName": "my-function!"}, 400, "ValidationException", pattern("my-function!", "functionName", NEW_NAMES)),
    "colons that mean nothing": (
        {"FunctionName": "invalid:function:name"}, 400, "ValidationException", pattern("invalid:function:name", "functionName", NEW_NAMES)),
    "a bad qualifier in the name": (
        {"FunctionName": "my-function:invalid!"}, 400, "ValidationException", pattern("my-function:invalid!", "functionName", NEW_NAMES)),
    "a name of 65 characters": (
        {"FunctionName": "a" * 65}, 400, "InvalidParameterValueException",
        lower(f"1 validation error detected: Value '{'a' * 65}' at 'functionName' failed to satisfy constraint: Member must "
              "have length less than or equal to 64")),
    "an ARN of 141 characters": (
        {"FunctionName": "arn:aws:lambda:us-east-1:123456789012:function:" + "a" * 94}, 400, "ValidationException",
        constraint("arn:aws:lambda:us-east-1:123456789012:function:" + "a" * 94, "functionName",
                   "Member must have length less than or equal to 140")),
    "a bad role": ({"Role": "r1"}, 400, "ValidationException", pattern("r1", "role", ROLES)),
    "an unknown runtime": (
        {"Runtime": "python9.9"}, 400, "InvalidParameterValueException",
        lower(f"Value python9.9 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{RUNTIMES}] "
              "or be a valid ARN")),
    "a runtime in capitals": (
        {"Runtime": "PYTHON3.12"}, 400, "InvalidParameterValueException",
        lower(f"Value PYTHON3.12 at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{RUNTIMES}] "
              "or be a valid ARN")),
    **{
        f"the retired runtime {runtime}": (
            {"Runtime": runtime}, 400, "InvalidParameterValueException",
            lower(f"The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. "
                  "We recommend you use a supported runtime while creating or updating functions."))
        for runtime in ("java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x", "python3.7", "dotnetcore3.1")
    },
    "two architectures": (
        {"Architectures": ["x86_64", "arm64"]}, 400, "ValidationException",
        constraint("[x86_64, arm64]", "architectures", "Member must have length less than or equal to 1")),
    "an unknown architecture": (
        {"Architectures": ["X86_64"]}, 400, "ValidationException",
        constraint("[X86_64]", "architectures",
                   "Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, arm64], Member must not be null]")),
    "too little memory": (
        {"MemorySize": 127}, 400, "ValidationException",
        constraint("127", "memorySize", "Member must have value greater than or equal to 128")),
    "too much memory": (
        {"MemorySize": 32769}, 400, "ValidationException",
        constraint("32769", "memorySize", "Member must have value less than or equal to 32768")),
    "no time": (
        {"Timeout": 0}, 400, "ValidationException", constraint("0", "timeout", "Member must have value greater than or equal to 1")),
    "too long a description": (
        {"Description": "d" * 257}, 400, "ValidationException",
        constraint("d" * 257, "description", "Member must have length less than or equal to 256")),
    "a handler with a space": ({"Handler": "app handler"}, 400, "ValidationException", pattern("app handler", "handler", r"[^\s]+")),
    "a handler of 129 characters": (
        {"Handler": "h" * 129}, 400, "ValidationException",
        constraint("h" * 129, "handler", "Member must have length less than or equal to 128")),
    "too small a /tmp": (
        {"EphemeralStorage": {"Size": 511}}, 400, "ValidationException",
        constraint("511", "ephemeralStorage.size", "Member must have value greater than or equal to 512")),
    "too large a /tmp": (
        {"EphemeralStorage": {"Size": 10241}}, 400, "ValidationException",
        constraint("10241", "ephemeralStorage.size", "Member must have value less than or equal to 10240")),
    "not a zip": (
        {"Code": {"ZipFile": base64.b64encode(b"not a zip").decode()}}, 400, "InvalidParameterValueException",
        lower("Could not unzip uploaded file. Please check your file, then try to upload again.")),
    "an empty zip": (
        {"Code": {"ZipFile": base64.b64encode(zip_of({})).decode()}}, 400, "InvalidParameterValueException",
        lower("Uploaded file must be a non-empty zip")),
    "51 tags": (
        {"Tags": {f"k{i}": "v" for i in range(51)}}, 400, "InvalidParameterValueException",
        lower("Number of tags exceeds resource tag limit.")),
    "a large environment": (
        {"Environment": {"Variables": {"LARGE": "x" * 4090}}}, 400, "InvalidParameterValueException",
        lower("Lambda was unable to configure your environment variables because the environment variables you have provided "
              f"exceeded the 4KB limit. String measured: {json.dumps({'LARGE': 'x' * 4090}, separators=(',', ':'))}")),
    "a reserved variable": (
        {"Environment": {"Variables": {"AWS_REGION": "x"}}}, 400, "InvalidParameterValueException",
        lower("Lambda was unable to configure your environment variables because the environment variables you have provided "
              "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "
              "AWS_REGION")),
    "a log level without JSON": (
        {"LoggingConfig": {"LogFormat": "Text", "ApplicationLogLevel": "DEBUG"}}, 400, "InvalidParameterValueException",
        lambda body: "LogLevel" in body["message"] and "JSON" in body["message"]),
    "an unknown log format": (
        {"LoggingConfig": {"LogFormat": "XML"}}, 400, "ValidationException",
        lambda body: body["message"].startswith(
            "1 validation error detected: Value 'XML' at 'loggingConfig.logFormat' failed to satisfy constraint: Member must "
            "satisfy enum value set: [")),
    "an ARN of another region": (
        {"FunctionName": "arn:aws:lambda:eu-west-1:{account}:function:f"}, 404, "ResourceNotFoundException",
        upper("Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")),
    "an ARN of another account": (
        {"FunctionName": "arn:aws:lambda:us-east-1:999999999999:function:f"}, 403, "AccessDeniedException",
        lambda body: list(body.values()) == [None]),
    "a subnet that is not there": (
        {"VpcConfig": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]}}, 400, "InvalidParameterValueException",
        lower("Error occurred while DescribeSubnets. EC2 Error Code: InvalidSubnetID.NotFound. EC2 Error Message: The subnet ID "
              "'subnet-1' does not exist")),
    "a key that is not there": (
        {"KMSKeyArn": "arn:aws:kms:us-east-1:{account}:key/1"}, 400, "InvalidParameterValueException",
        lambda body: body["message"].startswith("Lambda was unable to configure access to your environment variables because ")
        and "NotFoundException" in body["message"] and ":key/1' does not exist" in body["message"]),
    "a code signing configuration that is not there": (
        {"CodeSigningConfigArn": "arn:aws:lambda:us-east-1:{account}:code-signing-config:csc-01234567890123456"},
        404, "CodeSigningConfigNotFoundException",
        lambda body: body["Message"].startswith(
            "The code signing configuration cannot be found. Check that the provided configuration is not deleted: arn:aws:lambda:")),
    "two things wrong": (
        {"MemorySize": 1, "Timeout": 0}, 400, "ValidationException",
        lambda body: body["message"].startswith("2 validation errors detected: Value '") and "; Value '" in body["message"]),
}


def fill(value, account):
    if isinstance(value, str):
        return value.replace("{account}", account)
    return {k: fill(v, account) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("case", CREATE)
def test_create_function_refuses(target, case):
    changes, status, code, expected = CREATE[case]
    body = new_function(target, **fill(changes, target.caller.account))
    refused(target, "POST", FUNCTIONS, status, code, body, expected)
    listed = target.caller.awslambda.list_functions()["Functions"]
    assert [f["FunctionName"] for f in listed] == [target.name], "nothing was made"


def test_create_function_refuses_what_exists(target):
    body = new_function(target, FunctionName=target.name)
    refused(target, "POST", FUNCTIONS, 409, "ResourceConflictException", body, lower(f"Function already exist: {target.name}"))


@pytest.mark.parametrize("body", [b"{", b"[]", b'"text"'])
def test_a_body_that_is_no_object(target, body):
    reply = raw.call(target.caller, "POST", FUNCTIONS, body)
    assert reply.status == 400 and reply.error_type in ("SerializationException", "InvalidRequestContentException"), reply


def test_a_member_of_the_wrong_type(target):
    reply = raw.call(target.caller, "POST", FUNCTIONS, new_function(target, Timeout="three"))
    assert reply.status == 400 and reply.error_type == "SerializationException", reply


def test_sizes_of_packages(target):
    unzipped = zip_of({"zeros": bytes(262_144_000)})
    body = new_function(target, Code={"ZipFile": base64.b64encode(unzipped).decode()})
    refused(target, "POST", FUNCTIONS, 400, "InvalidParameterValueException", body,
            lower("Unzipped size must be smaller than 262144000 bytes"))

    stored = zip_of({"zeros": bytes(52_428_801)}, zipfile.ZIP_STORED)
    body = new_function(target, Code={"ZipFile": base64.b64encode(stored).decode()})
    refused(target, "POST", FUNCTIONS, 413, "RequestEntityTooLargeException", body,
            {"Message": "Zipped size must be smaller than 52428800 bytes"})

    body = new_function(target, Code={"ZipFile": "A" * 70_167_212})
    refused(target, "POST", FUNCTIONS, 413, "RequestEntityTooLargeException", body,
            {"Message": "Request must be smaller than 70167211 bytes for the CreateFunction operation"})


@pytest.mark.parametrize("entry", ["../escape.py", "/etc/passwd", "a/../../b", "a\\..\\..\\b\x00c"])
def test_paths_that_lead_out(target, entry):
    package = zip_of({"app.py": "x = 1\n", entry: "y"})
    reply = raw.call(target.caller, "POST", FUNCTIONS, new_function(target, Code={"ZipFile": base64.b64encode(package).decode()}))
    assert (reply.status, reply.error_type) == (400, "InvalidParameterValueException"), reply


# Members of CreateFunction that Hearth cannot honour yet must be refused and named, never ignored.
UNHONOURED = {
    "DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:{account}:q"},
    "FileSystemConfigs": [{"Arn": "arn:aws:elasticfilesystem:us-east-1:{account}:access-point/fsap-01234567890123456", "LocalMountPath": "/mnt/x"}],
    "PublishTo": "LATEST_PUBLISHED",
    "Architectures": ["arm64"],
    "DurableConfig": {"ExecutionTimeout": 60},
    "TenancyConfig": {"TenantIsolationMode": "PER_TENANT"},
    "PackageType": "Image",
    "Code": {"S3Bucket": "b", "S3Key": "k"},
}


@pytest.mark.parametrize("member", UNHONOURED)
def test_what_cannot_be_honoured_is_refused_by_name(target, member):
    value = UNHONOURED[member]
    value = [fill(v, target.caller.account) for v in value] if isinstance(value, list) else fill(value, target.caller.account)
    reply = raw.call(target.caller, "POST", FUNCTIONS, new_function(target, **{member: value}))
    assert 400 <= reply.status < 500, reply
    told = reply.json.get("message") or reply.json.get("Message")
    named = [member, member[0].lower() + member[1:]] + ({"Code": ["S3Bucket"], "Architectures": ["arm64"]}.get(member, []))
    assert any(name in told for name in named), reply


def path(name, rest="", **query):
    text = "&".join(f"{k}={raw.quote(v)}" for k, v in query.items())
    return f"{FUNCTIONS}/{raw.quote(name)}{rest}" + (f"?{text}" if text else "")


MISMATCH = lower("The derived qualifier from the function name does not match the specified qualifier.")
# Names and qualifiers, and what GetFunction, GetFunctionConfiguration and Invoke answer. {f} is a
# function that exists, {a} the account, {arn} the start of its functions' ARNs.
NAMING = [
    *((name, None, 400, "ValidationException", pattern(name, "functionName", NAMES)) for name in (
        "*", "my-function!", "arn:aws:lambda::{a}:function:f", "arn:aws:ec2:us-east-1:{a}:instance:f",
        "arn:aws:lambda:us-east-1::function:f", "arn:aws:lambda:us-east-1:{a}:function:f:1:2", "function:f:$LATEST:extra",
        "arn:aws:lambda:us-east-1:{a}:function:f:$LATES",
    )),
    ("{f}", "invalid!", 400, "ValidationException", pattern("invalid!", "qualifier", QUALIFIERS)),
    ("{f}", "q" * 129, 400, "ValidationException", constraint("q" * 129, "qualifier", "Member must have length less than or equal to 128")),
    ("{arn}:{f}:$LATEST", "1", 400, "InvalidParameterValueException", MISMATCH),
    ("nobody:1", "2", 400, "InvalidParameterValueException", MISMATCH),
    *(("{f}", qualifier, 404, "ResourceNotFoundException", upper(f"Function not found: {{arn}}:{{f}}:{qualifier}"))
      for qualifier in ("$latest", "7", "alias")),
    ("{f}:alias", None, 404, "ResourceNotFoundException", upper("Function not found: {arn}:{f}:alias")),
    ("arn:aws:lambda:eu-west-1:{a}:function:f", None, 404, "ResourceNotFoundException",
     upper("Functions from 'eu-west-1' are not reachable in this region ('us-east-1')")),
]


def put_names(value, target):
    """Fills {f}, {a} and {arn}."""
    arn = f"arn:aws:lambda:us-east-1:{target.caller.account}:function"
    text = json.dumps(value).replace("{arn}", arn).replace("{a}", target.caller.account).replace("{f}", target.name)
    return json.loads(text)


@pytest.mark.parametrize("operation", ["", "/configuration", "/invocations"])
@pytest.mark.parametrize("case", NAMING, ids=lambda case: f"{case[0]} {(case[1] or '')[:10]}")
def test_names_and_qualifiers(target, case, operation):
    name, qualifier, status, code, expected = put_names(case, target)
    where = path(name, operation, **({"Qualifier": qualifier} if qualifier else {}))
    refused(target, "POST" if operation == "/invocations" else "GET", where, status, code, b"", expected)


@pytest.mark.parametrize("name", ["doesnotexist", "a" * 65, "arn:aws:lambda:us-east-1:{a}:function"])
def test_functions_that_do_not_exist(target, name):
    name = name.replace("{a}", target.caller.account)
    bare = "function" if name.endswith(":function") else name
    arn = target.caller.arn(bare)
    for method, rest, body in (
        ("GET", "", None), ("GET", "/configuration", None), ("DELETE", "", None),
        ("PUT", "/code", {"ZipFile": base64.b64encode(HELLO).decode()}), ("PUT", "/configuration", {"Timeout": 4}),
    ):
        if method == "PUT" and len(name) > 64:
            continue
        refused(target, method, path(name, rest), 404, "ResourceNotFoundException", body, upper(f"Function not found: {arn}"))
    refused(target, "POST", path(name, "/invocations"), 404, "ResourceNotFoundException", b"{}",
            upper(f"Function not found: {arn}:$LATEST"))


DELETE = {
    "$LATEST": (400, "InvalidParameterValueException", "$LATEST version cannot be deleted without deleting the function."),
    "alias": (400, "InvalidParameterValueException", "Deletion of aliases is not currently supported."),
}


@pytest.mark.parametrize("qualifier", DELETE)
def test_delete_function_refuses(target, qualifier):
    status, code, text = DELETE[qualifier]
    refused(target, "DELETE", path(target.name, Qualifier=qualifier), status, code, None, lower(text))
    assert target.call() == "hello"


def test_deleting_a_version_that_is_not_there_succeeds(target):
    reply = raw.call(target.caller, "DELETE", path(target.name, Qualifier="42"))
    assert (reply.status, reply.body) == (204, b""), reply
    assert target.call() == "hello"


UPDATE = {
    "a stale revision of the code": ("/code", {"ZipFile": base64.b64encode(HELLO).decode(), "RevisionId": "x"}, 412, "PreconditionFailedException", lower(STALE)),
    "a stale revision of the configuration": ("/configuration", {"Timeout": 4, "RevisionId": "x"}, 412, "PreconditionFailedException", lower(STALE)),
    "an image for a zip function": (
        "/code", {"ImageUri": "123456789012.dkr.ecr.us-east-1.amazonaws.com/r:t"}, 400, "InvalidParameterValueException",
        lower("Please don't provide ImageUri when updating a function with packageType Zip.")),
    "not a zip": (
        "/code", {"ZipFile": base64.b64encode(b"nothing").decode()}, 400, "InvalidParameterValueException",
        lower("Could not unzip uploaded file. Please check your file, then try to upload again.")),
    "too little memory": (
        "/configuration", {"MemorySize": 64}, 400, "ValidationException",
        constraint("64", "memorySize", "Member must have value greater than or equal to 128")),
    "a bad role": ("/configuration", {"Role": "r"}, 400, "ValidationException", pattern("r", "role", ROLES)),
    "a retired runtime": (
        "/configuration", {"Runtime": "python3.7"}, 400, "InvalidParameterValueException",
        lower("The runtime parameter of python3.7 is no longer supported for creating or updating AWS Lambda functions. "
              "We recommend you use a supported runtime while creating or updating functions.")),
    "a reserved variable": (
        "/configuration", {"Environment": {"Variables": {"_HANDLER": "x"}}}, 400, "InvalidParameterValueException",
        lower("Lambda was unable to configure your environment variables because the environment variables you have provided "
              "contains reserved keys that are currently not supported for modification. Reserved keys used in this request: "
              "_HANDLER")),
}


@pytest.mark.parametrize("case", UPDATE)
def test_updates_refuse(target, case):
    rest, body, status, code, expected = UPDATE[case]
    before = target.configuration()["RevisionId"]
    refused(target, "PUT", path(target.name, rest), status, code, body, expected)
    assert target.configuration()["RevisionId"] == before, "nothing was changed"


def test_an_update_during_an_update(target, lab_on):
    """The first of two wins; the second is refused unless the first was done already."""
    function = lab_on(target.caller.server, account=target.caller.account).deploy(HELLO)
    refusals = 0
    for i in range(10):
        first = raw.call(target.caller, "PUT", path(function.name, "/configuration"), {"Description": f"{i}"})
        second = raw.call(target.caller, "PUT", path(function.name, "/configuration"), {"Timeout": 5 + i})
        assert first.status == 200, first
        if second.status != 200:
            refusals += 1
            assert (second.status, second.error_type) == (409, "ResourceConflictException"), second
            assert second.json == lower(
                "The operation cannot be performed at this time. An update is in progress for resource: " + function.arn), second
        function.settled()
    target.caller.awslambda.delete_function(FunctionName=function.name)


LIST = {
    "FunctionVersion=SOME": ("ValidationException", constraint("SOME", "functionVersion", "Member must satisfy enum value set: [ALL]")),
    "MaxItems=0": ("ValidationException", constraint("0", "maxItems", "Member must have value greater than or equal to 1")),
    "MaxItems=10001": ("ValidationException", constraint("10001", "maxItems", "Member must have value less than or equal to 10000")),
}


@pytest.mark.parametrize("query", LIST)
def test_list_functions_refuses(target, query):
    code, expected = LIST[query]
    refused(target, "GET", f"{FUNCTIONS}?{query}", 400, code, None, expected)


@pytest.mark.parametrize("query", ["Marker=nonsense", "MaxItems=ten"])
def test_list_functions_refuses_nonsense(target, query):
    reply = raw.call(target.caller, "GET", f"{FUNCTIONS}?{query}")
    assert reply.status == 400 and reply.error_type, reply


def tags(arn, query=""):
    return f"/2017-03-31/tags/{raw.quote(arn)}{query}"


def test_tags_refuse(target):
    for method, body, query in (("GET", None, ""), ("POST", {"Tags": {"a": "b"}}, ""), ("DELETE", None, "?tagKeys=a")):
        refused(target, method, tags("something", query), 400, "ValidationException", body, pattern("something", "resource", TAGGABLE))
        refused(target, method, tags(f"{target.arn}:$LATEST", query), 400, "InvalidParameterValueException", body,
                lower("Tags on function aliases and versions are not supported. Please specify a function ARN."))
        missing = target.caller.arn("nobody")
        refused(target, method, tags(missing, query), 404, "ResourceNotFoundException", body, upper(f"Function not found: {missing}"))
    refused(target, "POST", tags(target.arn), 400, "InvalidParameterValueException", {"Tags": {}},
            lower("An error occurred and the request cannot be processed."))
    refused(target, "POST", tags(target.arn), 400, "ValidationException", {}, constraint(None, "tags", "Member must not be null"))
    refused(target, "DELETE", tags(target.arn), 400, "ValidationException", None, constraint(None, "tagKeys", "Member must not be null"))
    refused(target, "POST", tags(target.arn), 400, "InvalidParameterValueException", {"Tags": {f"k{i}": "v" for i in range(51)}},
            lower("Number of tags exceeds resource tag limit."))
    reply = raw.call(target.caller, "DELETE", tags(target.arn, "?tagKeys=absent"))
    assert (reply.status, reply.body) == (204, b""), reply


PARSE = "Could not parse request body into json: Could not parse payload into json: "
UNEXPECTED = (
    "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, Array, Object or token "
    "'null', 'true' or 'false')"
)
WHERE = "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: 1, column: "
BAD_EVENTS = [b"not json", b"{", b"\x87{}", b'{"a":}', b"{} trailing", b"\xff\xfe", b"'single'"]


@pytest.mark.parametrize("event", BAD_EVENTS)
def test_events_that_are_not_json(target, event):
    refused(target, "POST", path(target.name, "/invocations"), 400, "InvalidRequestContentException", event,
            lambda body: body["Type"] == "User" and body["message"].startswith(PARSE) and WHERE in body["message"])


def test_an_event_with_a_bad_first_byte(target):
    """As recorded from AWS."""
    refused(target, "POST", path(target.name, "/invocations"), 400, "InvalidRequestContentException", b"\x87abc",
            lambda body: body["message"].startswith(f"{PARSE}Invalid UTF-8 start byte 0x87{WHERE}"))


def test_an_event_that_is_too_large(target):
    event = b'"' + b"x" * 6_291_455 + b'"'
    refused(target, "POST", path(target.name, "/invocations"), 413, "RequestEntityTooLargeException", event,
            {"Message": "Request must be smaller than 6291456 bytes for the InvokeFunction operation"})


INVOKE = {
    "an unknown type": ({"X-Amz-Invocation-Type": "Sometimes"}, "ValidationException", "Value 'Sometimes' at 'invocationType' failed to satisfy constraint: Member must satisfy enum value set: ["),
    "an unknown log type": ({"X-Amz-Log-Type": "Head"}, "ValidationException", "Value 'Head' at 'logType' failed to satisfy constraint: Member must satisfy enum value set: ["),
}


@pytest.mark.parametrize("case", INVOKE)
def test_invoke_refuses(target, case):
    headers, code, text = INVOKE[case]
    refused(target, "POST", path(target.name, "/invocations"), 400, code, b"{}", lambda body: text in body["message"], headers)


@pytest.mark.parametrize("context", ["not base64 !", base64.b64encode(b"not json").decode(), base64.b64encode(json.dumps({"custom": {"a": "x" * 4000}}).encode()).decode()])
def test_bad_client_contexts(target, context):
    reply = raw.call(target.caller, "POST", path(target.name, "/invocations"), b"{}", {"X-Amz-Client-Context": context})
    assert reply.status == 400 and reply.error_type in ("InvalidRequestContentException", "ValidationException"), reply


def test_paths_that_are_nothing(target):
    for method, where in (("GET", "/2015-03-31/nothing"), ("PATCH", path(target.name)), ("GET", "/2099-01-01/functions")):
        reply = raw.call(target.caller, method, where)
        assert reply.status in (403, 404, 405) and reply.error_type, (where, reply)
