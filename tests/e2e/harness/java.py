"""The functions of java/, compiled, with their libraries from Maven Central."""

import re
import shutil
import subprocess

from suite.build import folder_of, once, run, sources

from .packages import zip_of
from .server import ROOT

SOURCE = ROOT / "tests" / "e2e" / "java"
NEEDS = "install a JDK of version 11 or newer, and Maven: apt-get install default-jdk-headless maven"


def runtime():
    """The runtime id of the host's Java."""
    assert shutil.which("javac"), f"expected javac on the PATH; {NEEDS}"
    said = subprocess.run(["javac", "-version"], capture_output=True, text=True, check=True)
    return "java" + re.search(r"\d+", said.stdout + said.stderr)[0]


def built():
    """A folder with `classes` and `jars`."""

    def make(out):
        run("mvn", "-q", "-B", "-f", SOURCE / "pom.xml", f"-DoutputDirectory={out / 'jars'}",
            "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies", needs=NEEDS)
        run("javac", "--release", "11", "-d", out / "classes", "-cp", f"{out / 'jars'}/*", *SOURCE.rglob("*.java"), needs=NEEDS)
        shutil.copy(SOURCE / "functions/log4j2.xml", out / "classes")

    return once(folder_of("java-model"), [sources(SOURCE), runtime()], make)


def package(*jars):
    """A deployment package of the classes, and in `lib/` the jars whose names begin so."""
    out = built()
    chosen = [jar for jar in (out / "jars").glob("*.jar") if jar.name.startswith(jars)]
    return zip_of({**sources(out / "classes"), **{f"lib/{jar.name}": jar.read_bytes() for jar in chosen}})
