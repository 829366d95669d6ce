"""Layers with real clients: published, shared, put over each other, and seen by functions of each runtime.

Source: fact sheets "Lambda control-plane API", section 7, and "Execution-environment contract", sections 7 and 8.
"""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness.clients import Caller
from harness.functions import Lab, node_runtime, unique
from harness.packages import code_sha256, program, zip_of
from harness.waiting import eventually
from test_provided import BASH

VERSION = f"python3.{sys.version_info.minor}"
LINK = stat.S_IFLNK | 0o777
READ = """
import os
def handler(event, context):
    if os.path.isdir(event):
        return sorted(os.listdir(event))
    return open(event).read()
"""


class Layers:
    """Publishes layers for one caller and removes them at the end."""

    def __init__(self, caller):
        self.client = caller.awslambda
        self._made = []

    def publish(self, files, name=None, **settings):
        """The answer of PublishLayerVersion; files: {path: content} or the bytes of a zip."""
        package = files if isinstance(files, bytes) else zip_of(files)
        answer = self.client.publish_layer_version(LayerName=name or unique("l"), Content={"ZipFile": package}, **settings)
        self._made.append((answer["LayerArn"], answer["Version"]))
        return answer

    def arn(self, files, name=None):
        return self.publish(files, name)["LayerVersionArn"]

    def clear(self):
        for arn, number in self._made:
            self.client.delete_layer_version(LayerName=arn, VersionNumber=number)


@pytest.fixture
def layers(caller):
    layers = Layers(caller)
    yield layers
    layers.clear()


def refused(call, code, message, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    assert (error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]) == (code, message)


def test_a_version_is_published_read_and_downloaded(caller, layers):
    package = zip_of({"python/x.py": "X = 1\n"})
    name = unique("l")
    made = layers.publish(package, name, Description="d", LicenseInfo="MIT", CompatibleRuntimes=[VERSION], CompatibleArchitectures=["x86_64"])
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert (made["Version"], made["LayerArn"]) == (1, f"arn:aws:lambda:us-east-1:{caller.account}:layer:{name}")
    assert made["LayerVersionArn"] == f"{made['LayerArn']}:1"
    assert (made["Content"]["CodeSize"], made["Content"]["CodeSha256"]) == (len(package), code_sha256(package))
    with urllib.request.urlopen(made["Content"]["Location"]) as download:
        assert download.read() == package
    client = caller.awslambda
    by_name = client.get_layer_version(LayerName=name, VersionNumber=1)
    by_arn = client.get_layer_version_by_arn(Arn=made["LayerVersionArn"])
    for found in (by_name, by_arn):
        assert found["ResponseMetadata"]["HTTPStatusCode"] == 200
        for answer in (found, made):
            answer.pop("ResponseMetadata", None)
            answer["Content"].pop("Location", None)
        assert found == made
    listed = client.list_layer_versions(LayerName=name)["LayerVersions"]
    assert [version["Version"] for version in listed] == [1] and "Content" not in listed[0]
    assert name in [layer["LayerName"] for layer in client.list_layers(CompatibleRuntime=VERSION)["Layers"]]
    assert name not in [layer["LayerName"] for layer in client.list_layers(CompatibleRuntime="ruby3.2")["Layers"]]
    deleted = client.delete_layer_version(LayerName=name, VersionNumber=1)
    assert deleted["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert layers.publish(package, name)["Version"] == 2, "a number is never given twice"


def test_pages_of_the_real_paginators(caller, layers):
    name = unique("l")
    for text in "abcde":
        layers.publish({"x": text}, name)
    pages = list(caller.awslambda.get_paginator("list_layer_versions").paginate(LayerName=name, PaginationConfig={"PageSize": 2}))
    assert [[version["Version"] for version in page["LayerVersions"]] for page in pages] == [[5, 4], [3, 2], [1]]


def test_the_cli(awscli, tmp_path, lab):
    (tmp_path / "layer.zip").write_bytes(zip_of({"python/from_cli.py": "TEXT = 'cli'\n"}))
    name = unique("l")
    made = awscli.json("lambda", "publish-layer-version", "--layer-name", name, "--zip-file", "fileb://layer.zip",
                       "--compatible-runtimes", VERSION, "--description", "by hand")
    arn = made["LayerVersionArn"]
    function = lab.deploy("import from_cli\ndef handler(event, context):\n    return from_cli.TEXT\n", Layers=[arn])
    assert function.call() == "cli"
    shown = awscli.json("lambda", "get-function-configuration", "--function-name", function.name)
    assert shown["Layers"] == [{"Arn": arn, "CodeSize": made["Content"]["CodeSize"]}]
    assert awscli.json("lambda", "get-layer-version-by-arn", "--arn", arn)["Description"] == "by hand"
    assert [v["Version"] for v in awscli.json("lambda", "list-layer-versions", "--layer-name", name)["LayerVersions"]] == [1]
    allowed = awscli.json("lambda", "add-layer-version-permission", "--layer-name", name, "--version-number", "1",
                          "--statement-id", "all", "--action", "lambda:GetLayerVersion", "--principal", "*")
    assert json.loads(allowed["Statement"])["Resource"] == arn
    policy = awscli.json("lambda", "get-layer-version-policy", "--layer-name", name, "--version-number", "1")
    assert policy["RevisionId"] == allowed["RevisionId"]
    awscli.text("lambda", "remove-layer-version-permission", "--layer-name", name, "--version-number", "1", "--statement-id", "all")
    awscli.text("lambda", "delete-layer-version", "--layer-name", name, "--version-number", "1")
    assert "ResourceNotFoundException" in awscli.fails("lambda", "get-layer-version", "--layer-name", name, "--version-number", "1")
    assert function.call() == "cli", "the function keeps what it uses"


def test_python_packages(lab, layers):
    folder = f"python/lib/{VERSION}/site-packages"
    arn = layers.arn({
        f"{folder}/versioned/__init__.py": "NAME = 'versioned'\n",
        "python/plain.py": "NAME = 'plain'\n",
        "python/versioned/__init__.py": "NAME = 'the general folder is searched after'\n",
        "python/shadowed.py": "NAME = 'layer'\n",
    })
    code = "import versioned, plain, shadowed\ndef handler(event, context):\n    return [versioned.NAME, plain.NAME, shadowed.NAME]\n"
    function = lab.deploy({"app.py": code, "shadowed.py": "NAME = 'the code is searched first'\n"}, Layers=[arn])
    assert function.call() == ["versioned", "plain", "the code is searched first"]


def test_a_handler_of_a_layer(lab, layers):
    arn = layers.arn({"python/inlayer.py": "def handler(event, context):\n    return ['layer', event]\n"})
    assert lab.deploy({"unused": ""}, handler="inlayer.handler", Layers=[arn]).call(1) == ["layer", 1]


def test_node_modules(lab, layers):
    major = node_runtime().removeprefix("nodejs").removesuffix(".x")
    arn = layers.arn({
        "nodejs/node_modules/plain/index.js": "exports.name = 'plain';\n",
        f"nodejs/node{major}/node_modules/versioned/index.js": "exports.name = 'versioned';\n",
        "nodejs/node_modules/versioned/index.js": "exports.name = 'the general folder is searched after';\n",
        "nodejs/node_modules/dependent/index.js": "exports.name = 'with ' + require('plain').name;\n",
    })
    code = "const names = ['plain', 'versioned', 'dependent'];\nexports.handler = async () => names.map((n) => require(n).name);\n"
    assert lab.node(code, Layers=[arn]).call() == ["plain", "versioned", "with plain"]


def test_node_handler_and_wrapper_of_a_layer(lab, layers):
    wrapper = '#!/bin/sh\nexport FROM_WRAPPER=yes\nexec "$@"\n'
    arn = layers.arn({
        "nodejs/node_modules/inlayer/index.js": "exports.handler = async (event) => [process.env.FROM_WRAPPER, event];\n",
        "wrap": program(wrapper),
    })
    function = lab.node({"unused": ""}, handler="inlayer.handler", Layers=[arn], Environment={"Variables": {"AWS_LAMBDA_EXEC_WRAPPER": "/opt/wrap"}})
    assert function.call(2) == ["yes", 2]


def test_programs_in_bin_and_their_modes(lab, layers):
    arn = layers.arn({"bin/greet": program("#!/bin/sh\necho hello from $0\n"), "bin/data": "not a program"})
    code = """
import os, subprocess
def handler(event, context):
    greeting = subprocess.run(["greet"], capture_output=True, text=True).stdout
    return [greeting, os.access("/opt/bin/greet", os.X_OK), os.access("/opt/bin/data", os.X_OK)]
"""
    assert lab.deploy(code, Layers=[arn]).call() == ["hello from /opt/bin/greet\n", True, False]


def test_a_shared_library_in_lib(lab, layers, tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "this test needs a C compiler"
    (tmp_path / "answer.c").write_text("int answer(void) { return 42; }\n")
    library = tmp_path / "libhearthanswer.so.1"
    subprocess.run([compiler, "-shared", "-fPIC", "-Wl,-soname,libhearthanswer.so.1", "-o", library, tmp_path / "answer.c"], check=True)
    arn = layers.arn({"lib/libhearthanswer.so.1": library.read_bytes(), "lib/libhearthanswer.so": ("libhearthanswer.so.1", LINK)})
    code = """
import ctypes
def handler(event, context):
    return [ctypes.CDLL(name).answer() for name in ("libhearthanswer.so.1", "libhearthanswer.so")]
"""
    assert lab.deploy(code, Layers=[arn]).call() == [42, 42]


def test_libraries_with_and_without_parked_interpreters(make_server, lab_on, tmp_path):
    """An interpreter that was up before it had a function looks for libraries where that function has them."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "this test needs a C compiler"
    built = {}
    for number in (1, 2):
        source, library = tmp_path / f"{number}.c", tmp_path / f"{number}.so"
        source.write_text(f"int number(void) {{ return {number}; }}\n")
        subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
        built[number] = library.read_bytes()
    code = """
import ctypes, os
def handler(event, context):
    return [ctypes.CDLL(name).number() for name in event], sorted(os.listdir("/opt"))
"""
    for parked in ("0", "2"):
        lab = lab_on(make_server(env={"HEARTH_ENVIRONMENTS_PARKED": parked}).start())
        first = lab.deploy({"app.py": code, "lib/libown.so": built[1]})
        assert first.call(["libown.so"]) == [[1], []], f"with {parked} parked"
        arn = Layers(lab.caller).arn({"lib/libshared.so": built[2]})
        for _ in range(3):
            # A new environment each time: of a parked interpreter, where there are any.
            second = lab.deploy({"app.py": code, "lib/libown.so": built[1]}, Layers=[arn])
            assert second.call(["libown.so", "libshared.so"]) == [[1, 2], ["lib"]], f"with {parked} parked"


def test_a_later_layer_wins(lab, layers):
    first = layers.arn({"both": "first", "only-first": "1", "turns/into/a-file": "x", "turns-into-a-folder": "x"})
    second = layers.arn({"both": "second", "only-second": "2", "turns": "a file", "turns-into-a-folder/inside": "y"})
    function = lab.deploy(READ, Layers=[first, second])
    assert function.call("/opt") == ["both", "only-first", "only-second", "turns", "turns-into-a-folder"]
    assert function.call("/opt/both") == "second"
    assert function.call("/opt/turns") == "a file" and function.call("/opt/turns-into-a-folder/inside") == "y"
    assert [layer["Arn"] for layer in function.configuration()["Layers"]] == [first, second]
    function.configure(Layers=[second, first])
    assert function.call("/opt/both") == "first", "the next invocation sees the other order"
    assert [layer["Arn"] for layer in function.configuration()["Layers"]] == [second, first]
    function.configure(Layers=[])
    assert function.call("/opt") == [] and "Layers" not in function.configuration()


def test_a_new_version_is_seen_by_the_next_invocation(lab, layers):
    name = unique("l")
    function = lab.deploy(READ, Layers=[layers.arn({"text": "one"}, name)])
    assert function.call("/opt/text") == "one"
    before = function.configuration()["RevisionId"]
    second = layers.arn({"text": "two"}, name)
    assert function.call("/opt/text") == "one", "publishing changes no function"
    function.configure(Layers=[second])
    assert function.call("/opt/text") == "two"
    assert function.configuration()["RevisionId"] != before


def test_published_versions_keep_their_layers(caller, lab, layers):
    function = lab.deploy(READ, Layers=[layers.arn({"text": "one"})])
    first = caller.awslambda.publish_version(FunctionName=function.name)
    function.configure(Layers=[layers.arn({"text": "two"})])
    layers.clear()
    assert function.call("/opt/text") == "two"
    assert function.call("/opt/text", Qualifier=first["Version"]) == "one"
    shown = caller.awslambda.get_function_configuration(FunctionName=function.name, Qualifier=first["Version"])
    assert shown["Layers"] == first["Layers"]


def test_nothing_in_opt_can_be_changed(lab, layers):
    arns = [layers.arn({"a/file": "a"}), layers.arn({"b/file": "b"})]
    code = """
import os
def handler(event, context):
    found = []
    for action in (lambda: open("/opt/a/file", "w"), lambda: os.remove("/opt/b/file"), lambda: os.mkdir("/opt/new"), lambda: os.chmod("/opt/a/file", 0o777)):
        try:
            action()
            found.append("done")
        except OSError as error:
            found.append(error.strerror)
    return found
"""
    for used in (arns[:1], arns):
        function = lab.deploy(code, Layers=used)
        told = function.call()
        # With one layer, the second's file is not there.
        wanted = ["Read-only file system"] * 4
        if len(used) == 1:
            assert told[1] in ("Read-only file system", "No such file or directory")
            told[1] = wanted[1]
        assert told == wanted


def test_links_of_layers_lead_nowhere_else(lab, layers):
    """A link of one layer, at the place where the next has a folder."""
    first = layers.arn({"real/kept": "mine", "folder": ("real", LINK)})
    second = layers.arn({"folder/kept": "other"})
    function = lab.deploy(READ, Layers=[first, second])
    assert function.call("/opt/real") == ["kept"]
    assert (function.call("/opt/real/kept"), function.call("/opt/folder/kept")) == ("mine", "other")
    third = layers.arn({"out": ("d/e/../../x", LINK)})
    fourth = layers.arn({"d/e": ("../f", LINK), "f": "f"})
    name = unique()
    lab.deploy(READ, name=name, wait=False, Layers=[third, fourth])

    def failed():
        found = lab.caller.awslambda.get_function_configuration(FunctionName=name)
        return found if found["State"] == "Failed" else None

    found = eventually(failed, "a function that cannot be made", 30)
    assert found["StateReasonCode"] == "InvalidZipFileException"
    assert found["StateReason"] == "The symbolic link out leads out of /opt when the layers are put together."


def test_a_bootstrap_of_a_layer(lab, layers):
    arn = layers.arn({"bootstrap": program(BASH)})
    assert lab.provided({"unused": ""}, Layers=[arn]).call("x") == {"count": 1, "event": "x"}
    # The one of the code comes first.
    own = BASH.replace('"count\\":$count', '"own\\":$count')
    assert own != BASH
    assert lab.provided({"bootstrap": program(own)}, Layers=[arn]).call("x") == {"own": 1, "event": "x"}


def test_permissions_open_a_version_to_another_account(server, caller, checker, layers):
    made = layers.publish({"text": "shared"})
    arn, name = made["LayerVersionArn"], made["LayerArn"]
    other = Caller(server, checker)
    lab = Lab(other)
    denied = (f"User: arn:aws:iam::{other.account}:root is not authorized to perform: lambda:GetLayerVersion on resource: {arn} "
              "because no resource-based policy allows the lambda:GetLayerVersion action")
    try:
        refused(other.awslambda.get_layer_version_by_arn, "AccessDeniedException", denied, Arn=arn)
        with pytest.raises(ClientError) as error:
            lab.deploy(READ, Layers=[arn])
        assert (error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]) == ("AccessDeniedException", denied)
        allowed = caller.awslambda.add_layer_version_permission(
            LayerName=name, VersionNumber=1, StatementId="one", Action="lambda:GetLayerVersion", Principal=other.account)
        assert json.loads(allowed["Statement"]) == {
            "Sid": "one", "Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{other.account}:root"},
            "Action": "lambda:GetLayerVersion", "Resource": arn}
        function = lab.deploy(READ, Layers=[arn])
        assert function.call("/opt/text") == "shared"
        caller.awslambda.remove_layer_version_permission(LayerName=name, VersionNumber=1, StatementId="one", RevisionId=allowed["RevisionId"])
        refused(other.awslambda.get_layer_version_by_arn, "AccessDeniedException", denied, Arn=arn)
        assert function.call("/opt/text") == "shared", "what uses it goes on using it"
    finally:
        lab.clear()


INVALID = "InvalidParameterValueException"
REFUSALS = {
    "six": (["a:1", "b:1", "c:1", "d:1", "e:1", "f:1"], "Cannot reference more than 5 layers."),
    "two versions": (["a:1", "b:1", "a:2"], "Two different versions of the same layer are not allowed to be referenced in the same function. {a:1} and {a:2} are versions of the same layer."),
    "the same twice": (["b:1", "b:1"], "Two different versions of the same layer are not allowed to be referenced in the same function. {b:1} and {b:1} are versions of the same layer."),
    "unknown version": (["a:9"], "Layer version {a:9} does not exist."),
    "unknown layer": (["a:1", "nope:1"], "Layer version {nope:1} does not exist."),
}


@pytest.fixture(scope="module")
def published(caller):
    layers = Layers(caller)
    prefix = unique("l")
    for name in "aabcdef":
        layers.publish({"x": name}, f"{prefix}-{name}")
    yield lambda tail: f"arn:aws:lambda:us-east-1:{caller.account}:layer:{prefix}-{tail}"
    layers.clear()


@pytest.mark.parametrize("case", REFUSALS)
def test_layers_that_a_function_cannot_have(caller, lab, published, case):
    tails, message = REFUSALS[case]
    for tail in {tail for tail in [*tails, "nope:1", "a:9"]}:
        message = message.replace(f"{{{tail}}}", published(tail))
    with pytest.raises(ClientError) as error:
        lab.deploy(READ, Layers=[published(tail) for tail in tails])
    assert (error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]) == (INVALID, message)


def test_code_and_layers_are_too_large_together(caller, lab, layers):
    """Three zips of a few hundred kilobytes that unzip to 90 MB each."""
    zeros = zip_of({"zeros": bytes(90_000_000)})
    arns = [layers.arn(zeros) for _ in range(3)]
    code = zip_of({"app.py": READ, "zeros": bytes(90_000_000)})
    function = lab.deploy(READ, Layers=arns[:2])
    assert function.call("/opt") == ["zeros"]
    size = 3 * 90_000_000 + len(READ)
    update = caller.awslambda.update_function_code
    refused(update, INVALID, "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. "
            f"The actual size is {size} bytes.", FunctionName=function.name, ZipFile=code)
    refused(caller.awslambda.update_function_configuration, INVALID,
            "Layers consume more than the available size of 262144000 bytes", FunctionName=function.name, Layers=arns)
    assert function.call("/opt") == ["zeros"], "what was refused changed nothing"
    too_large = zip_of({f"zeros{n}": bytes(90_000_000) for n in range(3)})
    refused(caller.awslambda.publish_layer_version, INVALID, "Unzipped size must be smaller than 262144000 bytes",
            LayerName=unique("l"), Content={"ZipFile": too_large})


HOSTILE = {
    "a path that leads out": {"../escape": "x"},
    "an absolute path": {"/etc/passwd": "x"},
    "a link that leads out": {"link": ("../../etc/passwd", LINK)},
    "an absolute link": {"link": ("/etc/passwd", LINK)},
    "a file below a link": {"link": ("real", LINK), "link/x": "x"},
    "a device": {"device": ("", stat.S_IFBLK | 0o666)},
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_zips(caller, case):
    refused(caller.awslambda.publish_layer_version, INVALID,
            "Could not unzip uploaded file. Please check your file, then try to upload again.",
            LayerName=unique("l"), Content={"ZipFile": zip_of(HOSTILE[case])})


def test_a_deleted_version_survives_a_restart(make_server, lab_on):
    server = make_server().start()
    lab = lab_on(server)
    layers = Layers(lab.caller)
    arns = [layers.arn({"one": "1"}), layers.arn({"two": "2"})]
    function = lab.deploy(READ, Layers=arns)
    assert function.call("/opt") == ["one", "two"]
    before = function.configuration()["Layers"]
    layers.clear()
    assert lab.caller.awslambda.list_layers()["Layers"] == []
    server.stop_cleanly()
    # As after a boot of the machine: only what is stored counts.
    shutil.rmtree(server.data / "cache")
    server.start()
    function.settled()
    assert function.configuration()["Layers"] == before

    def answer():
        try:
            return function.invoke("/opt")
        except function.caller.awslambda.exceptions.ResourceConflictException:
            return None  # Pending until its code is unpacked again.

    assert eventually(answer, "an answer", 30).ok() == ["one", "two"]
    assert (function.call("/opt/one"), function.call("/opt/two")) == ("1", "2")


def test_kill_9_amid_publications(make_server, lab_on):
    """What was acknowledged is there and whole, each number was given once, and the next one is new."""
    server = make_server().start()
    caller = lab_on(server).caller
    name, package = unique("l"), zip_of({"python/big.py": os.urandom(400_000), "python/x.py": "X = 1\n"})
    acknowledged = []

    def publish(_):
        for _ in range(40):
            try:
                made = caller.awslambda.publish_layer_version(LayerName=name, Content={"ZipFile": package})
            except Exception:
                # The server is gone.
                return
            acknowledged.append(made["Version"])

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(publish, n) for n in range(4)]
        eventually(lambda: len(acknowledged) >= 12, "some publications", 60)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server.process = None
        for one in working:
            one.result()
    assert len(set(acknowledged)) == len(acknowledged)
    server.start()
    listed = [v["Version"] for page in caller.awslambda.get_paginator("list_layer_versions").paginate(LayerName=name) for v in page["LayerVersions"]]
    assert set(acknowledged) <= set(listed), "an acknowledged version is gone"
    assert listed == sorted(set(listed), reverse=True)
    for number in listed:
        found = caller.awslambda.get_layer_version(LayerName=name, VersionNumber=number)
        with urllib.request.urlopen(found["Content"]["Location"]) as download:
            assert code_sha256(download.read()) == found["Content"]["CodeSha256"] == code_sha256(package)
    made = caller.awslambda.publish_layer_version(LayerName=name, Content={"ZipFile": package})
    assert made["Version"] == max(listed) + 1
    code = "import x\ndef handler(event, context):\n    return x.X\n"
    assert Lab(caller).deploy(code, Layers=[made["LayerVersionArn"]]).call() == 1
