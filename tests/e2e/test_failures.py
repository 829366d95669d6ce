"""When a function fails in ways that no handler can report: time, memory, death, size.

Source: fact sheets "Lambda invocation" (sections 1 and 2) and "Execution-environment contract"
(sections 4.1, 5 and 6).
"""

import json

import pytest

LIMIT = 6_291_556


def check_crash(function, event, kind, text):
    """The payload, byte for byte as AWS writes it, and the log lines of it."""
    invocation = function.invoke(event)
    message = f"RequestId: {invocation.request_id} Error: {text}"
    assert invocation.error == "Unhandled"
    assert invocation.raw.decode() == json.dumps({"errorType": kind, "errorMessage": message}, separators=(",", ":")), invocation.raw
    report = next(m for m in reversed(function.messages_until(f"REPORT RequestId: {invocation.request_id}")) if m.startswith("REPORT"))
    status = "\tStatus: timeout" if kind == "Sandbox.Timedout" else f"\tStatus: error\tError Type: {kind}"
    assert status in report, report
    return invocation


def test_a_timeout(lab):
    function = lab.deploy("""
import os, time
count = 0
def handler(event, context):
    global count
    count += 1
    if event == 'sleep':
        open('/tmp/kept', 'w').write('still here')
        print('going to sleep')
        time.sleep(60)
    return [count, os.path.exists('/tmp/kept') and open('/tmp/kept').read()]
""", Timeout=1)
    assert function.call() == [1, False]
    assert function.call() == [2, False]
    invocation = check_crash(function, "sleep", "Sandbox.Timedout", "Task timed out after 1.00 seconds")
    assert "going to sleep\n" in invocation.tail
    assert function.call() == [1, "still here"], "globals are new, /tmp is kept"
    assert len(function.streams()) == 1, "it is the same environment"


def test_a_line_that_a_timeout_cuts_short_is_logged(lab):
    """What was printed without a line break once waited in the process for the rest of its line, and died with it."""
    function = lab.deploy("""
import time
def handler(event, context):
    print("whole")
    print("begun", 1, end="")
    time.sleep(60)
""", Timeout=1)
    invocation = check_crash(function, None, "Sandbox.Timedout", "Task timed out after 1.00 seconds")
    messages = function.messages_until(f"REPORT RequestId: {invocation.request_id}")
    assert [m for m in messages if m in ("whole\n", "begun 1")] == ["whole\n", "begun 1"], messages


def test_a_timeout_of_node(lab):
    function = lab.node("exports.handler = () => new Promise(() => setTimeout(() => {}, 60000))", Timeout=1)
    check_crash(function, None, "Sandbox.Timedout", "Task timed out after 1.00 seconds")


def test_a_busy_loop_times_out(lab):
    check_crash(lab.deploy("def handler(event, context):\n    while True: pass\n", Timeout=1), None, "Sandbox.Timedout", "Task timed out after 1.00 seconds")


EXITS = {
    "sys.exit(0)": "Runtime exited without providing a reason",
    "sys.exit(3)": "Runtime exited with error: exit status 3",
    "os._exit(127)": "Runtime exited with error: exit status 127",
    "os.abort()": "Runtime exited with error: signal: aborted",
    "os.kill(os.getpid(), 9)": "Runtime exited with error: signal: killed",
    "os.kill(os.getpid(), 15)": "Runtime exited with error: signal: terminated",
    "os.kill(os.getpid(), 11)": "Runtime exited with error: signal: segmentation fault",
}


def test_death_in_the_handler(lab):
    function = lab.deploy("import os, sys\ndef handler(event, context):\n    return eval(event)\n")
    for expression, text in EXITS.items():
        invocation = function.invoke(expression)
        error = invocation.failed()
        expected = f"RequestId: {invocation.request_id} Error: {text}"
        assert error["errorType"] == "Runtime.ExitError", (expression, error)
        assert error["errorMessage"] in (expected, f"{expected} (core dumped)"), (expression, error)
        assert list(error) == ["errorType", "errorMessage"]
        assert function.call("1 + 1") == 2, "the next one is served"


def test_death_in_init(lab):
    for statement, text in (("sys.exit(0)", EXITS["sys.exit(0)"]), ("sys.exit(1)", "Runtime exited with error: exit status 1"),
                            ("os.abort()", EXITS["os.abort()"])):
        function = lab.deploy(f"import os, sys\n{statement}\ndef handler(event, context):\n    pass\n")
        for _ in range(2):
            invocation = function.invoke()
            error = invocation.failed()
            assert error["errorType"] == "Runtime.ExitError", error
            assert error["errorMessage"].startswith(f"RequestId: {invocation.request_id} Error: {text}"), error


def test_death_of_node(lab):
    function = lab.node("exports.handler = async event => { if (event) process.exit(event); return 'fine' }")
    check_crash(function, 5, "Runtime.ExitError", "Runtime exited with error: exit status 5")
    assert function.call(0) == "fine"


def test_out_of_memory(lab):
    function = lab.deploy("""
def handler(event, context):
    held = []
    for _ in range(event):
        held.append(bytearray(b'x') * 1_000_000)
    return len(held)
""", MemorySize=128)
    assert function.call(5) == 5
    check_crash(function, 1000, "Runtime.OutOfMemory", "Runtime exited with error: signal: killed")
    assert function.call(5) == 5, "the next one is served"


def test_tmp_does_not_count_as_memory(lab):
    function = lab.deploy("""
import os
def handler(event, context):
    with open('/tmp/large', 'wb') as out:
        for _ in range(300):
            out.write(bytes(1_000_000))
    return os.path.getsize('/tmp/large')
""", MemorySize=128, Timeout=60)
    assert function.call() == 300_000_000


def test_tmp_has_its_size(lab):
    function = lab.deploy("""
import errno, os
def handler(event, context):
    written = 0
    try:
        with open('/tmp/large', 'wb', buffering=0) as out:
            while written < event * 2**20:
                written += out.write(bytes(2**20))
    except OSError as error:
        assert error.errno == errno.ENOSPC, error
    os.remove('/tmp/large')
    return written // 2**20
""", Timeout=120, EphemeralStorage={"Size": 600})
    assert 550 <= function.call(700) <= 600
    assert function.call(400) == 400, "what was removed is free again"


def test_six_megabytes_each_way(lab):
    function = lab.deploy("def handler(event, context):\n    return event\n", Timeout=30, MemorySize=512)
    event = "x" * (6_291_456 - 2)
    assert function.invoke(event, tail=False).ok() == event


def test_a_response_may_be_a_little_larger(lab):
    function = lab.deploy("def handler(event, context):\n    print('printed')\n    return 'x' * (event - 2)\n", Timeout=30, MemorySize=512)
    assert len(function.invoke(LIMIT).raw) == LIMIT
    invocation = function.invoke(LIMIT + 1)
    assert invocation.error == "Unhandled"
    assert invocation.value == {
        "errorMessage": "Response payload size exceeded maximum allowed payload size (6291556 bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    assert "printed\n" in invocation.tail
    assert function.call(10) == "x" * 8, "the environment goes on"
    assert len(function.streams()) == 1


def test_a_response_of_node_that_is_too_large(lab):
    function = lab.node("exports.handler = async event => 'x'.repeat(event - 2)", Timeout=30, MemorySize=512)
    assert len(function.invoke(LIMIT).raw) == LIMIT
    assert function.invoke(LIMIT + 1).failed()["errorType"] == "Function.ResponseSizeTooLarge"
    assert function.call(10) == "x" * 8


def test_init_that_takes_too_long(lab):
    """Ten seconds are given; then init runs again within the function's own time."""
    function = lab.deploy("import time\ntime.sleep(60)\ndef handler(event, context):\n    pass\n", Timeout=1)
    invocation = function.invoke()
    error = invocation.failed()
    assert error == {
        "errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {invocation.request_id} Error: Task timed out after 1.00 seconds"}


def test_a_child_process_that_lives_on_does_not_keep_the_answer(lab):
    function = lab.deploy("""
import subprocess
def handler(event, context):
    subprocess.Popen(['sleep', '60'])
    return 'answered'
""", Timeout=20)
    assert function.call() == "answered"
    assert function.call() == "answered"


@pytest.mark.parametrize("stream", ["stdout", "stderr"])
def test_output_that_is_no_text(lab, stream):
    function = lab.deploy(f"import sys\ndef handler(event, context):\n    sys.{stream}.buffer.write(b'\\xff\\x00bytes\\n')\n    sys.{stream}.flush()\n")
    function.call()
    assert any("bytes" in m for m in function.messages_until("REPORT"))
