"""The functions below examples/ that `hearth deploy` brings up: their own tests pass, and they do what they are for."""

import base64
import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import zipfile

import pytest
from harness import java, rust
from harness.functions import PYTHON, node_runtime
from harness.server import ROOT, hearth_binary


BUILT_AHEAD = [rust.cargo_release(ROOT / "examples/report-rust")]


@pytest.fixture
def example(server, caller, tmp_path):
    """Copies, tests and deploys an example; gives how it is called."""

    def deploy(name, tests, *options):
        folder = tmp_path / name
        shutil.copytree(ROOT / "examples" / name, folder, ignore=shutil.ignore_patterns(".hearth", "node_modules"))
        environment = {**os.environ, **server.environment(), "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": caller.account, "AWS_SECRET_ACCESS_KEY": "test"}
        environment |= rust.RELEASES

        def run(*command):
            done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=900)
            assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
            return done.stdout

        if tests:
            run(*tests)
        deployed = json.loads(run(str(hearth_binary()), "deploy", "-o", "json", *options))["configuration"]

        def call(event=None):
            payload = f"@{folder / 'event.json'}" if event is None else json.dumps(event)
            return json.loads(run(str(hearth_binary()), "invoke", deployed["FunctionName"], "-p", payload))

        return call

    return deploy


def test_thumbnailer(example):
    call = example("thumbnailer-python", None, "--runtime", PYTHON)
    made = call()
    assert made["format"] == "webp" and base64.b64decode(made["image"])[8:12] == b"WEBP", made
    by_http = call({"requestContext": {}, "body": "nonsense", "isBase64Encoded": True})
    assert by_http["statusCode"] == 400, by_http


def test_log_shipper(example):
    call = example("log-shipper-node", ["node", "--test"], "--runtime", node_runtime())
    assert call() == {"shipped": 0}
    # Nobody listens there: tried again, and then an error of the function's, which Lambda would try again.
    data = {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": "g", "logStream": "s", "logEvents": [{"id": "1", "timestamp": 1, "message": "m"}]}
    with pytest.raises(AssertionError, match="the collector answered"):
        call({"awslogs": {"data": base64.b64encode(gzip.compress(json.dumps(data).encode())).decode()}})


def test_json_api(example):
    call = example("json-api-go", ["go", "test", "./..."])
    written = call()
    assert written["statusCode"] == 201 and json.loads(written["body"])["id"] == 1, written
    listed = call({"rawPath": "/notes", "requestContext": {"http": {"method": "GET"}}})
    assert [note["text"] for note in json.loads(listed["body"])["notes"]] == ["a first note"]


def test_report(example):
    call = example("report-rust", None)
    made = call()
    assert (made["name"], made["rows"]) == ("Sales.xlsx", 3), made
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(made["workbook"]))) as workbook:
        assert b"SUM(B2:B4)" in workbook.read("xl/worksheets/sheet1.xml")


def test_orders(example):
    call = example("orders-java", ["mvn", "-q", "-B", "test"], "--runtime", java.runtime())
    assert call() == {"batchItemFailures": [{"itemIdentifier": "later"}]}


def test_thumbnailers_own_tests(tmp_path):
    """With Pillow as it is installed for the packages that run inside sandboxes."""
    folder = ROOT / "examples/thumbnailer-python"
    environment = {**os.environ, "PYTHONPATH": str(ROOT / ".cache/packages/python"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-m", "unittest"], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
