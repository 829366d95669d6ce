"""Asynchronous invocation: events that are accepted, run, tried again, and told of.

Source: fact sheets "Lambda invocation" (sections 1 to 5 and 9), "Lambda control-plane API" (sections 9
and 11).
"""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.cli import AwsCli
from harness.clients import Caller
from harness.functions import Lab
from harness.server import Server
from harness.waiting import eventually

ECHO = """
import json, os, time
def handler(event, context):
    print("SEEN " + json.dumps({"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn,
                                "client_context": context.client_context is not None}))
    if event.get("sleep"):
        time.sleep(event["sleep"])
    if event.get("fail"):
        raise ValueError("as asked")
    return {"trace": os.environ.get("_X_AMZN_TRACE_ID"), "version": 1}
"""
# A function that takes records, and logs them.
RECORDS = """
import json
def handler(event, context):
    print("RECORD " + json.dumps(event))
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory, checker):
    server = Server(tmp_path_factory.mktemp("asynchronous"), env={"HEARTH_ASYNCHRONOUS_RETRY_MS": "200"}).start()
    yield Lab(Caller(server, checker))
    server.stop_cleanly()


@pytest.fixture(scope="module")
def echo(lab):
    return lab.deploy(ECHO)


@pytest.fixture(scope="module")
def records(lab):
    return lab.deploy(RECORDS)


def send(function, event=None, **options):
    """Its request id."""
    payload = json.dumps(event or {}).encode()
    answer = function.caller.awslambda.invoke(
        FunctionName=function.name, InvocationType="Event", Payload=payload, **options)
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b"" and "ExecutedVersion" not in answer
    return answer["ResponseMetadata"]["RequestId"]


def logged(function, word):
    found = [message.split(" ", 1)[1] for message in function.messages() if message.startswith(f"{word} ")]
    return [json.loads(text) for text in found]


def seen(function, request_id, times=1, timeout_s=15):
    """What the function saw of an event, once it has seen it so often."""

    def probe():
        found = [one for one in logged(function, "SEEN") if one["id"] == request_id]
        assert len(found) >= times, found
        return found

    return eventually(probe, timeout_s=timeout_s)


def record_of(records, request_id, timeout_s=15):
    def probe():
        found = [one for one in logged(records, "RECORD") if one["requestContext"]["requestId"] == request_id]
        return found[0] if found else None

    return eventually(probe, f"a record of {request_id}", timeout_s)


def configure(function, **config):
    return function.caller.awslambda.put_function_event_invoke_config(FunctionName=function.name, **config)


def refused(call, **arguments):
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_an_event_runs_after_its_answer(echo):
    request_id = send(echo, {"n": 1}, ClientContext="e30=")
    (found,) = seen(echo, request_id)
    assert found == {"event": {"n": 1}, "id": request_id, "arn": echo.arn, "client_context": False}


def test_the_deprecated_form(echo):
    client = echo.caller.awslambda
    answer = client.invoke_async(FunctionName=echo.name, InvokeArgs=b'{"old": true}')
    assert answer["Status"] == 202
    (found,) = seen(echo, answer["ResponseMetadata"]["RequestId"])
    assert found["event"] == {"old": True}
    reply = raw.call(echo.caller, "POST", f"/2014-11-13/functions/{echo.name}/invoke-async/", b"{}")
    assert (reply.status, reply.body) == (202, b""), reply


def test_what_is_refused_at_the_door(lab):
    # It prints nothing: events of a MiB are no log lines.
    echo = lab.deploy("def handler(event, context): pass")
    client = echo.caller.awslambda
    event = {"X-Amz-Invocation-Type": "Event"}
    path = f"/2015-03-31/functions/{echo.name}/invocations"
    for where, limit, name in ((path, 1_048_576, "InvokeFunction"), (f"/2014-11-13/functions/{echo.name}/invoke-async", 262_144, "InvokeAsync")):
        reply = raw.call(echo.caller, "POST", where, b'"' + b"x" * (limit - 1) + b'"', event)
        assert (reply.status, reply.error_type) == (413, "RequestEntityTooLargeException"), reply
        assert reply.json["Message"] == f"Request must be smaller than {limit} bytes for the {name} operation"
        assert raw.call(echo.caller, "POST", where, b'{"a":"' + b"x" * (limit - 8) + b'"}', event).status == 202
    code, message = refused(client.invoke, FunctionName=echo.name, InvocationType="Event", Payload=b"{")
    assert code == "InvalidRequestContentException" and message.startswith("Could not parse request body into json")
    code, message = refused(client.invoke, FunctionName="nowhere", InvocationType="Event")
    assert (code, message) == ("ResourceNotFoundException", f"Function not found: {echo.caller.arn('nowhere', '$LATEST')}")


def test_failures_are_tried_again_and_told_of(lab, records):
    function = lab.deploy(ECHO)
    configure(function, DestinationConfig={"OnFailure": {"Destination": records.arn}})
    request_id = send(function, {"fail": True})
    record = record_of(records, request_id)
    assert len(seen(function, request_id)) == 3, "the same id in every run"
    starts = [m for m in function.messages() if m.startswith(f"START RequestId: {request_id}")]
    assert len(starts) == 3
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.pop("timestamp"))
    answer = record.pop("responsePayload")
    assert (answer["errorType"], answer["errorMessage"]) == ("ValueError", "as asked")
    assert record == {
        "version": "1.0",
        "requestContext": {"requestId": request_id, "functionArn": f"{function.arn}:$LATEST",
                           "condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": {"fail": True},
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
    }
    configure(function, MaximumRetryAttempts=0, DestinationConfig={"OnFailure": {"Destination": records.arn}})
    record = record_of(records, send(function, {"fail": True}))
    assert record["requestContext"]["approximateInvokeCount"] == 1


def test_successes_of_an_alias_are_told_of(lab, records):
    function = lab.deploy(ECHO, Publish=True)
    client = function.caller.awslambda
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    configure(function, Qualifier="live", DestinationConfig={"OnSuccess": {"Destination": records.arn}})
    silent = send(function)
    request_id = send(function, Qualifier="live")
    record = record_of(records, request_id)
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["functionArn"] == f"{function.arn}:live"
    assert record["responseContext"] == {"statusCode": 200, "executedVersion": "1"}
    assert record["responsePayload"]["version"] == 1
    seen(function, silent)
    assert all(one["requestContext"]["requestId"] != silent for one in logged(records, "RECORD"))


def test_a_function_that_is_switched_off(lab, records):
    function = lab.deploy(ECHO)
    configure(function, DestinationConfig={"OnFailure": {"Destination": records.arn}})
    function.caller.awslambda.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)
    request_id = send(function, {"n": 1})
    record = record_of(records, request_id)
    assert record["requestContext"]["condition"] == "ZeroReservedConcurrency"
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responseContext" not in record and "responsePayload" not in record


def test_a_throttled_event_waits_and_runs_what_is_there_then(lab):
    function = lab.deploy(ECHO)
    function.caller.awslambda.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=1)
    busy = send(function, {"sleep": 3})
    seen(function, busy)
    waiting = [send(function, {"n": n}) for n in range(20)]
    function.upload({"app.py": ECHO.replace("SEEN", "NEW")})

    def probe():
        ids = [one["id"] for one in logged(function, "NEW")]
        assert sorted(ids) == sorted(waiting), "each once, and none by the old code"
        return True

    eventually(probe, timeout_s=30)


def test_one_function_holds_up_no_other(lab, echo):
    broken = lab.deploy(ECHO)
    full = lab.deploy(ECHO)
    full.caller.awslambda.put_function_concurrency(FunctionName=full.name, ReservedConcurrentExecutions=1)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: (send(broken, {"fail": True}), send(full, {"sleep": 20})), range(60)))
        began = time.monotonic()
        request_id = send(echo)
    seen(echo, request_id, timeout_s=15)
    assert time.monotonic() - began < 20, "while the others have 20 minutes of work"
    for function in (broken, full):
        function.caller.awslambda.put_function_concurrency(FunctionName=function.name, ReservedConcurrentExecutions=0)


def test_a_burst_is_delivered(lab):
    # With time enough for a busy machine: a timeout would be tried again.
    function = lab.deploy(ECHO, Timeout=120, MemorySize=1024)
    with ThreadPoolExecutor(8) as pool:
        sent = set(pool.map(lambda n: send(function, {"n": n}), range(200)))

    def probe():
        found = [one["id"] for one in logged(function, "SEEN")]
        assert set(found) == sent, f"{len(found)} of {len(sent)}"
        return found

    assert len(eventually(probe, timeout_s=90)) == len(sent), "and nothing failed, so each ran once"


def test_event_invoke_configs(lab, records):
    function = lab.deploy(ECHO, Publish=True)
    client, name = function.caller.awslambda, function.name
    put = configure(function, MaximumRetryAttempts=1, MaximumEventAgeInSeconds=60)
    assert put["FunctionArn"] == f"{function.arn}:$LATEST"
    assert put["DestinationConfig"] == {"OnSuccess": {}, "OnFailure": {}}
    merged = client.update_function_event_invoke_config(
        FunctionName=name, DestinationConfig={"OnSuccess": {"Destination": records.arn}})
    assert (merged["MaximumRetryAttempts"], merged["MaximumEventAgeInSeconds"]) == (1, 60)
    got = client.get_function_event_invoke_config(FunctionName=f"{name}:$LATEST")
    assert {k: v for k, v in got.items() if k != "ResponseMetadata"} == {k: v for k, v in merged.items() if k != "ResponseMetadata"}
    configure(function, Qualifier="1", MaximumRetryAttempts=2)
    pages = client.get_paginator("list_function_event_invoke_configs").paginate(FunctionName=name, PaginationConfig={"PageSize": 1})
    arns = [one["FunctionArn"] for page in pages for one in page["FunctionEventInvokeConfigs"]]
    assert arns == [f"{function.arn}:$LATEST", f"{function.arn}:1"]
    client.delete_function_event_invoke_config(FunctionName=name)
    code, message = refused(client.get_function_event_invoke_config, FunctionName=name)
    assert (code, message) == ("ResourceNotFoundException", f"The function {function.arn}:$LATEST doesn't have an EventInvokeConfig")
    queue = f"arn:aws:sqs:us-east-1:{function.caller.account}:q"
    code, message = refused(configure, function=function, DestinationConfig={"OnFailure": {"Destination": queue}})
    assert code == "InvalidParameterValueException" and "there is no SQS here" in message
    code, message = refused(client.update_function_configuration, FunctionName=name, DeadLetterConfig={"TargetArn": queue})
    assert code == "InvalidParameterValueException" and "there is no SQS here" in message
    assert "DeadLetterConfig" not in function.configure(DeadLetterConfig={"TargetArn": ""})


def test_with_the_command_lines(lab, echo, tmp_path):
    caller = lab.caller
    cli = AwsCli(tmp_path, {
        "AWS_ENDPOINT_URL": caller.server.endpoint, "AWS_ACCESS_KEY_ID": caller.account,
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": caller.region,
    })
    answer = cli.json("lambda", "invoke", "--function-name", echo.name, "--invocation-type", "Event",
                      "--payload", '{"by": "cli"}', str(tmp_path / "out.json"))
    assert answer == {"StatusCode": 202}
    shown = cli.json("lambda", "put-function-event-invoke-config", "--function-name", echo.name, "--maximum-retry-attempts", "1")
    assert shown["MaximumRetryAttempts"] == 1
    cli.text("lambda", "delete-function-event-invoke-config", "--function-name", echo.name)
    assert cli.json("lambda", "get-function-recursion-config", "--function-name", echo.name) == {"RecursiveLoop": "Terminate"}

    def hearth(*arguments):
        done = caller.server.run_to_end("invoke", echo.name, "--async", *arguments, env={"AWS_ACCESS_KEY_ID": caller.account, "AWS_SECRET_ACCESS_KEY": "secret"})
        assert done.returncode == 0, done
        return done.stdout

    request_id = hearth("-p", '{"by": "hearth"}').strip()
    (found,) = seen(echo, request_id)
    assert found["event"] == {"by": "hearth"}
    answer = json.loads(hearth("-o", "json"))
    assert answer["StatusCode"] == 202 and seen(echo, answer["RequestId"])


def with_header(client, trace):
    """The header that SDKs inside functions send."""

    def add(request, **_):
        if trace:
            request.headers["X-Amzn-Trace-Id"] = trace

    client.meta.events.register("before-send.lambda.Invoke", add)
    return lambda: client.meta.events.unregister("before-send.lambda.Invoke", add)


def call_on(function, trace):
    undo = with_header(function.caller.awslambda, trace)
    try:
        return function.call({})["trace"]
    finally:
        undo()


def test_a_function_that_calls_itself_is_stopped(lab):
    function = lab.deploy(ECHO)
    client = function.caller.awslambda
    trace = None
    for _ in range(16):
        trace = call_on(function, trace)
    with pytest.raises(client.exceptions.RecursiveInvocationException):
        call_on(function, trace)
    assert client.put_function_recursion_config(FunctionName=function.name, RecursiveLoop="Allow")["RecursiveLoop"] == "Allow"
    for _ in range(5):
        trace = call_on(function, trace)
    code, _ = refused(client.put_function_recursion_config, FunctionName=function.name, RecursiveLoop="Sometimes")
    assert code == "ValidationException"


def test_a_loop_through_destinations_is_stopped(lab, records):
    one, two = lab.deploy(ECHO), lab.deploy(ECHO)
    for function, other in ((one, two), (two, one)):
        configure(function, DestinationConfig={"OnSuccess": {"Destination": other.arn}, "OnFailure": {"Destination": records.arn}})
    request_id = send(one)
    seen(one, request_id)

    def probe():
        stopped = [r for r in logged(records, "RECORD") if r["requestContext"]["condition"] == "RecursiveInvocation"]
        return stopped[0] if stopped else None

    record = eventually(probe, "the end of the loop", 30)
    assert "responseContext" not in record
    counts = [len(logged(function, "SEEN")) for function in (one, two)]
    assert all(15 <= count <= 20 for count in counts), counts
