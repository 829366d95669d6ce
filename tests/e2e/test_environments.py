"""Execution environments: reuse, order, scale, limits, replacement, freeze, reclaim, isolation of floods.

Source: fact sheets "Lambda invocation" (sections 2, 3 and 8), "Execution-environment contract"
(section 6).
"""

import json
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from harness import processes
from harness.server import Server
from harness.waiting import eventually

COUNTER = """
import time, uuid
identity = uuid.uuid4().hex
count = 0
def handler(event, context):
    global count
    count += 1
    time.sleep((event or {}).get('sleep', 0))
    return {'id': identity, 'count': count, 'stream': context.log_stream_name}
"""


def own(code):
    """The same code in a package that no other function has."""
    return f"{code}\n# {uuid.uuid4()}\n"


def at_once(function, events):
    """Invokes with all events at the same time; the results in order."""
    with ThreadPoolExecutor(len(events)) as pool:
        return list(pool.map(function.call, events))


def test_an_environment_is_used_again(lab):
    function = lab.deploy(COUNTER)
    found = [function.call() for _ in range(5)]
    assert [f["count"] for f in found] == [1, 2, 3, 4, 5]
    assert len({f["id"] for f in found}) == 1
    messages = function.messages_until("REPORT")
    eventually(lambda: sum(m.startswith("REPORT") for m in function.messages()) == 5)
    messages = function.messages()
    assert sum(m.startswith("INIT_START") for m in messages) == 1
    assert sum("Init Duration" in m for m in messages) == 1
    assert function.streams() == [found[0]["stream"]]


def test_one_invocation_at_a_time_in_each(lab):
    function = lab.deploy(COUNTER)
    found = at_once(function, [{"sleep": 0.5}] * 6)
    assert len({f["id"] for f in found}) == 6, "each had an environment of its own"
    assert all(f["count"] == 1 for f in found)
    eventually(lambda: len(function.streams()) == 6)
    again = at_once(function, [{"sleep": 0.3}] * 6)
    assert {f["id"] for f in again} == {f["id"] for f in found}, "and then they were used again"


def test_the_most_recently_used_is_taken_first(lab):
    function = lab.deploy(COUNTER)
    slow, quick = at_once(function, [{"sleep": 0.8}, {"sleep": 0.3}])
    assert slow["id"] != quick["id"]
    for _ in range(3):
        assert function.call()["id"] == slow["id"], "the one that answered last"


def test_no_environment_serves_two_functions(lab):
    one, two = lab.deploy(COUNTER), lab.deploy(COUNTER)
    ids = {one.call()["id"], one.call()["id"]}, {two.call()["id"], two.call()["id"]}
    assert len(ids[0]) == len(ids[1]) == 1 and not ids[0] & ids[1]


def test_a_change_of_code_replaces_environments(lab):
    function = lab.deploy(COUNTER)
    before = function.call()
    function.upload({"app.py": COUNTER.replace("'count': count", "'count': -count")})
    after = function.call()
    assert after["id"] != before["id"] and after["count"] == -1
    eventually(lambda: len(function.streams()) == 2)


def test_a_change_of_configuration_replaces_environments(lab):
    function = lab.deploy(COUNTER + "\nimport os\ndef where(event, context):\n    return [identity, os.environ.get('XX'), context.memory_limit_in_mb]\n",
                          handler="app.where")
    first = function.call()
    assert first[1:] == [None, "256"]
    function.configure(Environment={"Variables": {"XX": "set"}}, MemorySize=320)
    second = function.call()
    assert second[1:] == ["set", "320"] and second[0] != first[0]


def test_what_runs_during_a_change_ends_as_it_began(lab):
    function = lab.deploy(COUNTER, Timeout=20)
    with ThreadPoolExecutor(1) as pool:
        function.call()
        running = pool.submit(function.call, {"sleep": 2})
        time.sleep(0.3)  # the invocation is under way
        function.upload({"app.py": "def handler(event, context):\n    return 'new'\n"})
        assert function.call() == "new"
        assert running.result()["count"] == 2


def test_deleting_a_function_ends_its_processes(lab, server):
    function = lab.deploy("import os\nmark = 'marked-' + os.environ['AWS_LAMBDA_FUNCTION_NAME']\ndef handler(event, context):\n    pass\n",
                          Environment={"Variables": {"MARK": "delete-me"}})
    function.call()
    eventually(lambda: function.processes())
    function.caller.awslambda.delete_function(FunctionName=function.name)
    eventually(lambda: not function.processes(), "no process of the deleted function")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A server with room for two invocations, and little patience for idle environments."""
    server = Server(tmp_path_factory.mktemp("small"), env={"HEARTH_CONCURRENCY": "2", "HEARTH_ENVIRONMENTS_IDLE_S": "2"}).start()
    yield server
    server.stop_cleanly()


def test_the_account_limit(small, lab_on):
    lab = lab_on(small)
    function = lab.deploy(COUNTER.replace("time.sleep(", "print('busy', flush=True)\n    time.sleep("), Timeout=20)
    assert lab.caller.awslambda.get_account_settings()["AccountLimit"]["ConcurrentExecutions"] == 2
    with ThreadPoolExecutor(2) as pool:
        running = [pool.submit(function.call, {"sleep": 3}) for _ in range(2)]
        eventually(lambda: function.messages().count("busy\n") == 2, "two busy environments")
        with pytest.raises(ClientError) as raised:
            function.invoke({})
        error = raised.value
        assert error.response["Error"]["Code"] == "TooManyRequestsException"
        assert error.response["Error"]["Message"] == "Rate Exceeded."
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
        assert error.response["Reason"] == "ConcurrentInvocationLimitExceeded" and error.response["Type"] == "User"
        assert [r.result()["count"] for r in running] == [1, 1]
    assert function.call()["count"] == 2, "as soon as one is done, the next is served"
    lab.clear()


def test_retries_of_the_client_ride_out_a_throttle(small, lab_on):
    lab = lab_on(small)
    function = lab.deploy(COUNTER, Timeout=20)
    client = lab.caller.client("lambda", retries=8)

    def call(_):
        return json.load(client.invoke(FunctionName=function.name, Payload=b'{"sleep": 0.2}')["Payload"])["count"]

    with ThreadPoolExecutor(4) as pool:
        assert len(list(pool.map(call, range(8)))) == 8
    lab.clear()


def test_idle_environments_are_removed(small, lab_on):
    lab = lab_on(small)
    function = lab.deploy(own(COUNTER))
    first = function.call()
    assert eventually(lambda: function.processes())
    eventually(lambda: not function.processes(), "no process of the idle function", 15)
    second = function.call()
    assert second["id"] != first["id"] and second["count"] == 1, "and it starts anew"
    lab.clear()


def test_frozen_between_invocations(lab):
    """A thread that counts stands still when nobody waits for an answer."""
    function = lab.deploy("""
import os, threading, time
ticks = 0
def tick():
    global ticks
    while True:
        ticks += 1
        time.sleep(0.005)
threading.Thread(target=tick, daemon=True).start()
def handler(event, context):
    before = ticks
    time.sleep(event['sleep'])
    return {'before': before, 'after': ticks, 'cpu': time.process_time()}
""")
    first = function.call({"sleep": 0.3})
    assert first["after"] - first["before"] > 20, "it counts while the handler runs"
    pids = function.processes()
    assert pids

    def frozen():
        states = [processes.freezer_state(pid) for pid in pids]
        assert all(state in ("FROZEN", "1") for state in states), states
        return True

    eventually(frozen, timeout_s=5)
    spent = [processes.cpu_ticks(pid) for pid in pids]
    time.sleep(1)  # the time in which it would count on
    assert [processes.cpu_ticks(pid) for pid in pids] == spent, "frozen processes use no time"
    second = function.call({"sleep": 0})
    assert second["before"] - first["after"] < 60, f"200 ticks would have come in that second: {first} {second}"


def test_background_work_goes_on_in_the_next_invocation(lab):
    function = lab.deploy("""
import threading, time
done = []
def later():
    time.sleep(0.3)
    done.append(1)
def handler(event, context):
    if event == 'begin':
        threading.Thread(target=later).start()
    else:
        time.sleep(1)
    return len(done)
""")
    assert function.call("begin") == 0
    assert function.call("wait") == 1


def test_a_flood_of_one_function_slows_no_other(lab):
    flooding = lab.deploy("""
import sys, time
def handler(event, context):
    end = time.time() + 4
    lines = ('flood ' * 20 + '\\n') * 50
    n = 0
    while time.time() < end:
        sys.stdout.write(lines)
        n += 50
    return n
""", Timeout=30)
    quiet = lab.deploy("def handler(event, context):\n    print('quiet', event)\n    return event\n")
    quiet.call(0)
    with ThreadPoolExecutor(1) as pool:
        flood = pool.submit(flooding.call)
        calls, slowest = 0, 0.0
        while not flood.done():
            begin = time.monotonic()
            assert quiet.call(calls) == calls
            slowest = max(slowest, time.monotonic() - begin)
            calls += 1
        assert flood.result() > 0
    assert calls >= 20 and slowest < 2.0, f"{calls} calls, the slowest {slowest:.2f} s"
    quiet.messages_until(f"quiet {calls - 1}\n", 20)


def test_many_functions_many_calls(lab):
    """Every answer goes to the one who asked."""
    functions = [lab.deploy("def handler(event, context):\n    return [context.function_name, context.aws_request_id, event]\n") for _ in range(4)]

    def call(i):
        function = functions[i % 4]
        invocation = function.invoke(i)
        assert invocation.ok() == [function.name, invocation.request_id, i]

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(400)))


def test_no_environment_is_left_behind(lab, server):
    """After all functions are gone, no cgroup of theirs is left but the pool's."""
    assert Path("/proc").is_dir()
    function = lab.deploy(own(COUNTER))
    at_once(function, [{"sleep": 0.2}] * 3)
    pids = function.processes()
    assert len(pids) == 3
    groups = {processes.cgroup_folder(pid) for pid in pids} - {None}
    lab.clear()
    eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids), "no process is left")
    eventually(lambda: not any(processes.members(group) for group in groups), "no member in its cgroup")
