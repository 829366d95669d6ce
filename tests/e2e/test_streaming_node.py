"""`awslambda.streamifyResponse`, as its callers see it, over our own channel."""

import base64
import hashlib
import json
import time

import pytest
from harness.streams import Answer, Reader
from harness.waiting import eventually

MIB = 1024 * 1024

HANDLER = """
const crypto = require('node:crypto');
const { setTimeout: sleep } = require('node:timers/promises');
const { once } = require('node:events');
let count = 0;
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  count += 1;
  if (event.do === 'pieces') {
    stream.write('first');
    await sleep(event.pause * 1000);
    stream.write(String(Date.now() / 1000));
  } else if (event.do === 'bytes') {
    const chunk = crypto.randomBytes(event.chunk), hash = crypto.createHash('sha256');
    for (let left = event.size; left > 0; left -= chunk.length) {
      const piece = chunk.subarray(0, left);
      hash.update(piece);
      if (!stream.write(piece)) await once(stream, 'drain');
    }
    console.log('sent:', hash.digest('hex'));
  } else if (event.do === 'early') {
    throw new TypeError('before the first byte');
  } else if (event.do === 'error') {
    stream.write('some');
    await sleep(50);
    throw new TypeError('on the way');
  } else if (event.do === 'sleep') {
    stream.write('some');
    await sleep(60000);
  } else if (event.do === 'exit') {
    stream.write('some');
    await sleep(50);
    process.exit(7);
  } else {
    stream.write(JSON.stringify({ count, id: context.awsRequestId }));
  }
  stream.end();
});
"""


@pytest.fixture(scope="module")
def node(module_lab):
    return module_lab.node(HANDLER, Timeout=30)


def test_node_streams(node):
    response = node.caller.awslambda.invoke_with_response_stream(
        FunctionName=node.name, Payload=json.dumps({"do": "pieces", "pause": 3}).encode())
    events = iter(response["EventStream"])
    assert next(events)["PayloadChunk"]["Payload"] == b"first"
    assert time.time() < float(next(events)["PayloadChunk"]["Payload"])
    assert next(events) == {"InvokeComplete": {}}
    answer = Answer(node, {"do": "count"})
    assert json.loads(answer.ok())["id"] == answer.request_id
    assert node.call({"do": "count"})["count"] == json.loads(answer.body)["count"] + 1, "gathered, and the same process"


def test_node_streams_much(node):
    answer = Answer(node, {"do": "bytes", "size": 20 * MIB + 7, "chunk": 100_000}, LogType="Tail")
    assert hashlib.sha256(answer.body).hexdigest() in base64.b64decode(answer.complete["LogResult"]).decode()
    slow = Reader(node, {"do": "bytes", "size": 30 * MIB, "chunk": MIB})
    slow.head()
    time.sleep(1)
    assert 30 * MIB < len(slow.chunked()) < 32 * MIB
    slow.leave()


def test_node_fails_before_and_on_the_way(node):
    early = Answer(node, {"do": "early"})
    assert early.chunks == [] and early.failed()["errorType"] == "TypeError"
    late = Answer(node, {"do": "error"})
    assert late.body == b"some" and late.failed()["errorMessage"] == "on the way"
    gone = Answer(node, {"do": "exit"})
    assert gone.body == b"some" and gone.failed()["errorType"] == "Runtime.ExitError"
    assert json.loads(Answer(node, {"do": "count"}).ok())["count"] == 1, "another process"


def test_node_is_too_slow(lab):
    function = lab.node(HANDLER, Timeout=2)
    answer = Answer(function, {"do": "sleep"})
    assert answer.body == b"some" and answer.failed()["errorType"] == "Sandbox.Timedout"
    # One that nobody reads is ended as well, and nothing of it reaches the next caller.
    reader = Reader(function, {"do": "bytes", "size": 64 * MIB, "chunk": MIB})
    reader.head()
    function.messages_until("Status: timeout")
    eventually(lambda: sum("Status: timeout" in m for m in function.messages()) == 2, "the second timeout", 30)
    assert b"Sandbox.Timedout" in reader.chunked()
    reader.leave()
    assert json.loads(Answer(function, {"do": "count"}).ok())["count"] == 1
