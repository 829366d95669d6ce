"""Builds that begin when the tests begin, so that they are done when their tests come.

A test module says what it will need in `BUILT_AHEAD`: a list of `(command, options of subprocess.Popen)`. The test itself
builds by the same command, which then finds the work done, or waits for it, or tells why it failed.
"""

import os
import signal
import subprocess
import threading

# Processor time that nobody else wants. Sessions are scheduled as groups where the kernel does so, and have a niceness of their own.
IDLE = ("sh", "-c", 'echo 19 2>/dev/null >/proc/self/autogroup; exec nice -n 19 "$@"', "sh")


class Ahead:
    def __init__(self, items):
        modules = dict.fromkeys(item.module for item in items if hasattr(item, "module"))
        self._builds = [build for module in modules for build in getattr(module, "BUILT_AHEAD", ())]
        self._lock, self._process, self._stopped = threading.Lock(), None, False
        self._thread = threading.Thread(target=self._run, name="ahead", daemon=True)
        self._thread.start()

    def _run(self):
        for command, options in self._builds:
            with self._lock:
                if self._stopped:
                    return
                self._process = subprocess.Popen(
                    [*IDLE, *command], **options, start_new_session=True,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )
            self._process.wait()

    def stop(self):
        with self._lock:
            self._stopped = True
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGTERM)
        self._thread.join()
