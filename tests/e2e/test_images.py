"""Container images: pulled, unpacked, and run as the root of the sandbox; AWS's own runtime client is in them.

docs/operate/images.md is what is promised.
"""

import io
import json
import tarfile

import pytest
from botocore.exceptions import ClientError
from harness.clients import Caller
from harness.functions import Lab, PYTHON
from harness.images import ARCHITECTURE, Image, Registry, python_layer, tar, write_layout
from harness.packages import zip_of
from harness.server import Server
from harness.waiting import eventually

CODE = """import os, socket, pwd

def handler(event, context):
    return {"event": event, "arn": context.invoked_function_arn, "cwd": os.getcwd(), "pid": os.getpid()}

def other(event, context):
    return "the other handler"

def look(event, context):
    def refusal(path):
        try:
            with open(path, "w") as file:
                file.write("x")
        except OSError as error:
            return error.strerror
    return {
        "root": sorted(os.listdir("/")),
        "user": [os.getuid(), os.getgid(), pwd.getpwuid(os.getuid()).pw_name, pwd.getpwuid(1000).pw_name],
        "refused": {path: refusal(path) for path in ("/x", "/function/x", "/etc/x", "/usr/x", "/opt/x", "/proc/sys/x")},
        "tmp": refusal("/tmp/x"),
        "suid": oct(os.stat("/suid").st_mode), "removed": os.path.exists("/removed"),
        "hosts": socket.gethostbyname("localhost"), "resolver": open("/etc/resolv.conf").read(),
        "env": dict(os.environ), "links": [os.path.exists("/out"), os.path.exists("/function/up")],
    }
"""


def suid(archive):
    info = tarfile.TarInfo("suid")
    info.mode, info.uid = 0o6755, 0
    archive.addfile(info, io.BytesIO(b""))


@pytest.fixture(scope="module")
def base():
    return python_layer()


def image(base, code=CODE, **process):
    process = {
        "Entrypoint": ["python3", "-m", "awslambdaric"], "Cmd": ["app.handler"], "WorkingDir": "/function",
        "Env": ["PATH=/usr/local/bin:/usr/bin", "OF_IMAGE=image", "BOTH=image"], **process,
    }
    lower = tar({"removed": "x", "out": ("->", "/root/.ssh"), "function/up": ("->", "../../../../etc/shadow")}, suid)
    return Image([base, lower, tar({".wh.removed": "", "function/app.py": code})], **process)


@pytest.fixture(scope="module")
def registry():
    registry = Registry()
    yield registry
    registry.stop()


@pytest.fixture(scope="module")
def first(base):
    return image(base)


@pytest.fixture(scope="module")
def pushed(registry, first):
    return registry.push("team/app:v1", first)


@pytest.fixture(scope="module")
def function(module_lab, pushed):
    variables = {"BOTH": "function", "OWN": "function"}
    return create(module_lab, pushed, Environment={"Variables": variables}, MemorySize=512)


def create(lab, uri, **members):
    return lab.create(PackageType="Image", Code={"ImageUri": uri}, **members)


def test_the_official_client_in_an_image(function, first, pushed):
    answer = function.call({"a": 1})
    assert answer["event"] == {"a": 1}
    assert answer["cwd"] == "/function"
    assert answer["arn"] == function.arn
    assert function.call()["pid"] == answer["pid"], "the environment is warm"
    client = function.caller.awslambda
    shown = client.get_function(FunctionName=function.name)
    configuration = shown["Configuration"]
    assert shown["Code"] == {
        "RepositoryType": "ECR", "ImageUri": pushed,
        "ResolvedImageUri": f"{pushed.removesuffix(':v1')}@{first.digest}",
    }
    assert (configuration["PackageType"], configuration["CodeSha256"], configuration["CodeSize"]) == ("Image", first.hex, 0)
    assert not {"Runtime", "Handler", "RuntimeVersionConfig", "ImageConfigResponse"} & set(configuration)


def test_what_a_process_of_an_image_sees(function):
    function.configure(ImageConfig={"Command": ["app.look"]})
    seen = function.call()
    assert set(seen["root"]) >= {"dev", "etc", "function", "proc", "tmp", "usr"}
    assert not {"sys", "home", "srv", "removed"} & set(seen["root"]), "the host's root shows"
    assert seen["user"] == [993, 990, "sbx_user1051", "app"]
    assert set(seen["refused"].values()) <= {"Read-only file system", "No such file or directory", "Permission denied"}
    assert seen["refused"]["/function/x"] == "Read-only file system"
    assert seen["tmp"] is None
    assert seen["suid"] == "0o100755"
    assert seen["removed"] is False and seen["links"] == [False, False]
    assert seen["hosts"] == "127.0.0.1" and "no name server" in seen["resolver"]
    env = seen["env"]
    assert (env["OF_IMAGE"], env["BOTH"], env["OWN"]) == ("image", "function", "function")
    assert env["AWS_LAMBDA_FUNCTION_NAME"] == function.name and env["AWS_ACCESS_KEY_ID"]
    assert not {"_HANDLER", "LAMBDA_TASK_ROOT", "AWS_EXECUTION_ENV", "LD_LIBRARY_PATH"} & set(env)


def test_image_config(function):
    shown = function.configure(ImageConfig={"Command": ["app.other"]})
    assert shown["ImageConfigResponse"] == {"ImageConfig": {"Command": ["app.other"]}}
    assert function.call() == "the other handler"
    for wrong, error in (
        ({"EntryPoint": ["nowhere"]}, "Runtime.InvalidEntrypoint"),
        ({"EntryPoint": ["/function/app.py"]}, "Runtime.InvalidEntrypoint"),
        ({"WorkingDirectory": "/nowhere"}, "Runtime.InvalidWorkingDir"),
    ):
        function.configure(ImageConfig=wrong)
        assert function.invoke().failed()["errorType"] == error
    shown = function.configure(ImageConfig={})
    assert "ImageConfigResponse" not in shown
    assert function.call("x")["event"] == "x"


def test_another_image(lab, registry, base):
    uri = registry.push("team/changing:latest", image(base, "def handler(e, c): return 1"))
    function = create(lab, uri)
    assert function.call() == 1
    second = image(base, "def handler(e, c): return 2")
    registry.push("team/changing:latest", second)
    assert function.call() == 1, "a tag that moves moves no function"
    client = function.caller.awslambda
    client.update_function_code(FunctionName=function.name, ImageUri=uri, Publish=True)
    assert function.settled()["CodeSha256"] == second.hex
    assert function.call() == 2
    foreign = image(base, architecture="riscv64")
    index = registry.push_index("team/many:latest", {"riscv64": foreign, ARCHITECTURE: second})
    client.update_function_code(FunctionName=function.name, ImageUri=index)
    assert function.settled()["CodeSha256"] == second.hex


def refusal(call, **members):
    with pytest.raises(ClientError) as raised:
        call(**members)
    error = raised.value.response["Error"]
    assert error["Code"] == "InvalidParameterValueException"
    return error["Message"]


def test_what_does_not_go_together(lab, caller, function, registry, pushed, base):
    client = caller.awslambda
    common = {"FunctionName": "never", "Role": caller.role}
    zipped = {"ZipFile": zip_of({"app.py": ""})}
    creating = [
        ({"PackageType": "Image", "Code": {"ImageUri": pushed}, "Runtime": PYTHON, "Handler": "a.b"},
         "Please don't provide Runtime or Handler or Layer when the intended function PackageType is Image."),
        ({"PackageType": "Image", "Code": zipped}, "Please provide ImageUri when creating a function with packageType Image."),
        ({"Code": {"ImageUri": pushed}, "Runtime": PYTHON, "Handler": "a.b"},
         "Please don't provide ImageUri when creating a function with packageType Zip."),
        ({"Code": zipped, "Runtime": PYTHON, "Handler": "a.b", "ImageConfig": {"Command": ["x"]}},
         "Please don't provide ImageConfig when creating a function with packageType Zip."),
        ({"PackageType": "Image", "Code": {"ImageUri": f"{registry.host}/team/app:v9"}},
         f"Source image {registry.host}/team/app:v9 does not exist. Provide a valid source image."),
    ]
    for members, message in creating:
        assert refusal(client.create_function, **common, **members) == message
    for uri, words in (
        ("Not/A/Reference", "expected [registry/]repository"),
        (registry.push("team/foreign:1", image(base, architecture="riscv64")), "found linux/riscv64"),
        ("127.0.0.1:1/nobody/there:1", "cannot be used: the registry 127.0.0.1:1"),
        ("oci:/etc:latest", "images.folders"),
    ):
        message = refusal(client.create_function, **common, PackageType="Image", Code={"ImageUri": uri})
        assert words in message, message
    assert refusal(client.update_function_code, FunctionName=function.name, ZipFile=zipped["ZipFile"]) == (
        "Please provide ImageUri when updating a function with packageType Image."
    )
    plain = lab.deploy({"app.py": "def handler(e, c): return 1"})
    assert refusal(client.update_function_code, FunctionName=plain.name, ImageUri=pushed) == (
        "Please don't provide ImageUri when updating a function with packageType Zip."
    )


def hostile(name, **members):
    def add(archive):
        info = tarfile.TarInfo(name)
        for member, value in members.items():
            setattr(info, member, value)
        archive.addfile(info)

    return tar({}, add)


def failed(function):
    def probe():
        shown = function.configuration()
        return shown if shown["State"] == "Failed" else None

    return eventually(probe, "a failed function", 30)


def test_a_hostile_layer_fails_its_function_alone(lab, registry):
    for number, (layer, words) in enumerate((
        (hostile("../../../../tmp/escaped"), ".. in it"),
        (hostile("sda", type=tarfile.BLKTYPE, devmajor=8), "device node"),
        (hostile("shadow", type=tarfile.LNKTYPE, linkname="/etc/shadow"), "not there"),
    )):
        uri = registry.push(f"evil/{number}:1", Image([layer], Cmd=["/x"]))
        function = create(lab, uri, wait=False)
        shown = failed(function)
        assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "InvalidImage"), shown
        assert words in shown["StateReason"]
        with pytest.raises(ClientError, match="Failed"):
            function.invoke()
    # Other bytes than the manifest says.
    lying = Image([tar({"x": "1"})], Cmd=["/x"])
    uri = registry.push("evil/lying:1", lying)
    layer = json.loads(lying.manifest)["layers"][0]
    registry.blobs[layer["digest"]] = b"0" * layer["size"]
    shown = failed(create(lab, uri, wait=False))
    assert shown["StateReasonCode"] == "InvalidImage" and "digest" in shown["StateReason"]
    empty = create(lab, registry.push("evil/empty:1", Image([tar({"x": "1"})])))
    assert empty.invoke().failed()["errorType"] == "Runtime.InvalidEntrypoint"


def test_layouts_logins_and_a_registry_that_goes_away(tmp_path, checker, base):
    layouts = tmp_path / "layouts"
    write_layout(layouts / "app", {"v1": image(base, "def handler(e, c): return 'layout'")})
    private = Registry(login=("me", "secret"))
    uri = private.push("private/app:v1", image(base, "def handler(e, c): return 'private'"))
    login = tmp_path / "config.json"
    server = Server(tmp_path / "server", f"""
images.folders = ["{layouts}"]
images.credentials = ["{login}"]
images.registries = ["{private.host}"]
""").start()
    try:
        lab = Lab(Caller(server, checker))
        common = {"FunctionName": "never", "Role": lab.caller.role, "PackageType": "Image"}
        login.write_text('{"auths": {}}')
        message = refusal(lab.caller.awslambda.create_function, **common, Code={"ImageUri": uri})
        assert message.startswith("Lambda does not have permission to access the ECR image. Check the ECR permissions.")
        message = refusal(lab.caller.awslambda.create_function, **common, Code={"ImageUri": "docker.io/x/y"})
        assert "images.registries" in message
        login.write_text(json.dumps({"auths": {private.host: {"username": "me", "password": "secret"}}}))
        kept = create(lab, uri)
        assert kept.call() == "private"
        assert create(lab, f"oci:{layouts}/app:v1").call() == "layout"
        pulled = len(private.asked)
        private.stop()
        server.stop()
        server.start()
        assert kept.call() == "private", "what was pulled stays"
        assert len(private.asked) == pulled
        lab.clear()
    finally:
        server.stop()
