"""The phases of an environment: init with its limit, its repetition, what survives a failure and what does not, the end.

Source: fact sheet "Execution-environment contract", section 6.
"""

import re
import time

import pytest
from harness.waiting import eventually

STATE = """
import os, subprocess, threading, time
count, ticks = 0, 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    global count
    count += 1
    event = event or {}
    with open('/tmp/log', 'a') as file:
        file.write('.')
    if 'child' in event:
        # Out of the process group and of the session: it is killed all the same.
        code = "import time\\nwhile True:\\n open('/tmp/beats', 'a').write('.')\\n time.sleep(0.02)"
        subprocess.Popen(['python3', '-c', code], start_new_session=True)
    time.sleep(event.get('sleep', 0))
    if 'raise' in event:
        raise ValueError(event['raise'])
    if 'exit' in event:
        os._exit(event['exit'])
    beats = len(open('/tmp/beats').read()) if os.path.exists('/tmp/beats') else 0
    return {'count': count, 'ticks': ticks, 'kept': len(open('/tmp/log').read()), 'beats': beats}
"""


def lines(function, word, count=1):
    """The log events that begin with the word, once there are so many."""

    def probe():
        found = [m for m in function.messages() if m.startswith(word)]
        return found if len(found) >= count else None

    return eventually(probe, f"{count} lines of {word}")


def slow_init(seconds, times=1):
    """Its init takes so long, the first times."""
    return f"""
import os, time
with open('/tmp/inits', 'a') as file:
    file.write('.')
if len(open('/tmp/inits').read()) <= {times}:
    time.sleep({seconds})
def handler(event, context):
    return len(open('/tmp/inits').read())
"""


def test_an_init_that_takes_too_long_is_repeated_in_the_invocation(lab):
    function = lab.deploy(slow_init(60), Timeout=20)
    assert function.call() == 2
    first, *more = lines(function, "INIT_REPORT")
    duration = float(re.fullmatch(r"INIT_REPORT Init Duration: ([\d.]+) ms\tPhase: init\tStatus: timeout\n", first)[1])
    assert 10_000 <= duration < 20_000
    assert [re.sub(r"[\d.]+ ms", "N ms", m) for m in more] == []
    assert "Init Duration" not in lines(function, "REPORT")[0], "the init before it was not its own"
    assert function.call() == 2


def test_the_repeated_init_has_the_functions_timeout(lab):
    function = lab.deploy("raise ValueError('never')\n" + slow_init(0), Timeout=2)
    failed = function.invoke().failed()
    assert failed["errorType"] == "ValueError" and failed["errorMessage"] == "never"
    phases = [re.search(r"Phase: (\w+)\tStatus: (\w+)\tError Type: (\S+)", m).groups() for m in lines(function, "INIT_REPORT", 2)]
    assert [phase[:2] for phase in phases] == [("init", "error"), ("invoke", "error")]
    slow = lab.deploy("import os\nif os.path.exists('/tmp/inits'):\n    import time; time.sleep(60)\nopen('/tmp/inits', 'w')\nos._exit(9)\n", Timeout=2)
    invocation = slow.invoke()
    assert invocation.failed() == {
        "errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {invocation.request_id} Error: Task timed out after 2.00 seconds",
    }
    found = [re.sub(r"[\d.]+ ms", "N ms", m) for m in lines(slow, "INIT_REPORT", 2)]
    assert found == [
        "INIT_REPORT Init Duration: N ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n",
        "INIT_REPORT Init Duration: N ms\tPhase: invoke\tStatus: timeout\n",
    ]


def test_an_error_of_the_handler_changes_nothing(lab):
    function = lab.deploy(STATE)
    before = function.call()
    assert function.invoke({"raise": "x"}).failed()["errorType"] == "ValueError"
    after = function.call()
    assert after["count"] == before["count"] + 2 and after["ticks"] > before["ticks"]
    assert sum("Init Duration" in m for m in lines(function, "REPORT", 3)) == 1


@pytest.mark.parametrize("event, error", [({"exit": 1}, "Runtime.ExitError"), ({"sleep": 60}, "Sandbox.Timedout")])
def test_after_a_crash_or_timeout_tmp_is_kept_and_all_else_is_new(lab, event, error):
    function = lab.deploy(STATE, Timeout=5)
    assert function.call()["count"] == 1
    assert function.invoke(event).failed()["errorType"] == error
    after = function.call()
    assert (after["count"], after["kept"]) == (1, 3)
    assert len(function.streams()) == 1, "it is the same environment"


def test_a_timeout_ends_the_whole_tree_of_processes(lab):
    function = lab.deploy(STATE, Timeout=2)
    assert function.invoke({"child": 1, "sleep": 60}).failed()["errorType"] == "Sandbox.Timedout"
    before = function.call()["beats"]
    assert before > 0, "the child had begun"
    assert function.call({"sleep": 0.5})["beats"] == before, "and it has ended"


def test_an_environment_is_replaced_after_errors_in_a_row(make_server, lab_on):
    lab = lab_on(make_server("[environments]\nmax_errors = 2\n").start())
    function = lab.deploy(STATE)
    crash = {"exit": 1}
    for event in (None, crash, None, crash):
        function.invoke(event)
    assert function.call()["kept"] == 5, "one success between two errors starts the count anew"
    for _ in range(2):
        function.invoke(crash).failed()
    assert function.call()["kept"] == 1, "another environment, another /tmp"


def test_an_environment_is_replaced_when_it_is_old(make_server, lab_on):
    lab = lab_on(make_server("[environments]\nmax_age_s = 2\n").start())
    function = lab.deploy(STATE)
    first = function.call()
    assert first["kept"] == 1
    time.sleep(2.5)
    assert function.call()["kept"] == 1
    eventually(lambda: len(function.streams()) == 2)
