"""An extension written with the official crate `lambda-extension` (extension-rust/), built here and deployed unchanged."""

import pytest
from harness.packages import program
from harness.rust import build, cargo_build
from harness.server import ROOT
from harness.waiting import eventually
from test_layers import layers  # noqa: F401 - a fixture

CRATE = ROOT / "tests" / "e2e" / "extension-rust"
BUILT_AHEAD = [cargo_build(CRATE)]
HANDLER = "def handler(event, context):\n    print('printed', event)\n    return event\n"


@pytest.fixture(scope="module")
def extension():
    return program(build(CRATE, "hearth-e2e-extension-rust").read_bytes())


@pytest.mark.parametrize("mode, start, end, report", [
    ("telemetry", "telemetry PlatformInitStart", "telemetry PlatformRuntimeDone", "telemetry PlatformReport"),
    ("logs", "log PlatformStart", "log PlatformEnd", "log PlatformReport"),
])
def test_it_runs_unchanged(lab, layers, extension, mode, start, end, report):  # noqa: F811
    layer = layers.arn({"extensions/rusty": extension})
    function = lab.deploy(HANDLER, Layers=[layer], Environment={"Variables": {"MODE": mode}}, Timeout=10)
    invocation = function.invoke("one")
    assert invocation.ok() == "one"

    def heard():
        # A frozen environment takes no deliveries.
        function.call("more")
        found = function.messages()
        return found if any(m.startswith(report) for m in found) else None

    messages = eventually(heard, "the report of an invocation", 20)
    assert f"event INVOKE {invocation.request_id} X-Amzn-Trace-Id\n" in messages
    assert any(m.startswith(start) for m in messages) and any(m.startswith(end) for m in messages)
    word = "telemetry" if mode == "telemetry" else "log"
    assert f'{word} Function("printed one\\n")\n' in messages
    function.upload({"app.py": HANDLER + "# changed\n"})
    function.messages_until("event SHUTDOWN spindown")
    assert not [m for m in function.messages() if "Error Type" in m or "panicked" in m]
