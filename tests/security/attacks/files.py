"""Files that are not the function's."""

import os
import subprocess
import sys

from calls import attempt, read, write


def read_only():
    found = {}
    for path in ("/var/task/app.py", "/var/task/new", "/var/task/folder/new", "/var/runtime/new", "/opt/new", "/usr/new", "/usr/bin/env", "/etc/passwd", "/etc/new", "/new", "/dev/new"):
        found[path] = write(path, "x", "a")
    return {
        **found,
        "remove": attempt(os.remove, "/var/task/app.py"),
        "rename": attempt(os.rename, "/var/task/app.py", "/var/task/other"),
        "folder": attempt(os.mkdir, "/var/task/d"),
        "mode": attempt(os.chmod, "/var/task/app.py", 0o777),
        "time": attempt(os.utime, "/var/task/app.py", (0, 0)),
        "truncate": attempt(os.truncate, "/var/task/app.py", 0),
        "attribute": attempt(os.setxattr, "/var/task/app.py", "user.x", b"y"),
    }


def kernel_files():
    """What /proc and /sys would change or tell."""
    settings = ("kernel/core_pattern", "kernel/hostname", "kernel/modprobe", "kernel/panic", "vm/drop_caches", "net/ipv4/ip_forward", "fs/suid_dumpable", "kernel/yama/ptrace_scope")
    found = {name: write(f"/proc/sys/{name}", "1") for name in settings if os.path.exists(f"/proc/sys/{name}")}
    found["fs"] = write("/proc/fs/new", "1")
    return found


def masked():
    names = ("kcore", "keys", "key-users", "timer_list", "sched_debug", "sysrq-trigger", "kmsg", "kallsyms", "cmdline", "interrupts", "softirqs", "schedstat", "modules", "diskstats")
    # A kernel that lacks the file hides it best.
    return {name: "empty" if read(f"/proc/{name}", 64) in ("", "ENOENT") else "told" for name in names}


def control_groups():
    groups = {line.split(":", 2)[2] for line in read("/proc/self/cgroup").splitlines()}
    return {"/sys/fs/cgroup": read("/sys/fs/cgroup/cgroup.procs"), "/sys": os.listdir("/sys") if os.path.isdir("/sys") else "ENOENT", "own place": sorted(groups), "mounted": "cgroup" in read("/proc/self/mountinfo")}


def links():
    def hard(source):
        return attempt(os.link, source, "/tmp/hard")

    def through(target):
        if os.path.lexists("/tmp/soft"):
            os.remove("/tmp/soft")
        os.symlink(target, "/tmp/soft")
        return read("/tmp/soft", 16)

    return {
        "hard: code": hard("/var/task/app.py"),
        "hard: a set-user-id program": hard("/usr/bin/su") if os.path.exists("/usr/bin/su") else "EXDEV",
        "hard: /proc": hard("/proc/self/status"),
        "soft: the first process's root": through("/proc/1/root/etc/shadow"),
        "soft: upwards": through("../" * 64 + "etc/shadow"),
        "soft: /proc/self/root": through("/proc/self/root/../../etc/shadow"),
        "soft: itself": through("soft"),
    }


def way_out():
    """The root is the root, however one goes up."""
    root = os.stat("/")
    same = lambda path: "the same root" if os.path.samestat(os.stat(path), root) else "another"
    descriptor = os.open("/", os.O_RDONLY | os.O_DIRECTORY)
    os.chdir("/tmp")
    for _ in range(64):
        os.chdir("..")
    found = {"steps up": same("."), "a long path": same("/" + "../" * 64), "/proc/self/root": same("/proc/self/root"), "a descriptor": "the same root" if os.path.samestat(os.stat("..", dir_fd=descriptor), root) else "another"}
    os.chdir("/var/task")
    os.close(descriptor)
    return found


def of_others(paths, secrets):
    """paths: of the host; secrets: what others have in their code, variables and /tmp. Looks everywhere."""
    found = {path: read(path, 1) for path in paths}
    hits = []
    for top, folders, names in os.walk("/"):
        if top == "/":
            # The host's system folders, which hold nothing of any function.
            folders[:] = [name for name in folders if name not in ("proc", "usr", "lib", "lib64", "lib32", "libx32", "bin", "sbin") and not os.path.islink("/" + name)]
        # Nor does the interpreter, wherever it is.
        folders[:] = [name for name in folders if os.path.join(top, name) not in (sys.prefix, sys.base_prefix)]
        for name in names:
            path = os.path.join(top, name)
            if not os.path.isfile(path):
                continue
            if contains(path, secrets):
                hits.append(path)
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for name in ("environ", "cmdline", "maps", "mountinfo"):
            if any(secret in read(f"/proc/{pid}/{name}") for secret in secrets):
                hits.append(f"/proc/{pid}/{name}")
    found["anywhere"] = hits or "nothing"
    return found


def contains(path, secrets):
    try:
        with open(path, "rb") as file:
            return any(secret.encode() in block for block in iter(lambda: file.read(1 << 20), b"") for secret in secrets)
    except OSError:
        return False


def set_user_id():
    """A program with the bit in the package, and one in /tmp: neither runs as another."""
    with open("/usr/bin/id", "rb") as source, open("/tmp/id", "wb") as target:
        target.write(source.read())
    os.chmod("/tmp/id", 0o6755)
    run = lambda *command: subprocess.run(command, capture_output=True, text=True).stdout.strip()
    own = run("/usr/bin/id")
    return {path: "nobody else" if run(path) == own else "another" for path in ("/tmp/id", "/var/task/id")}


def code_in_memory():
    """A program without a file runs, as confined as any."""
    descriptor = os.memfd_create("program", 0)
    with open("/usr/bin/grep", "rb") as source:
        os.write(descriptor, source.read())
    done = subprocess.run(["grep", "-E", "^(Seccomp|NoNewPrivs|CapEff|CapBnd):", "/proc/self/status"], executable=f"/proc/self/fd/{descriptor}", pass_fds=[descriptor], capture_output=True, text=True)
    os.close(descriptor)
    return {key: value for key, value in (line.split(":\t") for line in done.stdout.splitlines())}
