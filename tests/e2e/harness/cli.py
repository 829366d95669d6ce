"""The real AWS CLI, as a program."""

import json
import os
import subprocess
import sys
from pathlib import Path

PACKAGE_ROOT = Path(__file__).resolve().parents[1]


class AwsCli:
    """`aws` with the environment that a user would have: what `hearth env` prints."""

    def __init__(self, folder, environment):
        """environment: variables to export, as `hearth env -o json` gives them."""
        self.folder = Path(folder)
        self.report = self.folder / "cli-violations"
        config = self.folder / "aws-config"
        config.write_text("[plugins]\nmodel_check = harness.cli_plugin\n")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "HEARTH_"))}
        self.environment = {
            **kept, **environment,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept.get('PATH', '')}",
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": str(self.folder / "no-credentials"),
            "AWS_PAGER": "",
            "PYTHONPATH": str(PACKAGE_ROOT),
            "HEARTH_MODEL_CHECK_FILE": str(self.report),
        }

    def run(self, *arguments, timeout_s=60):
        return subprocess.run(
            ["aws", *arguments], env=self.environment, cwd=self.folder, capture_output=True, text=True,
            stdin=subprocess.DEVNULL, timeout=timeout_s,
        )

    def text(self, *arguments):
        """Standard output; fails the test on a bad exit code."""
        done = self.run(*arguments)
        assert done.returncode == 0, f"aws {' '.join(arguments)} ended with {done.returncode}: {done.stderr}"
        self.check_model()
        return done.stdout

    def json(self, *arguments):
        out = self.text(*arguments)
        return json.loads(out) if out.strip() else None

    def fails(self, *arguments):
        """Standard error of a call that must fail."""
        done = self.run(*arguments)
        assert done.returncode != 0, f"aws {' '.join(arguments)} was expected to fail, printed {done.stdout}"
        self.check_model()
        return done.stderr

    def check_model(self):
        found = self.report.read_text() if self.report.exists() else ""
        self.report.unlink(missing_ok=True)
        assert not found, f"responses that differ from the service model:\n{found}"
