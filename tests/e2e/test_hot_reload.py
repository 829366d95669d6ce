"""`S3Bucket=hot-reload`: a function runs a folder of the host, and sees a change of it at once.

docs/operate/hot-reload.md is what is promised.
"""

import os
import shutil

import pytest
from botocore.exceptions import ClientError
from harness.functions import PROVIDED, PYTHON, node_runtime
from test_provided import BASH

PYTHON_CODE = """import os
loaded = {state!r}
def handler(event, context):
    try:
        open("/var/task/new", "w")
    except OSError as error:
        return dict(state=loaded, pid=os.getpid(), writable=error.strerror)
"""
NODE_CODE = "const loaded = {state!r}; exports.handler = async () => ({{state: loaded}});"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("work")
    # pytest keeps its folders to their owner; only the way to a folder may be closed, not the folder.
    folder.chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def lab(opened, tmp_path_factory, checker):
    from harness.clients import Caller
    from harness.functions import Lab
    from harness.server import Server

    server = Server(tmp_path_factory.mktemp("hot"), config=f'hot_reload.folders = ["{opened}"]\n').start()
    lab = Lab(Caller(server, checker))
    yield lab
    lab.clear()
    server.stop()


def write(folder, name, content, mode=0o644):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(0o755)
    path.write_text(content)
    path.chmod(mode)


def source(folder):
    return {"S3Bucket": "hot-reload", "S3Key": str(folder)}


def deploy(lab, folder, runtime=PYTHON):
    return lab.create(Runtime=runtime, Handler="app.handler", Code=source(folder))


def test_python_sees_each_change_at_once(lab, opened):
    folder = opened / "python"
    write(folder, "app.py", PYTHON_CODE.format(state=0))
    function = deploy(lab, folder)
    first = function.call()
    assert first["state"] == 0
    assert first["writable"] == "Read-only file system"
    assert function.call()["pid"] == first["pid"], "without a change the environment stays"
    for state in range(1, 6):
        write(folder, "app.py", PYTHON_CODE.format(state=state))
        assert function.call()["state"] == state
    write(folder, "lib/more.py", "value = 'deep'")
    write(folder, "app.py", "from lib.more import value\ndef handler(e, c): return value")
    assert function.call() == "deep"
    write(folder, "lib/more.py", "value = 'changed'")
    assert function.call() == "changed"
    # A build that makes its folder anew.
    shutil.rmtree(folder)
    with pytest.raises(ClientError, match="cannot be opened"):
        function.invoke()
    write(folder, "app.py", PYTHON_CODE.format(state="anew"))
    assert function.call()["state"] == "anew"


def test_node_and_a_program(lab, opened):
    folder = opened / "node"
    write(folder, "app.js", NODE_CODE.format(state="one"))
    node = deploy(lab, folder, node_runtime())
    assert node.call() == {"state": "one"}
    write(folder, "app.js", NODE_CODE.format(state="two"))
    assert node.call() == {"state": "two"}

    folder = opened / "program"
    write(folder, "bootstrap", BASH, 0o755)
    program = deploy(lab, folder, PROVIDED)
    assert program.call("x") == {"count": 1, "event": "x"}
    assert program.call("x")["count"] == 2
    write(folder, "bootstrap", BASH.replace('{\\"count\\"', '{\\"runs\\"'), 0o755)
    assert program.call("x") == {"runs": 1, "event": "x"}


def test_a_layer(lab, opened):
    folder = opened / "layer"
    write(folder, "python/shared.py", "value = 1")
    made = lab.caller.awslambda.publish_layer_version(LayerName="live", Content=source(folder))
    code = {"app.py": "import shared\ndef handler(e, c): return shared.value"}
    function = lab.deploy(code, Layers=[made["LayerVersionArn"]])
    assert function.call() == 1
    write(folder, "python/shared.py", "value = 2")
    assert function.call() == 2


def test_links_lead_nowhere(lab, opened, tmp_path):
    folder = opened / "links"
    write(tmp_path, "secret", "not yours")
    write(folder, "app.py", "def handler(e, c):\n    return open(e).read()")
    (folder / "out").symlink_to(tmp_path / "secret")
    (folder / "up").symlink_to("../../../../../../../../etc/shadow")
    function = deploy(lab, folder)
    for name in ("out", "up"):
        failed = function.invoke(f"/var/task/{name}").failed()
        assert failed["errorType"] in ("FileNotFoundError", "PermissionError"), failed
    # The folder itself becomes a link to what was not opened.
    os.rename(folder, opened / "moved")
    folder.symlink_to(tmp_path)
    with pytest.raises(ClientError, match="cannot be opened"):
        function.invoke("/var/task/secret")


def test_what_cannot_be_read_is_named(lab, opened):
    folder = opened / "private"
    write(folder, "app.py", "def handler(e, c): return 1", 0o600)
    with pytest.raises(ClientError, match=r"private/app.py \(mode 0600\): `chmod -R o\+rX"):
        deploy(lab, folder)
    (folder / "app.py").chmod(0o644)
    function = deploy(lab, folder)
    assert function.call() == 1
    (folder / "app.py").chmod(0o600)
    with pytest.raises(ClientError, match="chmod") as refusal:
        function.invoke()
    assert refusal.value.response["Error"]["Code"] == "ResourceConflictException"
    (folder / "app.py").chmod(0o644)
    assert function.call() == 1


def test_what_is_not_open_is_refused(lab, server, caller, opened, tmp_path):
    def create(client, code):
        with pytest.raises(ClientError) as refusal:
            client.create_function(
                FunctionName="never", Runtime=PYTHON, Handler="app.handler", Role=lab.caller.role, Code=code
            )
        error = refusal.value.response["Error"]
        assert error["Code"] == "InvalidParameterValueException"
        return error["Message"]

    assert "hot_reload.folders" in create(lab.caller.awslambda, source(tmp_path))
    assert "hot_reload.folders" in create(lab.caller.awslambda, source("/etc"))
    # The shared server opens nothing, and has no bucket.
    assert "switched off" in create(caller.awslambda, source(opened))
    assert create(caller.awslambda, {"S3Bucket": "bucket", "S3Key": "code.zip"}) == (
        "Error occurred while GetObject. S3 Error Code: NoSuchBucket. S3 Error Message: The specified bucket does not exist"
    )
