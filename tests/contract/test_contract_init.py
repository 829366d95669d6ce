"""Functions that cannot be initialised, and what an init may do."""

from harness.packages import zip_of
from suite.cases import case
from suite.language import INIT_ERRORS
from suite.subject import check_document


@case("{kind}", kinds=INIT_ERRORS)
def test_init_error(subject, kind):
    expected = subject.language.init_errors[kind]
    files = {path: content for path, content in {**subject.files, **expected.files}.items() if content is not None}
    function = subject.deploy(zip_of(files), **expected.settings)
    # The first tells of the init before it, the second of one of its own.
    for _ in range(2):
        invocation = function.invoke()
        check_document(subject.language, expected, invocation.failed(), {"id": invocation.request_id})


@case("exit while loading")
def test_init_exit(subject):
    invocation = subject.deploy(variables={"CONTRACT_INIT": "exit"}).invoke()
    assert invocation.failed() == {
        "errorType": "Runtime.ExitError", "errorMessage": f"RequestId: {invocation.request_id} Error: {subject.language.init_exit}"}


@case("what is printed while loading is logged")
def test_init_output(subject):
    function = subject.deploy(variables={"CONTRACT_INIT": "print"})
    assert function.call("event") == "event"
    messages = function.messages_until("REPORT")
    start = next(i for i, m in enumerate(messages) if m.startswith("START"))
    assert "printed at load\n" in messages[:start], messages


@case("an init that does not end: a timeout of the first invocation")
def test_init_timeout(subject):
    late = subject.ahead("late_init")
    assert late.failed() == {
        "errorType": "Sandbox.Timedout", "errorMessage": f"RequestId: {late.request_id} Error: Task timed out after 1.00 seconds"}
