"""How a language declares itself to the suite: how its function is built, and where AWS itself lets languages differ.

All of it is data. README.md has the protocol that the function implements.
"""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Mapping

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"
NO_LEVEL = (None, None)
LEVELS = ("trace", "debug", "info", "warn", "error", "fatal")
# What the function may be told to fail of, and how a failed init comes about.
ERRORS = {
    "own": "an error of the function's own class",
    "standard": "an error of the language's library",
    "cause": "an error that has a cause",
    "abrupt": "a panic, or a thrown value that is no error",
    "result": "a result that JSON has no form for",
    "stray": "an error outside of the handler",
}
INIT_ERRORS = {
    "module": "a handler in a file that is not there",
    "function": "a handler that the file does not have",
    "name": "a handler name of no valid form",
    "syntax": "code that does not parse",
    "dependency": "a dependency that is not there",
    "exception": "an error while loading",
}


@dataclass(frozen=True)
class Error:
    """The error document of an invocation. In texts, `{message}` is the message the test gave, `{id}` the request id.

    message: the text to the letter, or a compiled pattern; keys: its members in order, if other than the language's;
    trace: texts that its stack trace contains; cause: the document in `cause`; dies: the process ends with it.
    """

    type: str
    message: str | re.Pattern = "{message}"
    keys: tuple[str, ...] | None = None
    trace: tuple[str, ...] = ()
    cause: "Error | None" = None
    dies: bool = False


@dataclass(frozen=True)
class InitError:
    """A function that cannot be loaded, and the document that its invoker gets, whose type may be missing.

    files: changes to the package, {path: content or None}; settings: those of CreateFunction that bring it about.
    """

    type: str | None
    message: str | re.Pattern
    files: Mapping[str, str | None] = field(default_factory=dict)
    settings: Mapping = field(default_factory=dict)
    keys: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Language:
    id: str
    """In the names of tests: `-k java` runs one language."""
    title: str
    """Its column in docs/runtime-contract.md; no version of the machine's, for the page is the same everywhere."""
    runtime: str
    package: Callable[[Path], Mapping]
    """Builds the function in a folder that is kept between runs, and gives its files: {path: content or (content, mode)}."""
    handler: str
    client: Callable[[], Mapping] | None = None
    """Builds the files of a layer that all its functions have: a client that is too large to be in each package."""
    settings: Mapping = field(default_factory=dict)
    """Further settings of CreateFunction, above all MemorySize."""

    memory_limit: Callable = str
    """What the context makes of the memory limit: `str` or `int`."""
    no_client_members: tuple[str, ...] = ()
    """Members of the client context that the language's type lacks: `env`, `client.app_title`."""
    nothing: bytes = b"null"
    """The answer of a handler that returns nothing."""
    ends_of_refused_answer: bool = False
    """The client ends its process when an answer is refused for its size."""
    integers: type = int
    """How integers beyond 2^53 come back: `int` to the last digit, `float` rounded."""

    keys: tuple[str, ...] = ()
    """The members of an error document, in order."""
    trace_key: str | None = "stackTrace"
    errors: Mapping[str, Error | None] = field(default_factory=dict)
    """By the keys of ERRORS; None where the invocation goes on as if nothing had been."""
    init_errors: Mapping[str, InitError] = field(default_factory=dict)
    """By the keys of INIT_ERRORS."""
    init_exit: str = "Runtime exited with error: exit status 3"
    signals: Mapping[str, str] = field(default_factory=lambda: {
        "KILL": "signal: killed", "SEGV": "signal: segmentation fault", "ABRT": "signal: aborted"})
    """What ends the process when it sends itself a signal, in the words of the error message."""
    out_of_memory: Error = Error("Runtime.OutOfMemory", "RequestId: {id} Error: Runtime exited with error: signal: killed", dies=True)

    levels: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """By the names of LEVELS: the level's name in a text record and in a JSON one, None where that format lacks it; absent
    levels the language lacks."""
    json_threshold: str = "TRACE"
    """`ApplicationLogLevel` of the function that logs in JSON: the lowest that the language's logger understands."""
    text_record: str = "{message}"
    """A log record in the text format, a pattern; `{level}`, `{stamp}`, `{id}` and `{message}` are filled in."""
    json_record: Mapping[str, str] | None = None
    """Members of a log record in the JSON format (`outer.inner`): patterns as above. None where the language logs text in any case."""
    error_record: str | None = None
    """The log event of an error of the handler in the text format, a pattern; None where the client logs nothing."""
    error_json: Mapping[str, str] | None = None
    """The same in the JSON format."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Further variables that Lambda sets for this runtime."""
    unset: tuple[str, ...] = ()
    """Variables that other runtimes have and this one has not."""
    layer: Mapping | Callable[[], Mapping] = field(default_factory=dict)
    """Files of a layer with a library, or what builds them, whose text the function's case `layer` answers: `from the layer`."""
    stream: Mapping | None = None
    """Settings of CreateFunction that make it the streaming function; None where the language cannot stream."""

    absent: Mapping[str, str] = field(default_factory=dict)
    """Cases that mean nothing here, by the test's name without `test_` (and `-kind`), and why."""

    @property
    def managed(self):
        return not self.runtime.startswith("provided")

    def reason_against(self, case, kind):
        """Why a case is not run; None if it is."""
        name = f"{case}-{kind}" if kind else case
        reason = self.absent.get(name, self.absent.get(case))
        if reason is None and case in ("text_record", "json_record") and self.levels.get(kind, NO_LEVEL)[case == "json_record"] is None:
            return "the language's logger has no such level"
        if reason is None and case.startswith("stream_") and self.stream is None:
            return "the language cannot stream"
        if reason is None and case == "wrapper" and not self.managed:
            return "OS-only runtimes ignore wrapper scripts, as on Lambda"
        return reason
