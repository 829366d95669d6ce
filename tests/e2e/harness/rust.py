"""Programs under test that are written in Rust: workspaces of their own, whose dependencies are compiled once for all."""

import os
import subprocess
from pathlib import Path

from .server import ROOT


def build(crate, name):
    """The path of a debug build of a crate's program; later runs find it built."""
    target = Path(os.environ.get("HEARTH_E2E_TARGET", ROOT / "target" / "e2e-rust"))
    subprocess.run(["cargo", "build", "--quiet", "--locked"], cwd=crate, check=True, env={**os.environ, "CARGO_TARGET_DIR": str(target)})
    return target / "debug" / name
