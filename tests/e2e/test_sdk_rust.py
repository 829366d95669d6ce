"""The AWS SDK for Rust: its story is in sdk-rust/src/main.rs; here it is built and run."""

import subprocess

import pytest
from harness.clients import new_account
from harness.functions import PYTHON, unique
from harness.packages import zip_of
from harness.rust import build, cargo_build
from harness.server import ROOT

CRATE = ROOT / "tests" / "e2e" / "sdk-rust"
BUILT_AHEAD = [cargo_build(CRATE)]
HANDLER = "def handler(event, context):\n    return event['n'] + 1\n"


@pytest.fixture(scope="module")
def program():
    return build(CRATE, "hearth-e2e-sdk-rust")


def test_the_story_of_a_function(server, program, tmp_path):
    package = tmp_path / "function.zip"
    package.write_bytes(zip_of({"app.py": HANDLER}))
    arguments = [server.endpoint, new_account(), package, PYTHON, unique("sdk")]
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
