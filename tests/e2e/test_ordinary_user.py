"""A server without any privilege: what it can do is less, and it says so; functions run all the same."""

import json
import os
import re
import stat
import subprocess
from pathlib import Path

import pytest
from harness.clients import Caller
from harness.functions import PROVIDED, Lab
from harness.modest import modest_server
from harness.packages import program, zip_of
from harness.server import hearth_binary
from harness.waiting import eventually

SHELL = program("""#!/bin/sh
echo "uid $(id -u)"
exec /usr/bin/env bash -c 'exit 3'
""")


@pytest.fixture(scope="module")
def modest():
    yield from modest_server()


def test_it_says_what_holds(modest):
    found = json.loads(modest.run_to_end("doctor", "-o", "json").stdout)
    assert (found["ok"], found["level"]) == (True, "user")
    states = {check["name"]: check["state"] for check in found["checks"]}
    assert states["namespaces"] == states["seccomp"] == "ok", states
    assert states["user id ranges"] == states["disk quota of /tmp"] == "weak", states
    for check in found["checks"]:
        assert check["state"] == "ok" or check["advice"], check
    banner = modest.log_file.read_text()
    assert "isolation     user, without user id ranges" in banner
    assert "raised by     sudo hearth serve" in banner


def test_doctor_tells_people_each_command_once(modest):
    done = modest.run_to_end("doctor")
    assert done.returncode == 0, done
    report, commands = done.stdout.split("\nto change it\n")
    assert re.search(r"^  weak     user id ranges  ", report, re.M), report
    assert commands.count("  sudo hearth serve\n") == 1, commands


def test_fix_changes_nothing_without_root(modest):
    before = modest.run_to_end("doctor", "-o", "json")
    done = modest.run_to_end("doctor", "--fix", "-o", "json")
    assert done.returncode == 0, done
    found = json.loads(done.stdout)
    assert {fix["result"] for fix in found.pop("fixes")} <= {"needs-root"}
    assert found == json.loads(before.stdout)
    assert modest.run_to_end("doctor", "--dry-run").returncode == 2, "a dry run of nothing"


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
    assert "missing here: user id ranges" in done.stderr, done.stderr


def test_fix_sets_a_switch_of_its_own_namespace(tmp_path):
    """The kernel has this switch for each user namespace, so that the host's own stays as it is."""
    script = """
        switch=/proc/sys/user/max_user_namespaces
        echo 5 > $switch || exit 77
        "$1" doctor --fix --dry-run; cat $switch
        echo 0 > $switch; "$1" serve; echo "exit $?"; echo 5 > $switch
        "$1" doctor --fix -o json; cat $switch
    """
    done = subprocess.run(
        ["unshare", "-Urm", "sh", "-c", script, "sh", hearth_binary()], capture_output=True, text=True, timeout=60,
        env={**os.environ, "HEARTH_DATA": str(tmp_path / "data"), "HEARTH_LISTEN": "127.0.0.1:0"},
    )
    if done.returncode == 77 or "unshare failed" in done.stderr:
        pytest.skip(f"no user namespaces here: {done.stderr}")
    would, did = done.stdout.split("\n5\n")
    assert "would do    sysctl -w user.max_user_namespaces=15000" in would, done
    assert did.startswith("exit 5\n") and "sudo sysctl -w user.max_user_namespaces=15000" in done.stderr, done
    report, after = did.removeprefix("exit 5\n").rsplit("}\n", 1)
    assert after == "15000\n", done
    (fix,) = json.loads(report + "}")["fixes"]
    assert (fix["result"], fix["mends"]) == ("done", "user.max_user_namespaces")
    assert "/etc/sysctl.d/" in fix["keep"]


@pytest.fixture
def delegated():
    """A cgroup that belongs to the ordinary user, as systemd makes one for `Delegate=yes`."""
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    trees = [fields[1] for fields in mounts if fields[2] == "cgroup2"]
    if os.geteuid() != 0 or not trees:
        pytest.skip("takes root, to give a cgroup v2 away")
    group = Path(trees[0]) / f"hearth-e2e-{os.getpid()}"
    group.mkdir()
    for path in (group, *(group / f"cgroup.{name}" for name in ("procs", "subtree_control", "threads"))):
        os.chown(path, 65534, 65534)
    yield group
    (group / "cgroup.kill").write_text("1")
    eventually(lambda: "populated 0" in (group / "cgroup.events").read_text(), "an empty group")
    left = [path for path in group.iterdir() if path.is_dir()]
    for path in [*(child for folder in left for child in folder.iterdir() if child.is_dir()), *left, group]:
        path.rmdir()
    assert not left, f"groups were left behind: {left}"


def test_a_delegated_group_freezes(delegated, checker):
    servers = modest_server(group=delegated)
    server = next(servers)
    lab = Lab(Caller(server, checker))
    runtimes = json.loads(server.run_to_end("runtimes", "-o", "json").stdout)
    ready = [row["id"] for row in runtimes if row["state"] == "ready" and row["id"].startswith("python")]
    function = lab.deploy("def handler(event, context):\n    return event\n", ready[-1])
    assert function.call({"n": 1}) == {"n": 1}

    def frozen():
        return [f for f in delegated.glob("hearth-*/slot-*/cgroup.events") if "frozen 1" in f.read_text()]

    eventually(frozen, "a frozen environment")
    assert function.call({"n": 2}) == {"n": 2}
    assert "freezer" not in next(line for line in server.log_file.read_text().splitlines() if "isolation  " in line)
    lab.clear()
    next(servers, None)
