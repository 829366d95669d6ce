"""Settings of functions beside their code, through boto3: each is honoured, or refused by its name.

Source of what is expected: fact sheet "Lambda control-plane API", sections 4, 11 and 13.
"""

import pytest
from botocore.exceptions import ClientError

ECHO = "def handler(event, context): return event"
PROFILE = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/P/abc"


def test_code_signing_refuses_what_is_not_signed(lab):
    client = lab.caller.awslambda
    function = lab.deploy(ECHO)
    assert "CodeSigningConfigArn" not in client.get_function_code_signing_config(FunctionName=function.name)
    arn = client.create_code_signing_config(
        AllowedPublishers={"SigningProfileVersionArns": [PROFILE]},
        CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Enforce"}, Tags={"team": "blue"},
    )["CodeSigningConfig"]["CodeSigningConfigArn"]
    assert client.list_tags(Resource=arn)["Tags"] == {"team": "blue"}
    client.put_function_code_signing_config(FunctionName=function.name, CodeSigningConfigArn=arn)
    with pytest.raises(client.exceptions.CodeVerificationFailedException, match="might be signed using a signature"):
        function.upload({"app.py": ECHO + "  # new"})
    assert function.invoke(1).ok() == 1, "what was deployed before goes on running"
    assert client.list_functions_by_code_signing_config(CodeSigningConfigArn=arn)["FunctionArns"] == [function.arn]
    client.update_code_signing_config(
        CodeSigningConfigArn=arn, CodeSigningPolicies={"UntrustedArtifactOnDeployment": "Warn"})
    function.upload({"app.py": ECHO.replace("return event", "return 'new'")})
    assert function.invoke(1).ok() == "new"
    client.delete_function_code_signing_config(FunctionName=function.name)
    client.delete_code_signing_config(CodeSigningConfigArn=arn)


def test_a_runtime_can_be_held_to_the_one_in_use(lab):
    client = lab.caller.awslambda
    function = lab.deploy(ECHO)
    in_use = client.get_function_configuration(FunctionName=function.name)["RuntimeVersionConfig"]["RuntimeVersionArn"]
    assert client.get_runtime_management_config(FunctionName=function.name)["UpdateRuntimeOn"] == "Auto"
    client.put_runtime_management_config(
        FunctionName=function.name, UpdateRuntimeOn="Manual", RuntimeVersionArn=in_use)
    assert function.invoke(1).ok() == 1
    assert client.get_runtime_management_config(FunctionName=function.name)["RuntimeVersionArn"] == in_use
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="RuntimeVersionArn"):
        client.put_runtime_management_config(
            FunctionName=function.name, UpdateRuntimeOn="Manual", RuntimeVersionArn=in_use[:-8] + "00000000")


def test_there_are_no_capacity_providers(caller):
    client = caller.awslambda
    assert client.list_capacity_providers()["CapacityProviders"] == []
    with pytest.raises(client.exceptions.ResourceNotFoundException, match="Capacity provider not found"):
        client.get_capacity_provider(CapacityProviderName="p")
    with pytest.raises(ClientError, match="CreateCapacityProvider"):
        client.create_capacity_provider(
            CapacityProviderName="p", VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": []},
            PermissionsConfig={"CapacityProviderOperatorRoleArn": "arn:aws:iam::123456789012:role/r"})
