"""Response streaming: `InvokeWithResponseStream`, from runtimes that stream and from others.

Source: fact sheets "Lambda invocation" (section 6) and "Execution-environment contract" (section 1.5).
"""

import base64
import hashlib
import json
import time

import pytest
from botocore.exceptions import ClientError
from harness.packages import program
from harness.streams import Answer, Reader
from harness.waiting import eventually

MIB = 1024 * 1024
LIMIT = 6_291_556

# A runtime of its own: HTTP chunks and trailers by hand, so that it can do each thing wrong as well.
BOOTSTRAP = r'''#!/usr/bin/env python3
import base64, hashlib, json, os, socket, sys, time

host, port = os.environ["AWS_LAMBDA_RUNTIME_API"].split(":")
ERROR_TYPE, ERROR_BODY = "Lambda-Runtime-Function-Error-Type", "Lambda-Runtime-Function-Error-Body"
count = 0


class Call:
    def __init__(self, method, path, *headers):
        self.socket = socket.create_connection((host, int(port)))
        self.file = self.socket.makefile("rb")
        lines = [f"{method} /2018-06-01/runtime/{path} HTTP/1.1", f"Host: {host}", *headers]
        self.socket.sendall("\r\n".join(lines + ["", ""]).encode())

    def answer(self):
        status = int(self.file.readline().split()[1])
        headers = dict(line.decode().strip().split(": ", 1) for line in iter(self.file.readline, b"\r\n"))
        body = self.file.read(int(headers.get("content-length", 0)))
        self.socket.close()
        return status, headers, body


class Stream(Call):
    def __init__(self, id, mode="streaming", kind="application/octet-stream"):
        super().__init__("POST", f"invocation/{id}/response", f"Lambda-Runtime-Function-Response-Mode: {mode}",
                         f"Content-Type: {kind}", "Transfer-Encoding: chunked", f"Trailer: {ERROR_TYPE}, {ERROR_BODY}")

    def write(self, data):
        self.socket.sendall(b"%x\r\n%s\r\n" % (len(data), data))

    def end(self, *trailers):
        self.socket.sendall("\r\n".join(["0", *trailers, "", ""]).encode())
        return self.answer()


def post(id, what, body, *headers):
    call = Call("POST", f"invocation/{id}/{what}", f"Content-Length: {len(body)}", *headers)
    call.socket.sendall(body)
    return call.answer()


def run(id, event):
    do = event["do"]
    if do == "whole":
        return post(id, "response", json.dumps({"count": count}).encode())
    if do == "fail":
        return post(id, "error", b'{"errorType":"Own.Error","errorMessage":"as asked"}', f"{ERROR_TYPE}: Own.Error")
    if do == "mode":
        status, _, body = Stream(id, mode="sometimes").answer()
        return print("mode:", status, body.decode())
    stream = Stream(id)
    if do == "pieces":
        stream.write(b"first")
        time.sleep(event["pause"])
        stream.write(str(time.time()).encode())
        print("ended:", *stream.end()[::2])
    elif do == "bytes":
        digest, chunk = hashlib.sha256(), os.urandom(event["chunk"])
        left = event["size"]
        while left:
            piece = chunk[:left]
            digest.update(piece)
            stream.write(piece)
            left -= len(piece)
        print("sent:", digest.hexdigest(), flush=True)
        print("ended:", *stream.end()[::2])
    elif do == "error":
        stream.write(b"some")
        body = base64.b64encode(b'{"errorType":"Own.Error","errorMessage":"on the way"}').decode()
        stream.end(f"{ERROR_TYPE}: Runtime.Own", f"{ERROR_BODY}: {body}")
    elif do == "cut":
        stream.write(b"some")
        stream.socket.sendall(b"ff\r\nless")
        stream.socket.shutdown(socket.SHUT_WR)
        status, _, body = stream.answer()
        print("cut:", status, body.decode())
    elif do == "sleep":
        stream.write(b"some")
        time.sleep(60)
    elif do == "exit":
        stream.write(b"some")
        os._exit(7)
    elif do == "nothing":
        stream.end()


while True:
    _, headers, event = Call("GET", "invocation/next").answer()
    count += 1
    run(headers["lambda-runtime-aws-request-id"], json.loads(event))
    sys.stdout.flush()
'''


@pytest.fixture(scope="module")
def streamer(module_lab):
    return module_lab.provided({"bootstrap": program(BOOTSTRAP)}, Timeout=30)


@pytest.fixture(scope="module")
def hasty(module_lab):
    """The same, with little time."""
    return module_lab.provided({"bootstrap": program(BOOTSTRAP)}, Timeout=2)


def test_the_first_piece_arrives_before_the_last_is_made(streamer):
    response = streamer.caller.awslambda.invoke_with_response_stream(
        FunctionName=streamer.name, Payload=json.dumps({"do": "pieces", "pause": 3}).encode())
    assert response["StatusCode"] == 200 and response["ExecutedVersion"] == "$LATEST"
    assert response["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    assert response["ResponseMetadata"]["HTTPHeaders"]["x-amzn-trace-id"].startswith("Root=1-")
    events = iter(response["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first"
    arrived = time.time()
    # Both on this machine's clock: an order, not a duration.
    assert arrived < float(next(events)["PayloadChunk"]["Payload"])
    assert next(events) == {"InvokeComplete": {}} and next(events, None) is None
    assert any("ended: 202" in message for message in streamer.messages_until("ended: 202"))


def test_twenty_mebibytes_arrive_as_they_were_sent(streamer):
    answer = Answer(streamer, {"do": "bytes", "size": 20 * MIB + 7, "chunk": 100_000}, LogType="Tail")
    assert answer.complete.keys() == {"LogResult"}
    tail = base64.b64decode(answer.complete["LogResult"]).decode()
    assert f"REPORT RequestId: {answer.request_id}" in tail
    assert hashlib.sha256(answer.body).hexdigest() in tail
    assert len(answer.chunks) > 20


def test_an_empty_stream(streamer):
    assert Answer(streamer, {"do": "nothing"}).ok() == b""


def test_functions_that_do_not_stream(streamer, lab):
    answer = Answer(streamer, {"do": "whole"})
    assert json.loads(answer.ok())["count"] > 0 and len(answer.chunks) == 1
    python = lab.deploy("def handler(event, context):\n    return 'x' * event\n")
    answer = Answer(python, 6 * MIB)
    assert len(answer.chunks) == 1 and len(answer.ok()) == 6 * MIB + 2
    assert Answer(python, LIMIT).failed()["errorType"] == "Function.ResponseSizeTooLarge"
    assert Answer(python, "no number").failed()["errorType"] == "TypeError"


def test_an_error_before_the_first_byte(streamer):
    answer = Answer(streamer, {"do": "fail"})
    assert answer.chunks == [] and answer.failed() == {"errorType": "Own.Error", "errorMessage": "as asked"}


def test_an_error_on_the_way(streamer):
    answer = Answer(streamer, {"do": "error"})
    assert answer.body == b"some" and answer.failed() == {"errorType": "Own.Error", "errorMessage": "on the way"}
    assert Answer(streamer, {"do": "whole"}).ok()


def test_a_stream_that_breaks_off(streamer):
    answer = Answer(streamer, {"do": "cut"})
    assert answer.body == b"someless" and answer.failed()["errorType"] == "Runtime.TruncatedResponse"
    assert "TruncatedHTTPRequest" in "".join(streamer.messages_until("cut: 400"))


def test_a_mode_that_there_is_not(streamer):
    answer = Answer(streamer, {"do": "mode"})
    assert answer.chunks == [] and answer.failed()["errorType"] == "Runtime.InvalidResponseModeHeader"
    assert "InvalidFunctionResponseMode" in "".join(streamer.messages_until("mode: 400"))


def check_report(function, request_id, status):
    report = next(m for m in function.messages_until(f"REPORT RequestId: {request_id}") if f"REPORT RequestId: {request_id}" in m)
    assert status in report, report


def test_a_timeout_on_the_way(hasty):
    answer = Answer(hasty, {"do": "sleep"})
    assert answer.body == b"some"
    assert answer.failed() == {
        "errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {answer.request_id} Error: Task timed out after 2.00 seconds"}
    check_report(hasty, answer.request_id, "\tStatus: timeout")
    assert json.loads(Answer(hasty, {"do": "whole"}).ok()) == {"count": 1}, "another process"


def test_a_crash_on_the_way(streamer):
    answer = Answer(streamer, {"do": "exit"})
    assert answer.body == b"some"
    assert answer.failed() == {
        "errorType": "Runtime.ExitError",
        "errorMessage": f"RequestId: {answer.request_id} Error: Runtime exited with error: exit status 7"}
    check_report(streamer, answer.request_id, "\tStatus: error\tError Type: Runtime.ExitError")
    assert json.loads(Answer(streamer, {"do": "whole"}).ok()) == {"count": 1}, "another process"


def test_a_streamed_answer_to_a_plain_invoke_is_gathered(streamer):
    assert streamer.invoke({"do": "bytes", "size": LIMIT, "chunk": 70_000}).raw.__len__() == LIMIT
    invocation = streamer.invoke({"do": "bytes", "size": LIMIT + 1, "chunk": 70_000})
    assert invocation.failed() == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LIMIT} bytes).",
        "errorType": "Function.ResponseSizeTooLarge"}
    invocation = streamer.invoke({"do": "error"})
    assert invocation.failed() == {"errorType": "Own.Error", "errorMessage": "on the way"}


def test_there_is_an_end_to_any_stream(streamer):
    answer = Answer(streamer, {"do": "bytes", "size": 201 * MIB, "chunk": MIB})
    assert answer.failed()["errorType"] == "Function.ResponseSizeTooLarge"
    assert 199 * MIB < len(answer.body) <= 200 * MIB
    assert Answer(streamer, {"do": "whole"}).ok()


# Node.js streams over our own channel, through `awslambda`.
NODE = """
const { pipeline } = require('stream/promises');
const { Readable } = require('stream');
let count = 0;
const piece = 'x'.repeat(65536);
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  count++;
  if (event.do === 'metadata') stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201 });
  if (event.do === 'early') throw new TypeError('early');
  if (event.do === 'many') return pipeline(Readable.from(Array(event.pieces).fill(piece)), stream);
  stream.write('some');
  if (event.do === 'late') throw new RangeError('late');
  if (event.do === 'uncaught') { setImmediate(() => { throw new Error('uncaught'); }); await new Promise(() => {}); }
  if (event.do === 'hang') await new Promise((r) => setTimeout(r, 60000));
  stream.end(JSON.stringify({ count }));
});
"""


def test_streams_of_node(lab):
    function = lab.node(NODE, Timeout=20)
    assert Answer(function, {}).ok() == b'some{"count":1}'
    assert Answer(function, {"do": "metadata"}).ok() == b'{"statusCode":201}' + bytes(8) + b'some{"count":2}'
    many = Answer(function, {"do": "many", "pieces": 320})
    assert many.ok() == b"x" * 20 * MIB and len(many.chunks) > 20
    early = Answer(function, {"do": "early"})
    assert early.chunks == [] and early.failed()["errorType"] == "TypeError"
    late = Answer(function, {"do": "late"})
    assert late.body == b"some" and late.failed()["errorMessage"] == "late"
    assert function.invoke({}).raw == b'some{"count":6}'
    uncaught = Answer(function, {"do": "uncaught"})
    assert uncaught.body == b"some" and uncaught.failed()["errorMessage"] == "uncaught"
    assert Answer(function, {}).ok() == b'some{"count":1}', "another process"


def test_a_stream_of_node_that_runs_into_its_timeout(lab):
    function = lab.node(NODE, Timeout=2)
    answer = Answer(function, {"do": "hang"})
    assert answer.body == b"some" and answer.failed()["errorType"] == "Sandbox.Timedout"
    assert Answer(function, {}).ok() == b'some{"count":1}', "another process"


def test_a_reader_that_stops_stops_the_function_until_its_timeout(lab):
    function = lab.provided({"bootstrap": program(BOOTSTRAP)}, Timeout=2)
    reader = Reader(function, {"do": "bytes", "size": 64 * MIB, "chunk": MIB})
    reader.head()
    # Nothing is read: the function gets no further, and is ended. Others are served meanwhile.
    assert Answer(function, {"do": "whole"}).ok()
    function.messages_until("Status: timeout", timeout_s=30)
    body = reader.chunked()
    assert b"Sandbox.Timedout" in body and len(body) < 60 * MIB
    reader.leave()


def test_a_reader_that_pauses_gets_all_of_it(streamer):
    reader = Reader(streamer, {"do": "bytes", "size": 30 * MIB, "chunk": MIB})
    reader.head()
    time.sleep(1)
    body = reader.chunked()
    assert 30 * MIB < len(body) < 32 * MIB and body.count(b"InvokeComplete") == 1
    reader.leave()


def test_a_client_that_leaves_ends_nothing(lab):
    function = lab.provided({"bootstrap": program(BOOTSTRAP)}, Timeout=30)
    assert json.loads(Answer(function, {"do": "whole"}).ok()) == {"count": 1}
    reader = Reader(function, {"do": "bytes", "size": 64 * MIB, "chunk": MIB})
    reader.head()
    reader.leave()
    # It runs to its end, with nobody to read it, and the same process takes the next event.
    function.messages_until("ended: 202", timeout_s=30)
    eventually(lambda: json.loads(Answer(function, {"do": "whole"}).ok())["count"] == 3, "the same process")
    assert len(function.streams()) == 1


def test_refusals_are_plain_errors(streamer, lab):
    client = streamer.caller.awslambda

    def check(code, **options):
        with pytest.raises(ClientError) as refused:
            client.invoke_with_response_stream(**{"FunctionName": streamer.name, **options})
        assert refused.value.response["Error"]["Code"] == code
        return refused.value.response

    missing = check("ResourceNotFoundException", Qualifier="nobody")
    assert missing["ResponseMetadata"]["HTTPStatusCode"] == 404
    assert missing["Error"]["Message"] == f"Function not found: {streamer.arn}:nobody"
    check("ResourceNotFoundException", FunctionName="nobody")
    check("InvalidRequestContentException", Payload=b"{")
    check("ValidationException", InvocationType="Event")
    large = check("RequestEntityTooLargeException", Payload=b'"' + b"x" * (6 * MIB) + b'"')
    assert large["ResponseMetadata"]["HTTPStatusCode"] == 413
    dry = client.invoke_with_response_stream(FunctionName=streamer.name, InvocationType="DryRun")
    assert dry["StatusCode"] == 204


def test_a_stream_takes_its_place_until_its_end(make_server, lab_on):
    server = make_server("concurrency = 1\n").start()
    function = lab_on(server).provided({"bootstrap": program(BOOTSTRAP)}, Timeout=30)
    reader = Reader(function, {"do": "bytes", "size": 64 * MIB, "chunk": MIB})
    reader.head()
    with pytest.raises(ClientError) as throttled:
        Answer(function, {"do": "whole"})
    assert throttled.value.response["Error"]["Code"] == "TooManyRequestsException"
    assert throttled.value.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    reader.chunked()
    assert Answer(function, {"do": "whole"}).ok()
    reader.leave()


def test_hearths_own_command(server, streamer):
    def run(event, *options):
        environment = {"AWS_ACCESS_KEY_ID": streamer.caller.account, "AWS_SECRET_ACCESS_KEY": "secret"}
        return server.run_to_end("invoke", streamer.name, "--stream", "--payload", json.dumps(event), *options, env=environment)

    done = run({"do": "pieces", "pause": 0})
    assert done.returncode == 0 and done.stdout.startswith("first1")
    failed = run({"do": "error"})
    assert (failed.returncode, failed.stdout) == (1, "some"), failed
    assert "on the way" in failed.stderr and f"the function {streamer.name} failed (Unhandled)" in failed.stderr
    document = json.loads(run({"do": "error"}, "-o", "json").stdout)
    assert (document["Payload"], document["ErrorCode"], document["ExecutedVersion"]) == ("some", "Unhandled", "$LATEST")
    assert "REPORT RequestId" in document["LogResult"]
