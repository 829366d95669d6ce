"""Nothing of the server gets into a sandbox: descriptors, variables, arguments, mounts, signals, groups, limits.

The server is started with things that would show: a variable, an open file, ignored signals, a mask, a limit.
"""

import json
import os
import re

import pytest
from harness.clients import Caller
from harness.functions import Lab, node_runtime, unique
from harness.modest import modest_server
from harness.packages import program
from harness.server import Server, hearth_binary
from levels import ready_python

FILES = ("cmdline", "status", "limits", "mountinfo", "cgroup", "oom_score_adj", "environ")

GATHER = """
import json, os, socket
def gather():
    found = {name: open(f'/proc/self/{name}').read() for name in %r}
    found['fds'] = {}
    for fd in os.listdir('/proc/self/fd'):
        try:
            found['fds'][fd] = os.readlink(f'/proc/self/fd/{fd}')
        except OSError:
            pass
    found['variables'] = sorted(os.environ)
    found['hostname'], found['session'] = socket.gethostname(), os.getsid(0) == os.getpid()
    found['pids'] = [p for p in os.listdir('/proc') if p.isdigit()]
    return found
""" % (FILES,)

PYTHON_SOURCE = GATHER + "def handler(event, context): return gather()\n"

NODE_SOURCE = """
const fs = require('fs'), os = require('os')
exports.handler = async () => {
  const found = {variables: Object.keys(process.env), hostname: os.hostname(), fds: {}, session: fs.readFileSync('/proc/self/stat', 'utf8').split(' ')[5] === String(process.pid)}
  for (const name of %s) found[name] = fs.readFileSync('/proc/self/' + name, 'utf8')
  for (const fd of fs.readdirSync('/proc/self/fd')) {
    try { found.fds[fd] = fs.readlinkSync('/proc/self/fd/' + fd) } catch {}
  }
  found.pids = fs.readdirSync('/proc').filter(p => /^\\d+$/.test(p))
  return found
}
""" % json.dumps(FILES)

PROVIDED_SOURCE = "#!/usr/bin/python3 -I\n" + GATHER + """
import http.client
host, port = os.environ['AWS_LAMBDA_RUNTIME_API'].split(':')
def ask(method, path, body=None):
    connection = http.client.HTTPConnection(host, int(port))
    connection.request(method, '/2018-06-01/runtime/invocation/' + path, body)
    answer = connection.getresponse()
    answer.read()
    connection.close()
    return answer.headers.get('Lambda-Runtime-Aws-Request-Id')
while True:
    request = ask('GET', 'next')
    ask('POST', request + '/response', json.dumps(gather()))
"""

# What a function of any runtime has. Source: fact sheet "Execution-environment contract", section 7; and Hearth's own, which
# leads the SDKs inside to the server's API.
VARIABLES = {
    "AWS_ENDPOINT_URL",
    "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_NAME",
    "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    "LANG", "LD_LIBRARY_PATH", "PATH", "TZ", "_HANDLER", "OWN",
}
# What our own bootstraps have besides; a parked runtime is told some of it later, and they are not in /proc then.
OF_RUNTIMES = {"AWS_EXECUTION_ENV", "PWD", "SHLVL", "PYTHONPATH", "LC_CTYPE", "NODE_PATH", "_HEARTH_CHANNEL_FD", "_HEARTH_PARKED", "_LAMBDA_TELEMETRY_LOG_FD"}
SIGPIPE, SIGXFSZ = 1 << 12, 1 << 24
STATUS = {
    "Umask": "0022", "TracerPid": "0", "PPid": "1", "Uid": "993 993 993 993", "Gid": "990 990 990 990", "Groups": "",
    "SigPnd": "0" * 16, "ShdPnd": "0" * 16, "SigBlk": "0" * 16,
    "CapInh": "0" * 16, "CapPrm": "0" * 16, "CapEff": "0" * 16, "CapBnd": "0" * 16, "CapAmb": "0" * 16,
    "NoNewPrivs": "1", "Seccomp": "2", "Seccomp_filters": "1",
}
LIMITS = {
    "Max open files": ("1024", "1024"), "Max processes": ("1024", "1024"), "Max locked memory": ("65536", "65536"),
    "Max core file size": ("1", "1"), "Max pending signals": ("8192", "8192"), "Max nice priority": ("0", "0"),
    "Max realtime priority": ("0", "0"), "Max stack size": ("8388608", "unlimited"),
}
# Of the host's file systems: the system, and what of /etc programs need. Everything else is the sandbox's own.
SHARED = re.compile(r"/(usr|lib|lib32|lib64|libx32|bin|sbin|etc/(ld\.so\.cache|ssl/certs|ssl|pki|alternatives|mime\.types|services|protocols|ca-certificates|crypto-policies))$")
OWN = re.compile(r"/(|proc|proc/.*|tmp|dev/(null|zero|full|random|urandom)|var/task|var/runtime|opt)$")


@pytest.fixture(scope="module", params=["root", "user"])
def canary(request, tmp_path_factory, checker):
    """A server that was started carelessly, a lab on it, and what must not show."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so there is no server of that level")
    folder = tmp_path_factory.mktemp("canary")
    secret = unique("canary")
    (folder / secret).write_text(secret)
    careless = ["bash", "-c", f"exec 77<{folder / secret}; trap '' HUP USR1; umask 000; ulimit -n 5000; exec \"$0\" \"$@\""]
    for server in servers(request.param, folder, careless, {"CANARY": secret}):
        yield server, Lab(Caller(server, checker)), secret


def servers(level, folder, careless, env):
    if level == "user":
        yield from modest_server(env=env, before=careless)
        return
    server = Server(folder / "server", env=env, program=[*careless, str(hearth_binary())]).start()
    yield server
    server.stop_cleanly()


@pytest.fixture(scope="module", params=["python", "node", "provided"])
def inside(request, canary):
    """What a function of that runtime finds about itself, the first time and when its environment is used again."""
    server, lab, secret = canary
    own = {"Environment": {"Variables": {"OWN": "1"}}}
    if request.param == "python":
        function = lab.deploy(PYTHON_SOURCE, ready_python(server), **own)
    elif request.param == "node":
        if server.runtimes()[node_runtime()]["state"] != "ready":
            pytest.skip("this server reaches no Node.js")
        function = lab.node(NODE_SOURCE, **own)
    else:
        function = lab.provided({"bootstrap": program(PROVIDED_SOURCE)}, **own)
    found = function.call()
    return found, {"kind": request.param, "secret": secret, "data": str(server.data), "again": function.call()}


def test_no_canary(inside):
    found, facts = inside
    text = json.dumps(found)
    assert facts["secret"] not in text and "CANARY" not in text
    assert "77" not in found["fds"]


def test_descriptors(inside):
    """Output, and the runtime's channel and telemetry pipe; what else there is, the program opened itself."""
    found, facts = inside
    fds = dict(found["fds"])
    assert fds.pop("0") == "/dev/null"
    assert fds.pop("1").startswith("pipe:") and fds.pop("2").startswith("pipe:")
    assert fds.pop("62").startswith("pipe:")
    if facts["kind"] != "provided":
        assert fds.pop("3").startswith("socket:")
    if facts["kind"] == "node":
        # libuv's own: event loops, and pipes and counters that wake them.
        fds = {fd: target for fd, target in fds.items() if not re.match(r"anon_inode:|pipe:|/dev/null", target)}
    assert fds == {}
    assert set(facts["again"]["fds"]) == set(found["fds"]), "and none is added by an invocation"


def test_variables(inside):
    found, facts = inside
    names = {entry.split("=")[0] for entry in found["environ"].split("\0") if entry}
    allowed = VARIABLES | (OF_RUNTIMES if facts["kind"] != "provided" else set())
    assert names <= allowed, names - allowed
    # Python's own doing, and what each invocation sets.
    variables = set(found["variables"]) - {"LC_CTYPE", "_X_AMZN_TRACE_ID"}
    assert VARIABLES <= variables <= allowed, variables ^ VARIABLES


def test_arguments(inside):
    found, facts = inside
    arguments = found["cmdline"].split("\0")[:-1]
    expected = {"python": ["-S", "/var/runtime/bootstrap.py"], "node": ["--max-old-space-size=", "--no-experimental-require-module", "/var/runtime/index.cjs"], "provided": ["-I", "/var/task/bootstrap"]}
    rest = [re.sub(r"(?<=size=)\d+", "", argument) for argument in arguments[1:]]
    assert set(rest) <= set(expected[facts["kind"]]), arguments
    assert facts["data"] not in found["cmdline"]


def test_status(inside):
    found, facts = inside
    status = {key: " ".join(value.split()) for key, _, value in (line.partition(":") for line in found["status"].splitlines())}
    assert {key: status.get(key) for key in STATUS} == STATUS
    # Interpreters ignore these by themselves.
    assert int(status["SigIgn"], 16) & ~(SIGPIPE | SIGXFSZ) == 0, status["SigIgn"]
    assert status["NSpid"] == status["Pid"], "no other namespace's number is shown"


def test_limits(inside):
    found, _ = inside
    limits = {line[:26].strip(): tuple(line[26:].split()[:2]) for line in found["limits"].splitlines()[1:]}
    assert {name: limits[name] for name in LIMITS} == LIMITS


def test_mounts(inside):
    found, facts = inside
    rows = [line.split() for line in found["mountinfo"].splitlines()]
    strange = [row[4] for row in rows if not OWN.match(row[4]) and not SHARED.match(row[4]) and not row[4].startswith(os.path.dirname(os.path.dirname(found["cmdline"].split("\0")[0])))]
    assert strange == [], "mounts that nobody needs"
    # The kernel tells where on its disk a mounted folder lies. No more of the server's folder is mounted than these.
    of_server = {row[4] for row in rows if facts["data"] in row[3]}
    assert of_server <= {"/var/task", "/var/runtime", "/opt"}, of_server
    writable = {row[4] for row in rows if "rw" in row[5].split(",")}
    assert writable <= {"/tmp", "/proc", "/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom"}, writable
    assert all("nosuid" in row[5].split(",") for row in rows), rows
    # A device file is of use only where devices are; those are mounted one by one.
    assert all("nodev" in row[5].split(",") or row[4].startswith(("/dev/", "/proc/")) for row in rows), rows


def test_place(inside):
    found, _ = inside
    assert {line.split(":", 2)[2] for line in found["cgroup"].splitlines()} == {"/"}
    assert found["hostname"] == "sandbox" != os.uname().nodename
    assert found["session"], "a session of its own"
    assert found["oom_score_adj"].strip() == "500"
    assert len(found["pids"]) == 1, found["pids"]
