"""Processes that are not the function's, and ones that do not want to end."""

import os
import signal
import sys
import time

from calls import attempt, call, read, write


def others(pids):
    """pids: of the host: the server, its helper, a neighbour."""
    found = {}
    for name, pid in pids.items():
        found[f"signal {name}"] = attempt(os.kill, pid, signal.SIGKILL)
        found[f"signal the group of {name}"] = attempt(os.killpg, pid, signal.SIGKILL)
        found[f"pidfd {name}"] = call("pidfd_open", pid, 0)
        for file in ("stat", "environ", "cmdline", "root", "mem"):
            found[f"{file} of {name}"] = read(f"/proc/{pid}/{file}")
    return found


def visible():
    """Itself and its children; each has its own command line."""
    own = {os.getpid(), os.getppid()}
    seen = {int(name) for name in os.listdir("/proc") if name.isdigit()}
    return {"others": sorted(seen - own), "/proc/1": os.path.exists("/proc/1")}


def first_process():
    """The sandbox's own first process, which obeys the server."""
    found = {name: attempt(os.kill, 1, number) for name, number in (("kill", signal.SIGKILL), ("stop", signal.SIGSTOP), ("term", signal.SIGTERM))}
    found["memory"] = read("/proc/1/mem", 1)
    found["descriptors"] = read("/proc/1/fd/0", 1)
    found["priority"] = attempt(os.setpriority, os.PRIO_PROCESS, 1, 19)
    return found


def everyone():
    """A signal to every process that it may signal: all that there is, is its own."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pause()
        os._exit(0)
    old = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.kill(-1, signal.SIGTERM)
    _, status = os.waitpid(child, 0)
    signal.signal(signal.SIGTERM, old)
    return {"its child": os.WTERMSIG(status)}


def sparing():
    """Asking to be spared when memory runs out."""
    return {"lower": write("/proc/self/oom_score_adj", "0"), "never": write("/proc/self/oom_score_adj", "-1000")}


def deaf():
    """Ignores what can be ignored, in a crowd, and does not answer."""
    for number in set(signal.valid_signals()) - {signal.SIGKILL, signal.SIGSTOP}:
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            pass  # the C library's own
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            break
    while True:
        time.sleep(0.05)


def daemonise():
    """A process with a session and parent of its own, that notes when it ran."""
    if os.fork() == 0:
        os.setsid()
        if os.fork():
            os._exit(0)
        os.closerange(0, 1024)
        notes = os.open("/tmp/ticks", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        while True:
            os.write(notes, b"%d\n" % time.monotonic_ns())
            time.sleep(0.01)
    while len(ticks()) < 3:
        time.sleep(0.01)
    return "started"


def ticks():
    text = read("/tmp/ticks")
    return [] if text == "ENOENT" else [int(line) for line in text.split()]


def ticks_again():
    """When the daemon ran until now, waiting for it to run again."""
    now = time.monotonic_ns()
    while ticks()[-1] < now:
        time.sleep(0.01)
    return {"ticks": ticks(), "resumed": now}


def hog(seconds):
    """Uses all the CPU that it can get, in many processes with sessions of their own."""
    children = []
    for _ in range(8):
        child = os.fork()
        if child == 0:
            os.setsid()
            while True:
                pass
        children.append(child)
    time.sleep(seconds)
    for child in children:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    return "done"


def crash():
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGSEGV)
