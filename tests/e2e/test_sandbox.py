"""What a function sees of the machine: its own files, its own processes, its own network, nothing else.

The attempts to get out are in tests/security; here is the plain view from inside.
"""

import os
import re
import stat

import pytest

INSIDE = """
import os, socket
def read(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return f'errno {error.errno}'
def attempt(path):
    try:
        with open(path, 'w') as file:
            file.write('x')
        return 'written'
    except OSError as error:
        return f'errno {error.errno}'
def handler(event, context):
    return eval(event)
"""


@pytest.fixture(scope="module")
def inside(module_lab):
    function = module_lab.deploy({"app.py": INSIDE, "data/file.txt": "data"}, MemorySize=256)
    return lambda expression: function.call(expression)


def test_the_code_is_read_only(inside):
    for path in ("/var/task/app.py", "/var/task/new", "/var/task/data/file.txt", "/var/runtime/new", "/new", "/etc/new", "/usr/bin/new", "/opt/new"):
        assert re.fullmatch(r"errno (30|13|2)", inside(f"attempt({path!r})")), path
    assert inside("read('/var/task/data/file.txt')") == "data"
    assert inside("[os.stat('/var/task').st_mode & 0o777, os.stat('/opt').st_mode & 0o777, os.stat('/tmp').st_mode & 0o7777]") == [0o755, 0o755, 0o1777]


def test_tmp_is_writable_and_kept(inside):
    assert inside("attempt('/tmp/file')") == "written"
    assert inside("read('/tmp/file')") == "x"
    assert 500 <= inside("(lambda s: s.f_blocks * s.f_frsize // 2**20)(os.statvfs('/tmp'))") <= 520


def test_no_host_files(inside, server, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("secret")
    for path in (str(secret), str(server.data), str(server.config_file), os.path.abspath(__file__), "/etc/shadow", "/root/.bashrc"):
        assert inside(f"read({path!r})").startswith("errno"), path
    assert inside("sorted(set(os.listdir('/')) - {'bin', 'dev', 'etc', 'lib', 'lib32', 'lib64', 'libx32', 'opt', 'proc', 'sbin', 'sys', 'tmp', 'usr', 'var', 'root', 'home', 'run'})") == []


def test_another_user_without_privilege(inside):
    assert inside("[os.getuid(), os.geteuid(), os.getgid()]") not in ([0, 0, 0],)
    status = dict(line.split(":\t", 1) for line in inside("read('/proc/self/status')").splitlines() if ":\t" in line)
    for field in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[field], 16) == 0, f"{field} {status[field]}"
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    assert inside("__import__('pwd').getpwuid(os.getuid()).pw_name") == "sbx_user1051"


def test_its_own_processes_alone(inside):
    pids = inside("[int(p) for p in os.listdir('/proc') if p.isdigit()]")
    assert len(pids) <= 5, pids
    assert max(pids) < 1000, "a pid namespace of its own"


def test_loopback_alone(inside):
    assert inside("[name for _, name in socket.if_nameindex()]") == ["lo"]
    assert inside("socket.socket().connect_ex(('192.0.2.1', 80))") != 0
    assert inside("len(read('/proc/net/route').splitlines())") == 1, "no route"


def test_the_server_is_out_of_reach(inside, server):
    assert inside(f"socket.socket().connect_ex(('127.0.0.1', {server.port}))") == 111, "refused: another loopback"


def test_limits(inside):
    assert inside("__import__('resource').getrlimit(__import__('resource').RLIMIT_NOFILE)") == [1024, 1024]
    assert inside("__import__('resource').getrlimit(__import__('resource').RLIMIT_CORE)[0]") in (0, 1)
    assert inside("os.uname().nodename") != os.uname().nodename


def test_two_functions_are_strangers(lab):
    one, two = lab.deploy(INSIDE), lab.deploy(INSIDE)
    assert one.call("attempt('/tmp/note')") == "written"
    assert two.call("read('/tmp/note')") == "errno 2"
    assert one.call("read('/var/task/app.py')") == INSIDE


def test_files_that_the_user_cannot_read(lab):
    """Modes are kept, and a file that is closed to others is closed to the function: as on AWS."""
    closed = (INSIDE, stat.S_IFREG | 0o600)
    error = lab.deploy({"app.py": closed}).invoke()
    assert error.error == "Unhandled"
    assert "app" in error.raw.decode() and ("ermission denied" in error.raw.decode()), error.raw
