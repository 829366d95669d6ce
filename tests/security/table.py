"""Every attack: what it tries, what comes of it at each level, and what contains it.

`docs/security/attacks.md` is made from this (test_docs.py checks it).
"""

from dataclasses import dataclass, field
from typing import Any

# The mechanisms, and how the document names them.
SECCOMP = "system call filter"
CAPABILITIES = "no capabilities"
NO_NEW_PRIVILEGES = "`no_new_privs` and `nosuid` mounts"
PID_NAMESPACE = "PID namespace"
MOUNT_NAMESPACE = "mount namespace"
READ_ONLY = "read-only mounts"
NETWORK_NAMESPACE = "network namespace"
PACKET_FILTER = "packet filter of the host"
IDS = "user ids of its own"
MEMORY = "memory cgroup"
PIDS = "process limit"
CPU = "CPU cgroup"
TMP = "size of the disk image"
RLIMIT = "resource limit"
KERNEL = "the kernel's own rule"
KILL = "end of the whole PID namespace's processes"
FREEZER = "freezer"
SERVER = "bounds in the server"
SIGNATURES = "signatures, verified whatever the mode"


@dataclass(frozen=True)
class Failed:
    """The invocation ends with an error of which this is a pattern."""

    pattern: str


@dataclass(frozen=True)
class Holds:
    """What is expected, and by what.

    expected: the outcome of every step, or {step: outcome} (`*` for the others); a tuple means any of them.
    """

    expected: Any
    by: tuple
    # What holds less than at the root level, in a clause; empty when nothing does.
    weaker: str = ""


@dataclass(frozen=True)
class Attack:
    what: str
    # `module.function` in attacks/, or the name of the test that runs it by other means.
    run: str
    root: Holds
    # None: exactly as at the root level.
    user: Holds | None = None
    # Instead of `user` when `hearth doctor` says that this mechanism is in force there: then all is as at the root level.
    unless: str = ""
    # Its arguments; `facts.py` adds what only the running test knows.
    arguments: dict = field(default_factory=dict)
    # Settings of a function of its own; None: it leaves its environment as usable as before.
    settings: dict | None = None
    # At the user level something else is run, because the host would suffer.
    user_run: str = ""
    # No process of the environment is left afterwards.
    gone: bool = False

    def holds(self, level, mechanisms):
        if level == "root" or self.user is None or (self.unless and mechanisms.get(self.unless)):
            return self.root
        return self.user


def refused(what, run, *by, expected="EPERM", **options):
    return Attack(what, run, Holds(expected, by or (SECCOMP,)), **options)


ATTACKS = {
    "Starving others": [
        Attack(
            "fork bomb: every process makes more, for ever", "floods.fork_bomb",
            Holds(Failed("timed out|OutOfMemory|signal: killed"), (PIDS, MEMORY, KILL)),
            user=Holds({"refused": "EAGAIN", "few": True}, (RLIMIT,), "1,024 processes of each sandbox compete for the CPU as they like; the test runs as many quiet ones"),
            user_run="floods.processes", settings={"Timeout": 4, "MemorySize": 512}, gone=True,
        ),
        Attack("1,024 processes", "floods.processes", Holds({"refused": "EAGAIN", "few": True}, (PIDS,)), user=Holds({"refused": "EAGAIN", "few": True}, (RLIMIT,)), settings={"MemorySize": 3008, "Timeout": 60}),
        Attack("threads without end", "floods.threads", Holds({"few": True}, (PIDS,)), user=Holds({"few": True}, (RLIMIT,))),
        Attack(
            "memory bomb", "floods.memory", Holds(Failed("OutOfMemory|signal: killed"), (MEMORY,)),
            user=Holds("300 MiB", (), "memory is not limited; the test takes 300 MiB in a function of 128 MB"), unless="memory limit",
            arguments={"most_mib": 300}, settings={"MemorySize": 128},
        ),
        Attack(
            "memory bomb that asks to be spared", "test_the_offender_is_the_victim", Holds(None, (MEMORY, KERNEL)),
            user=Holds(None, (), "memory is not limited"), unless="memory limit",
        ),
        Attack(
            "filling /tmp", "floods.disk", Holds({"refused": "ENOSPC", "then": "ENOSPC", "its size": True}, (TMP,)),
            user=Holds({"refused": "ENOSPC", "then": "ENOSPC", "its size": True}, ("size of the file system in memory",), "/tmp takes memory, up to its size"), settings={},
        ),
        Attack("filling /tmp with files", "floods.inodes", Holds({"refused": "ENOSPC", "its number": True}, (TMP,)), user=Holds({"refused": "ENOSPC", "its number": True}, ("size of the file system in memory",)), settings={}),
        Attack("leaving /tmp full to the next", "test_tmp_is_empty_in_each_environment", Holds(None, ("a fresh volume for each environment",))),
        Attack("descriptors without end", "floods.descriptors", Holds({"refused": "EMFILE", "highest": 1023}, (RLIMIT,))),
        Attack("descriptors and full sockets in many processes", "floods.sockets_in_many", Holds({"ended": 8}, (RLIMIT,)), settings={"MemorySize": 512}),
        Attack("timers without end", "floods.timers", Holds("EAGAIN", (RLIMIT,)), settings={"MemorySize": 512}),
        Attack("endless output", "floods.output", Holds("done", (SERVER,)), arguments={"seconds": 3}, settings={"MemorySize": 1769}),
        Attack("an endless line", "floods.endless_line", Holds("done", (SERVER,)), arguments={"seconds": 3}, settings={"MemorySize": 1769}),
        Attack("a huge environment", "floods.environment", Holds("E2BIG", (KERNEL,))),
        Attack("a huge environment in the configuration", "test_a_huge_configuration_is_refused", Holds(None, (SERVER,))),
        Attack(
            "using every processor", "processes.hog", Holds("done", (CPU,)),
            user=Holds("done", ("the scheduler's fairness",), "CPU is not limited; the test shows that the neighbour answers"), unless="cpu quota",
            arguments={"seconds": 3}, settings={},
        ),
        refused("real-time and other unfair scheduling", "kernel.scheduling", SECCOMP, RLIMIT, CAPABILITIES, expected={"deadline": "ENOSYS", "less nice": "EACCES", "*": "EPERM"}),
        refused("huge pages, which nothing counts", "kernel.huge_pages"),
        refused("raising limits, lowering those of others", "kernel.limits", SECCOMP, RLIMIT),
        Attack("being spared when memory runs out", "processes.sparing", Holds({"lower": ("EACCES", "ok"), "never": "EACCES"}, (KERNEL,))),
        Attack("nonsense on the runtime's own socket", "floods.channel", Holds(Failed("timed out"), (SERVER,)), settings={"Timeout": 3}),
    ],
    "Not ending": [
        Attack("ignoring every signal past the timeout", "processes.deaf", Holds(Failed("timed out"), (KILL,)), settings={"Timeout": 2}, gone=True),
        Attack("a daemon with a session of its own", "test_a_daemon_is_frozen_and_ends", Holds(None, (FREEZER, KILL)), user=Holds(None, (KILL,), "stopped by a signal that the sandbox's first process sends, not by the freezer")),
        Attack("crashing, with large memory", "kernel.cores", Holds({"limit": [1, 1], "written": False, "left": [], "pattern": "EROFS"}, (RLIMIT, SECCOMP)), user=Holds({"limit": ([1, 1], [0, 0]), "written": False, "left": [], "pattern": "EROFS"}, (RLIMIT, SECCOMP), "where the server's own limit of cores is 0, the kernel starts the host's handler of cores")),
        Attack("a crash of the runtime", "processes.crash", Holds(Failed("signal: segmentation fault|exited"), (SERVER,)), settings={}),
    ],
    "Other processes": [
        Attack("seeing the processes of others", "processes.visible", Holds({"others": [], "/proc/1": False}, (PID_NAMESPACE,))),
        Attack("signals, files and memory of the server and of neighbours", "processes.others", Holds({"*": ("ESRCH", "ENOENT")}, (PID_NAMESPACE,))),
        Attack(
            "the sandbox's own first process", "processes.first_process",
            Holds({"kill": "EPERM", "stop": "EPERM", "term": "EPERM", "priority": "EPERM", "*": "ENOENT"}, (IDS,)),
            user=Holds({"kill": "ok", "stop": "ok", "term": "ok", "priority": "EPERM", "*": "ENOENT"}, (PID_NAMESPACE,), "it has the same user id, so signals are accepted, which the kernel then ignores"),
        ),
        Attack("a signal to everyone", "processes.everyone", Holds({"its child": 15}, (PID_NAMESPACE,))),
        refused("ptrace and memory of other processes", "kernel.tracing"),
    ],
    "More privileges": [
        refused("becoming root, capabilities, loosening the filter", "kernel.id_maps", CAPABILITIES, SECCOMP, expected={"no more no_new_privs": "EINVAL", "*": "EPERM"},
                user=Holds({"no more no_new_privs": "EINVAL", "setuid": "EINVAL", "setresuid": "EINVAL", "setgid": "EINVAL", "*": "EPERM"}, (CAPABILITIES, SECCOMP))),
        Attack("set-user-id programs, in the package and in /tmp", "files.set_user_id", Holds("nobody else", (NO_NEW_PRIVILEGES,))),
        Attack("set-user-id programs on the host, by way of the package", "test_no_set_user_id_program_on_the_host", Holds(None, (SERVER,))),
        Attack("a program without a file (memfd)", "files.code_in_memory", Holds({"CapEff": "0" * 16, "CapBnd": "0" * 16, "NoNewPrivs": "1", "Seccomp": "2"}, ("inheritance of every restriction",))),
        refused("new namespaces, by clone, clone3, unshare and setns", "kernel.namespaces", expected={"clone3 user": "ENOSYS", "*": "EPERM"}),
        refused("mounting, by the old and the new calls; pivot_root, chroot", "kernel.mounting"),
        refused("device nodes", "kernel.devices", SECCOMP, "`nodev` mounts"),
        refused("devices of the host", "kernel.device_files", MOUNT_NAMESPACE, expected={"all": ["fd", "full", "null", "random", "stderr", "stdin", "stdout", "urandom", "zero"], "*": "ENOENT"}),
        refused("file handles, which go around paths", "kernel.handles"),
        refused("no randomisation of addresses", "kernel.no_randomisation"),
        refused("typing into a terminal", "kernel.terminals"),
    ],
    "The kernel": [
        refused("loading modules, kexec", "kernel.kernel_code"),
        refused("bpf", "kernel.bpf"),
        refused("io_uring and older asynchronous I/O", "kernel.rings", expected="ENOSYS"),
        refused("userfaultfd", "kernel.faults", expected={"device": "ENOENT", "*": "EPERM"}),
        refused("perf_event_open", "kernel.counters"),
        refused("keyrings", "kernel.keyrings", SECCOMP, "masked files", expected={"/proc/keys": "empty", "/proc/key-users": "empty", "*": "EPERM"}),
        refused("raw, packet and unusual sockets", "kernel.sockets"),
        refused("netlink beyond asking for addresses", "kernel.netlink", SECCOMP, CAPABILITIES, expected={"loopback down": "Operation not permitted", "an address": "Operation not permitted", "a dummy device": "Operation not permitted", "*": "EPERM"}),
        refused("clocks and time namespaces", "kernel.clocks"),
        refused("the host's administration", "kernel.administration"),
        refused("the hardware", "kernel.hardware", expected=("EPERM", "ENOSYS")),
        Attack("settings in /proc/sys", "files.kernel_files", Holds({"fs": ("ENOENT", "EROFS", "EACCES"), "*": "EROFS"}, (READ_ONLY,))),
        Attack("files of /proc that tell about the host", "files.masked", Holds("empty", ("masked files",))),
        Attack("/sys and control groups", "files.control_groups", Holds({"/sys/fs/cgroup": "ENOENT", "/sys": "ENOENT", "own place": ["/"], "mounted": False}, (MOUNT_NAMESPACE, "cgroup namespace"))),
    ],
    "Files": [
        Attack("writing to code, layers, runtime and system", "files.read_only", Holds(("EROFS", "EACCES"), (READ_ONLY, IDS)), user=Holds(("EROFS", "EACCES"), (READ_ONLY,), "the code's owner is the server's user, so only the mount protects it")),
        Attack("symbolic and hard links in /tmp", "files.links", Holds({"hard: code": "EXDEV", "hard: a set-user-id program": "EXDEV", "hard: /proc": "EXDEV", "soft: itself": "ELOOP", "*": "ENOENT"}, (MOUNT_NAMESPACE,))),
        Attack("out of the root by `..` and descriptors", "files.way_out", Holds("the same root", (MOUNT_NAMESPACE,))),
        Attack("other functions' code, variables and /tmp; the server's data", "files.of_others", Holds({"anywhere": "nothing", "*": "ENOENT"}, (MOUNT_NAMESPACE,))),
        refused("watching or hindering readers of shared files", "kernel.shared_files", expected={"cachestat": "ENOSYS", "*": "EPERM"}),
        Attack("timing shared files: cached pages, access times", "kernel.shared_cache", Holds({"pages": "nothing told", "time of reading": "unchanged"}, (KERNEL, READ_ONLY))),
    ],
    "The network": [
        Attack("interfaces, routes, privileged ports", "network.interfaces", Holds({"names": ["lo"], "routes": 0, "port below 1024": "EACCES"}, (NETWORK_NAMESPACE, CAPABILITIES))),
        Attack("the host's and neighbours' services, metadata", "network.tcp", Holds(("ECONNREFUSED", "ENETUNREACH", "EADDRNOTAVAIL"), (NETWORK_NAMESPACE,))),
        Attack("the server's API, with forged keys and its own", "network.api", Holds({"its port on the host": "ECONNREFUSED", "*": 403}, (NETWORK_NAMESPACE, SIGNATURES))),
        Attack("another sandbox's Runtime API", "network.runtime_apis", Holds("ECONNREFUSED", (NETWORK_NAMESPACE,))),
        Attack("answering an invocation of another sandbox", "test_answering_for_another", Holds(None, (SERVER,))),
        Attack("nonsense on the Runtime API", "test_nonsense_on_the_runtime_api", Holds(None, (SERVER,))),
        Attack("abstract Unix sockets of the host and of neighbours", "network.local", Holds({"listed": "nothing", "*": "ECONNREFUSED"}, (NETWORK_NAMESPACE,))),
        Attack("with `sandbox.network = nat`: the host, its services, neighbours, metadata", "test_nat_reaches_no_neighbour", Holds(None, (NETWORK_NAMESPACE, PACKET_FILTER)), user=Holds(None, (), "there is no such mode: the server has to be root")),
    ],
}


def rows():
    return [attack for group in ATTACKS.values() for attack in group]
