"""C# functions: compiled with the .NET of `make dotnet`, once per source."""

import hashlib
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
INSTALLED = ROOT / ".cache" / "dotnet"
CORE = ROOT / "tests" / "dotnet" / "Amazon.Lambda.Core.cs"


def compile(source, name, *arguments):
    """The bytes of the assembly of this name. Its source is a text."""
    return compiled(source, name, *arguments).read_bytes()


def compiled(source, name, *arguments):
    """The file of the assembly, whose path differs with what it was made of."""
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
    return built


def library(source, name, *arguments):
    """The files of a class library and of what stands in for `Amazon.Lambda.Core`."""
    files = library_files(source, name, *arguments)
    return {file.name: file.read_bytes() for file in files}


def library_files(source, name, *arguments):
    """Where those files are."""
    core = compiled(CORE.read_text(), "Amazon.Lambda.Core", "-target:library")
    own = compiled(source, name, "-target:library", "-nowarn:1998", f"-r:{core}", *arguments)
    return [own, core]


# What stands in for xunit: runs every fact, and fails when one does.
FACTS = """
namespace Xunit
{
    public sealed class FactAttribute : System.Attribute { }

    public static class Assert
    {
        public static void Equal(object expected, object found)
        {
            if (!Equals(expected, found)) throw new System.Exception($"expected {expected}, found {found}");
        }
    }

    static class Program
    {
        static int Main()
        {
            var run = 0;
            foreach (var type in typeof(Program).Assembly.GetTypes())
            foreach (var method in type.GetMethods())
            {
                if (!method.IsDefined(typeof(FactAttribute), false)) continue;
                method.Invoke(System.Activator.CreateInstance(type), null);
                run++;
            }
            System.Console.WriteLine($"{run} facts");
            return run > 0 ? 0 : 1;
        }
    }
}
"""


def run_facts(source, folder, libraries):
    """Runs tests that are written for xunit, in a folder of their own; what was printed."""
    references = [f"-r:{library}" for library in libraries]
    tests = compiled(source + FACTS, "Tests", "-target:exe", "-nullable:enable", *references)
    for file in (tests, *libraries):
        shutil.copy(file, folder)
    command = [INSTALLED / "dotnet", "exec", "--runtimeconfig", INSTALLED / "csc.runtimeconfig.json", folder / tests.name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
