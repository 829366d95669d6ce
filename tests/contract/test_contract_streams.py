"""Streamed answers."""

import json

from harness.streams import Answer
from suite.cases import case
from suite.subject import check_document

CHUNKS = ["first ", "second ä😀 ", "x" * 200_000, " last"]


def body(raw):
    """What the function wrote: some clients put the metadata of an HTTP answer before it, and eight zero bytes after that."""
    text = raw.decode()
    if text.startswith('{"statusCode"'):
        return text.partition("\0" * 8)[2]
    return text.lstrip("\0")


@case("a handler that does not stream, called by InvokeWithResponseStream: one chunk")
def test_buffered_by_stream(subject):
    answer = Answer(subject.main, {"case": "echo", "value": "whole ä"})
    assert json.loads(answer.ok()) == "whole ä"


@case("its error, called by InvokeWithResponseStream")
def test_error_by_stream(subject):
    answer = Answer(subject.main, {"case": "fail", "kind": "own", "message": "what happened"})
    check_document(subject.language, subject.language.errors["own"], answer.failed(), {"message": "what happened", "id": answer.request_id})


@case("a streamed answer")
def test_stream_chunks(subject):
    assert body(Answer(subject.streaming, {"chunks": CHUNKS}).ok()) == "".join(CHUNKS)


@case("a streamed answer comes as it is made")
def test_stream_pieces(subject):
    answer = Answer(subject.streaming, {"chunks": ["one", "two", "three"], "pause_ms": 150})
    assert [body(chunk) for chunk in answer.chunks if body(chunk)] == ["one", "two", "three"]


@case("a streamed answer, called by Invoke: all of it")
def test_stream_by_invoke(subject):
    invocation = subject.streaming.invoke({"chunks": CHUNKS})
    assert invocation.error is None and body(invocation.raw) == "".join(CHUNKS)


@case("an error on the way of a stream")
def test_stream_error(subject):
    answer = Answer(subject.streaming, {"chunks": ["begun "], "pause_ms": 100, "fail": "what happened"})
    assert body(answer.body).startswith("begun ")
    error = answer.failed()
    assert error["errorMessage"] == "what happened" and "ContractError" in error["errorType"], error
