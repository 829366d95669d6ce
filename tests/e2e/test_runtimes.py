"""Every runtime that the host has runs functions; those it lacks say what would install them."""

import json
import os
import shutil
import sys

import pytest
from botocore.exceptions import ClientError
from harness.functions import PYTHON, node_runtime
from harness.waiting import eventually

PYTHON_APP = "import sys\ndef handler(event, context):\n    return ['python%d.%d' % sys.version_info[:2], event]\n"
RUBY_APP = "def handler(event:, context:)\n  ['ruby' + RUBY_VERSION[/\\d+\\.\\d+/], event]\nend\n"
NODE_APP = "exports.handler = async event => ['nodejs' + process.versions.node.split('.')[0] + '.x', event]\n"
# Code, and the error of a handler that is not there. Languages whose functions are compiled have tests of their own.
APPS = {
    "python": (PYTHON_APP, "Runtime.HandlerNotFound"),
    "nodejs": (NODE_APP, "Runtime.HandlerNotFound"),
    "ruby": ({"app.rb": RUBY_APP}, "Function<NoMethodError>"),
}


def states(server):
    return {row["id"]: row for row in json.loads(server.command("runtimes", "-o", "json"))}


def test_each_runtime_that_was_found(server, lab):
    ready = [i for i, row in states(server).items() if row["state"] == "ready" and i.startswith(tuple(APPS))]
    assert PYTHON in ready and node_runtime() in ready
    for runtime in ready:
        code, without_handler = next(row for start, row in APPS.items() if runtime.startswith(start))
        function = lab.deploy(code, runtime)
        assert function.call({"text": "ä"}) == [runtime, {"text": "ä"}]
        error = function.configure(Handler="app.missing") and function.invoke().failed()
        assert error["errorType"] == without_handler, (runtime, error)


# Where version managers keep Python and Node.js below a home folder.
MANAGED = {
    "python3": [".pyenv/versions/3.x/bin", ".asdf/installs/python/3.x/bin", ".local/share/mise/installs/python/3.x/bin"],
    "node": [".nvm/versions/node/v1/bin", ".asdf/installs/nodejs/1/bin", ".local/share/fnm/node-versions/v1/installation/bin"],
}


def test_what_version_managers_installed_is_found(server, tmp_path):
    home, configured = tmp_path / "home", tmp_path / "configured"
    folders = {name: [*(home / place for place in places), configured / f"{name}-x" / "bin"] for name, places in MANAGED.items()}
    real = {"python3": os.path.realpath(sys.executable), "node": os.path.realpath(shutil.which("node"))}
    for name, places in folders.items():
        for place in places:
            place.mkdir(parents=True)
            shutil.copy(real[name], place / name)
    settings = {"HOME": str(home), "PATH": "", "HEARTH_RUNTIMES_SEARCH": str(configured), "HEARTH_DATA": str(tmp_path / "data")}
    table = server.run_to_end("runtimes", env=settings).stdout
    assert all(str(place / name) in table for name, places in folders.items() for place in places), table
    # What is configured goes before the rest of the same version, which is told of below.
    rows = [line.split() for line in table.splitlines()]
    assert [PYTHON, "ready", str(configured / "python3-x/bin/python3")] in [[row[0], row[1], row[-1]] for row in rows if len(row) > 3]
    assert f"another serves {PYTHON}" in table


def tell(lab, runtime):
    """All that a user gets to read when a function of this runtime is made and called."""
    try:
        function = lab.deploy(PYTHON_APP, runtime, wait=False)
    except ClientError as error:
        return error.response["Error"]["Message"]
    told = []

    def settled():
        told[:] = [function.configuration()]
        return told[0]["State"] != "Pending"

    eventually(settled)
    try:
        told.append(function.invoke().failed())
    except ClientError as error:
        told.append(error.response["Error"]["Message"])
    return json.dumps(told, default=str)


def test_a_runtime_that_the_host_lacks(server, lab):
    missing = [row for row in states(server).values() if row["state"] == "not found"]
    if not missing:
        pytest.skip("this host has every runtime that Hearth serves")
    for row in missing:
        assert row["hint"] in tell(lab, row["id"]), row


def test_a_runtime_that_hearth_does_not_serve_yet(lab):
    assert "no bootstrap for Java 8" in tell(lab, "java8.al2")


def test_an_alias_is_used_and_shown(make_server, lab_on):
    server = make_server(f'[runtimes.aliases]\n"python3.14" = "{PYTHON}"\n').start()
    row = states(server)["python3.14"]
    if row["state"] == "ready":
        pytest.skip("this host has python3.14")
    assert row["state"] == "alias" and row["alias"] == PYTHON
    function = lab_on(server).deploy(PYTHON_APP, "python3.14")
    assert function.created["Runtime"] == "python3.14"
    assert function.call(1) == [PYTHON, 1]
