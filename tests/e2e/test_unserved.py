"""No operation is a dead end: each one of botocore's models is served, or refused by its name."""

import botocore.session
import pytest
from botocore.exceptions import ClientError
from harness.clients import Caller
from harness.functions import unique
from harness.model_check import Checker

LAMBDA = {
    "AddLayerVersionPermission", "AddPermission", "CreateAlias", "CreateFunction", "CreateFunctionUrlConfig", "DeleteAlias", "DeleteFunction",
    "CreateCodeSigningConfig", "DeleteCodeSigningConfig", "DeleteFunctionCodeSigningConfig", "GetCodeSigningConfig",
    "GetFunctionCodeSigningConfig", "ListCodeSigningConfigs", "ListFunctionsByCodeSigningConfig",
    "PutFunctionCodeSigningConfig", "UpdateCodeSigningConfig", "GetRuntimeManagementConfig",
    "PutRuntimeManagementConfig", "DeleteCapacityProvider", "GetCapacityProvider", "ListCapacityProviders",
    "ListFunctionVersionsByCapacityProvider", "UpdateCapacityProvider",
    "CreateEventSourceMapping", "DeleteEventSourceMapping", "GetEventSourceMapping", "ListEventSourceMappings",
    "UpdateEventSourceMapping",
    "DeleteFunctionConcurrency", "DeleteFunctionUrlConfig", "DeleteLayerVersion", "DeleteProvisionedConcurrencyConfig", "GetAccountSettings",
    "GetAlias", "GetFunction", "GetFunctionConcurrency", "GetFunctionConfiguration", "GetFunctionUrlConfig", "GetLayerVersion",
    "GetLayerVersionByArn", "GetLayerVersionPolicy", "GetPolicy", "GetProvisionedConcurrencyConfig", "Invoke",
    "InvokeWithResponseStream", "ListAliases", "ListFunctionUrlConfigs", "ListFunctions", "ListLayerVersions", "ListLayers",
    "ListProvisionedConcurrencyConfigs", "ListTags", "ListVersionsByFunction", "PublishLayerVersion", "PublishVersion", "PutFunctionConcurrency",
    "PutProvisionedConcurrencyConfig", "RemoveLayerVersionPermission", "RemovePermission", "TagResource", "UntagResource", "UpdateAlias",
    "UpdateFunctionCode", "UpdateFunctionConfiguration", "UpdateFunctionUrlConfig",
}
LOGS = {"DescribeLogGroups", "DescribeLogStreams", "FilterLogEvents", "GetLogEvents"}
IAM = {
    "AttachRolePolicy", "AttachUserPolicy", "CreateAccessKey", "CreatePolicy", "CreatePolicyVersion", "CreateRole",
    "CreateUser", "DeleteAccessKey", "DeletePolicy", "DeletePolicyVersion", "DeleteRole",
    "DeleteRolePermissionsBoundary", "DeleteRolePolicy", "DeleteUser", "DeleteUserPermissionsBoundary",
    "DeleteUserPolicy", "DetachRolePolicy", "DetachUserPolicy", "GetAccessKeyLastUsed", "GetPolicy",
    "GetPolicyVersion", "GetRole", "GetRolePolicy", "GetUser", "GetUserPolicy", "ListAccessKeys",
    "ListAccountAliases", "ListAttachedRolePolicies", "ListAttachedUserPolicies", "ListEntitiesForPolicy",
    "ListGroupsForUser", "ListInstanceProfilesForRole", "ListPolicies", "ListPolicyTags", "ListPolicyVersions",
    "ListRolePolicies", "ListRoleTags", "ListRoles", "ListUserPolicies", "ListUserTags", "ListUsers",
    "PutRolePermissionsBoundary", "PutRolePolicy", "PutUserPermissionsBoundary", "PutUserPolicy",
    "SetDefaultPolicyVersion", "TagPolicy", "TagRole", "TagUser", "UntagPolicy", "UntagRole", "UntagUser",
    "UpdateAccessKey", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription", "UpdateUser",
}
STS = {
    "AssumeRole", "GetAccessKeyInfo", "GetCallerIdentity", "GetSessionToken",
}
KMS = {
    "CancelKeyDeletion", "CreateAlias", "CreateKey", "Decrypt", "DeleteAlias", "DescribeKey", "DisableKey", "EnableKey", "Encrypt",
    "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom", "GetKeyPolicy", "GetKeyRotationStatus", "ListAliases",
    "ListKeyPolicies", "ListKeys", "ListResourceTags", "PutKeyPolicy", "ReEncrypt", "ScheduleKeyDeletion", "TagResource", "UntagResource",
    "UpdateAlias", "UpdateKeyDescription",
}
SERVED = {"lambda": LAMBDA, "logs": LOGS, "iam": IAM, "sts": STS, "kms": KMS}
REFUSALS = {"NotImplementedException", "UnknownOperationException", "NotImplemented"}
# Text for members whose form the client or the server checks before anything else.
FORMS = {
    "FunctionName": "nobody", "Qualifier": "$LATEST", "Arn": "arn:aws:lambda:us-east-1:123456789012:layer:l:1",
    "Resource": "arn:aws:lambda:us-east-1:123456789012:function:nobody",
}


def sample(shape, name="", depth=0):
    """A value that the client library accepts for a shape."""
    kind = shape.type_name
    if kind == "structure":
        names = list(shape.members)[:1] if shape.is_tagged_union else shape.required_members
        return {} if depth > 8 else {n: sample(shape.members[n], n, depth + 1) for n in names}
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


@pytest.mark.parametrize("service, name", list(operations()))
def test_each_operation_is_served_or_refused_by_name(caller, service, name):
    client = caller.client(service, inject_host_prefix=False)
    model = client.meta.service_model.operation_model(name)
    method = next(m for m, n in client.meta.method_to_api_mapping.items() if n == name)
    arguments = sample(model.input_shape) if model.input_shape else {}
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
        modelled = {s.metadata.get("error", {}).get("code", s.name) for s in model.error_shapes}
        assert code in modelled | {"ValidationException", "AccessDeniedException", "ValidationError"}, f"{name}: {code} {message}"


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
