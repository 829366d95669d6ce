"""No operation is a dead end: each one of botocore's models is served, or refused by its name."""

import botocore.session
import pytest
from botocore.exceptions import ClientError
from harness.functions import unique

LAMBDA = {
    "CreateFunction", "DeleteFunction", "GetAccountSettings", "GetFunction", "GetFunctionConfiguration", "Invoke",
    "ListFunctions", "ListTags", "TagResource", "UntagResource", "UpdateFunctionCode", "UpdateFunctionConfiguration",
}
LOGS = {"DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents"}
SERVED = {"lambda": LAMBDA, "logs": LOGS}
REFUSALS = {"NotImplementedException", "UnknownOperationException"}
# Text for members whose form the client or the server checks before anything else.
FORMS = {
    "FunctionName": "nobody", "Qualifier": "$LATEST", "Arn": "arn:aws:lambda:us-east-1:123456789012:layer:l:1",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:nobody",
}


def sample(shape, name="", depth=0):
    """A value that the client library accepts for a shape."""
    kind = shape.type_name
    if kind == "structure":
        return {} if depth > 8 else {n: sample(shape.members[n], n, depth + 1) for n in shape.required_members}
    if kind == "list":
        return [sample(shape.member, name, depth + 1)] * max(1, shape.metadata.get("min", 1))
    if kind == "map":
        return {sample(shape.key, name, depth + 1): sample(shape.value, name, depth + 1)}
    if kind == "string":
        values = getattr(shape, "enum", None)
        text = values[0] if values else FORMS.get(name, "x")
        return text.ljust(shape.metadata.get("min", 0), "x")
    return {"boolean": True, "blob": b"x", "timestamp": 0, "float": 1.0, "double": 1.0}.get(kind, shape.metadata.get("min", 1))


def operations():
    loader = botocore.session.get_session()
    for service in SERVED:
        for name in loader.get_service_model(service).operation_names:
            yield service, name


@pytest.mark.parametrize("service, name", operations())
def test_each_operation_is_served_or_refused_by_name(caller, service, name):
    client = caller.client(service)
    model = client.meta.service_model.operation_model(name)
    method = next(m for m, n in client.meta.method_to_api_mapping.items() if n == name)
    arguments = sample(model.input_shape) if model.input_shape else {}
    if name == "StartLiveTail":
        client = caller.client(service, inject_host_prefix=False)
    try:
        getattr(client, method)(**arguments)
        code, message = None, ""
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if name in SERVED[service]:
        assert code not in REFUSALS, f"{name} is to be served, and was refused: {code} {message}"
        return
    if code is None:
        # A later Hearth serves more than this list; then it answers like any other operation.
        return
    if code in REFUSALS:
        assert name in message, f"the refusal of {name} does not name it: {message}"
    else:
        assert code in {s.name for s in model.error_shapes} | {"ValidationException", "AccessDeniedException"}, f"{name}: {code} {message}"


def test_the_other_services_are_refused_by_name(caller):
    for service, call in (
        ("sqs", lambda c: c.list_queues()), ("dynamodb", lambda c: c.list_tables()), ("s3", lambda c: c.list_buckets()),
        ("iam", lambda c: c.list_roles()), ("sts", lambda c: c.get_caller_identity()), ("kinesis", lambda c: c.list_streams()),
    ):
        client = caller.client(service)
        client.meta.events.unregister("before-parse.*.*", caller.checker._on_response)  # not our models yet
        try:
            call(client)
        except ClientError as error:
            told = error.response["Error"]
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] < 502, told
            assert service in str(told).lower() or told["Code"] not in ("500", "404"), f"{service}: {told}"


def test_deleting_nothing_is_told(caller):
    with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
        caller.awslambda.delete_function(FunctionName=unique())
