"""examples/hello-bun and examples/hello-deno: custom runtimes from a layer, with the programs that npm carries."""

import platform

import pytest
from harness.functions import PROVIDED
from harness.packages import program, zip_of
from harness.server import ROOT

MODULES = ROOT / ".cache" / "packages" / "nodejs" / "node_modules"
ARM = platform.machine() == "aarch64"
PROGRAMS = {
    "bun": MODULES / f"@oven/bun-linux-{'aarch64' if ARM else 'x64'}/bin/bun",
    "deno": MODULES / f"@deno/linux-{'arm64' if ARM else 'x64'}-glibc/deno",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_an_example(lab, caller, name):
    assert PROGRAMS[name].exists(), f"expected {PROGRAMS[name]}: make packages"
    folder = ROOT / "examples" / f"hello-{name}"
    files = {file: program((folder / "layer" / file).read_bytes()) for file in ("bootstrap", "runtime.ts")}
    layer = zip_of({**files, f"bin/{name}": program(PROGRAMS[name].read_bytes())})
    arn = caller.awslambda.publish_layer_version(LayerName=name, Content={"ZipFile": layer})["LayerVersionArn"]
    function = lab.deploy({"index.ts": (folder / "index.ts").read_text()}, PROVIDED, "index.handler", Layers=[arn], MemorySize=512, Timeout=60)
    for _ in range(2):
        invocation = function.invoke({"name": "Ädä"})
        found = invocation.ok()
        assert found["message"].startswith(f"Hello from {name.capitalize()} ") and found["message"].endswith(", Ädä!")
        assert (found["function"], found["requestId"]) == (function.name, invocation.request_id)
        assert 0 < found["remainingMs"] <= 60_000
    error = function.invoke({"name": ""}).failed()
    assert (error["errorType"], error["errorMessage"]) == ("RangeError", "expected a name, found an empty one")
    assert any("index.ts" in line for line in error["stackTrace"]), error
    assert "greeting Ädä\n" in function.messages_until("RangeError")
    assert function.call({})["message"].endswith(", world!")
    assert len(function.streams()) == 1
    function.configure(Handler="index.nope")
    assert function.invoke({}).failed()["errorMessage"] == "index.nope is not a function"
