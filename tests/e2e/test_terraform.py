"""Terraform's AWS provider: a stack is applied, planned again without a difference, changed and destroyed."""

import glob
import json
import os
import pathlib
import shutil
import subprocess

import pytest
from harness.functions import PYTHON, unique
from harness.packages import zip_of

STACK = pathlib.Path(__file__).parent / "terraform"
# Where machines without the registry keep providers, beside the places where Terraform itself looks.
MIRRORS = ["/opt/*/registry.terraform.io", "/usr/share/terraform/plugins/registry.terraform.io", "/usr/local/share/terraform/plugins/registry.terraform.io"]

APP = """
import os
from words import WORD

def handler(event, context):
    return {"said": f"{os.environ['GREETING']}, {WORD}!", "version": context.function_version, "mark": MARK}
"""


def provider_folder():
    """The mirror that has the provider; a machine without Terraform cannot run these tests."""
    if not shutil.which("terraform"):
        pytest.skip("terraform is not on the PATH, and no package registry has it: install Terraform 1.5 or newer to run this")
    for mirror in MIRRORS:
        for found in glob.glob(f"{mirror}/hashicorp/aws/5.*"):
            return str(pathlib.Path(found).parents[3])
    pytest.skip(f"Terraform's AWS provider 5.x is in none of {MIRRORS}; put it there to run this")


class Stack:
    def __init__(self, server, caller, folder):
        self.plugins, self.folder, self.caller, self.name = provider_folder(), folder, caller, unique("tf")
        shutil.copytree(STACK, folder, dirs_exist_ok=True)
        self.environment = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "TF_"))}
        self.environment |= {"TF_IN_AUTOMATION": "1", "TF_INPUT": "0", "CHECKPOINT_DISABLE": "1", "HOME": str(folder)}
        self.variables = {"endpoint": server.endpoint, "account": caller.account, "name": self.name, "runtime": PYTHON}

    def terraform(self, *arguments, code=0):
        done = subprocess.run(["terraform", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == code, f"terraform {arguments[0]}:\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def want(self, **variables):
        self.variables |= variables
        (self.folder / "terraform.tfvars.json").write_text(json.dumps(self.variables))

    def package(self, name, files):
        path = self.folder / name
        path.write_bytes(zip_of(files))
        return str(path)

    def init(self):
        self.terraform("init", "-no-color", f"-plugin-dir={self.plugins}")

    def apply(self):
        self.terraform("apply", "-no-color", "-auto-approve")

    def has_no_difference(self):
        """With -detailed-exitcode 2 would be a difference."""
        self.terraform("plan", "-no-color", "-detailed-exitcode")

    def output(self):
        return {name: found["value"] for name, found in json.loads(self.terraform("output", "-json")).items()}

    def live(self):
        answer = self.caller.awslambda.invoke(FunctionName=self.name, Qualifier="live")
        return json.loads(answer["Payload"].read())


def test_a_stack_lives_its_life(server, caller, tmp_path):
    stack = Stack(server, caller, tmp_path)
    stack.want(
        code=stack.package("code.zip", {"app.py": f"MARK = 1\n{APP}"}),
        layer=stack.package("layer.zip", {"python/words.py": "WORD = 'world'\n"}),
        greeting="Hello", memory=128,
    )
    stack.init()
    stack.apply()
    assert stack.output() | {"url": ""} == {"account": caller.account, "version": "1", "url": ""}
    assert stack.live() == {"said": "Hello, world!", "version": "1", "mark": 1}
    stack.has_no_difference()

    # Configuration, code and layer: a second version, to which the alias moves. What was changed behind Terraform's back
    # meanwhile is found and put right.
    caller.awslambda.update_alias(FunctionName=stack.name, Name="live", FunctionVersion="1", Description="changed by hand")
    caller.awslambda.delete_function_event_invoke_config(FunctionName=stack.name, Qualifier="live")
    stack.want(
        code=stack.package("code2.zip", {"app.py": f"MARK = 2\n{APP}"}),
        layer=stack.package("layer2.zip", {"python/words.py": "WORD = 'moon'\n"}),
        greeting="Goodbye", memory=256,
    )
    stack.apply()
    assert stack.output()["version"] == "2"
    assert stack.live() == {"said": "Goodbye, moon!", "version": "2", "mark": 2}
    stack.has_no_difference()

    stack.terraform("destroy", "-no-color", "-auto-approve")
    assert caller.awslambda.list_functions()["Functions"] == []
    assert caller.awslambda.list_layers()["Layers"] == []
    assert caller.client("iam").list_roles()["Roles"] == []
    assert caller.logs.describe_log_groups()["logGroups"] == []
    kms = caller.client("kms")
    assert [alias["AliasName"] for alias in kms.list_aliases()["Aliases"] if stack.name in alias["AliasName"]] == []
    states = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
    assert {key["KeyState"] for key in states if key["KeyManager"] == "CUSTOMER"} == {"PendingDeletion"}
