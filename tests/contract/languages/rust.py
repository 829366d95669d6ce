"""Rust: AWS's own client, `lambda_runtime`, as an OS-only function."""

import re
from dataclasses import replace

from harness.functions import PROVIDED
from harness.packages import program
from harness.rust import build
from suite.build import FUNCTIONS
from suite.language import Error, InitError, Language

from . import go

SOURCE = FUNCTIONS / "rust"
VERSION = re.search(r'name = "lambda_runtime"\nversion = "([^"]+)"', (SOURCE / "Cargo.lock").read_text())[1]
BOXED = "&alloc::boxed::Box<dyn core::error::Error + core::marker::Send + core::marker::Sync>"


def files(folder):
    return {"bootstrap": program(build(SOURCE, "bootstrap").read_bytes())}


OURS = replace(
    go.OURS,
    id="rust",
    title=f"lambda_runtime {VERSION}",
    runtime=PROVIDED,
    package=files,
    no_client_members=("env",),
    ends_of_refused_answer=False,
    keys=("errorType", "errorMessage"),
    errors={
        "own": Error("ContractError"),
        "standard": Error(BOXED, "invalid digit found in string"),
        "cause": Error(BOXED),
        "abrupt": Error("&alloc::boxed::Box<dyn core::any::Any + core::marker::Send>", "Lambda panicked: {message}"),
        "result": Error(BOXED, "key must be a string"),
        "stray": None,
    },
    init_errors={
        **go.OURS.init_errors,
        "exception": InitError(
            "Runtime.ExitError", "RequestId: {id} Error: Runtime exited with error: exit status 1",
            settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}, keys=go.BY_PLATFORM),
    },
    signals={"KILL": "signal: killed", "SEGV": "signal: segmentation fault", "ABRT": "signal: aborted"},
    levels={name: (name.upper(), name.upper()) for name in ("trace", "debug", "info", "warn", "error")},
    json_threshold="TRACE",
    text_record=r'.*{level}.* Lambda runtime invoke.*requestId.*"{id}".*{message}\n',
    json_record={"level": "{level}", "fields.message": "{message}", "span.requestId": "{id}"},
    error_record=r'.*ERROR.*requestId.*"{id}".*Contract\(ContractError\("{message}"\)\)\n',
    error_json={"level": "ERROR", "span.requestId": "{id}", "fields.message": r'Contract\(ContractError\("{message}"\)\)'},
    absent={
        **go.OURS.absent,
        "multi_line_record": "its logger writes text to standard output, where each line is an event",
        "stream_error": "this client writes an error on the way into the stream, as text",
    },
)
