"""No operation is a dead end: each one of botocore's models is served, or refused by its name.

What is served is what docs/compatibility.md lists, operation by operation: a row too few or too many fails.
"""

import botocore.session
import pytest
from botocore.exceptions import ClientError
from harness import compatibility
from harness.clients import Caller
from harness.functions import unique
from harness.model_check import Checker

SERVICES = ("lambda", "logs", "iam", "sts", "kms")
REFUSALS = {"NotImplementedException", "UnknownOperationException", "NotImplemented"}


def operations():
    loader = botocore.session.get_session()
    for service in SERVICES:
        for name in loader.get_service_model(service).operation_names:
            yield service, name


@pytest.fixture(scope="module")
def clients(caller):
    return {service: caller.client(service, inject_host_prefix=False) for service in SERVICES}


@pytest.mark.parametrize("service, name", list(operations()))
def test_each_operation_is_served_or_refused_by_name(clients, service, name):
    client = clients[service]
    model = client.meta.service_model.operation_model(name)
    method = next(m for m, n in client.meta.method_to_api_mapping.items() if n == name)
    arguments = compatibility.sample(model.input_shape) if model.input_shape else {}
    try:
        getattr(client, method)(**arguments)
        code, message = None, ""
    except ClientError as error:
        code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if name in compatibility.operations(service):
        assert code not in REFUSALS, f"docs/compatibility.md lists {name}, which was refused: {code} {message}"
        return
    assert code in REFUSALS, f"{name} is served, and docs/compatibility.md does not list it: {code} {message}"
    assert name in message, f"the refusal of {name} does not name it: {message}"


OTHER_SERVICES = {
    "sqs": "list_queues", "dynamodb": "list_tables", "s3": "list_buckets",
    "kinesis": "list_streams", "sns": "list_topics", "events": "list_rules", "ec2": "describe_vpcs", "apigatewayv2": "get_apis",
}


@pytest.mark.parametrize("service", OTHER_SERVICES)
def test_another_service_is_served_or_refused_by_name(server, caller, service):
    """In that service's own protocol, so that its client can read it."""
    client = Caller(server, Checker(), account=caller.account).client(service)
    try:
        getattr(client, OTHER_SERVICES[service])()
    except ClientError as error:
        status, told = error.response["ResponseMetadata"]["HTTPStatusCode"], error.response["Error"]
        assert status in (400, 403, 404, 501), error.response
        assert service.removesuffix("v2") in told["Message"], told


def test_deleting_nothing_is_told(caller):
    with pytest.raises(caller.awslambda.exceptions.ResourceNotFoundException):
        caller.awslambda.delete_function(FunctionName=unique())
