"""What comes of output and log records."""

from suite.cases import case
from suite.language import LEVELS
from suite.subject import json_lines, pattern


def printed(subject, text, to="stdout"):
    invocation = subject.main.invoke({"case": "print", "text": text, "to": to})
    invocation.ok()
    return subject.logged(subject.main, invocation)


@case("{kind}: a log event for each line", kinds={"stdout": "standard output", "stderr": "standard error"})
def test_output(subject, kind):
    assert printed(subject, "one\ntwo ä😀\n\nfour\n", kind) == ["one\n", "two ä😀\n", "\n", "four\n"]


@case("output without a line end is logged at the invocation's end")
def test_output_without_line_end(subject):
    assert [m.rstrip("\n") for m in printed(subject, "no line end")] == ["no line end"]


@case("a carriage return does not end a line")
def test_carriage_return(subject):
    assert printed(subject, "one\rstill one\n") == ["one\rstill one\n"]


@case("a line of 100,000 characters")
def test_long_line(subject):
    line = "x" * 100_000
    assert "".join(printed(subject, line + "\n")) == line + "\n"


def each_level(subject, function):
    """(invocation, its log events) of a record of each level that the language has."""
    found = {}
    for level in subject.language.levels:
        invocation = function.invoke({"case": "log", "level": level, "message": f"of level {level} ä"})
        invocation.ok()
        found[level] = invocation
    return {level: (invocation, subject.logged(function, invocation)) for level, invocation in found.items()}


@case("a text record of level {kind}", kinds={level: level for level in LEVELS})
def test_text_record(subject, kind):
    invocation, messages = subject.cached("text", lambda: each_level(subject, subject.main))[kind]
    expected = pattern(subject.language.text_record, level=subject.language.levels[kind][0], id=invocation.request_id, message=f"of level {kind} ä")
    assert len(messages) == 1 and expected.fullmatch(messages[0]), (expected.pattern, messages)


@case("a JSON record of level {kind}", kinds={level: level for level in LEVELS})
def test_json_record(subject, kind):
    invocation, messages = subject.cached("json", lambda: each_level(subject, subject.json))[kind]
    told = {"level": subject.language.levels[kind][1], "id": invocation.request_id, "message": f"of level {kind} ä"}
    check_one_record(subject.language.json_record, messages, told)


def check_one_record(expected, messages, told):
    """One of the log events is the record that the declaration describes; some loggers have records of the client's too."""
    wanted = {name: pattern(template, **told) for name, template in expected.items()}
    found = [r for r in json_lines(messages) if all(p.fullmatch(str(member(r, name))) for name, p in wanted.items())]
    assert len(found) == 1, ({name: p.pattern for name, p in wanted.items()}, messages)


def member(record, path):
    for name in path.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record


@case("records below `ApplicationLogLevel` are left out")
def test_log_level(subject):
    logging = {"LogFormat": "JSON", "ApplicationLogLevel": "WARN", "SystemLogLevel": "INFO"}
    function = subject.deploy(LoggingConfig=logging)
    for level, is_there in (("info", False), ("warn", True)):
        invocation = function.invoke({"case": "log", "level": level, "message": "seen?"})
        assert any("seen?" in m for m in subject.logged(function, invocation)) == is_there, level


@case("a record of several lines is one log event")
def test_multi_line_record(subject):
    invocation = subject.main.invoke({"case": "log", "level": "error", "message": "first\nsecond\nthird"})
    messages = subject.logged(subject.main, invocation)
    assert len(messages) == 1, messages
    assert messages[0].replace("\r", "\n").rstrip().endswith("first\nsecond\nthird"), messages


@case("an error of the handler in the text log, with its stack trace")
def test_error_in_the_log(subject):
    invocation = subject.main.invoke({"case": "fail", "kind": "own", "message": "what happened"})
    messages = subject.logged(subject.main, invocation)
    expected = pattern(subject.language.error_record, id=invocation.request_id, message="what happened")
    assert len(messages) == 1 and expected.fullmatch(messages[0]), (expected.pattern, messages)


@case("an error of the handler in the JSON log")
def test_error_in_the_json_log(subject):
    invocation = subject.json.invoke({"case": "fail", "kind": "own", "message": "what happened"})
    messages = subject.logged(subject.json, invocation)
    check_one_record(subject.language.error_json, messages, {"id": invocation.request_id, "message": "what happened"})


@case("the log's tail comes with the answer")
def test_tail(subject):
    invocation = subject.main.invoke({"case": "print", "text": "in the tail\n", "to": "stdout"})
    lines = invocation.tail.splitlines()
    assert lines[0] == f"START RequestId: {invocation.request_id} Version: $LATEST"
    assert "in the tail" in lines and lines[-1].startswith(f"REPORT RequestId: {invocation.request_id}\tDuration: ")
