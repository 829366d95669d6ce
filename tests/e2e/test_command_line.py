"""The commands of `hearth` beside `serve`, `invoke` and `logs`."""

import json
import re
import shlex
import subprocess

import pytest
from harness.server import ROOT, hearth_binary


def test_doctor(server):
    found = json.loads(server.command("doctor", "-o", "json"))
    assert found["ok"] is True
    assert found["level"] in ("root", "user")
    assert {c["area"] for c in found["checks"]} >= {"isolation", "runtimes"}
    for check in found["checks"]:
        assert check["name"] and check["detail"], check
        assert check["state"] == "ok" or check["advice"], f"what is not well comes with advice: {check}"
    text = server.command("doctor")
    assert found["level"] in text


def test_doctor_fails_where_the_host_gives_less(make_server):
    """What is required and missing is an exit code that scripts can use."""
    server = make_server("[sandbox]\nmin_level = 'root'\n")
    done = server.run_to_end("doctor", "-o", "json")
    assert (done.returncode == 0) == json.loads(done.stdout)["ok"], done


def test_runtimes(server):
    rows = {row["id"]: row for row in json.loads(server.command("runtimes", "-o", "json"))}
    assert {"python3.9", "python3.14", "nodejs18.x", "nodejs24.x", "provided.al2", "provided.al2023", "java21"} <= rows.keys()
    ready = [row for row in rows.values() if row["state"] == "ready"]
    assert rows["provided.al2023"] in ready
    assert all(row["version"] and row["executable"] for row in ready if not row["id"].startswith("provided"))
    assert all(row["hint"] for row in rows.values() if row["state"] == "not found"), "it says what would install it"
    assert "RUNTIME" in server.command("runtimes").splitlines()[0]


def test_env_can_be_evaluated(server):
    script = f'eval "$({shlex.quote(str(hearth_binary()))} env --shell bash)"; echo "$AWS_ENDPOINT_URL $AWS_DEFAULT_REGION $AWS_ACCESS_KEY_ID"'
    out = subprocess.run(["bash", "-c", script], env=server.environment(), capture_output=True, text=True, check=True).stdout
    assert out.split() == [server.endpoint, "us-east-1", "test"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "powershell"])
def test_completion(server, shell):
    assert "hearth" in server.command("completion", shell)


def test_version(server):
    declared = re.search(r'^version = "(.*)"', (ROOT / "Cargo.toml").read_text(), re.M)[1]
    assert json.loads(server.command("version", "-o", "json"))["version"] == declared
    assert declared in server.command("--version")


@pytest.mark.parametrize("arguments", [["nonsense"], ["serve", "--listen", "nowhere"], ["invoke"], ["serve", "--no-such-flag"]])
def test_mistakes_on_the_command_line(server, arguments):
    done = server.run_to_end(*arguments)
    assert done.returncode == 2 and done.stderr, done


def test_nobody_answers(make_server):
    done = make_server().run_to_end("invoke", "anything")
    assert done.returncode == 7 and "http://127.0.0.1" in done.stderr, done
