"""`hearth init`, `hearth deploy` and `hearth dev`: from nothing to running code."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from harness.functions import PYTHON, node_runtime, unique
from harness.server import hearth_binary
from harness.waiting import eventually


class Project:
    def __init__(self, server, folder, account):
        self.server, self.folder, self.name = server, folder, folder.name
        self.environment = {**os.environ, **server.environment(), "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": account, "AWS_SECRET_ACCESS_KEY": "test"}

    def run(self, *command, cwd=None):
        done = subprocess.run(command, cwd=cwd or self.folder, env=self.environment, capture_output=True, text=True, timeout=300)
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
        return project

    return make


# The language, its runtime, and how its tests are run.
PROJECTS = {
    "python": (PYTHON, [sys.executable, "-m", "unittest"]),
    "nodejs": (node_runtime(), ["node", "--test"]),
    "bash": (None, ["bash", "-n", "bootstrap"]),
    "go": (None, ["go", "test", "./..."]),
}


@pytest.mark.parametrize("language", PROJECTS)
def test_a_new_project_is_tested_deployed_and_run(make_project, language):
    runtime, tests = PROJECTS[language]
    if language == "go":
        assert shutil.which("go"), "the test of Go projects needs `go` on the PATH"
    project = make_project(language, runtime)
    project.run(*tests)
    first = project.deploy()
    assert first["change"] == "created" and first["configuration"]["State"] == "Active", first
    assert "Hello" in project.invoke()["message"]
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
    assert "a runtime such as python3.13" in refused("deploy", "--runtime", "cobol", code=2)
    assert 'expected "runtime"' in refused("deploy", str(tmp_path), code=2)
    (project.folder / "function.toml").write_text((project.folder / "function.toml").read_text() + '\n[extra]\n')
    assert "unknown field `extra`" in refused("deploy", code=2)


def test_dev_deploys_what_is_saved_and_shows_what_is_logged(make_project, tmp_path):
    project = make_project("python", PYTHON)
    app = project.folder / "app.py"
    said, progress = tmp_path / "said", tmp_path / "progress"
    with said.open("w") as out, progress.open("w") as err:
        dev = subprocess.Popen([str(hearth_binary()), "dev"], cwd=project.folder, env=project.environment, stdout=out, stderr=err)
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
        dev.wait(timeout=10)
