"""A new user's first five minutes, with the plain AWS CLI and the repository's own examples."""

import base64
import json
import re
import shutil

import pytest
from harness.cli import AwsCli
from harness.functions import PROVIDED, PYTHON, node_runtime
from harness.packages import code_sha256, zip_of, zip_of_folder
from harness.server import ROOT
from harness.waiting import eventually

UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
INIT_START = re.compile(r"INIT_START Runtime Version: \S+\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:[0-9a-f]{64}\n")
START = re.compile(rf"START RequestId: ({UUID}) Version: \$LATEST\n")
END = re.compile(rf"END RequestId: ({UUID})\n")
REPORT = re.compile(
    rf"REPORT RequestId: ({UUID})\tDuration: (\d+\.\d\d) ms\tBilled Duration: (\d+) ms\tMemory Size: 128 MB"
    r"\tMax Memory Used: (\d+) MB(\tInit Duration: \d+\.\d\d ms)?\t\n"
)
STREAM = re.compile(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}")
ROLE = "arn:aws:iam::000000000000:role/lambda"
EXAMPLES = {"hello-python": lambda: PYTHON, "hello-node": node_runtime, "hello-provided": lambda: PROVIDED}


@pytest.fixture
def cli(server, tmp_path):
    """With exactly what `hearth env` says to export."""
    return AwsCli(tmp_path, json.loads(server.command("env", "-o", "json")))


def handler_of(folder, runtime):
    """The handler that an example's own files name: its module is the one source file."""
    if runtime == PROVIDED:
        return "bootstrap"
    sources = [p for p in folder.iterdir() if p.suffix in (".py", ".js", ".mjs", ".cjs")]
    assert len(sources) == 1, f"expected one source file in {folder}, found {sources}"
    return f"{sources[0].stem}.handler"


def create(cli, name, package, runtime, handler):
    return cli.json(
        "lambda", "create-function", "--function-name", name, "--runtime", runtime, "--handler", handler,
        "--role", ROLE, "--zip-file", f"fileb://{package}",
    )


def invoke(cli, name, event):
    """The result, and the log's tail as the CLI decodes it for the user."""
    answer = cli.json(
        "lambda", "invoke", "--function-name", name, "--payload", json.dumps(event),
        "--log-type", "Tail", "out.json",
    )
    tail = cli.text("lambda", "invoke", "--function-name", name, "--log-type", "Tail", "--query", "LogResult",
                    "--output", "text", "--payload", json.dumps(event), "out2.json")
    return answer, (cli.folder / "out.json").read_text(), tail.strip()


def check_tail(text, cold):
    """Ends with END and REPORT; a cold one may begin with what happened before START."""
    lines = text.splitlines(keepends=True)
    start, end, report = START.search(text), END.fullmatch(lines[-2]), REPORT.fullmatch(lines[-1])
    assert start, text
    assert end, lines[-2]
    assert report, lines[-1]
    assert start[1] == end[1] == report[1]
    assert int(report[3]) >= float(report[2]) > 0, lines[-1]
    assert 0 < int(report[4]) <= 128, lines[-1]
    assert bool(report[5]) == cold, lines[-1]


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_is_deployed_called_and_read(cli, example):
    runtime = EXAMPLES[example]()
    folder = ROOT / "examples" / example
    package = cli.folder / "function.zip"
    package.write_bytes(zip_of_folder(folder))

    created = create(cli, example, package, runtime, handler_of(folder, runtime))
    assert created["State"] == "Pending"
    assert created["CodeSha256"] == code_sha256(package.read_bytes())
    cli.text("lambda", "wait", "function-active-v2", "--function-name", example)

    answer, result, tail = invoke(cli, example, {"name": "Ada"})
    assert answer["StatusCode"] == 200
    assert "FunctionError" not in answer, result
    assert answer["ExecutedVersion"] == "$LATEST"
    assert "Ada" in result, result
    json.loads(result)
    first = base64.b64decode(answer["LogResult"]).decode()
    second = base64.b64decode(tail).decode()
    check_tail(first, cold=True)
    check_tail(second, cold=False)
    assert second.startswith("START RequestId: "), second

    check_logs(cli, example)
    cli.text("lambda", "delete-function", "--function-name", example)
    assert "ResourceNotFoundException" in cli.fails("lambda", "get-function", "--function-name", example)


def check_logs(cli, name):
    group = f"/aws/lambda/{name}"
    groups = eventually(lambda: cli.json("logs", "describe-log-groups", "--log-group-name-prefix", group)["logGroups"])
    assert [g["logGroupName"] for g in groups] == [group]
    streams = cli.json("logs", "describe-log-streams", "--log-group-name", group)["logStreams"]
    assert len(streams) == 1, "both invocations ran in one environment"
    stream = streams[0]["logStreamName"]
    assert STREAM.fullmatch(stream), stream

    def both_reported():
        found = cli.json("logs", "get-log-events", "--log-group-name", group, "--log-stream-name", stream,
                         "--start-from-head")["events"]
        assert sum(e["message"].startswith("REPORT") for e in found) == 2, found
        return found

    events = eventually(both_reported, timeout_s=20)
    messages = [e["message"] for e in events]
    if name != "hello-provided":
        assert INIT_START.fullmatch(messages[0]), messages[0]
    for form, count in ((START, 2), (END, 2), (REPORT, 2)):
        assert sum(bool(form.fullmatch(m)) for m in messages) == count, messages
    assert [e["timestamp"] for e in events] == sorted(e["timestamp"] for e in events)

    filtered = cli.json("logs", "filter-log-events", "--log-group-name", group, "--filter-pattern", "REPORT")["events"]
    assert len(filtered) == 2 and all(REPORT.fullmatch(e["message"]) for e in filtered), filtered
    # What `aws logs tail` asks, which version 2 of the CLI has.
    since = str(events[0]["timestamp"])
    tailed = cli.json("logs", "filter-log-events", "--log-group-name", group, "--interleaved", "--start-time", since)["events"]
    assert [e["message"] for e in tailed] == messages


def test_change_tag_list_and_delete(cli, tmp_path):
    folder = ROOT / "examples" / "hello-python"
    package = tmp_path / "function.zip"
    package.write_bytes(zip_of_folder(folder))
    create(cli, "changing", package, PYTHON, handler_of(folder, PYTHON))
    cli.text("lambda", "wait", "function-active-v2", "--function-name", "changing")

    changed = tmp_path / "changed"
    shutil.copytree(folder, changed)
    module = handler_of(folder, PYTHON).split(".")[0]
    (changed / f"{module}.py").write_text("def handler(event, context):\n    return 'changed'\n")
    package.write_bytes(zip_of_folder(changed))
    updated = cli.json("lambda", "update-function-code", "--function-name", "changing", "--zip-file", f"fileb://{package}")
    assert updated["LastUpdateStatus"] == "InProgress"
    cli.text("lambda", "wait", "function-updated-v2", "--function-name", "changing")
    cli.json("lambda", "invoke", "--function-name", "changing", "out.json")
    assert (cli.folder / "out.json").read_text() == '"changed"'

    updated = cli.json("lambda", "update-function-configuration", "--function-name", "changing", "--memory-size", "192",
                       "--timeout", "7", "--environment", "Variables={NAME=value}", "--description", "words")
    cli.text("lambda", "wait", "function-updated", "--function-name", "changing")
    found = cli.json("lambda", "get-function-configuration", "--function-name", "changing")
    assert (found["MemorySize"], found["Timeout"], found["Description"]) == (192, 7, "words")
    assert found["Environment"] == {"Variables": {"NAME": "value"}}

    arn = found["FunctionArn"]
    cli.text("lambda", "tag-resource", "--resource", arn, "--tags", "a=1,b=2")
    assert cli.json("lambda", "list-tags", "--resource", arn) == {"Tags": {"a": "1", "b": "2"}}
    cli.text("lambda", "untag-resource", "--resource", arn, "--tag-keys", "a")
    assert cli.json("lambda", "get-function", "--function-name", "changing")["Tags"] == {"b": "2"}

    listed = cli.json("lambda", "list-functions", "--query", "Functions[].FunctionName")
    assert "changing" in listed
    assert cli.json("lambda", "get-account-settings")["AccountUsage"]["FunctionCount"] >= 1
    cli.text("lambda", "delete-function", "--function-name", "changing")
    assert "changing" not in cli.json("lambda", "list-functions", "--query", "Functions[].FunctionName")


def test_a_failing_function_is_shown_as_such(cli, tmp_path):
    package = tmp_path / "function.zip"
    package.write_bytes(zip_of({"app.py": "def handler(event, context):\n    raise ValueError('no ' + event['what'])\n"}))
    create(cli, "failing", package, PYTHON, "app.handler")
    cli.text("lambda", "wait", "function-active-v2", "--function-name", "failing")
    answer = cli.json("lambda", "invoke", "--function-name", "failing", "--payload", '{"what": "luck"}', "out.json")
    assert answer["StatusCode"] == 200 and answer["FunctionError"] == "Unhandled"
    assert json.loads((cli.folder / "out.json").read_text())["errorMessage"] == "no luck"
    cli.text("lambda", "delete-function", "--function-name", "failing")


def test_hearth_has_the_same_story(server, cli, tmp_path):
    """`hearth invoke` and `hearth logs` show what the CLI shows."""
    package = tmp_path / "function.zip"
    package.write_bytes(zip_of({"app.py": "def handler(event, context):\n    print('seen', event['n'])\n    return event['n'] + 1\n"}))
    create(cli, "own-tools", package, PYTHON, "app.handler")
    cli.text("lambda", "wait", "function-active-v2", "--function-name", "own-tools")
    assert server.command("invoke", "own-tools", "--payload", '{"n": 41}').strip() == "42"
    answer = json.loads(server.command("invoke", "own-tools", "--payload", '{"n": 41}', "-o", "json"))
    assert answer["Payload"] == 42 and "seen 41" in answer["LogResult"]

    def logged():
        text = server.command("logs", "own-tools")
        assert text.count("seen 41") == 2 and text.count("REPORT RequestId") == 2, text
        return True

    eventually(logged)
    failed = server.run_to_end("invoke", "own-tools", "--payload", "{}")
    assert failed.returncode == 1 and "KeyError" in failed.stdout
    missing = server.run_to_end("invoke", "nobody")
    assert missing.returncode == 8 and "ResourceNotFoundException" in missing.stderr
    cli.text("lambda", "delete-function", "--function-name", "own-tools")
