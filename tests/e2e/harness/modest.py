"""A server without any privilege."""

import os
import shutil
import tempfile
from pathlib import Path

from .server import Server, hearth_binary

NOBODY = 65534


def modest_server(config="", group=None, env=None, before=()):
    """Started as the user `nobody` when the tests run as root; else as whoever runs them. A generator that cleans up.

    group: a cgroup to start in, as a service manager would; env: further variables; before: a command that starts the one
    it is given.
    """
    folder = Path(tempfile.mkdtemp(prefix="hearth-user-"))
    command = [*before, shutil.copy(hearth_binary(), folder)]
    if os.geteuid() == 0:
        folder.chmod(0o755)
        for path in folder.iterdir():
            path.chmod(0o755)
        command = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command]
    if group:
        command = ["sh", "-c", f"echo $$ > {group}/cgroup.procs; exec \"$@\"", "sh", *command]
    inner = folder / "server"
    server = Server(inner, config, env={"HOME": str(inner), "HEARTH_DRAIN_S": "5", **(env or {})}, program=command)
    if os.geteuid() == 0:
        os.chown(inner, NOBODY, NOBODY)
    server.start()
    yield server
    server.stop_cleanly()
    shutil.rmtree(folder, ignore_errors=True)
