"""The programming model of Python, through the whole stack.

Source: fact sheet "Execution-environment contract", sections 4, 5, 7 and 9.
"""

import base64
import json
import re

import pytest
from harness.functions import PYTHON
from harness.waiting import eventually

CONTEXT = """
import json, os
def handler(event, context):
    first = context.get_remaining_time_in_millis()
    identity, client = context.identity, context.client_context
    return {
        'function_name': context.function_name, 'function_version': context.function_version,
        'invoked_function_arn': context.invoked_function_arn, 'memory_limit_in_mb': context.memory_limit_in_mb,
        'aws_request_id': context.aws_request_id, 'log_group_name': context.log_group_name,
        'log_stream_name': context.log_stream_name,
        'identity': [identity.cognito_identity_id, identity.cognito_identity_pool_id],
        'client': client and {
            'custom': client.custom, 'env': client.env, 'title': client.client.app_title,
            'id': client.client.installation_id, 'version': client.client.app_version_code,
        },
        'remaining': [first, context.get_remaining_time_in_millis()],
        'trace': os.environ.get('_X_AMZN_TRACE_ID'),
    }
"""


def test_the_context(lab):
    function = lab.deploy(CONTEXT, MemorySize=192, Timeout=7)
    invocation = function.invoke()
    found = invocation.ok()
    stream = found.pop("log_stream_name")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    first, second = found.pop("remaining")
    assert 0 < second <= first <= 7_000
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]", found.pop("trace"))
    assert found == {
        "function_name": function.name, "function_version": "$LATEST", "invoked_function_arn": function.arn,
        "memory_limit_in_mb": "192", "aws_request_id": invocation.request_id, "log_group_name": function.group,
        "identity": [None, None], "client": None,
    }
    function.messages_until("REPORT")
    assert function.streams() == [stream]
    qualified = function.invoke(Qualifier="$LATEST").ok()
    assert qualified["invoked_function_arn"] == f"{function.arn}:$LATEST"


def test_the_client_context(lab):
    context = {
        "custom": {"key": "value"}, "env": {"locale": "de"},
        "client": {"installation_id": "i", "app_title": "t", "app_version_name": "n", "app_version_code": "c", "app_package_name": "p"},
    }
    encoded = base64.b64encode(json.dumps(context).encode()).decode()
    found = lab.deploy(CONTEXT).invoke(ClientContext=encoded).ok()
    assert found["client"] == {"custom": {"key": "value"}, "env": {"locale": "de"}, "title": "t", "id": "i", "version": "c"}


def test_a_given_trace_is_carried_on(lab, caller):
    function = lab.deploy("import os\ndef handler(event, context):\n    return os.environ['_X_AMZN_TRACE_ID']\n")
    client = caller.client("lambda", user_agent_extra="traced")
    root = "1-5759e988-bd862e3fe1be46a994272793"
    client.meta.events.register(
        "before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", f"Root={root}"))
    answer = client.invoke(FunctionName=function.name)
    assert f"Root={root};" in json.load(answer["Payload"])


def test_the_environment(lab):
    function = lab.deploy(
        "import os\ndef handler(event, context):\n    return dict(os.environ), os.getcwd()\n",
        Environment={"Variables": {"OWN": "wert ä", "TZ": "Europe/Berlin"}})
    found, cwd = function.call()
    assert cwd == "/var/task"
    expected = {
        "OWN": "wert ä", "TZ": "Europe/Berlin", "_HANDLER": "app.handler", "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1", "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}",
        "AWS_LAMBDA_FUNCTION_NAME": function.name, "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "AWS_LAMBDA_LOG_GROUP_NAME": function.group,
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand", "LAMBDA_TASK_ROOT": "/var/task", "LAMBDA_RUNTIME_DIR": "/var/runtime",
        "LANG": "en_US.UTF-8", "PATH": "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin",
    }
    assert {k: found.get(k) for k in expected} == expected
    for secret in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_RUNTIME_API", "AWS_LAMBDA_LOG_STREAM_NAME"):
        assert found.get(secret), secret
    assert not [k for k in found if k.startswith(("HEARTH", "_HEARTH"))], "nothing of the server's own"
    assert "HOME" not in found


def test_handlers_in_nested_modules(lab):
    files = {"deep/__init__.py": "", "deep/er/__init__.py": "", "deep/er/mod.py": "def run(event, context):\n    return __name__\n"}
    assert lab.deploy(files, handler="deep.er.mod.run").call() == "deep.er.mod"
    assert lab.deploy({"dir/mod.py": files["deep/er/mod.py"]}, handler="dir/mod.run").call() == "dir.mod"


def test_modules_beside_the_handler(lab):
    files = {"app.py": "import helper\ndef handler(event, context):\n    return helper.text()\n",
             "helper.py": "def text():\n    return open('data.txt').read()\n", "data.txt": "from a file"}
    assert lab.deploy(files).call() == "from a file"


RESULTS = {
    "None": (b"null", None), "'text'": (b'"text"', None), "{'a': [1, 2.5, True, None]}": (None, {"a": [1, 2.5, True, None]}),
    "(1, 2)": (None, [1, 2]), "__import__('decimal').Decimal('1.5')": (None, 1.5), "'ü€😀'": (None, "ü€😀"), "''": (b'""', None),
}


def test_results(lab):
    function = lab.deploy("def handler(event, context):\n    return eval(event)\n")
    for expression, (raw, value) in RESULTS.items():
        invocation = function.invoke(expression)
        assert invocation.error is None, (expression, invocation.raw)
        assert raw is None or invocation.raw == raw, (expression, invocation.raw)
        assert raw is not None or invocation.value == value, (expression, invocation.raw)
    refused = function.invoke("{1, 2}").failed()
    assert refused["errorType"] == "Runtime.MarshalError"
    assert refused["errorMessage"] == "Unable to marshal response: Object of type set is not JSON serializable"


def test_events_of_every_kind(lab):
    function = lab.deploy("def handler(event, context):\n    return [type(event).__name__, event]\n")
    for event, kind in (({"a": 1}, "dict"), ([1], "list"), ("s", "str"), (1, "int"), (1.5, "float"), (True, "bool"), (None, "NoneType")):
        assert function.call(event) == [kind, event]
    assert function.invoke(raw=b"").ok() == ["dict", {}], "no payload is an empty object"


def test_exceptions(lab):
    function = lab.deploy("""
class Custom(Exception):
    pass
def deeper():
    raise Custom('what happened')
def handler(event, context):
    deeper()
""")
    invocation = function.invoke()
    error = invocation.failed()
    assert list(error) == ["errorMessage", "errorType", "requestId", "stackTrace"]
    assert (error["errorMessage"], error["errorType"], error["requestId"]) == ("what happened", "Custom", invocation.request_id)
    assert [re.sub(r"\d+", "N", line) for line in error["stackTrace"]] == [
        '  File "/var/task/app.py", line N, in handler\n    deeper()\n',
        '  File "/var/task/app.py", line N, in deeper\n    raise Custom(\'what happened\')\n',
    ]
    logged = [m for m in function.messages_until("REPORT") if m.startswith("[ERROR]")]
    assert len(logged) == 1, "one event, with all its lines"
    assert logged[0].startswith("[ERROR] Custom: what happened\nTraceback (most recent call last):\n"), logged
    assert function.invoke().failed()["errorType"] == "Custom", "the environment goes on"
    assert len(function.streams()) == 1


# Code, handler, type, start of the message.
INIT_ERRORS = {
    "a missing module": ({"app.py": ""}, "nope.handler", "Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'"),
    "a missing import": ({"app.py": "import nowhere\n"}, "app.handler", "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'"),
    "a missing handler": ({"app.py": ""}, "app.nope", "Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'"),
    "a syntax error": ({"app.py": "def handler(:\n"}, "app.handler", "Runtime.UserCodeSyntaxError", "Syntax error in module 'app': "),
    "a handler without a dot": (
        {"app.py": ""}, "app", "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)"),
    "an exception": ({"app.py": "raise ValueError('at import')\n"}, "app.handler", "ValueError", "at import"),
}


@pytest.mark.parametrize("case", INIT_ERRORS)
def test_errors_of_init(lab, case):
    files, handler, kind, message = INIT_ERRORS[case]
    function = lab.deploy(files, handler=handler)
    for _ in range(2):
        error = function.invoke().failed()
        assert error["errorType"] == kind, error
        assert error["errorMessage"].startswith(message), error
        assert error["requestId"] == "", error


def test_print_and_logging_as_text(lab):
    function = lab.deploy("""
import logging, sys
log = logging.getLogger()
def handler(event, context):
    print('printed')
    print('two', 'words', file=sys.stderr)
    log.warning('careful %s', 'now')
    log.info('not shown by default')
    log.setLevel(logging.INFO)
    log.info('shown now')
    print('a\\rb')
    print('no newline', end='')
""")
    invocation = function.invoke()
    invocation.ok()
    messages = function.messages_until("REPORT")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert "printed\n" in messages and "two words\n" in messages
    assert any(re.fullmatch(rf"\[WARNING\]\t{stamp}\t{invocation.request_id}\tcareful now\n", m) for m in messages), messages
    assert any(re.fullmatch(rf"\[INFO\]\t{stamp}\t{invocation.request_id}\tshown now\n", m) for m in messages), messages
    assert not any("not shown" in m for m in messages)
    assert "a\rb\n" in messages, "a carriage return does not split"
    assert any(m.rstrip("\n") == "no newline" for m in messages), messages


def test_records_of_several_lines_stay_whole(lab):
    function = lab.deploy("""
import logging
def handler(event, context):
    logging.getLogger().error('first\\nsecond\\nthird')
    try:
        1 / 0
    except ZeroDivisionError:
        logging.getLogger().exception('divided')
""")
    function.call()
    messages = function.messages_until("REPORT")
    whole = [m for m in messages if m.startswith("[ERROR]")]
    assert len(whole) == 2, messages
    assert whole[0].replace("\r", "\n").endswith("first\nsecond\nthird\n"), whole
    assert "divided" in whole[1] and "ZeroDivisionError" in whole[1] and "app.py" in whole[1], whole


def test_logging_as_json(lab):
    function = lab.deploy("""
import logging
log = logging.getLogger()
def handler(event, context):
    log.debug('a debug')
    log.info('an info', extra={'answer': 42})
    log.error('an error')
    print('plain')
    if event:
        raise KeyError('lost')
""", LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"})
    invocation = function.invoke()
    invocation.ok()
    messages = function.messages_until("platform.report")
    records = [json.loads(m) for m in messages if m.startswith("{")]
    assert "plain\n" in messages
    own = {r["message"]: r for r in records if "message" in r}
    assert "a debug" not in own, "below the level"
    info = own["an info"]
    assert info["level"] == "INFO" and info["requestId"] == invocation.request_id and info["answer"] == 42 and info["logger"] == "root"
    assert own["an error"]["level"] == "ERROR"
    system = {r["type"]: r for r in records if "type" in r}
    assert system["platform.start"]["record"] == {"requestId": invocation.request_id, "version": "$LATEST"} | {
        k: v for k, v in system["platform.start"]["record"].items() if k not in ("requestId", "version")}
    assert system["platform.initStart"]["record"]["initializationType"] == "on-demand"
    report = system["platform.report"]["record"]
    assert report["status"] == "success" and report["requestId"] == invocation.request_id
    assert {"durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs"} <= set(report["metrics"])
    assert not any(m.startswith(("START", "END", "REPORT")) for m in messages)

    failed = function.invoke(1)
    assert failed.failed()["errorType"] == "KeyError"
    records = [json.loads(m) for m in function.messages_until('"errorType":"KeyError","metrics"') if m.startswith("{")]
    error = next(r for r in records if r.get("errorType") == "KeyError")
    assert error["level"] == "ERROR" and error["requestId"] == failed.request_id and error["stackTrace"]


def test_system_records_follow_their_level(lab):
    quiet = lab.deploy("def handler(event, context):\n    print('own')\n",
                       LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "WARN"})
    quiet.call()
    assert not any("platform." in m for m in quiet.messages_until("own")), "all went well: nothing to warn of"
    loud = lab.deploy("def handler(event, context):\n    pass\n",
                      LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "DEBUG"})
    loud.call()
    kinds = {json.loads(m)["type"] for m in loud.messages_until("platform.report")}
    assert {"platform.initStart", "platform.initRuntimeDone", "platform.start", "platform.runtimeDone", "platform.report"} <= kinds


def test_a_shared_log_group(lab, caller):
    function = lab.deploy("def handler(event, context):\n    print('in the shared group')\n", LoggingConfig={"LogGroup": "/shared/group"})
    function.call()

    def logged():
        found = caller.logs.filter_log_events(logGroupName="/shared/group")["events"]
        assert any(e["message"] == "in the shared group\n" for e in found)
        return found

    streams = {e["logStreamName"] for e in eventually(logged)}
    assert len(streams) == 1
    assert re.fullmatch(rf"\d{{4}}/\d\d/\d\d/{function.name}\[\$LATEST\][0-9a-f]{{32}}", streams.pop())
