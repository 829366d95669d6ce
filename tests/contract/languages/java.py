"""Java: Hearth's bootstrap, and AWS's own client as the bootstrap of an OS-only function."""

import re
from dataclasses import replace
from xml.etree import ElementTree

from harness.functions import PROVIDED
from harness.java import NEEDS, runtime
from harness.packages import program
from suite.build import FUNCTIONS, folder_of, once, run, sources
from suite.language import Error, InitError, Language

SOURCE = FUNCTIONS / "java"

# The client brings its Java along, in a layer: what a JDK of the host may have outside of the system's folders, a function
# does not see.
BOOTSTRAP = """#!/bin/sh
export LC_ALL=C.UTF-8
exec /opt/jvm/bin/java -Xmx200m -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto --add-opens java.base/java.io=ALL-UNNAMED \\
  -cp '/opt/client/*' com.amazonaws.services.lambda.runtime.api.client.AWSLambda "$_HANDLER"
"""
MODULES = "java.base,java.logging,java.management,java.naming,java.sql,java.xml,jdk.unsupported"


RUNTIME = runtime()


def built():
    """The function's classes, the layer's jar, and what comes from Maven Central."""

    def make(out):
        run("mvn", "-q", "-B", "-f", SOURCE / "pom.xml", f"-DoutputDirectory={out / 'jars'}",
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", needs=NEEDS)
        core = next((out / "jars").glob("aws-lambda-java-core-*.jar"))
        compile_ = ["javac", "--release", "11", "-d"]
        run(*compile_, out / "layer", *(SOURCE / "layer").rglob("*.java"), needs=NEEDS)
        run(*compile_, out / "classes", "-cp", f"{core}:{out / 'layer'}", *(SOURCE / "contract").glob("*.java"), needs=NEEDS)
        run("jar", "--create", "--file", out / "library.jar", "-C", out / "layer", ".", needs=NEEDS)

    return once(folder_of("java-built"), [sources(SOURCE), RUNTIME], make)


def files(folder):
    out = built()
    core = next((out / "jars").glob("aws-lambda-java-core-*.jar"))
    return {**sources(out / "classes"), f"lib/{core.name}": core.read_bytes()}


def classes(folder):
    return sources(built() / "classes")


def client():
    out = built()

    def make(image):
        run("jlink", "--add-modules", MODULES, "--strip-debug", "--no-header-files", "--no-man-pages", "--output", image / "jvm", needs=NEEDS)
        # An archive of the library's classes, which halves the time to start.
        run(image / "jvm/bin/java", "-Xshare:dump", needs=NEEDS)

    image = once(folder_of("java-image"), [MODULES, RUNTIME], make) / "jvm"
    machine = {f"jvm/{path}": program(content) if path.startswith(("bin/", "lib/jspawnhelper")) else content for path, content in sources(image).items()}
    jars = {f"client/{jar.name}": jar.read_bytes() for jar in (out / "jars").glob("*.jar")}
    return {"bootstrap": program(BOOTSTRAP), **jars, **machine}


def version_of(artifact):
    pom = ElementTree.parse(SOURCE / "pom.xml")
    space = "{http://maven.apache.org/POM/4.0.0}"
    found = [one for one in pom.iter(f"{space}dependency") if one.find(f"{space}artifactId").text == artifact]
    return found[0].find(f"{space}version").text


TRACED = ("errorMessage", "errorType", "stackTrace")
CAUSED = (*TRACED, "cause")
NAMED = ("errorMessage", "errorType")
UNSERIALIZABLE = "An error occurred during JSON serialization of response"

OURS = Language(
    id="java",
    title="Java",
    runtime=RUNTIME,
    package=files,
    handler="contract.Function::handle",
    settings={"MemorySize": 256},
    memory_limit=int,
    keys=TRACED,
    errors={
        "own": Error("contract.ContractError", trace=("contract.Function.fail(Function.java:", "contract.Function.handle(")),
        "standard": Error("java.lang.NumberFormatException", 'For input string: "no number"', trace=("java.base/java.lang.Integer.parseInt(",)),
        "cause": Error("contract.ContractError", keys=CAUSED, cause=Error("contract.ContractError")),
        "abrupt": Error("java.lang.Error"),
        "result": Error("java.lang.RuntimeException", UNSERIALIZABLE, keys=CAUSED),
        "stray": None,
    },
    init_errors={
        "module": InitError("java.lang.ClassNotFoundException", "Class not found: nope.Function", settings={"Handler": "nope.Function::handle"}, keys=NAMED),
        "function": InitError(
            None, "No public method named nope with appropriate method signature found on class contract.Function",
            settings={"Handler": "contract.Function::nope"}, keys=("errorMessage",)),
        "name": InitError(None, "Invalid handler: `::handle'", settings={"Handler": "::handle"}, keys=("errorMessage",)),
        "syntax": InitError(
            "java.lang.ClassFormatError", re.compile("Error loading class contract.Function: Incompatible magic value .*"),
            files={"contract/Function.class": "no class"}),
        "dependency": InitError(
            "java.lang.NoClassDefFoundError", "Error loading class contract.Function: contract/Ticker", files={"contract/Ticker.class": None}, keys=CAUSED),
        "exception": InitError("contract.ContractError", "at load", settings={"Environment": {"Variables": {"CONTRACT_INIT": "raise"}}}),
    },
    signals={"KILL": "signal: killed", "SEGV": "signal: aborted", "ABRT": "signal: aborted"},
    out_of_memory=Error("java.lang.OutOfMemoryError", "Java heap space", keys=TRACED, dies=True),
    levels={name: (name.upper(), name.upper()) for name in ("trace", "debug", "info", "warn", "error", "fatal")},
    text_record=r"\[{level}\] {message}",
    json_record={"level": "{level}", "message": "{message}", "AWSRequestId": "{id}", "timestamp": "{stamp}"},
    error_record=r"{message}: contract.ContractError\ncontract.ContractError: {message}\n\tat contract.Function.fail\(.*",
    error_json={"level": "ERROR", "message": "{message}: contract.ContractError\n.*", "AWSRequestId": "{id}", "timestamp": "{stamp}"},
    variables={"AWS_EXECUTION_ENV": f"AWS_Lambda_{RUNTIME}"},
    unset=("PWD", "SHLVL", "LC_ALL", "_X_AMZN_TRACE_ID"),
    layer=lambda: {"java/lib/library.jar": (built() / "library.jar").read_bytes()},
)

OFFICIAL = replace(
    OURS,
    id="java-official",
    title=f"aws-lambda-java-runtime-interface-client {version_of('aws-lambda-java-runtime-interface-client')}",
    runtime=PROVIDED,
    package=classes,
    client=client,
    variables={},
    unset=("AWS_EXECUTION_ENV",),
    ends_of_refused_answer=True,
    # It tells of no causes, and of no traces before the first invocation.
    errors={
        **OURS.errors,
        "cause": Error("contract.ContractError"),
        "result": Error("java.lang.RuntimeException", UNSERIALIZABLE),
    },
    init_errors={name: replace(error, keys=NAMED if error.type else error.keys) for name, error in OURS.init_errors.items()},
    absent={
        "multi_line_record": "without the log channel of managed runtimes this client prints records as they are, and each line is an event, as on Lambda",
        "error_in_the_log": "this client logs an error when it has reported it, which may be after the invocation's end",
        "error_in_the_json_log": "this client logs an error when it has reported it, which may be after the invocation's end",
    },
)
