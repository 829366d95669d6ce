"""What is built once and kept: below .cache/contract, by the hash of what it is made of."""

import fcntl
import hashlib
import json
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

from harness.server import ROOT

CACHE = ROOT / ".cache" / "contract"
FUNCTIONS = ROOT / "tests" / "contract" / "functions"


def folder_of(name):
    path = CACHE / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def sources(folder):
    """Files of a folder in the repository: {path: bytes}."""
    folder = Path(folder)
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file() and "__pycache__" not in p.parts}


def once(folder, inputs, make):
    """A folder `out` that `make(out)` filled; made again when `inputs` (anything that JSON can say, or bytes) change."""
    stamp = hashlib.sha256(json.dumps(inputs, sort_keys=True, default=lambda b: hashlib.sha256(b).hexdigest()).encode()).hexdigest()
    out, ready = folder / "out", folder / "ready"
    with _lock(folder):
        if not (ready.exists() and ready.read_text() == stamp):
            ready.unlink(missing_ok=True)
            shutil.rmtree(out, ignore_errors=True)
            out.mkdir()
            make(out)
            ready.write_text(stamp)
    return out


def run(*command, needs, **options):
    """A build command. needs: what to install where its program is missing."""
    assert shutil.which(command[0]), f"expected {command[0]} on the PATH to build a function of the contract; {needs}"
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return done.stdout


@contextmanager
def _lock(folder):
    with open(folder / "lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
