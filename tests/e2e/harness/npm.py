"""Packages of npm that tests fetch one by one, pinned by hash: without their dependencies, and without running their scripts."""

import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path


def fetch(name, digest, folder):
    """The archive of a package (`name@version`) whose SHA-256 is this, in a folder."""
    if not shutil.which("npm"):
        raise RuntimeError("npm is not on the PATH; it comes with Node.js, on Debian in the package npm")
    done = subprocess.run(["npm", "pack", "--silent", name], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"npm cannot fetch {name}: {done.stderr.strip()}")
    archive = Path(folder) / done.stdout.strip().splitlines()[-1]
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != digest:
        raise RuntimeError(f"{name} has the hash {found}, expected {digest}")
    return archive


def unpack(archive, folder, wanted=lambda path: path):
    """Files of an archive, below the one folder that all of it is in, whose path `wanted` maps to another one."""
    with tarfile.open(archive) as files:
        for member in files:
            path = wanted(member.name.partition("/")[2]) if member.isfile() else None
            if path is None:
                continue
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            with files.extractfile(member) as source, open(target, "wb") as out:
                shutil.copyfileobj(source, out)
