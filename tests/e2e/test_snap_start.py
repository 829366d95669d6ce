"""SnapStart: a published version's init runs ahead of time, with its hooks.

Source: fact sheets "Execution-environment contract" (section 1.6), "Lambda control-plane API".
"""

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.functions import PYTHON
from harness.server import Server
from harness.waiting import eventually

ON = {"ApplyOn": "PublishedVersions"}

HOOKED = """
import hashlib, os, random, subprocess, threading, time, uuid
from snapshot_restore_py import register_after_restore, register_before_snapshot

order = []
register_before_snapshot(lambda: order.append('before-1'))
register_before_snapshot(lambda: order.append('before-2'))
register_after_restore(lambda: order.append('after-1'))
register_after_restore(lambda: order.append('after-2'))
state = {'made': uuid.uuid4().hex, 'big': bytearray(os.urandom(1 << 20))}

def handler(event, context):
    time.sleep((event or {}).get('sleep', 0))
    ran = []
    thread = threading.Thread(target=lambda: ran.append('ran'))
    thread.start()
    thread.join()
    return {
        'thread': ran[0],
        'child': subprocess.run(['echo', '-n', 'ran'], capture_output=True, text=True).stdout,
        'sum': hashlib.sha256(state['big']).hexdigest(),
        'order': order,
        'made': state['made'],
        'random': random.random(),
        'type': os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'],
        'version': context.function_version,
        'names': [name for name in os.environ if name.startswith('AWS_LAMBDA_LOG_')],
        'tmp': os.listdir('/tmp'),
    }
"""

FAILS_BEFORE = """
from snapshot_restore_py import register_before_snapshot
def broken(): raise ValueError('before')
register_before_snapshot(broken)
def handler(event, context): return 1
"""

FAILS_AFTER = """
from snapshot_restore_py import register_after_restore
def broken(): raise ValueError('after')
register_after_restore(broken)
def handler(event, context): return 1
"""

# The oldest Python that has it; where the host lacks it, another stands in.
RUNTIME = "python3.12"
STAND_IN = {"HEARTH_RUNTIMES_ALIASES": f"{RUNTIME}={PYTHON}"}


@pytest.fixture(scope="module")
def snapper(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("snap-start"), env=STAND_IN).start()
    yield server
    server.stop_cleanly()


@pytest.fixture
def lab(snapper, lab_on):
    lab = lab_on(snapper)
    yield lab
    lab.clear()


def publish(lab, code=HOOKED, **settings):
    function = lab.deploy(code, RUNTIME, SnapStart=ON, **settings)
    published = lab.caller.awslambda.publish_version(FunctionName=function.name)
    assert (published["State"], published["Version"]) == ("Pending", "1")
    return function


def version(function, number="1"):
    return function.caller.awslambda.get_function_configuration(FunctionName=function.name, Qualifier=number)


def active(function):
    def probe():
        found = version(function)
        assert found["State"] == "Active", found
        return found

    return eventually(probe, "an active version", 30)


def test_init_runs_ahead_and_the_hooks_around_the_snapshot(lab):
    function = publish(lab)
    found = active(function)
    assert found["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    messages = function.messages_until("INIT_REPORT")
    assert any(m.startswith("INIT_REPORT") and "Phase: snap-start\tStatus: success" in m for m in messages)
    answer = function.invoke({}, Qualifier="1")
    told = answer.ok()
    assert told["order"] == ["before-2", "before-1", "after-1", "after-2"]
    assert (told["type"], told["version"]) == ("snap-start", "1")
    assert told["names"] == [], "a snapshot knows no log stream"
    assert "Restore Duration: " in answer.tail and "\tInit Duration" not in answer.tail
    messages = function.messages_until("RESTORE_REPORT Restore Duration: ")
    assert any(m.startswith("RESTORE_START Runtime Version: python:") for m in messages)
    assert "Restore Duration" not in function.invoke({}, Qualifier="1").tail, "told once"


def test_the_init_runs_once_for_all_of_them(lab):
    function = publish(lab)
    active(function)
    with ThreadPoolExecutor(4) as pool:
        told = list(pool.map(lambda _: function.call({"sleep": 2}, Qualifier="1"), range(4)))
    assert len({t["made"] for t in told}) == 1, "all go on from one init"
    assert len({t["sum"] for t in told}) == 1, "with the same memory"
    assert len({t["random"] for t in told}) == 4, "and chances of their own"
    assert all(t["order"] == ["before-2", "before-1", "after-1", "after-2"] for t in told)
    assert all(t["tmp"] == [] and t["thread"] == "ran" and t["child"] == "ran" for t in told)
    messages = function.messages_until("RESTORE_REPORT")
    assert sum(m.startswith("INIT_START") for m in messages) == 1
    eventually(lambda: sum(m.startswith("RESTORE_REPORT") for m in function.messages()) == 4)
    streams = [s for s in function.streams() if "[1]" in s]
    assert len(streams) == 5, "one of the init, and one of each environment"


THREADED = """
import os, random, threading, time, uuid
made = uuid.uuid4().hex
threading.Thread(target=time.sleep, args=(1000,), daemon=True).start()
def handler(event, context):
    time.sleep(event['sleep'])
    return {'made': made, 'type': os.environ['AWS_LAMBDA_INITIALIZATION_TYPE']}
"""


def test_where_a_process_cannot_be_copied_initialised_environments_stand_in(lab):
    function = publish(lab, THREADED)
    active(function)
    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(lambda _: function.call({"sleep": 2}, Qualifier="1"), range(2)))
    assert {t["type"] for t in told} == {"snap-start"}
    assert len({t["made"] for t in told}) == 2


def test_files_that_an_init_left_are_there_in_every_environment(lab):
    function = publish(lab, """
import time
open('/tmp/model', 'w').write('large')
def handler(event, context):
    time.sleep(event['sleep'])
    return open('/tmp/model').read()
""")
    active(function)
    with ThreadPoolExecutor(3) as pool:
        assert set(pool.map(lambda _: function.call({"sleep": 1}, Qualifier="1"), range(3))) == {"large"}


def test_a_copy_lives_like_any_other(lab):
    """It is frozen, thawed, killed at its timeout, and starts anew after that."""
    function = publish(lab, HOOKED, Timeout=3)
    active(function)
    with ThreadPoolExecutor(2) as pool:
        made = {t["made"] for t in pool.map(lambda _: function.call({"sleep": 1}, Qualifier="1"), range(2))}
    with ThreadPoolExecutor(2) as pool:
        failed = list(pool.map(lambda _: function.invoke({"sleep": 9}, Qualifier="1").failed(), range(2)))
    assert {f["errorType"] for f in failed} == {"Sandbox.Timedout"}
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda _: function.call({"sleep": 1}, Qualifier="1"), range(2)))
    assert made.isdisjoint(t["made"] for t in again), "each ran its own init this time"


KEYS = """
import json, os, urllib.error, urllib.request

def ask(token):
    request = urllib.request.Request(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI'])
    request.add_header('Authorization', token)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)

def handler(event, context):
    found = ask(os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN'])
    try:
        ask('wrong')
    except urllib.error.HTTPError as refused:
        return found, [n for n in os.environ if 'KEY' in n], refused.code, json.load(refused)['errorMessage']
"""


def test_keys_are_asked_for_and_fresh(lab):
    function = publish(lab, KEYS)
    active(function)
    found, names, status, message = function.call({}, Qualifier="1")
    assert set(found) == {"AccessKeyId", "SecretAccessKey", "Token", "Expiration"}
    assert found["AccessKeyId"].startswith("ASIA") and found["Expiration"].endswith("Z")
    assert names == [], "a snapshot's variables hold no keys"
    assert (status, message) == (404, "cannot get credentials for the provided token")


def test_latest_starts_as_ever(lab):
    function = lab.deploy(HOOKED, RUNTIME, SnapStart=ON)
    told = function.call({})
    assert (told["type"], told["order"]) == ("on-demand", [])


def test_a_hook_that_fails_fails_the_publishing(lab):
    function = publish(lab, FAILS_BEFORE)

    def probe():
        found = version(function)
        assert found["State"] == "Failed", found
        return found

    failed = eventually(probe, "a failed version", 30)
    assert failed["StateReasonCode"] and failed["StateReason"]
    assert failed["SnapStart"]["OptimizationStatus"] == "Off"


def test_a_hook_that_fails_after_the_restore_fails_the_invocation(lab):
    function = publish(lab, FAILS_AFTER)
    active(function)
    answer = function.invoke({}, Qualifier="1")
    assert answer.failed()["errorMessage"] == "after"
    assert "Error Type: Runtime.AfterRestoreError" in function.messages_until("RESTORE_REPORT")[-1] or any(
        "Runtime.AfterRestoreError" in m for m in function.messages()
    )
    function.invoke({}, Qualifier="1").failed()


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_after_the_server_is_back(make_server, lab_on, how):
    server = make_server(env=STAND_IN).start()
    function = publish(lab_on(server))
    active(function)
    server.process.send_signal(how)
    server.process.wait(60)
    server.process = None
    server.start()
    told = function.call({}, Qualifier="1")
    assert told["order"] == ["before-2", "before-1", "after-1", "after-2"]
    assert version(function)["State"] == "Active"


def test_what_else_is_published_stands_by_itself(lab):
    function = publish(lab)
    active(function)
    function.upload({"app.py": HOOKED.replace("'after-2'", "'after-two'")})
    lab.caller.awslambda.publish_version(FunctionName=function.name)
    eventually(lambda: version(function, "2")["State"] == "Active", timeout_s=30)
    assert function.call({}, Qualifier="2")["order"][-1] == "after-two"
    assert function.call({}, Qualifier="1")["order"][-1] == "after-2"
    lab.caller.awslambda.delete_function(FunctionName=function.name, Qualifier="1")
    assert function.call({}, Qualifier="2")["version"] == "2"


