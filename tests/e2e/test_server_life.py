"""The life of a server: start, stop, start again with everything that was there; and refusals to start."""

import json
import re
import signal
import socket
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from harness import processes
from harness.clients import Caller, new_account
from harness.functions import Lab
from harness.packages import code_sha256, zip_of
from harness.waiting import eventually

HELLO = "def handler(event, context):\n    print('hello', event)\n    return event\n"


def without_metadata(answer):
    return {k: v for k, v in answer.items() if k != "ResponseMetadata"}


def test_a_restart_keeps_everything(make_server, lab_on):
    server = make_server().start()
    lab = lab_on(server)
    client, package = lab.caller.awslambda, zip_of({"app.py": HELLO})
    functions = [lab.deploy(package, Tags={"n": str(n)}, Description=f"number {n}", Environment={"Variables": {"NUMBER": str(n)}}) for n in range(3)]
    functions[0].call("before")
    functions[0].messages_until("REPORT")
    functions[1].upload({"app.py": HELLO + "# changed\n"})
    functions[2].configure(Timeout=77)
    gone = lab.deploy(package)
    client.delete_function(FunctionName=gone.name)
    before = [without_metadata(f.configuration()) for f in functions]
    logged, streams = functions[0].messages(), functions[0].streams()

    server.stop_cleanly()
    server.start()

    assert [without_metadata(f.configuration()) for f in functions] == before
    assert sorted(f["FunctionName"] for f in client.list_functions()["Functions"]) == sorted(f.name for f in functions)
    for n, function in enumerate(functions):
        whole = client.get_function(FunctionName=function.name)
        assert whole["Tags"] == {"n": str(n)}
        with urllib.request.urlopen(whole["Code"]["Location"]) as download:
            assert code_sha256(download.read()) == whole["Configuration"]["CodeSha256"]
        assert function.call(n) == n
    assert functions[0].messages()[: len(logged)] == logged, "the logs are there"
    assert functions[0].streams()[0] == streams[0]
    assert server.stop() == 0


def test_sigint_and_sigterm_stop_it(make_server):
    for number in (signal.SIGINT, signal.SIGTERM):
        server = make_server().start()
        server.process.send_signal(number)
        assert server.process.wait(30) == 0
        server.process = None


def test_running_invocations_are_finished_before_the_end(make_server, lab_on):
    server = make_server().start()
    function = lab_on(server).deploy("import time\nprint('up')\ndef handler(event, context):\n    print('begun')\n    time.sleep(1.5)\n    return 'finished'\n")
    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(function.call)
        eventually(lambda: function.processes())
        eventually(lambda: any("begun" in m for m in function.messages()) or running.done())
        server.process.send_signal(signal.SIGTERM)
        assert running.result() == "finished"
    assert server.process.wait(30) == 0
    server.process = None
    server.start()
    assert any(m.startswith("REPORT") for m in function.messages()), "and its log was written"


SLEEPER = "import time\ndef handler(event, context):\n    print('begun', flush=True)\n    time.sleep(600)\n"


def begun(pool, function):
    """Starts an invocation that does not end, and waits until it runs."""
    running = pool.submit(function.invoke)
    function.messages_until("begun")
    return running


def test_the_drain_has_a_deadline(make_server, lab_on):
    server = make_server(env={"HEARTH_DRAIN_S": "1"}).start()
    function = lab_on(server).deploy(SLEEPER, Timeout=900)
    with ThreadPoolExecutor(1) as pool:
        running = begun(pool, function)
        own = processes.descendants(server.pid)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(15) == 9, "the exit code of a drain that was cut off"
        assert running.exception() or running.result().failed(), "the caller is told"
    server.process = None
    eventually(lambda: not (own & set(processes.all_pids())), "no process of the server")


def test_a_second_signal_stops_at_once(make_server, lab_on):
    server = make_server().start()
    function = lab_on(server).deploy(SLEEPER, Timeout=900)
    with ThreadPoolExecutor(1) as pool:
        begun(pool, function)
        own = processes.descendants(server.pid)
        server.process.send_signal(signal.SIGINT)
        eventually(lambda: "stopping" in server.log_tail())
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(15) == 9
    server.process = None
    eventually(lambda: not (own & set(processes.all_pids())), "no process of the server")


def test_nothing_of_a_stopped_server_is_left(make_server, lab_on):
    server = make_server().start()
    function = lab_on(server).deploy(HELLO)
    function.call()
    own = processes.descendants(server.pid)
    assert own
    groups = {folder for pid in own for folder in processes.cgroup_folders(pid).values()}
    before = set(processes.mounts())
    server.stop_cleanly()
    eventually(lambda: not (own & set(processes.all_pids())), "no process of the server")
    assert not [m for m in processes.mounts() if str(server.data) in m], "no mount of the server"
    assert set(processes.mounts()) <= before
    assert not [group for group in groups if "hearth" in str(group) and group.exists()], "no cgroup of the server"


def test_a_data_folder_has_one_server(make_server):
    first = make_server().start()
    second = make_server(folder=first.folder / "second", env={"HEARTH_DATA": str(first.data)})
    done = second.run_to_end("serve")
    assert done.returncode == 4, done
    assert str(first.pid) in done.stderr and str(first.data) in done.stderr, done.stderr
    assert "--data" in done.stderr, "it says what to do"
    assert first.healthy()


def test_a_taken_port(make_server):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = make_server(listen=f"127.0.0.1:{port}").run_to_end("serve")
    assert done.returncode == 3, done
    assert f"port {port} is taken" in done.stderr and "--listen" in done.stderr, done.stderr


def test_mistakes_in_the_configuration(make_server):
    for config, words in (
        ("listen = 7\n", ("listen", "line 1")), ("lissten = 'x'\n", ("lissten", "listen")), ("[[", ("line 1",)),
        ("concurrency = 'many'\n", ("concurrency", "many")),
    ):
        done = make_server(config).run_to_end("config", "show")
        assert done.returncode == 2, (config, done)
        assert all(word in done.stderr for word in words), (config, done.stderr)


def test_config_show_tells_where_values_come_from(make_server):
    server = make_server("concurrency = 7\n", env={"HEARTH_DRAIN_S": "3"})
    rows = json.loads(server.command("config", "show", "-o", "json", "--region", "eu-west-1"))
    rows = {row["key"]: row for row in rows} if isinstance(rows, list) else rows
    text = json.dumps(rows)
    assert rows["concurrency"]["value"] == 7 and str(server.config_file) in json.dumps(rows["concurrency"])
    assert rows["drain_s"]["value"] == 3 and "HEARTH_DRAIN_S" in json.dumps(rows["drain_s"])
    assert rows["region"]["value"] == "eu-west-1" and "--region" in json.dumps(rows["region"])
    assert "default" in text


def test_the_banner(make_server):
    server = make_server().start()
    text = server.log_file.read_text()
    assert f"http://{server.listen}" in text
    assert str(server.data) in text
    version = server.command("version").split()[-1]
    assert re.search(re.escape(version), text), text


def test_health(server):
    status, body = server.get("/_hearth/health")
    assert status == 200
    assert json.loads(body)
    status, body = server.get("/_localstack/health")
    assert status == 200
    assert json.loads(body)["services"]["lambda"] in ("available", "running")


def test_accounts_are_apart(server, checker):
    one, two = Lab(Caller(server, checker)), Lab(Caller(server, checker))
    first = one.deploy(HELLO, name="same-name", Description="one")
    second = two.deploy("def handler(event, context):\n    return 'two'\n", name="same-name", Description="two")
    assert (first.call(1), second.call(1)) == (1, "two")
    assert first.configuration()["Description"] == "one"
    first.caller.awslambda.delete_function(FunctionName="same-name")
    assert second.call(1) == "two"
    one.clear()
    two.clear()


def test_regions_are_apart(server, checker):
    account = new_account()
    here = Lab(Caller(server, checker, account=account))
    there = Caller(server, checker, account=account, region="eu-central-1")
    here.deploy(HELLO, name="regional")
    assert there.awslambda.list_functions()["Functions"] == []
    away = Lab(there)
    function = away.deploy("import os\ndef handler(event, context):\n    return os.environ['AWS_REGION']\n", name="regional")
    assert function.call() == "eu-central-1"
    assert function.created["FunctionArn"] == f"arn:aws:lambda:eu-central-1:{account}:function:regional"
    here.clear()
    away.clear()
