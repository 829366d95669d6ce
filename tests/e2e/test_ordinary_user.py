"""A server without any privilege: what it can do is less, and it says so; functions run all the same."""

import json
import stat

import pytest
from harness.clients import Caller
from harness.functions import PROVIDED, Lab
from harness.modest import modest_server
from harness.packages import program, zip_of

SHELL = program("""#!/bin/sh
echo "uid $(id -u)"
exec /usr/bin/env bash -c 'exit 3'
""")


@pytest.fixture(scope="module")
def modest():
    yield from modest_server()


def test_it_says_what_holds(modest):
    found = json.loads(modest.run_to_end("doctor", "-o", "json").stdout)
    assert found["level"] == "user"
    assert "isolation     user" in modest.log_file.read_text()


def test_functions_run(modest, checker):
    lab = Lab(Caller(modest, checker))
    function = lab.deploy({"bootstrap": SHELL}, PROVIDED, "x")
    error = function.invoke().failed()
    assert error["errorMessage"].endswith("exit status 3"), error
    assert any(m.startswith("uid ") and m != "uid 0\n" for m in function.messages_until("REPORT"))
    lab.clear()


def test_layers_are_in_opt(modest, checker):
    """Two, so that they are put together; a program among them, and a folder that is closed for writing."""
    lab = Lab(Caller(modest, checker))
    arns = []
    for n, files in enumerate(({"bootstrap": SHELL, "closed/": ("", stat.S_IFDIR | 0o555), "closed/first": "1"}, {"closed/second": "2"})):
        made = lab.caller.awslambda.publish_layer_version(LayerName=f"l{n}", Content={"ZipFile": zip_of(files)})
        arns.append(made["LayerVersionArn"])
    function = lab.deploy({"unused": ""}, PROVIDED, "x", Layers=arns)
    assert function.invoke().failed()["errorMessage"].endswith("exit status 3")
    lab.clear()


def test_runtimes_that_it_can_reach_run(modest, checker):
    rows = json.loads(modest.run_to_end("runtimes", "-o", "json").stdout)
    ready = [row["id"] for row in rows if row["state"] == "ready" and row["id"].startswith("python")]
    lab = Lab(Caller(modest, checker))
    for runtime in ready:
        function = lab.deploy("import os\nn = 0\ndef handler(event, context):\n    global n\n    n += 1\n    return [n, os.getuid() != 0]\n", runtime)
        assert [function.call(), function.call()] == [[1, True], [2, True]]
    lab.clear()


def test_it_is_refused_where_more_is_demanded(modest):
    config = modest.folder / "demanding.toml"
    config.write_text("[sandbox]\nmin_level = 'root'\n")
    config.chmod(0o644)
    done = modest.run_to_end("serve", "--config", str(config), "--data", str(modest.folder / "other"), "--listen", "127.0.0.1:0")
    assert done.returncode == 5, done
    assert "root" in done.stderr and "doctor" in done.stderr, done.stderr
