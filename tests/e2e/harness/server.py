"""One `hearth serve` process: its folder, its configuration, its log, its life."""

import http.client
import json
import os
import signal
import socket
import subprocess
from pathlib import Path

from .waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 45.0


def hearth_binary():
    """The program under test: $HEARTH_BIN, else the debug build of this repository."""
    path = Path(os.environ.get("HEARTH_BIN", ROOT / "target" / "debug" / "hearth"))
    path = path if path.is_absolute() else ROOT / path
    assert path.is_file(), f"expected the server at {path}; build it with: cargo build -p hearth"
    return path


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server with a folder of its own. `start` and `stop` may alternate; the data stays.

    folder: where data, configuration and log lie; config: text of hearth.toml; env: variables
    on top of ours, e.g. {"HEARTH_CONCURRENCY": "2"}; program: the command that is Hearth, with what
    stands before it.
    """

    all = []

    def __init__(self, folder, config="", env=None, listen=None, program=None):
        Server.all.append(self)
        self._log_mark = 0
        self.folder = Path(folder)
        self.data = self.folder / "data"
        self.log_file = self.folder / "server.log"
        self.listen = listen or f"127.0.0.1:{free_port()}"
        self.process = None
        self.folder.mkdir(parents=True, exist_ok=True)
        self.config_file = self.folder / "hearth.toml"
        self.config_file.write_text(config)
        self._env = env or {}
        self._program = program or [hearth_binary()]

    @property
    def port(self):
        return int(self.listen.rsplit(":", 1)[1])

    @property
    def endpoint(self):
        return f"http://{self.listen}"

    @property
    def pid(self):
        return self.process.pid

    def environment(self):
        """Nothing of the caller's AWS or Hearth settings gets through."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HEARTH_"))}
        ours = {
            "HEARTH_LISTEN": self.listen,
            "HEARTH_DATA": str(self.data),
            "HEARTH_CONFIG": str(self.config_file),
        }
        return {**kept, **ours, **self._env}

    def launch(self):
        """Starts the process and waits for nothing."""
        with open(self.log_file, "ab") as log:
            self._launch_mark = log.tell()
            self.process = subprocess.Popen(
                [*self._program, "serve"], env=self.environment(), cwd=self.folder,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        return self

    def start(self):
        self.launch()
        eventually(self._is_up, f"a healthy server at {self.endpoint}", START_TIMEOUT_S)
        return self

    def _is_up(self):
        code = self.process.poll()
        if code is not None:
            raise RuntimeError(f"the server ended with exit code {code} instead of starting:\n{self.log_tail()}")
        # The banner is written a moment after the first answers.
        return self.healthy() and b"Hearth is up" in self.log_file.read_bytes()[self._launch_mark :]

    def healthy(self):
        try:
            status, _ = self.get("/_hearth/health")
        except OSError:
            return False
        return status == 200

    def get(self, path, timeout_s=5):
        """A plain GET: status and body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read()
        finally:
            connection.close()

    def run_to_end(self, *arguments, timeout_s=30, env=None):
        """Runs the program with this server's settings until it ends by itself."""
        return subprocess.run(
            [*self._program, *arguments], env={**self.environment(), **(env or {})}, cwd=self.folder,
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s,
        )

    def command(self, *arguments, timeout_s=30):
        """Runs `hearth ...` and gives its standard output; fails the test on a bad exit code."""
        done = self.run_to_end(*arguments, timeout_s=timeout_s)
        assert done.returncode == 0, f"hearth {arguments} ended with {done.returncode}: {done.stderr}"
        return done.stdout

    def runtimes(self):
        """What `hearth runtimes` found, by runtime id."""
        listing = json.loads(self.command("runtimes", "-o", "json"))
        rows = listing if isinstance(listing, list) else next(v for v in listing.values() if isinstance(v, list))
        return {next(row[k] for k in ("id", "runtime", "name") if k in row): row for row in rows}

    def stop(self):
        """Asks it to stop, and gives its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f"the server did not stop within {STOP_TIMEOUT_S} s of SIGTERM:\n{self.log_tail()}")
        self.process = None
        return code

    def stop_cleanly(self):
        code = self.stop()
        assert code == 0, f"expected exit code 0 after SIGTERM, found {code}:\n{self.log_tail()}"

    def kill(self):
        """SIGKILL, to the server alone: what it leaves behind is what the test looks at."""
        self.process.kill()
        self.process.wait()
        self.process = None

    def mark_log(self):
        """What was logged so far is of no interest to `log_tail`."""
        self._log_mark = self.log_file.stat().st_size if self.log_file.exists() else 0

    def log_tail(self, lines=60):
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_bytes()[self._log_mark :].decode(errors="replace")
        return "\n".join(text.splitlines()[-lines:])
