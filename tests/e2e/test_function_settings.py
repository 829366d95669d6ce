"""Settings of functions beside their code, through boto3: each is honoured, or refused by its name.

Source of what is expected: fact sheet "Lambda control-plane API", sections 4, 11 and 13.
"""

import os

import pytest
from botocore.exceptions import ClientError
from harness.server import Server

ECHO = "def handler(event, context): return event"
ACCESS_POINT = "arn:aws:elasticfilesystem:us-east-1:123456789012:access-point/fsap-0123456789abcdef1"
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


TRACED = """
import os
def handler(event, context):
    return {name: os.environ.get(name) for name in ("_X_AMZN_TRACE_ID", "AWS_XRAY_DAEMON_ADDRESS", "AWS_XRAY_CONTEXT_MISSING")}
"""


def test_active_tracing_samples_and_reports(lab):
    function = lab.deploy(TRACED, TracingConfig={"Mode": "Active"})
    invocation = function.invoke()
    shown = invocation.ok()
    trace = dict(part.split("=") for part in shown["_X_AMZN_TRACE_ID"].split(";"))
    assert trace["Sampled"] == "1" and shown["AWS_XRAY_DAEMON_ADDRESS"] == "127.0.0.1:2000"
    assert f"XRAY TraceId: {trace['Root']}\tSegmentId: {trace['Parent']}\tSampled: true\t\n" in invocation.tail
    function.caller.awslambda.update_function_configuration(
        FunctionName=function.name, TracingConfig={"Mode": "PassThrough"})
    function.settled()
    invocation = function.invoke()
    assert ";Sampled=0" in invocation.ok()["_X_AMZN_TRACE_ID"] and "XRAY" not in invocation.tail


def test_subnets_that_are_not_there(lab):
    client = lab.caller.awslambda
    function = lab.deploy(ECHO)
    with pytest.raises(client.exceptions.InvalidParameterValueException, match="InvalidSubnetID.NotFound.*'subnet-1' does not exist"):
        client.update_function_configuration(
            FunctionName=function.name, VpcConfig={"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]})
    client.update_function_configuration(
        FunctionName=function.name, VpcConfig={"SubnetIds": [], "SecurityGroupIds": []})
    function.settled()
    assert function.invoke(1).ok() == 1


SHARED = """
import os, pathlib
path = pathlib.Path("/mnt/shared/notes")
def handler(event, context):
    with path.open("a") as notes:
        notes.write(event)
    os.chmod(path, 0o600)
    return [path.read_text(), path.stat().st_uid == os.getuid()]
"""


def test_a_file_system_is_a_folder_of_the_host(lab_on, tmp_path):
    """Two functions, in sandboxes of their own, write to one file that is nobody else's."""
    folder = tmp_path / "shared"
    folder.mkdir()
    os.chown(folder, 993, 990)
    server = Server(tmp_path / "server", config=f'[file_systems]\n"{ACCESS_POINT}" = "{folder}"\n').start()
    try:
        lab = lab_on(server)
        mount = {"FileSystemConfigs": [{"Arn": ACCESS_POINT, "LocalMountPath": "/mnt/shared"}]}
        one, other = lab.deploy(SHARED, **mount), lab.deploy(SHARED, **mount)
        assert one.invoke("a").ok() == ["a", True]
        assert other.invoke("b").ok() == ["ab", True]
        assert one.invoke("c").ok() == ["abc", True]
        assert (folder / "notes").read_text() == "abc"
        client = lab.caller.awslambda
        with pytest.raises(client.exceptions.InvalidParameterValueException, match="with the setting `file_systems`"):
            client.update_function_configuration(
                FunctionName=one.name,
                FileSystemConfigs=[{"Arn": ACCESS_POINT[:-1] + "0", "LocalMountPath": "/mnt/shared"}])
    finally:
        server.stop_cleanly()
