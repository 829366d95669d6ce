"""AWS's own runtime client for Python, unchanged, as the bootstrap of a `provided.al2023` function.

Node's official client is not here: it compiles curl and a C++ library when it is installed.
"""

import base64
import json
import sys
from pathlib import Path

import pytest
from harness.packages import distribution_files, program

# A function sees the system's folders, so its own bootstrap can use the system's Python alone; the
# client has a compiled part, so it must be of the version that installed it.
INTERPRETER = Path(f"/usr/bin/python3.{sys.version_info.minor}")
BOOTSTRAP = f"""#!/bin/sh
export PYTHONPATH=/var/task/vendor PYTHONDONTWRITEBYTECODE=1
exec {INTERPRETER} -m awslambdaric "$_HANDLER"
"""
APP = """
import logging, os, sys, time
count = 0
def handler(event, context):
    global count
    count += 1
    event = event or {}
    do = event.get('do')
    if do == 'raise':
        raise ValueError('as asked')
    if do == 'exit':
        sys.exit(3)
    if do == 'sleep':
        time.sleep(60)
    if do == 'log':
        logging.getLogger().warning('a warning\\nof two lines')
        print('printed')
    return {
        'count': count, 'event': event, 'request': context.aws_request_id, 'arn': context.invoked_function_arn,
        'memory': context.memory_limit_in_mb, 'remaining': context.get_remaining_time_in_millis(),
        'custom': context.client_context.custom if context.client_context else None,
    }
"""


@pytest.fixture(scope="module")
def files():
    assert INTERPRETER.is_file(), f"these tests need {INTERPRETER}: run them from a venv of the system's own Python"
    vendored = distribution_files("awslambdaric", "snapshot-restore-py", "simplejson")
    return {"bootstrap": program(BOOTSTRAP), "app.py": APP, **{f"vendor/{path}": content for path, content in vendored.items()}}


@pytest.fixture(scope="module")
def official(module_lab, files):
    return module_lab.deploy(files, "provided.al2023", "app.handler", MemorySize=256, Timeout=8)


def test_it_serves_events(official):
    for i in range(1, 4):
        invocation = official.invoke({"i": i, "text": "ä😀"})
        found = invocation.ok()
        assert (found["count"], found["event"]) == (i, {"i": i, "text": "ä😀"})
        assert (found["request"], found["arn"], found["memory"]) == (invocation.request_id, official.arn, "256")
        assert 0 < found["remaining"] <= 8_000


def test_client_context_and_large_events(official):
    context = base64.b64encode(json.dumps({"custom": {"k": "v"}}).encode()).decode()
    assert official.invoke({}, ClientContext=context).ok()["custom"] == {"k": "v"}
    event = {"large": "x" * 5_000_000}
    assert official.invoke(event, tail=False).ok()["event"] == event


def test_errors_and_logs(official):
    error = official.invoke({"do": "raise"})
    assert error.failed()["errorType"] == "ValueError" and error.value["requestId"] == error.request_id
    official.call({"do": "log"})
    messages = official.messages_until("printed")
    assert any("a warning" in m for m in messages) and any("of two lines" in m for m in messages)


def test_death_and_timeouts(official):
    dead = official.invoke({"do": "exit"})
    assert dead.failed() == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {dead.request_id} Error: Runtime exited with error: exit status 3"}
    assert official.call()["count"] == 1
    official.configure(Timeout=1)
    late = official.invoke({"do": "sleep"})
    assert late.failed()["errorType"] == "Sandbox.Timedout"
    assert official.call()["count"] == 1


def test_init_errors(lab, files):
    function = lab.deploy(files, "provided.al2023", "nope.handler")
    error = function.invoke().failed()
    assert error["errorType"] == "Runtime.ImportModuleError"
    assert error["errorMessage"] == "Unable to import module 'nope': No module named 'nope'"
