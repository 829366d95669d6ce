"""`kill -9` again and again, while threads create, update, publish and delete functions.

After each restart: every acknowledged change is there; what was under way is there whole or not at
all; each function that is listed can be got, downloaded and invoked; and nothing of the killed
server's sandboxes is left on the host.

HEARTH_CRASH_ROUNDS sets the number of rounds, HEARTH_CRASH_SEED repeats a run.
"""

import os
import random
import threading
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError, ClientError
from harness import processes
from harness.clients import Caller
from harness.functions import PROVIDED, Function, Lab
from harness.packages import code_sha256, program, zip_of
from harness.waiting import eventually

ROUNDS = int(os.environ.get("HEARTH_CRASH_ROUNDS", "16"))
SEED = int(os.environ.get("HEARTH_CRASH_SEED", str(random.randrange(2**32))))
WRITERS = 4
# A server that is killed while it starts is worth a few of the rounds.
EARLY_KILLS = 3

# The least bootstrap that answers: it returns its own marker, whatever the event.
BOOTSTRAP = r"""#!/bin/bash
host=${AWS_LAMBDA_RUNTIME_API%%:*} port=${AWS_LAMBDA_RUNTIME_API#*:}
export LC_ALL=C
while true; do
  exec 3<>"/dev/tcp/$host/$port"
  printf 'GET /2018-06-01/runtime/invocation/next HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >&3
  while IFS= read -r line <&3; do
    line=${line%%$'\r'}
    [ -z "$line" ] && break
    case "${line,,}" in lambda-runtime-aws-request-id:*) id=${line#*: } ;; esac
  done
  exec 3>&-
  exec 3<>"/dev/tcp/$host/$port"
  body='"%s"'
  printf 'POST /2018-06-01/runtime/invocation/%%s/response HTTP/1.1\r\nHost: x\r\nContent-Length: %%d\r\nConnection: close\r\n\r\n%%s' "$id" "${#body}" "$body" >&3
  read -r status <&3
  exec 3>&-
done
"""


def package(marker):
    return zip_of({"bootstrap": program(BOOTSTRAP % marker)})


class Expected:
    """What one function may be after a crash: the acknowledged state, or that of the call under way.

    A state is None (absent) or (marker, description).
    """

    def __init__(self):
        self.acknowledged = None
        self.possible = {None}
        # The marker of each version that was acknowledged, by number.
        self.versions = {}

    def trying(self, state):
        self.possible = {self.acknowledged, state}

    def done(self, state):
        self.acknowledged = state
        self.possible = {state}
        if state is None:
            self.versions = {}


class Writer:
    """Changes functions of its own, one after the other, until the server is gone."""

    def __init__(self, number, rng):
        self.number, self.rng = number, rng
        self.functions = {}
        self.acknowledged = 0
        self._serial = 0

    def run(self, caller, stopped):
        client = caller.client("lambda", connect_timeout=2, read_timeout=10)
        while not stopped.is_set():
            name = f"w{self.number}-{self.rng.randrange(6)}"
            expected = self.functions.setdefault(name, Expected())
            try:
                self.change(client, caller, name, expected)
            except ClientError as error:
                # An update that is refused because another is under way changes nothing.
                code = error.response["Error"]["Code"]
                assert code == "ResourceConflictException", (name, error)
                expected.done(expected.acknowledged)
            except BotoCoreError:
                return  # the server is gone; what was under way is in `possible`

    def change(self, client, caller, name, expected):
        self._serial += 1
        marker = f"{name}.{self._serial}"
        now = expected.acknowledged
        choice = "create" if now is None else self.rng.choice(["code", "configuration", "publish", "publish", "delete"])
        after = {"create": (marker, "new"), "code": now and (marker, now[1]), "configuration": now and (now[0], marker),
                 "publish": now, "delete": None}[choice]
        expected.trying(after)
        if choice == "create":
            client.create_function(FunctionName=name, Runtime=PROVIDED, Handler="x", Role=caller.role, Description="new",
                                   Code={"ZipFile": package(marker)})
        elif choice == "code":
            client.update_function_code(FunctionName=name, ZipFile=package(marker))
        elif choice == "configuration":
            client.update_function_configuration(FunctionName=name, Description=marker)
        elif choice == "publish":
            expected.versions[client.publish_version(FunctionName=name)["Version"]] = now[0]
        else:
            client.delete_function(FunctionName=name)
        expected.done(after)
        self.acknowledged += 1
        if choice != "delete" and self.rng.random() < 0.5:
            self.use(client, name)

    def use(self, client, name):
        """Sometimes there is a sandbox at work when the server dies."""
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            found = client.get_function_configuration(FunctionName=name)
            if found["State"] == "Active" and found.get("LastUpdateStatus") == "Successful":
                client.invoke(FunctionName=name)
                return
            time.sleep(0.01)


class Leftovers:
    """The processes, cgroups and mounts of a server that is about to be killed."""

    def __init__(self, server):
        self.data = str(server.data)
        self.pids = processes.descendants(server.pid)
        self.groups = {group for pid in self.pids for group in processes.cgroup_folders(pid).values() if "hearth" in str(group)}
        self.started = {pid: start_time(pid) for pid in self.pids}

    def none(self):
        alive = [pid for pid, when in self.started.items() if when is not None and start_time(pid) == when]
        mounted = [m for m in processes.mounts() if self.data in m]
        return not alive and not mounted

    def assert_none_of(self, server):
        """Also true of cgroups once the next server has cleaned up; its own may bear the same names."""
        alive = [pid for pid, when in self.started.items() if when is not None and start_time(pid) == when]
        assert not alive, f"processes of the killed server are alive: {[(p, command(p)) for p in alive]}"
        eventually(lambda: not self.strangers(server), "no stranger in the cgroups")

    def strangers(self, server):
        """Processes in the old cgroups that are not of the new server."""
        found = {int(pid) for group in self.groups for pid in processes.members(group)}
        return found - processes.descendants(server.pid)


def start_time(pid):
    """Tells a process from a later one with the same pid; None when there is none, or only its remains."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return None
    return None if fields[0] in (b"Z", b"X") else int(fields[19])


def command(pid):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            return file.read().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return "?"


def check_round(caller, writers):
    """Every function is as it may be, and whole."""
    client = caller.awslambda
    pages = client.get_paginator("list_functions").paginate()
    listed = {f["FunctionName"]: f for page in pages for f in page["Functions"]}
    expected = {name: e for writer in writers for name, e in writer.functions.items()}
    assert listed.keys() <= expected.keys(), "only what was asked for"
    checked = []
    for name, state in expected.items():
        if name not in listed:
            assert None in state.possible, f"{name} is lost; expected one of {state.possible}"
            state.done(None)
        else:
            checked.append((name, state))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda pair: check_function(caller, *pair), checked))
    return len(checked)


def check_function(caller, name, state):
    function = Function(caller, name, None)
    settled = function.settled()
    whole = caller.awslambda.get_function(FunctionName=name)
    with urllib.request.urlopen(whole["Code"]["Location"]) as download:
        code = download.read()
    assert code_sha256(code) == settled["CodeSha256"] == whole["Configuration"]["CodeSha256"], name
    assert len(code) == settled["CodeSize"], name
    marker = function.call()
    found = (marker, settled["Description"])
    assert found in state.possible, f"{name} is {found}, expected one of {state.possible}"
    assert code == package(marker), f"{name} runs other code than it shows"
    check_versions(caller, function, state)
    state.done(found)


def check_versions(caller, function, state):
    """Those that were acknowledged are there; of what was under way one more may be, and is whole."""
    pages = caller.awslambda.get_paginator("list_versions_by_function").paginate(FunctionName=function.name)
    listed = {v["Version"]: v["CodeSha256"] for page in pages for v in page["Versions"] if v["Version"] != "$LATEST"}
    assert listed.keys() >= state.versions.keys(), f"{function.name} lost versions: {state.versions}, found {listed}"
    more = listed.keys() - state.versions.keys()
    assert len(more) <= 1, f"{function.name} has versions that nobody published: {more}"
    for version in more:
        state.versions[version] = function.call(Qualifier=version)
    for version, marker in state.versions.items():
        assert listed[version] == code_sha256(package(marker)), f"{function.name}:{version} has other code"
    if listed:
        newest = max(listed, key=int)
        assert function.call(Qualifier=newest) == state.versions[newest], f"{function.name}:{newest} runs other code"


def test_kill_nine(make_server, checker):
    print(f"HEARTH_CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    server = make_server(env={"HEARTH_LOG": "warn"}).start()
    caller = Caller(server, checker)
    writers = [Writer(number, random.Random(rng.random())) for number in range(WRITERS)]
    checked = 0
    for number in range(ROUNDS):
        stopped = threading.Event()
        with ThreadPoolExecutor(WRITERS) as pool:
            running = [pool.submit(writer.run, caller, stopped) for writer in writers]
            time.sleep(rng.uniform(0.05, 1.2))  # the random moment
            leftovers = Leftovers(server)
            server.kill()
            stopped.set()
            for writer in running:
                writer.result()
        eventually(leftovers.none, f"nothing left of the killed server (round {number}): {leftovers.pids}", 15)
        if number < EARLY_KILLS:
            server.launch()
            time.sleep(rng.uniform(0, 0.4))
            server.kill()
        server.start()
        leftovers.assert_none_of(server)
        checked += check_round(caller, writers)
    total = sum(writer.acknowledged for writer in writers)
    print(f"{ROUNDS} kills, {total} acknowledged changes, {checked} functions checked")
    assert total >= ROUNDS * 3, "the rounds did too little to mean anything"
    server.stop_cleanly()


def test_a_function_deployed_before_the_kill_serves_after_it(make_server, checker):
    """The shortest story: an answer that was given holds."""
    server = make_server().start()
    lab = Lab(Caller(server, checker))
    function = lab.deploy({"bootstrap": program(BOOTSTRAP % "kept")}, PROVIDED, "x")
    assert function.call() == "kept"
    function.messages_until("REPORT")
    before = function.messages()
    server.kill()
    server.start()
    assert function.call() == "kept"
    assert function.messages()[: len(before)] == before, "what could be read of the logs before can be read after"
