"""What only the running test knows: addresses, process ids and secrets of those who are attacked."""

import contextlib
import socket
from pathlib import Path

from harness import processes


def for_attack(name, level, host):
    """The arguments that a row of the table lacks."""
    make = _FACTS.get(name)
    return make(level, host) if make else {}


class Host:
    """Services of the host that nobody inside may reach."""

    def __init__(self):
        self._held = contextlib.ExitStack()
        self.port = self._listen(socket.AF_INET, ("0.0.0.0", 0))[1]
        self.port6 = self._listen(socket.AF_INET6, ("::1", 0))[1] if _has_v6() else self.port
        self.local = f"hearth-test-{self.port}"
        self._listen(socket.AF_UNIX, "\0" + self.local)
        self.addresses = _own_addresses()

    def _listen(self, family, address):
        listener = self._held.enter_context(socket.socket(family, socket.SOCK_STREAM))
        listener.bind(address)
        listener.listen()
        return listener.getsockname()

    def close(self):
        self._held.close()


def _has_v6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def _own_addresses():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return []
        return [probe.getsockname()[0]]


def _pids(level, _host):
    # Numbers far above those of a sandbox of its own, so that one inside is not meant by chance.
    found = {"the server": level.server.pid}
    helpers = sorted(processes.descendants(level.server.pid))
    found.update({f"process {index} of the server": pid for index, pid in enumerate(helpers[:4])})
    return {"pids": {name: pid for name, pid in found.items() if pid > 200}}


def _others(level, _host):
    data = level.server.data
    paths = [data, *sorted(data.iterdir())[:10], level.server.config_file, level.server.log_file, Path(__file__)]
    return {"paths": [str(path) for path in paths], "secrets": [level.neighbour.secret]}


def places(level, host):
    found = {
        "a service on loopback": ["127.0.0.1", host.port],
        "a service on loopback, v6": ["::1", host.port6],
        "the server": ["127.0.0.1", level.server.port],
        "the neighbour": ["127.0.0.1", level.neighbour.facts["port"]],
        "metadata": ["169.254.169.254", 80],
        "metadata, v6": ["fd00:ec2::254", 80],
    }
    for address in host.addresses:
        found[f"the host at {address}"] = [address, host.port]
        found[f"the server at {address}"] = [address, level.server.port]
    return found


def _api(level, _host):
    account = level.lab.caller.account
    return {"host": "127.0.0.1", "port": level.server.port, "keys": {"an account": [account, ""], "a forged session": ["ASIAFORGEDFORGED0000", "forged"]}}


_FACTS = {
    "processes.others": _pids,
    "files.of_others": _others,
    "network.tcp": lambda level, host: {"places": places(level, host)},
    "network.api": _api,
    "network.local": lambda level, host: {"names": {"the host": host.local, "the neighbour": level.neighbour.secret}},
}
