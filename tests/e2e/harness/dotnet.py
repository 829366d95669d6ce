"""C# functions: compiled with the .NET of `make dotnet`, once per source."""

import hashlib
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INSTALLED = ROOT / ".cache" / "dotnet"
CORE = ROOT / "tests" / "dotnet" / "Amazon.Lambda.Core.cs"


def compile(source, name, *arguments):
    """The bytes of the assembly of this name. Its source is a text."""
    key = hashlib.sha256("\0".join([source, name, *arguments]).encode()).hexdigest()[:16]
    folder = ROOT / ".cache" / "dotnet-built" / key
    built = folder / f"{name}.dll"
    if not built.exists():
        draft = folder / "draft"
        draft.mkdir(parents=True, exist_ok=True)
        (draft / f"{name}.cs").write_text(source)
        done = subprocess.run(
            [ROOT / "tests/dotnet/csc", *arguments, f"-out:{draft / built.name}", draft / f"{name}.cs"],
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        (draft / built.name).rename(built)
    return built.read_bytes()


def library(source, name):
    """The files of a class library and of what stands in for `Amazon.Lambda.Core`."""
    core = compile(CORE.read_text(), "Amazon.Lambda.Core", "-target:library")
    folder = INSTALLED.parent / "dotnet-built"
    reference = folder / f"core-{hashlib.sha256(core).hexdigest()[:16]}" / "Amazon.Lambda.Core.dll"
    if not reference.exists():
        reference.parent.mkdir(parents=True, exist_ok=True)
        reference.write_bytes(core)
    own = compile(source, name, "-target:library", "-nowarn:1998", f"-r:{reference}")
    return {f"{name}.dll": own, "Amazon.Lambda.Core.dll": core}
