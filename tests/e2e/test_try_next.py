"""The block that the banner offers can be pasted as it stands."""

import os
import subprocess

from harness.server import ROOT


def block_of(banner):
    """The indented lines behind "Try next"."""
    _, rest = banner.split("Try next", 1)
    lines = rest.splitlines()[2:]
    end = next(n for n, line in enumerate(lines) if not line.startswith("  "))
    return "\n".join(lines[:end])


def test_pasting_the_block_shows_the_result_and_the_log(make_server, tmp_path):
    server = make_server().start()
    block = block_of(server.log_file.read_text())
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HEARTH_"))}
    # Twice, as users do: the second time the function is there already, and the rest still works.
    for _ in range(2):
        done = subprocess.run(["bash"], input=block, cwd=ROOT, env={**kept, "HOME": str(tmp_path)},
                              capture_output=True, text=True, timeout=120)
        assert "Hello, you!" in done.stdout, done
        assert "START RequestId: " in done.stdout and "REPORT RequestId: " in done.stdout, done
    assert "ResourceConflictException" in done.stderr, done.stderr
    server.stop_cleanly()
    server.start()
    assert '"Hello, you!"' in server.command("invoke", "hello-python", "-p", '{"name": "you"}'), "it is there after a restart"
    server.stop_cleanly()
