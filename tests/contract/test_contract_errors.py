"""What the invoker gets of a function that fails or dies."""

from suite.cases import case
from suite.language import ERRORS
from suite.subject import check_error


@case("{kind}", kinds=ERRORS)
def test_error(subject, kind):
    expected = subject.language.errors[kind]
    function = subject.mortal if expected and expected.dies else subject.main
    invocation = function.invoke({"case": "fail", "kind": kind, "message": "what happened"})
    if expected is None:
        assert invocation.ok() == "went on"
    else:
        check_error(subject.language, expected, invocation, "what happened")


@case("an error's message of several lines, with unicode")
def test_error_text(subject):
    message = "first ä😀\nsecond \"quoted\"\n\tthird"
    invocation = subject.main.invoke({"case": "fail", "kind": "own", "message": message})
    check_error(subject.language, subject.language.errors["own"], invocation, message)


@case("the environment goes on after an error")
def test_after_an_error(subject):
    before = subject.main.call({"case": "count"})
    subject.main.invoke({"case": "fail", "kind": "own", "message": "x"}).failed()
    assert subject.main.call({"case": "count"}) == {**before, "count": before["count"] + 2}


def check_death(subject, event, text):
    """The process dies of the event, with this error; the next invocation has a new one, and /tmp as it was."""
    function = subject.mortal
    before = function.call({"case": "count"})
    function.call({"case": "write", "path": "/tmp/kept", "text": text})
    invocation = function.invoke(event)
    assert invocation.failed() == {"errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {invocation.request_id} Error: {text}"}
    after = function.call({"case": "count"})
    assert after["count"] == 1 and after["instance"] != before["instance"]
    assert function.call({"case": "read", "path": "/tmp/kept"}) == text


@case("exit with status 0")
def test_exit_zero(subject):
    check_death(subject, {"case": "exit", "status": 0}, "Runtime exited without providing a reason")


@case("exit with another status")
def test_exit(subject):
    check_death(subject, {"case": "exit", "status": 7}, "Runtime exited with error: exit status 7")


@case("killed by {kind}", kinds={name: f"SIG{name}" for name in ("KILL", "SEGV", "ABRT")})
def test_signal(subject, kind):
    # Twice: Rust's own handler of SIGSEGV gives way to the system's after the first.
    event = {"case": "run", "command": f"kill -{kind} $PPID; sleep 0.3; kill -{kind} $PPID; sleep 60"}
    check_death(subject, event, f"Runtime exited with error: {subject.language.signals[kind]}")


@case("out of memory")
def test_memory(subject):
    invocation = subject.mortal.invoke({"case": "memory"})
    check_error(subject.language, subject.language.out_of_memory, invocation)
    assert subject.mortal.call("serves on") == "serves on"


@case("timeout, then a new process that has /tmp as it was")
def test_timeout(subject):
    timeout_s, before, late, after, kept = subject.ahead("late")
    assert late.failed() == {
        "errorType": "Sandbox.Timedout",
        "errorMessage": f"RequestId: {late.request_id} Error: Task timed out after {timeout_s}.00 seconds",
    }
    assert before["count"] == 1 and after["count"] == 1 and before["instance"] != after["instance"]
    assert kept == "kept"
