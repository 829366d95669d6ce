"""The AWS SDK for Rust: its story is in sdk-rust/src/main.rs; here it is built and run."""

import os
import subprocess

import pytest
from harness.clients import new_account
from harness.functions import PYTHON, unique
from harness.packages import zip_of
from harness.server import ROOT

CRATE = ROOT / "tests" / "e2e" / "sdk-rust"
HANDLER = "def handler(event, context):\n    return event['n'] + 1\n"


@pytest.fixture(scope="module")
def program():
    """Built once; later runs find it built."""
    target = os.environ.get("HEARTH_E2E_SDK_TARGET", ROOT / "target" / "e2e-sdk-rust")
    subprocess.run(
        ["cargo", "build", "--quiet", "--locked"], cwd=CRATE, check=True,
        env={**os.environ, "CARGO_TARGET_DIR": str(target)},
    )
    return os.path.join(target, "debug", "hearth-e2e-sdk-rust")


def test_the_story_of_a_function(server, program, tmp_path):
    package = tmp_path / "function.zip"
    package.write_bytes(zip_of({"app.py": HANDLER}))
    arguments = [server.endpoint, new_account(), package, PYTHON, unique("sdk")]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
