"""The context of an invocation."""

import base64
import json
import re

from suite.cases import case

CLIENT_CONTEXT = {
    "client": {"installation_id": "i", "app_title": "t", "app_version_name": "n", "app_version_code": "c", "app_package_name": "p"},
    "custom": {"key": "värde"}, "env": {"locale": "de"},
}


@case("request id")
def test_request_id(subject):
    invocation, found = subject.context()
    assert found["request_id"] == invocation.request_id


@case("function name, version, and ARN")
def test_identity_of_the_function(subject):
    _, found = subject.context()
    assert (found["function_name"], found["function_version"]) == (subject.main.name, "$LATEST")
    assert found["invoked_function_arn"] == subject.main.arn


@case("ARN as invoked: with the version's or alias's name")
def test_qualified_arn(subject):
    _, found = subject.context(Qualifier="$LATEST")
    assert found["invoked_function_arn"] == f"{subject.main.arn}:$LATEST"
    function = subject.deploy(Publish=True)
    subject.caller.awslambda.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    found = function.call({"case": "context"}, Qualifier="live")
    assert (found["function_version"], found["invoked_function_arn"]) == ("1", f"{function.arn}:live")


@case("memory limit, in the language's type")
def test_memory_limit(subject):
    _, found = subject.context()
    assert found["memory_limit"] == subject.language.memory_limit(subject.main.created["MemorySize"])


@case("log group and stream")
def test_log_names(subject):
    _, found = subject.context()
    assert found["log_group_name"] == subject.main.group
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", found["log_stream_name"])


@case("remaining time")
def test_remaining_time(subject):
    _, found = subject.context()
    assert 0 < found["remaining_ms"] <= subject.main.created["Timeout"] * 1000
    first, later = subject.main.call({"case": "remaining", "ms": 30})
    assert 0 < later <= first - 29 and first <= subject.main.created["Timeout"] * 1000


@case("no client context and no identity")
def test_no_client_context(subject):
    _, found = subject.context()
    assert (found["client_context"], found["identity"]) == (None, None)


@case("client context: client, custom, env")
def test_client_context(subject):
    encoded = base64.b64encode(json.dumps(CLIENT_CONTEXT).encode()).decode()
    _, found = subject.context(ClientContext=encoded)
    assert found["client_context"] == without(CLIENT_CONTEXT, subject.language.no_client_members)


def without(document, paths, prefix=""):
    """The document without the members at these paths: `outer.inner`."""
    kept = {name: value for name, value in document.items() if prefix + name not in paths}
    return {name: without(value, paths, f"{prefix}{name}.") if isinstance(value, dict) else value for name, value in kept.items()}


@case("X-Ray header: made for each invocation")
def test_trace_header(subject):
    traces = [subject.context()[1]["trace_id"] for _ in range(2)]
    for trace in traces:
        assert re.match(r"Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]", trace), trace
    assert traces[0] != traces[1]


@case("X-Ray header: the caller's is carried on")
def test_given_trace_header(subject):
    client = subject.caller.client("lambda", user_agent_extra="traced")
    root = "1-5759e988-bd862e3fe1be46a994272793"
    client.meta.events.register(
        "before-sign.lambda.Invoke", lambda request, **_: request.headers.add_header("X-Amzn-Trace-Id", f"Root={root}"))
    answer = client.invoke(FunctionName=subject.main.name, Payload=json.dumps({"case": "context"}))
    assert json.load(answer["Payload"])["trace_id"].startswith(f"Root={root};")
