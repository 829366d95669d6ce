"""Events and answers."""

import json

import pytest
from botocore.exceptions import ClientError
from suite.cases import case

LARGEST_EVENT, LARGEST_ANSWER = 6_291_456, 6_291_556

EVENTS = {
    "object": {"a": {"b": [1, "2", None, True]}}, "array": [1, "2", None, [False]], "string": "text", "number": 1.5, "integer": -7,
    "boolean": True, "null": None,
}


@case("events: {kind}", kinds={name: f"a JSON {name}" if name != "null" else "`null`" for name in EVENTS})
def test_event(subject, kind):
    assert subject.main.call(EVENTS[kind]) == EVENTS[kind]


@case("an invocation without a payload is one with `{}`")
def test_no_payload(subject):
    assert subject.main.invoke(raw=b"").ok() == {}


TEXTS = {
    "unicode": "äöü ß — 日本語 😀 \u2028 \u00a0 e\u0301", "control": "\x00\x01\t\n\r\x1f\x7f\u0085", "quotes": "\"'\\/</script>&amp;%00",
}


@case("texts: {kind}", kinds={"unicode": "beyond the basic plane", "control": "control characters", "quotes": "quotes and escapes"})
def test_text(subject, kind):
    assert subject.main.call({"case": "echo", "value": TEXTS[kind]}) == TEXTS[kind]
    assert subject.main.call({"case": "echo", "value": {TEXTS[kind]: 1}}) == {TEXTS[kind]: 1}


@case("numbers")
def test_numbers(subject):
    numbers = [0, -1, 2**53 - 1, 0.1, -2.5e-7, 1e300]
    assert subject.main.call({"case": "echo", "value": numbers}) == numbers


@case("integers beyond 2^53, as the language's JSON has them")
def test_large_integers(subject):
    number = 9_007_199_254_740_993
    assert subject.main.call({"case": "echo", "value": number}) == int(subject.language.integers(number))


@case("deep nesting")
def test_nesting(subject):
    value = "bottom"
    for _ in range(50):
        value = [{"down": value}]
    assert subject.main.call({"case": "echo", "value": value}) == value


@case("answers: {kind}", kinds={"text": "the empty text", "object": "`{}`", "array": "`[]`", "null": "`null`"})
def test_empty_answer(subject, kind):
    value = {"text": "", "object": {}, "array": [], "null": None}[kind]
    assert subject.main.invoke({"case": "echo", "value": value}).raw == json.dumps(value).encode()


@case("a handler that returns nothing")
def test_nothing(subject):
    invocation = subject.main.invoke({"case": "nothing"})
    assert (invocation.error, invocation.raw) == (None, subject.language.nothing)


def event_of(size):
    frame = json.dumps({"case": "measure", "value": ""}).encode()
    return frame[:-2] + b"x" * (size - len(frame)) + b'"}', size - len(frame)


@case("an event of 6,291,456 bytes")
def test_largest_event(subject):
    event, length = event_of(LARGEST_EVENT)
    assert subject.main.invoke(raw=event).ok() == length


@case("one byte more is refused")
def test_event_too_large(subject):
    event, _ = event_of(LARGEST_EVENT + 1)
    with pytest.raises(ClientError) as refused:
        subject.main.invoke(raw=event)
    assert refused.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert subject.main.call("still here") == "still here"


@case("an answer of 6,291,556 bytes")
def test_largest_answer(subject):
    invocation = subject.main.invoke({"case": "fill", "size": LARGEST_ANSWER - 2})
    assert invocation.error is None and invocation.raw == b'"' + b"x" * (LARGEST_ANSWER - 2) + b'"'


@case("one byte more fails")
def test_answer_too_large(subject):
    before = subject.main.call({"case": "count"})
    error = subject.main.invoke({"case": "fill", "size": LARGEST_ANSWER - 1}).failed()
    assert error == {
        "errorMessage": f"Response payload size exceeded maximum allowed payload size ({LARGEST_ANSWER} bytes).",
        "errorType": "Function.ResponseSizeTooLarge",
    }
    after = subject.main.call({"case": "count"})
    if subject.language.ends_of_refused_answer:
        assert after["count"] == 1 and after["instance"] != before["instance"]
    else:
        assert after == {**before, "count": before["count"] + 2}
