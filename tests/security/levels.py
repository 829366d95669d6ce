"""One level of isolation: a server, a neighbour and an attacker on it."""

import json
from functools import cached_property
from pathlib import Path

from harness import processes
from harness.server import ROOT
from neighbour import Neighbour

ATTACKS = Path(__file__).parent / "attacks"
SYSTEM_CALLS = ROOT / "crates/sandbox/src/seccomp/system_calls.txt"


def attack_package():
    """The attacking function's files; one is a program with the set-user-id bit."""
    files = {path.name: path.read_text() for path in ATTACKS.glob("*.py")}
    files["system_calls.txt"] = SYSTEM_CALLS.read_text()
    files["id"] = (Path("/usr/bin/id").read_bytes(), 0o106755)
    files["folder/file"] = "x"
    return files


def ready_python(server):
    """A runtime that this server can run: an ordinary user does not reach every interpreter."""
    rows = json.loads(server.run_to_end("runtimes", "-o", "json").stdout)
    ready = [row["id"] for row in rows if row["state"] == "ready" and row["id"].startswith("python")]
    assert ready, f"expected a Python that the server can run, found {rows}"
    return ready[-1]


class Level:
    def __init__(self, name, server, lab, runtime):
        self.name, self.server, self.lab, self.runtime = name, server, lab, runtime
        self.neighbour = Neighbour(lab, runtime)

    def attacker(self, **settings):
        """A hostile function of its own."""
        return self.lab.deploy(attack_package(), self.runtime, **{"Timeout": 30, **settings})

    @cached_property
    def shared_attacker(self):
        """For attacks that leave their environment usable."""
        return self.attacker()

    @cached_property
    def mechanisms(self):
        """What `hearth doctor` says of this server's host: {name: in force}."""
        found = json.loads(self.server.run_to_end("doctor", "-o", "json").stdout)
        return {check["name"]: check["state"] == "ok" for check in found["checks"]}

    def attack(self, name, facts=None, function=None):
        """Runs the attack while the neighbour is asked, until it has answered; gives the first result."""
        function = function or self.shared_attacker
        event = {"attack": name, "facts": facts or {}}
        with self.neighbour.asked() as neighbour:
            found = function.invoke(event)
            while neighbour.answers < 2 and neighbour._failure is None and found.error is None:
                function.invoke(event)
        return found

    def processes_with(self, mark):
        return processes.with_environment(f"MARK={mark}")
