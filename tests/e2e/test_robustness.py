"""Many at once, in odd orders, and with callers who hang up: nothing is lost, leaked or mixed up."""

import json
import socket
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.functions import PYTHON, unique
from harness.packages import distribution_files, program, zip_of
from harness.server import Server
from harness.waiting import eventually

HELLO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def narrow(tmp_path_factory):
    """A server with room for one invocation: a permit that is not given back stops it for good."""
    server = Server(tmp_path_factory.mktemp("narrow"), env={"HEARTH_CONCURRENCY": "1"}).start()
    yield server
    server.stop_cleanly()


def code_of(call):
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None


def test_of_many_who_create_one_function_one_succeeds(caller):
    name, package = unique(), zip_of({"app.py": HELLO})

    def create(_):
        return code_of(lambda: caller.awslambda.create_function(
            FunctionName=name, Runtime=PYTHON, Handler="app.handler", Role=caller.role, Code={"ZipFile": package}))

    with ThreadPoolExecutor(8) as pool:
        codes = Counter(pool.map(create, range(8)))
    assert codes == {None: 1, "ResourceConflictException": 7}
    caller.awslambda.delete_function(FunctionName=name)


def test_of_many_who_update_one_revision_one_succeeds(lab):
    function = lab.deploy(HELLO)
    revision = function.configuration()["RevisionId"]

    def update(i):
        return code_of(lambda: function.caller.awslambda.update_function_configuration(
            FunctionName=function.name, Description=f"by {i}", RevisionId=revision))

    with ThreadPoolExecutor(8) as pool:
        codes = list(pool.map(update, range(8)))
    assert codes.count(None) == 1, codes
    assert set(codes) <= {None, "PreconditionFailedException", "ResourceConflictException"}, codes
    assert function.settled()["Description"] == f"by {codes.index(None)}"


def test_tags_set_at_once_are_all_there(lab):
    function = lab.deploy(HELLO)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda i: function.caller.awslambda.tag_resource(Resource=function.arn, Tags={f"k{i}": "v"}), range(24)))
    assert function.caller.awslambda.list_tags(Resource=function.arn)["Tags"] == {f"k{i}": "v" for i in range(24)}


FAILING = """
import os, sys, time
def handler(event, context):
    if event == 'raise':
        raise ValueError
    if event == 'exit':
        os._exit(1)
    if event == 'sleep':
        time.sleep(60)
    if event == 'memory':
        x = b'x' * 2**30
    if event == 'large':
        return 'x' * 7_000_000
    if event == 'marshal':
        return object()
    return event
"""


def test_every_failure_gives_its_permit_back(narrow, lab_on):
    lab = lab_on(narrow)
    function = lab.deploy(FAILING, Timeout=1, MemorySize=128)
    for event in ("raise", "exit", "sleep", "memory", "large", "marshal"):
        assert function.invoke(event).error == "Unhandled", event
        assert function.call("fine") == "fine", event
    for files, handler in (({"app.py": "1 / 0\n"}, "app.handler"), ({"app.py": "import os\nos._exit(1)\n"}, "app.handler"),
                           ({"app.py": ""}, "app.none")):
        assert lab.deploy(files, handler=handler, Timeout=1).invoke().error == "Unhandled", files
        assert function.call("fine") == "fine", files
    assert lab.provided({"other": "x"}).invoke().error == "Unhandled"
    assert function.call("fine") == "fine"
    lab.clear()


def test_a_caller_who_hangs_up_gives_its_permit_back(narrow, lab_on):
    lab = lab_on(narrow)
    function = lab.deploy("import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(event)\n    return 'done'\n", Timeout=5)
    path = f"/2015-03-31/functions/{function.name}/invocations"
    headers = raw.signed_headers(f"{narrow.endpoint}{path}", "POST", b"1", {}, lab.caller.key, "s")
    with socket.create_connection(("127.0.0.1", narrow.port)) as connection:
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        connection.sendall(f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{narrow.port}\r\nContent-Length: 1\r\n{head}\r\n1".encode())
        function.messages_until("begun")

    def again():
        try:
            return function.call(0) == "done"
        except ClientError as error:
            assert error.response["Error"]["Code"] == "TooManyRequestsException", error
            return False

    eventually(again, "the permit back", 10)
    lab.clear()


def test_deleting_while_it_runs(lab):
    function = lab.deploy("import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(1)\n    return 'done'\n")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.invoke)
        function.messages_until("begun")
        function.caller.awslambda.delete_function(FunctionName=function.name)
        assert running.result().ok() == "done", "what was begun is finished"
    assert code_of(function.invoke) == "ResourceNotFoundException"
    eventually(lambda: not function.processes(), "no process is left")


def test_large_bodies_at_once(lab):
    function = lab.deploy(HELLO, MemorySize=512, Timeout=30)
    event = "x" * 5_000_000

    def call(i):
        return function.invoke(f"{i}{event}", tail=False).ok() == f"{i}{event}"

    with ThreadPoolExecutor(6) as pool:
        assert all(pool.map(call, range(12)))


def test_a_very_long_line(lab):
    """Longer than an event may be: it comes in parts, and nothing of it is lost."""
    function = lab.deploy("def handler(event, context):\n    print('<' + 'x' * 700_000 + '>')\n    print('after')\n")
    function.call()
    messages = function.messages_until("REPORT")
    assert "after\n" in messages
    assert sum(m.count("x") for m in messages if set(m.strip("<>\n")) <= {"x"}) == 700_000
    assert max(len(m.encode()) for m in messages) <= 1_048_576


def test_characters_that_look_like_line_ends(lab):
    function = lab.deploy("def handler(event, context):\n    print(event)\n")
    text = "a\u2028b\u0085c\x0bd\x0ce\tf"
    function.call(text)
    assert f"{text}\n" in function.messages_until("REPORT")


def test_modes_and_links_of_the_package(lab):
    link = ("target.txt", stat.S_IFLNK | 0o777)
    function = lab.deploy({
        "app.py": "import os, subprocess\ndef handler(event, context):\n"
                  "    out = subprocess.run(['/var/task/bin/tool'], capture_output=True, text=True).stdout\n"
                  "    return [out, os.access('/var/task/plain', os.X_OK), open('/var/task/link').read(), os.readlink('/var/task/link')]\n",
        "bin/tool": program("#!/bin/sh\necho from the tool\n"), "plain": "x", "target.txt": "linked", "link": link,
    })
    assert function.call() == ["from the tool\n", False, "linked", "target.txt"]


@pytest.mark.parametrize("target", ["/etc/passwd", "../../etc/passwd", "sub/../../x"])
def test_links_that_lead_out(caller, target):
    package = zip_of({"app.py": HELLO, "link": (target, stat.S_IFLNK | 0o777)})
    with pytest.raises(caller.awslambda.exceptions.InvalidParameterValueException):
        caller.awslambda.create_function(
            FunctionName=unique(), Runtime=PYTHON, Handler="app.handler", Role=caller.role, Code={"ZipFile": package})


def test_a_package_with_compiled_dependencies(lab):
    files = {"app.py": "import simplejson, simplejson._speedups\ndef handler(event, context):\n    return simplejson.loads('[1]')\n",
             **distribution_files("simplejson")}
    assert lab.deploy(files).call() == [1]


def test_the_same_package_for_many_functions(lab):
    package = zip_of({"app.py": "def handler(event, context):\n    return context.function_name\n"})
    functions = [lab.deploy(package) for _ in range(3)]
    assert [f.call() for f in functions] == [f.name for f in functions]
    functions[0].caller.awslambda.delete_function(FunctionName=functions[0].name)
    functions[1].configure(Description="cold again")
    assert functions[1].call() == functions[1].name, "the code is still there for the others"


def test_requests_on_one_connection(server, caller, lab):
    """One connection, several requests, answered in order; HTTP/1.0 and HEAD have their answers too."""
    function = lab.deploy(HELLO)
    path = f"/2015-03-31/functions/{function.name}/invocations"
    requests = b""
    for i in range(3):
        body = json.dumps(i).encode()
        headers = raw.signed_headers(f"{server.endpoint}{path}", "POST", body, {}, caller.key, "s")
        head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
        requests += f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {len(body)}\r\n{head}\r\n".encode() + body
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(requests)
        found = b""
        while found.count(b"HTTP/1.1 200") < 3 or not found.endswith(b"2"):
            piece = connection.recv(65536)
            assert piece, found
            found += piece
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as connection:
        connection.sendall(b"GET /_hearth/health HTTP/1.0\r\n\r\n")
        assert b" 200 " in connection.recv(4096).split(b"\r\n")[0] + b" "
