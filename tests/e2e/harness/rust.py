"""Programs under test that are written in Rust: workspaces of their own, whose dependencies are compiled once for all."""

import os
import subprocess
from pathlib import Path

from .server import ROOT

TARGET = Path(os.environ.get("HEARTH_E2E_TARGET", ROOT / "target" / "e2e-rust"))
# How projects are compiled that `hearth deploy` or their own commands build: as they say, but for optimisation, which is
# most of the time and none of the promise.
RELEASES = {"CARGO_TARGET_DIR": str(ROOT / ".cache/examples"), "CARGO_PROFILE_RELEASE_OPT_LEVEL": "0", "CARGO_PROFILE_RELEASE_LTO": "off"}


def cargo_build(crate):
    """The command that makes the debug build of a crate, as tests and `BUILT_AHEAD` run it."""
    return ["cargo", "build", "--quiet", "--locked"], {"cwd": crate, "env": {**os.environ, "CARGO_TARGET_DIR": str(TARGET)}}


def cargo_release(crate):
    """Compiles what a copy of the project depends on, wherever the copy lies."""
    return ["cargo", "build", "--quiet", "--locked", "--release"], {"cwd": crate, "env": {**os.environ, **RELEASES}}


def build(crate, name):
    """The path of a debug build of a crate's program; later runs find it built."""
    command, options = cargo_build(crate)
    subprocess.run(command, check=True, **options)
    return TARGET / "debug" / name
