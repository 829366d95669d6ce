"""What Lambda's runtimes bring and the host's interpreters do not: found in the data folder, or told of.

The packages are real: `make packages` fetched them.
"""

import pytest
from harness.functions import Lab
from harness.server import ROOT

PACKAGES = ROOT / ".cache" / "packages"


@pytest.fixture(scope="module")
def supplied(tmp_path_factory, checker):
    """Functions of a server whose data folder has packages for all."""
    from harness.clients import Caller
    from harness.server import Server

    assert (PACKAGES / ".ready").exists(), "expected the packages under test: make packages"
    server = Server(tmp_path_factory.mktemp("supplied"))
    server.data.mkdir()
    (server.data / "packages").symlink_to(PACKAGES)
    server.start()
    lab = Lab(Caller(server, checker))
    yield lab
    lab.clear()
    server.stop_cleanly()


BOTO3 = """
import sys, boto3
def handler(event, context):
    client = boto3.client('sts', endpoint_url='http://127.0.0.1:4566')
    standard = next(i for i, p in enumerate(sys.path) if p.endswith('lib-dynload'))
    return {'file': boto3.__file__, 'account': client.get_caller_identity()['Account'],
            'after the standard library': sys.path.index('/var/packages/python') > standard}
"""


def test_boto3_is_found(supplied):
    found = supplied.deploy(BOTO3, Timeout=30, MemorySize=512).call()
    assert found == {"file": "/var/packages/python/boto3/__init__.py", "account": supplied.caller.account, "after the standard library": True}


def test_a_package_of_the_functions_own_comes_first(supplied):
    files = {"app.py": "import boto3\ndef handler(event, context):\n    return boto3.own\n", "boto3.py": "own = 'own'\n"}
    assert supplied.deploy(files).call() == "own"
    files = {"app.js": "exports.handler = async () => require('@aws-sdk/client-sts')", "node_modules/@aws-sdk/client-sts/index.js": "module.exports = 'own'"}
    assert supplied.node(files).call() == "own"


SDKS = {
    "require": {"app.js": "const { STSClient } = require('@aws-sdk/client-sts'); exports.handler = async () => new STSClient({}).constructor.name"},
    "import": {"app.mjs": "import { STSClient } from '@aws-sdk/client-sts'; export const handler = async () => new STSClient({}).constructor.name"},
}


@pytest.mark.parametrize("kind", SDKS)
def test_the_sdk_for_javascript_is_found(supplied, kind):
    assert supplied.node(SDKS[kind], Timeout=30, MemorySize=512).call() == "STSClient"


def test_they_cannot_be_written(supplied):
    code = "def handler(event, context):\n    open('/var/packages/python/new.py', 'w')\n"
    assert supplied.deploy(code).invoke().failed()["errorType"] == "OSError"


LACKING = {
    "python": ({"app.py": "import botocore.no_such_module\n"}, "No module named 'botocore", "botocore"),
    "node": ({"app.js": "require('@aws-sdk/client-none')"}, "Cannot find module '@aws-sdk/client-none'", "@aws-sdk/client-none"),
}


@pytest.mark.parametrize("language", LACKING)
def test_the_log_says_what_to_do_where_they_lack(lab, language):
    files, message, name = LACKING[language]
    function = lab.deploy(files) if language == "python" else lab.node(files)
    error = function.invoke().failed()
    assert error["errorType"] == "Runtime.ImportModuleError" and message in error["errorMessage"], error
    told = [m for m in function.messages_until("REPORT") if "docs/operate/packages.md" in m]
    assert told and all(f"Hearth: {name} is not part of" in m for m in told), told
