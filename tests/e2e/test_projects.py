"""`hearth init`, `hearth deploy` and `hearth dev`: from nothing to running code."""

import json
import os
import shutil
import signal
import subprocess
import sys
from xml.etree import ElementTree

import pytest
from harness import dotnet, java, rust
from harness.functions import PYTHON, node_runtime, unique
from harness.server import ROOT, free_port, hearth_binary
from harness.waiting import eventually


class Project:
    def __init__(self, server, folder, account):
        self.server, self.folder, self.name = server, folder, folder.name
        self.environment = {**os.environ, **server.environment(), "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test"}

    def run(self, *command, cwd=None):
        done = subprocess.run(command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, timeout=900)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def hearth(self, *arguments, **options):
        return self.run(str(hearth_binary()), *arguments, **options)

    def deploy(self, *arguments):
        return json.loads(self.hearth("deploy", "-o", "json", *arguments))

    def invoke(self):
        return json.loads(self.hearth("invoke", self.name, "-p", "@event.json"))


@pytest.fixture
def make_project(server, caller, tmp_path):
    def make(language, runtime=None):
        project = Project(server, tmp_path / unique(language), caller.account)
        options = ["--runtime", runtime] if runtime else []
        made = json.loads(project.hearth("init", language, str(project.folder), "-o", "json", *options, cwd=tmp_path))
        assert made["name"] == project.name and "function.toml" in made["files"], made
        assert runtime in (None, made["runtime"])
        return project

    return make


# The language, its runtime, and the commands of its README before `hearth deploy`. Those of C# need NuGet.
PROJECTS = {
    "python": (lambda: PYTHON, [[sys.executable, "-m", "unittest"]]),
    "nodejs": (node_runtime, [["npm", "test"]]),
    "typescript": (node_runtime, [["npm", "install"], ["npm", "test"], ["npm", "run", "check"]]),
    "java": (java.runtime, [["mvn", "-q", "test"]]),
    "go": (lambda: None, [["go", "test", "./..."]]),
    # Debian 12 has Ruby 3.1, which stands in for 3.2 where tests run.
    "ruby": (lambda: "ruby3.2", [["ruby", "test_app.rb"]]),
    # In the profile that the function is built with, so that its dependencies are compiled once.
    "rust": (lambda: None, [["cargo", "test", "--release"]]),
    "bash": (lambda: None, [["bash", "-n", "bootstrap"]]),
}


@pytest.mark.parametrize("language", PROJECTS)
def test_a_new_project_is_tested_deployed_and_run(make_project, language):
    runtime, commands = PROJECTS[language]
    needed = commands[0][0]
    assert shutil.which(needed), f"the test of {language} projects needs `{needed}` on the PATH"
    project = make_project(language, runtime())
    if language == "typescript":
        project.environment["npm_config_prefer_offline"] = "true"
    if language == "rust":
        # What the example's dependencies are compiled for serves here.
        project.environment |= rust.RELEASES
        shutil.copy(ROOT / "examples/report-rust/Cargo.lock", project.folder)
    readme = (project.folder / "README.md").read_text()
    for command in commands:
        # As the README has it, but for the words that make it quick or quiet here.
        assert f"$ {command[0].replace(sys.executable, 'python3')} " in readme, readme
        project.run(*command)
    first = project.deploy()
    assert first["change"] == "created" and first["configuration"]["State"] == "Active", first
    assert project.invoke()["message"].startswith("Hello")
    if language != "java":
        # Maven takes seconds to see that there is nothing to do.
        assert project.deploy()["change"] == "unchanged", "the same sources are the same package"


def test_a_csharp_project(make_project, tmp_path):
    """NuGet is not to be reached where tests run: a compiler of our own makes what `dotnet publish` would, of the same sources
    and what stands in for AWS's packages."""
    project = make_project("csharp", "dotnet8")
    libraries = dotnet.library_files((project.folder / "Function.cs").read_text(), "Function", "-nullable:enable")
    tests = tmp_path / "tests"
    tests.mkdir()
    assert dotnet.run_facts((project.folder / "tests/FunctionTest.cs").read_text(), tests, libraries) == "2 facts\n"
    for file in ("Function.csproj", "tests/Tests.csproj"):
        assert ElementTree.parse(project.folder / file).find("PropertyGroup/TargetFramework").text == "net8.0"
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "dotnet").write_text(
        f"#!/bin/sh -e\n[ $1 = publish ] && [ -f Function.csproj ]\nwhile [ $1 != --output ]; do shift; done\nmkdir -p $2\ncp {' '.join(map(str, libraries))} $2\n"
    )
    (programs / "dotnet").chmod(0o755)
    project.environment["PATH"] = f"{programs}:{project.environment['PATH']}"
    assert project.deploy()["change"] == "created"
    assert project.invoke() == {"message": "Hello, Ada!"}
    assert project.deploy()["change"] == "unchanged", "the same sources are the same package"


def test_only_what_changed_is_updated(make_project):
    project = make_project("python", PYTHON)
    before = project.deploy()["configuration"]
    manifest = project.folder / "function.toml"
    manifest.write_text(manifest.read_text().replace("timeout_s = 3", "timeout_s = 5").replace('"Hello"', '"Ahoy"'))
    after = project.deploy()
    assert after["change"] == "updated"
    assert (after["configuration"]["Timeout"], after["configuration"]["CodeSha256"]) == (5, before["CodeSha256"])
    assert project.invoke() == {"message": "Ahoy, Ada!"}
    published = project.deploy("--publish")
    assert (published["change"], published["configuration"]["Version"]) == ("unchanged", "1")


def test_dependencies_are_packed_and_kept(make_project):
    project = make_project("python", PYTHON)
    # A package of this very folder: nothing has to be fetched.
    library = project.folder / "library"
    library.mkdir()
    (library / "pyproject.toml").write_text('[project]\nname = "greetings"\nversion = "1"\n[tool.setuptools]\npy-modules = ["greetings"]\n')
    (library / "greetings.py").write_text('WORD = "Salve"\n')
    (project.folder / "requirements.txt").write_text("./library\n")
    app = project.folder / "app.py"
    app.write_text(app.read_text().replace('GREETING = os.environ.get("GREETING", "Hello")', "from greetings import WORD as GREETING"))
    assert project.deploy()["change"] == "created"
    assert project.invoke() == {"message": "Salve, Ada!"}
    assert [entry.name for entry in (project.folder / ".hearth").iterdir() if entry.is_dir()] == ["python"]


def test_node_modules_are_packed_without_those_for_development(make_project, tmp_path):
    project = make_project("nodejs", node_runtime())
    for name in ("greetings", "tool"):
        library = tmp_path / name
        library.mkdir()
        (library / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", "main": "index.js"}))
        (library / "index.js").write_text('module.exports = "Salve";')
    package = {"type": "module", "dependencies": {"greetings": f"file:{tmp_path}/greetings"}, "devDependencies": {"tool": f"file:{tmp_path}/tool"}}
    (project.folder / "package.json").write_text(json.dumps(package))
    (project.folder / ".npmrc").write_text("install-links=true\n")
    (project.folder / "index.mjs").write_text(
        "import word from 'greetings';\n"
        "export const handler = async () => ({ message: word, tool: await import('tool').then(() => true, () => false) });\n"
    )
    project.deploy()
    assert project.invoke() == {"message": "Salve", "tool": False}


def test_a_role_is_made_for_who_names_none(make_project, caller):
    role = make_project("python", PYTHON).deploy()["configuration"]["Role"]
    assert role == f"arn:aws:iam::{caller.account}:role/hearth-functions"
    attached = caller.client("iam").list_attached_role_policies(RoleName="hearth-functions")["AttachedPolicies"]
    assert [policy["PolicyName"] for policy in attached] == ["AWSLambdaBasicExecutionRole"]


def test_mistakes_are_told(make_project, server, tmp_path):
    project = make_project("python", PYTHON)

    def refused(*arguments, code):
        done = subprocess.run([str(hearth_binary()), *arguments], cwd=project.folder, env=project.environment, capture_output=True, text=True)
        assert done.returncode == code, done
        return done.stderr

    assert "found files in" in refused("init", "python", str(project.folder), code=2)
    project.environment["AWS_ENDPOINT_URL"] = f"http://127.0.0.1:{free_port()}"
    (project.folder / "requirements.txt").write_text("./nowhere\n")
    assert "building" not in refused("deploy", code=7), "a server that is not there is told of before anything is built"
    project.environment["AWS_ENDPOINT_URL"] = server.endpoint
    assert "a runtime such as python3.13" in refused("deploy", "--runtime", "cobol", code=2)
    assert 'expected "runtime"' in refused("deploy", str(tmp_path), code=2)
    (project.folder / "function.toml").write_text((project.folder / "function.toml").read_text() + '\n[extra]\n')
    assert "unknown field `extra`" in refused("deploy", code=2)


def test_dev_deploys_what_is_saved_and_shows_what_is_logged(make_project, tmp_path):
    project = make_project("python", PYTHON)
    app = project.folder / "app.py"
    said, progress = tmp_path / "said", tmp_path / "progress"
    with said.open("w") as out, progress.open("w") as err:
        # Ctrl-C is heard though whoever runs the tests has it ignored, as shells have in what they run in the background.
        dev = subprocess.Popen(
            [str(hearth_binary()), "dev"], cwd=project.folder, env=project.environment, stdout=out, stderr=err,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
    try:
        eventually(lambda: "watching" in progress.read_text(), "the first deployment", timeout_s=30)
        source = app.read_text()
        app.write_text(source.replace("{name}!", "dear {name}!"))
        eventually(lambda: project.invoke() == {"message": "Hello, dear Ada!"}, "the change", timeout_s=30)
        eventually(lambda: "greeting Ada" in said.read_text(), "the log")
        # A build that fails ends nothing.
        (project.folder / "requirements.txt").write_text("./nowhere\n")
        eventually(lambda: "failed to run `" in progress.read_text(), "the mistake", timeout_s=30)
        (project.folder / "requirements.txt").write_text("")
        app.write_text(source)
        eventually(lambda: project.invoke() == {"message": "Hello, Ada!"}, "the next change", timeout_s=30)
    finally:
        dev.send_signal(signal.SIGINT)
        dev.wait(timeout=60)
