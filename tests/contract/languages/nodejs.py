"""Node.js: Hearth's bootstrap."""

import re

from harness.functions import node_runtime
from suite.build import FUNCTIONS, sources
from suite.language import Error, InitError, Language

RUNTIME = node_runtime()
MAJOR = int(re.search(r"\d+", RUNTIME)[0])


def files(folder):
    return sources(FUNCTIONS / "nodejs")


OURS = Language(
    id="nodejs",
    title="Node.js",
    runtime=RUNTIME,
    package=files,
    handler="app.handler",
    integers=float,
    keys=("errorType", "errorMessage", "trace"),
    trace_key="trace",
    errors={
        "own": Error("ContractError", trace=("ContractError: ", "/var/task/app.mjs:")),
        "standard": Error("TypeError", "Cannot read properties of null (reading 'member')", trace=("/var/task/app.mjs:",)),
        "cause": Error("ContractError"),
        "abrupt": Error("string"),
        "result": Error("Runtime.JSONStringifyError" if MAJOR >= 24 else "Error", "Unable to stringify response body"),
        "stray": Error("Runtime.UnhandledPromiseRejection", "ContractError: {message}", keys=("errorType", "errorMessage", "trace"), dies=True),
    },
    init_errors={
        "module": InitError("Runtime.ImportModuleError", re.compile(r"Error: Cannot find module 'nope'\nRequire stack:.*", re.DOTALL),
                            settings={"Handler": "nope.handler"}),
        "function": InitError("Runtime.HandlerNotFound", "app.nope is undefined or not exported", settings={"Handler": "app.nope"}),
        "name": InitError("Runtime.MalformedHandlerName", "Bad handler", settings={"Handler": "app"}),
        "syntax": InitError("Runtime.UserCodeSyntaxError", re.compile("SyntaxError: .*"), files={"app.mjs": "export const handler = (\n"}),
        "dependency": InitError(
            "Runtime.ImportModuleError", re.compile(r"Error: Cannot find module 'nowhere'\nRequire stack:.*", re.DOTALL),
            files={"app.mjs": None, "app.cjs": "require('nowhere')"}),
        "exception": InitError("ContractError", "at load", settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}),
    },
    levels={name: (name.upper(), name.upper()) for name in ("trace", "debug", "info", "warn", "error", "fatal")},
    text_record="{stamp}\t{id}\t{level}\t{message}\n",
    json_record={"level": "{level}", "message": "{message}", "requestId": "{id}", "timestamp": "{stamp}"},
    error_record='{stamp}\t{id}\tERROR\tInvoke Error \t\\{"errorType":"ContractError","errorMessage":"{message}".*\\}\n',
    error_json={"level": "ERROR", "requestId": "{id}", "timestamp": "{stamp}"},
    variables={
        "AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}", "PWD": "/var/task", "SHLVL": "0",
        "NODE_PATH": f"/opt/nodejs/node{MAJOR}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task",
    },
    layer={"nodejs/node_modules/contract-library/index.js": "module.exports = () => 'from the layer'\n"},
    stream={"Handler": "app.stream"},
)
