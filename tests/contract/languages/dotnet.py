"""C#: Hearth's bootstrap, on the .NET of `make dotnet`. AWS's own client is on NuGet, which the tests do not use."""

import re

from harness import dotnet
from suite.build import FUNCTIONS
from suite.language import Error, InitError, Language

RUNTIME = "dotnet8"


def files(folder):
    return dotnet.library((FUNCTIONS / "dotnet" / "Function.cs").read_text(), "Contract")


OURS = Language(
    id="dotnet",
    title="C#",
    runtime=RUNTIME,
    package=files,
    handler="Contract::Contract.Function::Handle",
    memory_limit=int,
    keys=("errorType", "errorMessage", "stackTrace"),
    errors={
        "own": Error("ContractError", trace=("at Contract.Function.Fail(",)),
        "standard": Error("FormatException", re.compile(r".*no number.*|Input string was not in a correct format\."), trace=("at System.Number.", "at Contract.Function.Fail(")),
        "cause": Error(
            "ContractError", keys=("errorType", "errorMessage", "stackTrace", "cause"), cause=Error("ContractError", "the cause")),
        "result": Error("JsonException", re.compile(r"(?s).*cycle.*")),
        "stray": Error("Runtime.ExitError", "RequestId: {id} Error: Runtime exited with error: signal: aborted", dies=True),
    },
    init_errors={
        "module": InitError(
            "LambdaValidationException", re.compile(r"Could not find the specified handler assembly with the file name 'Nope, .*"),
            settings={"Handler": "Nope::Contract.Function::Handle"}, keys=("errorType", "errorMessage")),
        "function": InitError(
            "LambdaValidationException", re.compile(r"Unable to find method 'Nope' in type 'Contract\.Function' from assembly 'Contract': .*"),
            settings={"Handler": "Contract::Contract.Function::Nope"}, keys=("errorType", "errorMessage")),
        "name": InitError(
            "LambdaValidationException", "Invalid lambda function handler: 'Contract::Handle'. The valid format is 'ASSEMBLY::TYPE::METHOD'.",
            settings={"Handler": "Contract::Handle"}, keys=("errorType", "errorMessage")),
        "dependency": InitError(
            "FileNotFoundException", re.compile(r"(?s)Could not load file or assembly 'Amazon\.Lambda\.Core, .*"), files={"Amazon.Lambda.Core.dll": None}),
        "exception": InitError("ContractError", "at load", settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}),
    },
    out_of_memory=Error("OutOfMemoryException", re.compile(r".*")),
    levels={
        "trace": (None, "Trace"), "debug": (None, "Debug"), "info": ("info", "Information"), "warn": ("warn", "Warning"),
        "error": ("fail", "Error"), "fatal": ("crit", "Critical"),
    },
    text_record="{stamp}\t{id}\t{level}\t{message}\n",
    json_record={"level": "{level}", "message": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    error_record="{stamp}\t{id}\tfail\tContract.ContractError: {message}\n.*",
    error_json={"level": "Error", "message": "(?s)Contract.ContractError: {message}.*", "requestId": "{id}", "timestamp": "{stamp}"},
    variables={"AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}", "LAMBDA_RUNTIME_NAME": RUNTIME, "PWD": "/var/task", "SHLVL": "0"},
    absent={
        "error-abrupt": "in C# only exceptions are thrown; `Environment.Exit` is case `exit`",
        "init_error-syntax": "the compiler finds it",
        "nesting": "System.Text.Json refuses more than 64 levels, on Lambda too",
    },
)
