"""Go: AWS's own client, `aws-lambda-go`, as an OS-only function."""

import os
import re

from harness.functions import PROVIDED
from harness.packages import program
from suite.build import FUNCTIONS, once, run, sources
from suite.language import Error, InitError, Language

SOURCE = FUNCTIONS / "go"
VERSION = re.search(r"aws-lambda-go v(\S+)", (SOURCE / "go.mod").read_text())[1]
NEEDS = "install Go 1.21 or newer: https://go.dev/dl/, or `make go`"
# As AWS's page "Deploy Go Lambda functions with .zip file archives" has it.
BUILD = ("go", "build", "-tags", "lambda.norpc", "-trimpath", "-ldflags", "-s -w")


def files(folder):
    def build(out):
        run(*BUILD, "-o", out / "bootstrap", ".", cwd=SOURCE, env={**os.environ, "CGO_ENABLED": "0"}, needs=NEEDS)

    out = once(folder, [sources(SOURCE), BUILD, run("go", "version", needs=NEEDS)], build)
    return {"bootstrap": program((out / "bootstrap").read_bytes())}


def exits(status):
    return Error("Runtime.ExitError", f"RequestId: {{id}} Error: Runtime exited with error: exit status {status}", dies=True)


NO_BOOTSTRAP = "RequestId: {id} Error: Couldn't find valid bootstrap(s): [/var/task/bootstrap /opt/bootstrap]"
BY_PLATFORM = ("errorType", "errorMessage")
NO_HANDLER = "an OS-only runtime does not look at the handler's name"

OURS = Language(
    id="go",
    title=f"aws-lambda-go {VERSION}",
    runtime=PROVIDED,
    package=files,
    handler="bootstrap",
    memory_limit=int,
    no_client_members=("client.app_version_name",),
    ends_of_refused_answer=True,
    keys=("errorMessage", "errorType"),
    errors={
        "own": Error("ContractError"),
        "standard": Error("NumError", 'strconv.Atoi: parsing "no number": invalid syntax'),
        "cause": Error("wrapError", "{message}: the cause"),
        "abrupt": Error("string", keys=("errorMessage", "errorType", "stackTrace"), trace=("main.go", "fail"), dies=True),
        "result": Error("UnsupportedTypeError", "json: unsupported type: chan int"),
        "stray": exits(2),
    },
    init_errors={
        "module": InitError("Runtime.InvalidEntrypoint", NO_BOOTSTRAP, files={"bootstrap": None, "other": "x"}, keys=BY_PLATFORM),
        "syntax": InitError(
            "Runtime.InvalidEntrypoint", "RequestId: {id} Error: fork/exec /var/task/bootstrap: exec format error",
            files={"bootstrap": program(b"\x7fELFnonsense")}, keys=BY_PLATFORM),
        "exception": InitError(
            "Runtime.ExitError", "RequestId: {id} Error: Runtime exited with error: exit status 2",
            settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}, keys=BY_PLATFORM),
    },
    # Go's own runtime prints where it was, and exits.
    signals={"KILL": "signal: killed", "SEGV": "exit status 2", "ABRT": "exit status 2"},
    levels={"debug": (None, "DEBUG"), "info": ("INFO", "INFO"), "warn": ("WARN", "WARN"), "error": ("ERROR", "ERROR")},
    json_threshold="DEBUG",
    text_record='timestamp={stamp} level={level} message="{message}" requestId={id}\n',
    json_record={"level": "{level}", "message": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    # Its client writes the document with package `log`, which a logger of slog takes over.
    error_record=r'timestamp={stamp} level=INFO message="\{\\"errorMessage\\":\\"{message}\\",\\"errorType\\":\\"ContractError\\"\}"\n',
    error_json={"level": "INFO", "message": r'\{"errorMessage":"{message}","errorType":"ContractError"\}', "timestamp": "{stamp}"},
    unset=("AWS_EXECUTION_ENV", "PWD"),
    stream={"Environment": {"Variables": {"CONTRACT_MODE": "stream"}}},
    absent={
        "init_error-function": NO_HANDLER,
        "init_error-name": NO_HANDLER,
        "init_error-dependency": "dependencies are compiled in",
        "multi_line_record": "its logger escapes line breaks",
    },
)
