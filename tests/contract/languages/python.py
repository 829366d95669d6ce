"""Python: Hearth's bootstrap, and AWS's own client as the bootstrap of an OS-only function."""

import importlib.metadata
import re
import sys
from dataclasses import replace
from pathlib import Path

from harness.functions import PROVIDED, PYTHON
from harness.packages import distribution_files, program
from suite.build import FUNCTIONS, sources
from suite.language import Error, InitError, Language

# A function sees the system's folders, so its own bootstrap can use the system's Python alone; the client has a compiled
# part, so it must be of the version that installed it.
INTERPRETER = Path(f"/usr/bin/python3.{sys.version_info.minor}")
BOOTSTRAP = f"""#!/bin/sh
export PYTHONPATH=/var/task/vendor:/opt/python PYTHONDONTWRITEBYTECODE=1
exec {INTERPRETER} -m awslambdaric "$_HANDLER"
"""


def files(folder):
    return sources(FUNCTIONS / "python")


def official_files(folder):
    assert INTERPRETER.is_file(), f"AWS's client needs {INTERPRETER}: run the tests from a venv of the system's own Python"
    vendored = distribution_files("awslambdaric", "snapshot-restore-py", "simplejson")
    return {"bootstrap": program(BOOTSTRAP), **files(folder), **{f"vendor/{path}": content for path, content in vendored.items()}}


OURS = Language(
    id="python",
    title="Python",
    runtime=PYTHON,
    package=files,
    handler="app.handler",
    keys=("errorMessage", "errorType", "requestId", "stackTrace"),
    errors={
        "own": Error("ContractError", trace=('File "/var/task/app.py"', "in fail")),
        "standard": Error("ValueError", "invalid literal for int() with base 10: 'no number'", trace=("in fail",)),
        "cause": Error("ContractError"),
        "result": Error("Runtime.MarshalError", "Unable to marshal response: Object of type set is not JSON serializable"),
        "stray": None,
    },
    init_errors={
        "module": InitError("Runtime.ImportModuleError", "Unable to import module 'nope': No module named 'nope'", settings={"Handler": "nope.handler"}),
        "function": InitError("Runtime.HandlerNotFound", "Handler 'nope' missing on module 'app'", settings={"Handler": "app.nope"}),
        "name": InitError(
            "Runtime.MalformedHandlerName", "Bad handler 'app': not enough values to unpack (expected 2, got 1)", settings={"Handler": "app"}),
        "syntax": InitError(
            "Runtime.UserCodeSyntaxError", re.compile(r"Syntax error in module 'app': .*\(app\.py, line 1\)"), files={"app.py": "def handler(:\n"}),
        "dependency": InitError(
            "Runtime.ImportModuleError", "Unable to import module 'app': No module named 'nowhere'", files={"app.py": "import nowhere\n"}),
        "exception": InitError("ContractError", "at load", settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}),
    },
    levels={
        "debug": ("DEBUG", "DEBUG"), "info": ("INFO", "INFO"), "warn": ("WARNING", "WARNING"), "error": ("ERROR", "ERROR"),
        "fatal": ("CRITICAL", "CRITICAL"),
    },
    text_record="\\[{level}\\]\t{stamp}\t{id}\t{message}\n",
    json_record={"level": "{level}", "message": "{message}", "requestId": "{id}", "timestamp": "{stamp}", "logger": "root"},
    error_record=r"\[ERROR\] ContractError: {message}[\r\n]Traceback \(most recent call last\):[\r\n].*app\.py.*",
    error_json={"level": "ERROR", "errorType": "ContractError", "errorMessage": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    variables={"AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON}", "PYTHONPATH": "/var/runtime", "LC_CTYPE": "C.UTF-8", "PWD": "/var/task", "SHLVL": "0"},
    layer={"python/contract_library.py": "def text():\n    return 'from the layer'\n"},
    absent={"error-abrupt": "in Python only exceptions are raised; `sys.exit` is case `exit`"},
)

OFFICIAL = replace(
    OURS,
    id="python-official",
    title=f"awslambdaric {importlib.metadata.version('awslambdaric')}",
    runtime=PROVIDED,
    package=official_files,
    variables={},
    unset=("AWS_EXECUTION_ENV",),
    ends_of_refused_answer=True,
    absent={
        **OURS.absent,
        "multi_line_record": "without the log channel of managed runtimes this client prints records as they are, and each line is an event, as on Lambda",
    },
)
