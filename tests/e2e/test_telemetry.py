"""The Telemetry API and the Logs API: what subscribers get, in which form, and what is refused.

Source: fact sheet "Execution-environment contract", section 3.
"""

import json

import pytest
from harness.waiting import eventually
from test_extensions import extended, heard  # noqa: F401 - the first is a fixture
from test_layers import layers  # noqa: F401 - a fixture

FUNCTION = """
import os, sys
print('at init')
def handler(event, context):
    print('line', event)
    print('{"level": "INFO", "n": 1}')
    if event == 'exit':
        os._exit(3)
    path = '/tmp/telemetry.jsonl'
    if isinstance(event, dict) and 'read' in event:
        path = event['read']
    return {'read': open(path).read() if os.path.exists(path) else '', 'id': context.aws_request_id}
"""

ALL = ["platform", "function", "extension"]


@pytest.fixture
def subscribed(extended):  # noqa: F811
    def deploy(plan, **settings):
        return extended(plan, files={"app.py": FUNCTION}, **settings)

    return deploy


def records(function, until, timeout_s=30):
    """The records that the extension has got, once `until` finds something in them."""

    def probe():
        text = function.call()["read"]
        # The last line may be on its way.
        found = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
        return found if until(found) else None

    return eventually(probe, "the records that were waited for", timeout_s)


def of(found, kind):
    return [record["record"] for record in found if record["type"] == kind]


def test_every_event_of_init_and_invocation(subscribed):
    function = subscribed({"telemetry": {"schemaVersion": "2025-01-29", "types": ALL}})
    first = function.call("first")["id"]
    found = records(function, lambda found: of(found, "platform.report"))
    assert heard(function)[1] == {"subscribed": [200, "OK"]}
    kinds = [record["type"] for record in found]
    assert kinds[0] == "platform.initStart", "from the beginning"
    start = of(found, "platform.initStart")[0]
    assert start == {
        "initializationType": "on-demand", "phase": "init", "functionName": function.name, "functionVersion": "$LATEST",
        "runtimeVersion": start["runtimeVersion"], "runtimeVersionArn": start["runtimeVersionArn"],
        "instanceMaxMemory": 256 << 20,
    }
    assert start["runtimeVersion"].startswith("python:3.")
    assert of(found, "platform.initRuntimeDone")[0] == {"initializationType": "on-demand", "phase": "init", "status": "success"}
    report = of(found, "platform.initReport")[0]
    assert report["metrics"]["durationMs"] > 0 and report["status"] == "success"
    assert of(found, "platform.telemetrySubscription")[0] == {"name": "watcher", "state": "Subscribed", "types": ALL}
    assert of(found, "platform.extension")[0] == {"name": "watcher", "state": "Ready", "events": ["INVOKE", "SHUTDOWN"]}
    began = of(found, "platform.start")[0]
    assert (began["requestId"], began["version"]) == (first, "$LATEST")
    assert began["tracing"]["type"] == "X-Amzn-Trace-Id" and began["tracing"]["value"].startswith("Root=")
    done = of(found, "platform.runtimeDone")[0]
    assert (done["requestId"], done["status"]) == (first, "success")
    assert done["metrics"]["durationMs"] > 0 and done["metrics"]["producedBytes"] > 0
    assert [span["name"] for span in done["spans"]] == ["responseLatency", "responseDuration", "runtimeOverhead"]
    report = of(found, "platform.report")[0]
    assert (report["requestId"], report["status"]) == (first, "success")
    assert sorted(report["metrics"]) == ["billedDurationMs", "durationMs", "initDurationMs", "maxMemoryUsedMB", "memorySizeMB"]
    assert [span["name"] for span in report["spans"]] == ["extensionOverhead"]
    assert report["metrics"]["durationMs"] >= done["metrics"]["durationMs"]
    lines = of(found, "function")
    assert lines[:3] == ["at init\n", "line first\n", '{"level": "INFO", "n": 1}\n']
    assert any(line.startswith("watcher hears INVOKE") for line in of(found, "extension"))
    order = [kinds.index(kind) for kind in ("platform.initStart", "platform.initReport", "platform.start", "platform.runtimeDone", "platform.report")]
    assert order == sorted(order)
    messages = function.messages_until("TELEMETRY")
    assert "TELEMETRY\tName: watcher\tState: Subscribed\tTypes: [Platform, Function, Extension]\n" in messages


@pytest.mark.parametrize("schema, is_object", [("2022-07-01", False), ("2022-12-13", True)])
def test_lines_of_a_function_that_logs_json(subscribed, schema, is_object):
    function = subscribed(
        {"telemetry": {"schemaVersion": schema, "types": ["function"]}}, LoggingConfig={"LogFormat": "JSON"},
    )
    function.call("first")
    found = records(function, lambda found: len(of(found, "function")) >= 3)
    line = of(found, "function")[2]
    assert line == ({"level": "INFO", "n": 1} if is_object else '{"level": "INFO", "n": 1}\n')
    assert {record["type"] for record in found} == {"function"}, "only what was asked for"


@pytest.mark.parametrize("schema", ["2020-08-15", "2021-03-18"])
def test_the_older_api(subscribed, schema):
    function = subscribed({"logs": {"schemaVersion": schema, "types": ["platform", "function"]}})
    first = function.call("first")["id"]
    found = records(function, lambda found: of(found, "platform.report"))
    kinds = {record["type"] for record in found}
    expected = {"platform.logsSubscription", "platform.extension", "platform.start", "platform.end", "platform.report", "function"}
    assert kinds == expected | ({"platform.runtimeDone"} if schema == "2021-03-18" else set())
    assert of(found, "platform.start")[0] == {"requestId": first, "version": "$LATEST"}
    assert of(found, "platform.end")[0] == {"requestId": first}
    assert of(found, "platform.report")[0]["metrics"]["memorySizeMB"] == 256
    assert of(found, "platform.logsSubscription")[0] == {"name": "watcher", "state": "Subscribed", "types": ["platform", "function"]}
    function.messages_until("LOGS\tName: watcher\tState: Subscribed\tTypes: [Platform, Function]\n")


def crashed_and_told(subscribed):
    """The records of an environment whose process crashed and began anew; None if another one was asked for them."""
    function = subscribed({"telemetry": {"types": ["platform"]}})
    # A crash takes the extension with it, and what that has not written yet.
    records(function, lambda found: of(found, "platform.initReport"))
    function.invoke("exit").failed()
    try:
        return records(function, lambda found: len(of(found, "platform.initReport")) == 2, timeout_s=10)
    except AssertionError:
        return None


def test_a_crash_is_told_before_the_end(subscribed):
    # While extensions are busy, invocations have another environment, which knows nothing of the crash.
    found = eventually(lambda: crashed_and_told(subscribed), "an environment that was used before and after", timeout_s=120)
    crashed, = [done for done in of(found, "platform.runtimeDone") if done["status"] != "success"]
    assert (crashed["status"], crashed["errorType"]) == ("error", "Runtime.ExitError")
    assert [report["status"] for report in of(found, "platform.report") if report["requestId"] == crashed["requestId"]] == ["error"]
    again = [of(found, kind)[1] for kind in ("platform.initStart", "platform.initReport")]
    assert [record["phase"] for record in again] == ["invoke", "invoke"]


@pytest.mark.parametrize("body, message", [
    ({"types": ["platform"], "buffering": {"maxItems": 1}}, "buffering.maxItems: expected a number from 1000 to 10000, found 1"),
    ({"types": []}, "types: expected at least one of platform, function, extension"),
    ({"types": ["platform"], "schemaVersion": "1999-01-01"},
     'schemaVersion: expected one of 2022-07-01, 2022-12-13, 2025-01-29, found "1999-01-01"'),
    ({"types": ["platform"], "destination": {"protocol": "HTTP", "URI": "http://example.com/"}},
     "destination.URI: expected http://sandbox.localdomain:<port>/<path>, found http://example.com/"),
])
def test_what_is_wrong_with_a_subscription(subscribed, body, message):
    function = subscribed({"telemetry": body})
    function.call("first")
    assert heard(function)[1] == {"subscribed": [400, {"errorMessage": message, "errorType": "ValidationError"}]}


def test_one_api_for_an_extension(subscribed):
    wanted = {"types": ["platform"]}
    function = subscribed({"telemetry": wanted, "logs": {**wanted, "destination": {"protocol": "TCP", "port": 4244}}})
    function.call("first")
    records_kept = heard(function)
    assert records_kept[1] == {"subscribed": [200, "OK"]}
    status, answer = records_kept[2]["subscribed"]
    assert (status, answer["errorType"]) == (400, "ValidationError")


DEAF = """
import http.client, json, os, threading
API = os.environ['AWS_LAMBDA_RUNTIME_API']
def call(method, path, body, **headers):
    connection = http.client.HTTPConnection(API)
    headers = {f"Lambda-Extension-{name}": value for name, value in headers.items()}
    connection.request(method, path, body=json.dumps(body) if body else None, headers=headers)
    answer = connection.getresponse()
    return answer.headers, json.loads(answer.read())
headers, _ = call('POST', '/2020-01-01/extension/register', {'events': []}, Name='deaf')
me = headers['Lambda-Extension-Identifier']
def subscribe():
    return call('PUT', '/2022-07-01/telemetry', {'types': ['function'], 'destination': {'protocol': 'TCP', 'port': 4000}}, Identifier=me)
answers = [subscribe()[1], subscribe()[1]]
threading.Thread(target=call, args=('GET', '/2020-01-01/extension/event/next', None), kwargs={'Identifier': me}, daemon=True).start()
def handler(event, context):
    for _ in range(event):
        print('x' * 1000)
    return answers
"""


def test_a_subscriber_that_does_not_listen_harms_nobody(lab):
    """Nobody listens on its port: its records are lost, in bounded memory, and the function goes on."""
    function = lab.deploy(DEAF, Timeout=60)
    assert function.call(1, tail=False) == ["OK", "OK"]
    for _ in range(3):
        function.call(3000, tail=False)
    eventually(lambda: sum(m == "x" * 1000 + "\n" for m in function.messages()) == 9001, timeout_s=60)
    states = [m for m in function.messages() if m.startswith("TELEMETRY")]
    assert [state.split("\t")[2] for state in states] == ["State: Subscribed", "State: Already subscribed"]
