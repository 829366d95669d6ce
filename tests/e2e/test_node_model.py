"""The programming model of Node.js, through the whole stack.

Source: fact sheet "Execution-environment contract", sections 4, 5, 7 and 10.
"""

import base64
import json
import re

import pytest
from harness.functions import node_runtime


def major():
    return int(re.search(r"\d+", node_runtime())[0])


def test_the_context(lab):
    function = lab.node("""
exports.handler = async (event, context) => ({
  functionName: context.functionName, functionVersion: context.functionVersion, memoryLimitInMB: context.memoryLimitInMB,
  logGroupName: context.logGroupName, logStreamName: context.logStreamName, invokedFunctionArn: context.invokedFunctionArn,
  awsRequestId: context.awsRequestId, clientContext: context.clientContext ?? null, identity: context.identity ?? null,
  remaining: context.getRemainingTimeInMillis(), trace: process.env._X_AMZN_TRACE_ID,
})
""", Timeout=7)
    invocation = function.invoke()
    found = invocation.ok()
    stream = found.pop("logStreamName")
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream)
    assert 0 < found.pop("remaining") <= 7_000
    assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]", found.pop("trace"))
    assert found == {
        "functionName": function.name, "functionVersion": "$LATEST", "memoryLimitInMB": "256", "logGroupName": function.group,
        "invokedFunctionArn": function.arn, "awsRequestId": invocation.request_id, "clientContext": None, "identity": None,
    }
    context = {"custom": {"key": "value"}, "client": {"app_title": "t"}}
    given = function.invoke(ClientContext=base64.b64encode(json.dumps(context).encode()).decode()).ok()
    assert given["clientContext"] == context


HANDLERS = {
    "async": "exports.handler = async event => event.n + 1",
    "promise": "exports.handler = event => new Promise(done => setTimeout(() => done(event.n + 1), 5))",
    "synchronous value in an async function": "exports.handler = async function (event) { return event.n + 1 }",
    "module.exports": "module.exports.handler = async event => event.n + 1",
}
CALLBACK_HANDLERS = {
    "callback": "exports.handler = (event, context, callback) => callback(null, event.n + 1)",
    "later callback": "exports.handler = (event, context, callback) => { setTimeout(() => callback(null, event.n + 1), 5) }",
    "context.succeed": "exports.handler = (event, context) => { context.succeed(event.n + 1) }",
    "context.done": "exports.handler = (event, context) => { context.done(null, event.n + 1) }",
    "callback that does not wait": """
exports.handler = (event, context, callback) => {
  context.callbackWaitsForEmptyEventLoop = false
  setTimeout(() => {}, 600000)
  callback(null, event.n + 1)
}""",
}


@pytest.mark.parametrize("kind", [*HANDLERS, *(CALLBACK_HANDLERS if major() < 24 else ())])
def test_handlers(lab, kind):
    function = lab.node({**HANDLERS, **CALLBACK_HANDLERS}[kind])
    assert function.call({"n": 1}) == 2
    assert function.call({"n": 2}) == 3


MODULES = {
    "CommonJS by default": ({"app.js": "exports.handler = async () => typeof require"}, "app.handler", "function"),
    "CommonJS by name": ({"app.cjs": "exports.handler = async () => typeof require"}, "app.handler", "function"),
    "ESM by name": ({"app.mjs": "export const handler = async () => typeof import.meta.url"}, "app.handler", "string"),
    "ESM by package.json": (
        {"package.json": '{"type": "module"}', "app.js": "export const handler = async () => typeof import.meta.url"}, "app.handler", "string"),
    "ESM that awaits at the top": (
        {"app.mjs": "const value = await Promise.resolve('awaited'); export const handler = async () => value"}, "app.handler", "awaited"),
    "a nested path": ({"src/deep/app.js": "exports.run = async () => __filename"}, "src/deep/app.run", "/var/task/src/deep/app.js"),
    "a nested export": ({"app.js": "exports.a = { b: { handler: async () => 'nested' } }"}, "app.a.b.handler", "nested"),
    "a local module": (
        {"app.js": "const x = require('./lib/x'); exports.handler = async () => x", "lib/x.js": "module.exports = 'local'"}, "app.handler", "local"),
    "a dependency": (
        {"app.mjs": "import x from 'dep'; export const handler = async () => x",
         "node_modules/dep/index.js": "module.exports = 'dependency'", "node_modules/dep/package.json": '{"name": "dep"}'},
        "app.handler", "dependency"),
}


@pytest.mark.parametrize("kind", MODULES)
def test_modules(lab, kind):
    files, handler, expected = MODULES[kind]
    assert lab.node(files, handler).call() == expected


def test_results(lab):
    function = lab.node("exports.handler = async event => eval(event)")
    for expression, raw in (("undefined", b"null"), ("null", b"null"), ("'ü😀'", '"ü😀"'.encode()), ("({a: [1, undefined]})", b'{"a":[1,null]}'),
                            ("new Date(0)", b'"1970-01-01T00:00:00.000Z"')):
        assert function.invoke(expression).raw == raw, expression


def test_exceptions(lab):
    function = lab.node("""
class Custom extends Error { constructor(m) { super(m); this.name = 'Custom' } }
exports.handler = async event => { if (event.text) throw 'only text'; throw new Custom('what happened') }
""")
    invocation = function.invoke({})
    error = invocation.failed()
    assert list(error) == ["errorType", "errorMessage", "trace"]
    assert (error["errorType"], error["errorMessage"]) == ("Custom", "what happened")
    assert error["trace"][0] == "Custom: what happened" and any("/var/task/app.js:" in line for line in error["trace"])
    messages = function.messages_until("REPORT")
    logged = [m for m in messages if "\tERROR\tInvoke Error \t" in m]
    assert len(logged) == 1 and invocation.request_id in logged[0], messages
    told = json.loads(logged[0].split("Invoke Error \t")[1])
    assert (told["errorType"], told["errorMessage"]) == ("Custom", "what happened")
    assert function.invoke({"text": 1}).failed()["errorMessage"] == "only text"
    assert len(function.streams()) == 1, "the environment goes on"


INIT_ERRORS = {
    "a missing module": ({"app.js": ""}, "nope.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nope'"),
    "a missing require": ({"app.js": "require('nowhere')"}, "app.handler", "Runtime.ImportModuleError", "Error: Cannot find module 'nowhere'"),
    "a missing handler": ({"app.js": ""}, "app.nope", "Runtime.HandlerNotFound", "app.nope is undefined or not exported"),
    "a syntax error": ({"app.js": "exports.handler = ("}, "app.handler", "Runtime.UserCodeSyntaxError", "SyntaxError: "),
    "a handler without a dot": ({"app.js": ""}, "app", "Runtime.MalformedHandlerName", "Bad handler"),
    "an exception": ({"app.js": "throw new TypeError('at load')"}, "app.handler", "TypeError", "at load"),
}


@pytest.mark.parametrize("case", INIT_ERRORS)
def test_errors_of_init(lab, case):
    files, handler, kind, message = INIT_ERRORS[case]
    error = lab.node(files, handler).invoke().failed()
    assert error["errorType"] == kind, error
    assert error["errorMessage"].startswith(message), error


def test_unhandled_rejections_and_exceptions(lab):
    function = lab.node("""
exports.handler = async event => {
  if (event === 'reject') Promise.reject(new Error('nobody caught it'))
  if (event === 'throw') setTimeout(() => { throw new Error('out of nowhere') }, 1)
  await new Promise(done => setTimeout(done, event ? 3000 : 1))
  return 'fine'
}""")
    for _ in range(4):
        rejected = function.invoke("reject").failed()
        assert rejected["errorType"] == "Runtime.UnhandledPromiseRejection" and "nobody caught it" in rejected["errorMessage"], rejected
        assert function.call(None) == "fine", "a new process serves the next one, however soon it comes"
        thrown = function.invoke("throw").failed()
        assert "out of nowhere" in thrown["errorMessage"] or thrown["errorType"] == "Runtime.ExitError", thrown
        assert function.call(None) == "fine", "a new process serves the next one, however soon it comes"


def test_console_as_text(lab):
    function = lab.node("""
exports.handler = async () => {
  console.log('logged %s', 'once'); console.info('informed'); console.warn('warned'); console.error('failed'); console.debug('debugged')
  console.log('first\\nsecond'); console.log({ a: 1 }); process.stdout.write('written\\n')
}""")
    invocation = function.invoke()
    invocation.ok()
    messages = function.messages_until("REPORT")
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    for level, text in (("INFO", "logged once"), ("INFO", "informed"), ("WARN", "warned"), ("ERROR", "failed"), ("DEBUG", "debugged"), ("INFO", r"\{ a: 1 \}")):
        form = re.compile(rf"{stamp}\t{invocation.request_id}\t{level}\t{text}\n")
        assert any(form.fullmatch(m) for m in messages), (level, text, messages)
    whole = [m for m in messages if "first" in m]
    assert len(whole) == 1 and "second" in whole[0], "a record of two lines stays whole"
    assert "written\n" in messages


def test_console_as_json(lab):
    function = lab.node("""
exports.handler = async event => {
  console.debug('a debug'); console.log('a log'); console.error(new RangeError('alone')); console.warn('with text', new RangeError('beside'));
  console.info({ a: 1 })
}""", LoggingConfig={"LogFormat": "JSON", "ApplicationLogLevel": "INFO", "SystemLogLevel": "INFO"})
    invocation = function.invoke()
    invocation.ok()
    records = [json.loads(m) for m in function.messages_until("platform.report")]
    own = [r for r in records if "level" in r]
    assert all(r["requestId"] == invocation.request_id and r["timestamp"] for r in own)
    assert [r["level"] for r in own] == ["INFO", "ERROR", "WARN", "INFO"], own
    assert own[0]["message"] == "a log"
    alone, beside = own[1]["message"], own[2]
    assert (alone["errorType"], alone["errorMessage"]) == ("RangeError", "alone") and alone["stackTrace"]
    assert (beside["errorType"], beside["errorMessage"]) == ("RangeError", "beside") and beside["stackTrace"]
    assert beside["message"].startswith("with text RangeError: beside")
    assert own[3]["message"] == {"a": 1}


def test_the_environment(lab):
    runtime = node_runtime()
    found = lab.node("exports.handler = async () => ({ ...process.env, cwd: process.cwd() })").call()
    assert found["cwd"] == "/var/task"
    assert found["AWS_EXECUTION_ENV"] == f"AWS_Lambda_{runtime}"
    assert found["NODE_PATH"] == (
        f"/opt/nodejs/node{major()}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task")
    assert not [k for k in found if k.startswith(("HEARTH", "_HEARTH"))]
