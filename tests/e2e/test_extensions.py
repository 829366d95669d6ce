"""Extensions, external and internal: registration, events, failures, and the end of their environments.

Source: fact sheet "Execution-environment contract", sections 2, 5 and 6.
"""

import json
import re
import time
from pathlib import Path

import pytest
from harness.functions import PROVIDED, node_runtime
from harness.packages import program
from harness.waiting import eventually
from test_layers import Layers, layers  # noqa: F401 - a fixture
from test_provided import BASH

EXTENSION = (Path(__file__).parent / "harness" / "extension.py").read_text()

FUNCTION = """
import os, signal, sys, time
def bye(*_):
    print('function hears SIGTERM', flush=True)
    sys.exit(0)
signal.signal(signal.SIGTERM, bye)
open('/tmp/inits', 'a').write('.')
def handler(event, context):
    time.sleep((event or {}).get('sleep', 0))
    if 'exit' in (event or {}):
        os._exit(event['exit'])
    path = (event or {}).get('read')
    found = open(path).read() if path and os.path.exists(path) else None
    return {'read': found, 'inits': len(open('/tmp/inits').read()), 'id': context.aws_request_id}
"""


@pytest.fixture
def extended(lab, layers):  # noqa: F811
    """Deploys a function with an external extension for each name."""

    def deploy(plan=None, files=None, names=("watcher",), contents=EXTENSION, **settings):
        layer = layers.arn({f"extensions/{name}": program(contents) for name in names})
        variables = {"PLAN": json.dumps(plan or {})}
        settings = {"files": {"app.py": FUNCTION} if files is None else files, **settings}
        return lab.deploy(Layers=[layer], Environment={"Variables": variables}, **settings)

    return deploy


def heard(function, name="watcher"):
    """What the extension kept so far."""
    text = function.call({"read": f"/tmp/{name}.jsonl"})["read"]
    return [json.loads(line) for line in text.splitlines()]


def events(records):
    return [record["event"] for record in records if "event" in record]


def reports(function, count):
    """The REPORT lines, once there are so many."""

    def probe():
        found = [m for m in function.messages() if m.startswith("REPORT")]
        return found if len(found) >= count else None

    return eventually(probe, f"{count} REPORT lines")


def test_an_external_extension_is_told_of_each_invocation(extended, caller):
    function = extended(Timeout=20)
    first = function.call({"read": "/x"})
    records = heard(function)
    registered = records[0]["registered"]
    assert registered == [200, {
        "functionName": function.name, "functionVersion": "$LATEST", "handler": "app.handler", "accountId": caller.account,
    }]
    told = events(records)
    assert [event["requestId"] for event in told][0] == first["id"]
    assert all(record["status"] == 200 and record["has_id"] for record in records if "event" in record)
    event = told[0]
    assert sorted(event) == ["deadlineMs", "eventType", "invokedFunctionArn", "requestId", "tracing"]
    assert event["eventType"] == "INVOKE" and event["invokedFunctionArn"] == function.arn
    assert event["tracing"]["type"] == "X-Amzn-Trace-Id" and event["tracing"]["value"].startswith("Root=1-")
    assert abs(event["deadlineMs"] / 1000 - time.time()) < 60
    environment = records[0]["environment"]
    assert environment["AWS_LAMBDA_FUNCTION_NAME"] == function.name and "AWS_ACCESS_KEY_ID" in environment
    for absent in ("_HANDLER", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR", "AWS_EXECUTION_ENV", "AWS_LAMBDA_LOG_STREAM_NAME"):
        assert absent not in environment, absent
    messages = function.messages_until("watcher hears INVOKE")
    assert "EXTENSION\tName: watcher\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n" in messages
    order = [m.split()[0] for m in messages if m.split()[0] in ("INIT_START", "EXTENSION", "START")]
    assert order[:3] == ["INIT_START", "EXTENSION", "START"]


def test_an_environment_that_is_replaced_says_goodbye(extended):
    function = extended()
    function.call()
    function.upload({"app.py": FUNCTION + "# changed\n"})
    messages = function.messages_until("watcher ends")
    farewell = [m.strip() for m in messages if re.search("hears S|watcher ends", m)]
    assert farewell == ["function hears SIGTERM", "watcher hears SHUTDOWN spindown", "watcher ends"]


def test_the_caller_does_not_wait_for_extensions_but_the_report_does(extended):
    function = extended({"at": 2, "sleep": 1.5}, Timeout=10)
    function.call(tail=False)
    began = time.monotonic()
    function.call(tail=False)
    answered = time.monotonic() - began
    report = reports(function, 2)[1]
    duration = float(re.search(r"\tDuration: ([\d.]+) ms", report)[1])
    assert duration >= 1500, report
    assert answered < 1.5, "the answer came before the extension was done"
    third = function.call(tail=False)
    assert third["inits"] == 1, "the same environment goes on"


def test_an_extension_that_takes_too_long_ends_the_environment(extended):
    function = extended({"at": 2, "sleep": 60}, Timeout=2)
    function.call(tail=False)
    assert function.call(tail=False)["inits"] == 1, "the caller had its answer"
    messages = function.messages_until("Task timed out after 2.00 seconds")
    assert any("Status: timeout" in m for m in reports(function, 2))
    time.sleep(4)  # Until it is killed; before, another environment would answer.
    again = function.call({"read": "/tmp/watcher.jsonl"})
    assert again["inits"] == 2, "a new process, and the same /tmp"
    assert len([m for m in messages if m.startswith("END")]) == 2


def test_a_function_that_takes_too_long_is_killed_and_extensions_hear_why(extended):
    function = extended(Timeout=1)
    function.call()
    failed = function.invoke({"sleep": 30}).failed()
    assert failed["errorType"] == "Sandbox.Timedout"
    messages = function.messages_until("watcher hears SHUTDOWN timeout")
    assert not any("hears SIGTERM" in m for m in messages), "on a timeout there is no signal to the handler"
    time.sleep(2)
    assert function.call()["inits"] == 2


def test_a_function_that_crashes_is_started_anew_with_its_extensions(extended):
    function = extended()
    function.call()
    failed = function.invoke({"exit": 3}).failed()
    assert failed["errorType"] == "Runtime.ExitError"
    function.messages_until("watcher hears SHUTDOWN failure")
    time.sleep(2)  # Until it has ended; before, another environment would answer.
    heard(function)
    found = [event["eventType"] for event in events(heard(function))]
    assert found[:4] == ["INVOKE", "INVOKE", "SHUTDOWN", "INVOKE"]


@pytest.mark.parametrize("plan, error_type, text, state", [
    ({"at": 1, "exit": 3}, "Extension.Crash", "exit code 3", None),
    ({"at": 1, "exit": 5, "exit_error": "Extension.NoReason"}, "Extension.ExitError", "exit code 5", None),
    ({"init_error": "Extension.NoConfig"}, "Extension.InitError", "exit code 4", "InitError"),
])
def test_an_extension_that_fails_fails_the_invocation(extended, plan, error_type, text, state):
    function = extended(plan, Timeout=30)
    answer = function.invoke({"sleep": 20})
    assert answer.failed() == {"errorType": error_type, "errorMessage": f"RequestId: {answer.request_id} Error: {text}"}
    messages = function.messages_until(f"Error Type: {error_type}")
    assert f"RequestId: {answer.request_id} Error: {text}\n{error_type}\n" in messages
    report = reports(function, 1)[0]
    assert report.endswith(f"Status: error\tError Type: {error_type}\n"), report
    if state:
        line = f"EXTENSION\tName: watcher\tState: {state}\tEvents: [INVOKE,SHUTDOWN]\tError Type: {plan['init_error']}\n"
        assert line in messages
        assert any(re.search(rf"INIT_REPORT .*Phase: init\tStatus: error\tError Type: {error_type}", m) for m in messages)
        assert any(re.search(rf"INIT_REPORT .*Phase: invoke\tStatus: error\tError Type: {error_type}", m) for m in messages)


def test_an_extension_that_fails_between_invocations_fails_none(make_server, lab_on):
    lab = lab_on(make_server("[environments]\nlinger_ms = 60000\n").start())
    layer = Layers(lab.caller).arn({"extensions/watcher": program(EXTENSION)})
    variables = {"PLAN": json.dumps({"exit_later": 1})}
    function = lab.deploy({"app.py": FUNCTION}, Layers=[layer], Environment={"Variables": variables})
    assert function.call()["inits"] == 1
    function.messages_until("function hears SIGTERM")
    time.sleep(2)
    assert function.call()["inits"] == 2, "a new process in the same environment"


def test_an_extension_that_cannot_be_started(extended):
    function = extended(contents="\x7fELF, it says")
    answer = function.invoke()
    assert answer.failed() == {
        "errorType": "Extension.LaunchError",
        "errorMessage": f"RequestId: {answer.request_id} Error: fork/exec /opt/extensions/watcher: exec format error",
    }


def test_no_more_than_ten_extensions(extended):
    function = extended(names=[f"e{n}" for n in range(11)])
    assert function.invoke().failed()["errorType"] == "Extension.LaunchError"


def test_an_extension_that_does_not_end_is_killed_at_the_deadline(extended):
    function = extended({"linger": 60})
    function.call()
    function.upload({"app.py": FUNCTION + "# changed\n"})
    messages = function.messages_until("watcher hears SHUTDOWN spindown")
    time.sleep(3)
    assert "watcher ends\n" not in messages + function.messages()


def test_a_stopping_server_lets_extensions_end(make_server, lab_on):
    server = make_server().start()
    lab = lab_on(server)
    layers = Layers(lab.caller)
    layer = layers.arn({"extensions/watcher": program(EXTENSION)})
    functions = [
        lab.deploy({"app.py": FUNCTION}, Layers=[layer], Environment={"Variables": {"PLAN": '{"linger": 1}'}}) for _ in range(3)
    ]
    for function in functions:
        function.call()
    server.stop_cleanly()
    server.start()
    for function in functions:
        messages = function.messages_until("watcher ends")
        assert "watcher hears SHUTDOWN spindown\n" in messages and "function hears SIGTERM\n" in messages


NODE = """
exports.handler = async (event) => {
  const { existsSync, readFileSync } = require('node:fs');
  return { read: existsSync('/tmp/watcher.jsonl') ? readFileSync('/tmp/watcher.jsonl', 'utf8') : null };
};
"""


def test_extensions_beside_node(extended):
    function = extended(files={"app.js": NODE}, runtime=node_runtime())
    function.call()
    assert [event["eventType"] for event in events(heard(function))][0] == "INVOKE"


def test_extensions_beside_a_runtime_of_the_functions_own(extended):
    function = extended({"at": 1, "sleep": 1}, files={"bootstrap": program(BASH)}, runtime=PROVIDED, Timeout=10)
    function.invoke({}).ok()
    duration = float(re.search(r"\tDuration: ([\d.]+) ms", reports(function, 1)[0])[1])
    assert duration >= 1000
    function.invoke({}).ok()


INTERNAL = """
import http.client, json, os, threading, time
API = os.environ['AWS_LAMBDA_RUNTIME_API']
heard, answers = [], {}
def call(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(API)
    headers = {f"Lambda-Extension-{name.replace('_', '-')}": value for name, value in headers.items()}
    connection.request(method, path, body=body if body is None or isinstance(body, str) else json.dumps(body), headers=headers)
    answer = connection.getresponse()
    return answer.status, dict(answer.headers), json.loads(answer.read())
REGISTER, NEXT = '/2020-01-01/extension/register', '/2020-01-01/extension/event/next'
def refusal(*arguments, **headers):
    status, _, body = call(*arguments, **headers)
    return [status, body.get('errorType'), body.get('errorMessage')]
answers['shutdown'] = refusal('POST', REGISTER, {'events': ['SHUTDOWN']}, Name='inner')
answers['event'] = refusal('POST', REGISTER, {'events': ['TELEMETRY']}, Name='inner')
answers['name'] = refusal('POST', REGISTER, {'events': []})
answers['keys'] = refusal('POST', REGISTER, {'configurationKeys': ['a']}, Name='inner')
answers['body'] = refusal('POST', REGISTER, 'no json', Name='inner')[:2]
answers['missing'] = refusal('GET', NEXT)
answers['invalid'] = refusal('GET', NEXT, Identifier='nonsense')
answers['unknown'] = refusal('GET', NEXT, Identifier='11111111-2222-3333-4444-555555555555')
status, headers, body = call('POST', REGISTER, {'events': ['INVOKE']}, Name='inner')
identifier = headers['lambda-extension-identifier']
answers['registered'] = [status, body]
answers['twice'] = refusal('POST', REGISTER, {'events': ['INVOKE']}, Name='inner')
answers['no error type'] = refusal('POST', '/2020-01-01/extension/init/error', {}, Identifier=identifier)
def listen():
    while True:
        _, _, event = call('GET', NEXT, Identifier=identifier)
        heard.append(event)
        time.sleep(0.7)
threading.Thread(target=listen, daemon=True).start()
def handler(event, context):
    answers['late'] = refusal('POST', REGISTER, {'events': []}, Name='late')
    answers['late telemetry'] = refusal('PUT', '/2022-07-01/telemetry', {'types': ['platform'], 'destination': {'protocol': 'TCP', 'port': 4000}}, Identifier=identifier)
    answers['late init error'] = refusal('POST', '/2020-01-01/extension/init/error', {}, Identifier=identifier, Function_Error_Type='Extension.X')
    return {'heard': [e.get('requestId') for e in heard], 'answers': answers, 'id': identifier}
"""


def test_an_internal_extension_and_what_it_is_refused(lab):
    function = lab.deploy(INTERNAL, Timeout=20)
    first = function.invoke(tail=False)
    found = first.ok()["answers"]
    identifier = first.value["id"]
    assert found["registered"] == [200, {"functionName": function.name, "functionVersion": "$LATEST", "handler": "app.handler"}]
    transition = "State transition from {} to {} failed for extension {}. Error: State transition is not allowed"
    expected = {
        "shutdown": [403, "Extension.InvalidEventType", "SHUTDOWN: not supported for internal extensions"],
        "event": [403, "Extension.InvalidEventType", "TELEMETRY: expected INVOKE or SHUTDOWN"],
        "name": [403, "Extension.InvalidExtensionName", "Empty extension name"],
        "keys": [403, "InvalidRequestFormat", "configurationKeys are deprecated; use environment variables instead"],
        "body": [403, "InvalidRequestFormat"],
        "missing": [403, "Extension.MissingExtensionIdentifier", "Missing Lambda-Extension-Identifier header"],
        "invalid": [403, "Extension.InvalidExtensionIdentifier", "Invalid Lambda-Extension-Identifier"],
        "unknown": [403, "Extension.UnknownExtensionIdentifier", "Unknown extension 11111111-2222-3333-4444-555555555555"],
        "twice": [403, "Extension.InvalidExtensionState", "Extension with this name already registered"],
        "no error type": [403, "Extension.MissingHeader", "Lambda-Extension-Function-Error-Type not found"],
        "late": [403, "Extension.RegistrationClosed", "Extension registration closed already"],
        "late telemetry": [403, "Telemetry.SubscriptionClosed", "Telemetry API subscription is closed"],
    }
    for case, answer in expected.items():
        assert found[case] == answer, case
    status, kind, message = found["late init error"]
    assert (status, kind) == (403, "Extension.InvalidExtensionState")
    assert message in [transition.format(state, "InitError", identifier) for state in ("Ready", "Running")]
    report = reports(function, 1)[0]
    assert float(re.search(r"\tDuration: ([\d.]+) ms", report)[1]) >= 700, "it waits for the extension"
    second = function.invoke(tail=False)
    heard_now = second.ok()["heard"]
    assert heard_now[0] == first.request_id
    # Its thread may or may not have asked for its first event when the runtime did.
    assert any(re.fullmatch(r"EXTENSION\tName: inner\tState: (Ready|Registered)\tEvents: \[INVOKE\]\n", m) for m in function.messages())


SIGTERM_ONLY = """
import http.client, json, os, signal, threading
def bye(*_):
    print('function hears SIGTERM', flush=True)
    os._exit(0)
signal.signal(signal.SIGTERM, bye)
if os.environ.get('REGISTER'):
    connection = http.client.HTTPConnection(os.environ['AWS_LAMBDA_RUNTIME_API'])
    connection.request('POST', '/2020-01-01/extension/register', body='{"events": []}', headers={'Lambda-Extension-Name': 'inner'})
    assert connection.getresponse().status == 200
def handler(event, context):
    return os.getpid()
"""


@pytest.mark.parametrize("register", [True, False])
def test_a_runtime_hears_sigterm_only_where_an_extension_is_registered(lab, register):
    variables = {"REGISTER": "1"} if register else {}
    function = lab.deploy(SIGTERM_ONLY, Environment={"Variables": variables})
    function.call()
    function.upload({"app.py": "def handler(event, context):\n    return 'new'\n"})
    assert function.call() == "new"
    if register:
        function.messages_until("function hears SIGTERM")
    else:
        function.messages_until("REPORT")
        time.sleep(1)
        assert not any("SIGTERM" in m for m in function.messages())
