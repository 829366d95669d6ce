"""Node.js: Hearth's bootstrap, and AWS's own client as the bootstrap of an OS-only function."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

from harness.functions import PROVIDED, node_runtime
from harness.packages import program
from suite import node_client
from suite.build import FUNCTIONS, sources
from suite.language import Error, InitError, Language

RUNTIME = node_runtime()
MAJOR = int(re.search(r"\d+", RUNTIME)[0])
NODE_PATH = f"/opt/nodejs/node{MAJOR}/node_modules:/opt/nodejs/node_modules:/var/runtime/node_modules:/var/runtime:/var/task"

BOOTSTRAP = """#!/bin/sh
export NODE_PATH={path}
exec {node} /var/task/client/bin/index.mjs "$_HANDLER"
"""


def files(folder):
    return sources(FUNCTIONS / "nodejs")


def official_files(folder):
    client = {f"client/{path}": content for path, content in sources(node_client.client()).items() if path.startswith(("bin/", "dist/"))}
    node = Path(shutil.which("node")).resolve()
    if node.is_relative_to("/usr"):
        # A function sees the system's folders.
        brought = {}
    else:
        node, brought = "/var/task/node", {"node": program(node.read_bytes())}
    return {"bootstrap": program(BOOTSTRAP.format(path=NODE_PATH, node=node)), **files(folder), **client, **brought}


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
        "NODE_PATH": NODE_PATH,
    },
    layer={"nodejs/node_modules/contract-library/index.js": "module.exports = () => 'from the layer'\n"},
    stream={"Handler": "app.stream"},
)

OFFICIAL = replace(
    OURS,
    id="nodejs-official",
    title=f"aws-lambda-ric {node_client.VERSION}",
    runtime=PROVIDED,
    package=official_files,
    variables={"NODE_PATH": NODE_PATH},
    unset=("AWS_EXECUTION_ENV",),
    # This client is that of Node.js up to 22, whatever runs it.
    errors={**OURS.errors, "result": Error("Error", "Unable to stringify response body")},
)
