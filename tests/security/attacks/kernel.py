"""Asking the kernel for what a function must not have."""

import ctypes
import fcntl
import mmap
import os
import resource
import signal
import socket
import struct

from calls import attempt, call, read, write

NAMESPACES = {"mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000, "pid": 0x20000000, "net": 0x40000000}


def mounting():
    os.makedirs("/tmp/place", exist_ok=True)
    return {
        "a tmpfs": call("mount", b"none", b"/tmp/place", b"tmpfs", 0, 0),
        "proc": call("mount", b"proc", b"/tmp/place", b"proc", 0, 0),
        "a bind": call("mount", b"/", b"/tmp/place", 0, 4096, 0),
        "writable again": call("mount", b"none", b"/", 0, 4096 | 32, 0),
        "uncovering /proc/keys": call("umount2", b"/proc/keys", 2),
        "pivot_root": call("pivot_root", b"/tmp", b"/tmp/place"),
        "chroot": call("chroot", b"/tmp"),
        "open_tree": call("open_tree", -100, b"/", 1),
        "open_tree_attr": call("open_tree_attr", -100, b"/", 1, 0, 0),
        "move_mount": call("move_mount", -100, b"/tmp", -100, b"/tmp/place", 0),
        "fsopen": call("fsopen", b"tmpfs", 0),
        "fsconfig": call("fsconfig", 0, 6, 0, 0, 0),
        "fsmount": call("fsmount", 0, 0, 0),
        "fspick": call("fspick", -100, b"/", 0),
        "mount_setattr": call("mount_setattr", -100, b"/", 0, 0, 0),
    }


def namespaces():
    found = {}
    for name, flag in NAMESPACES.items():
        found[f"unshare {name}"] = call("unshare", flag)
        found[f"clone {name}"] = call("clone", flag | signal.SIGCHLD, 0, 0, 0, 0)
    clone3 = struct.pack("8Q", NAMESPACES["user"], 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    found["clone3 user"] = call("clone3", clone3, len(clone3))
    found["unshare time"] = call("unshare", 0x80)
    descriptor = os.open("/proc/self/ns/user", os.O_RDONLY)
    found["setns"] = call("setns", descriptor, 0)
    os.close(descriptor)
    return found


def id_maps():
    return {
        "uid_map": write("/proc/self/uid_map", "0 0 1"),
        "gid_map": write("/proc/self/gid_map", "0 0 1"),
        "setuid": attempt(os.setuid, 0),
        "setresuid": attempt(os.setresuid, 0, 0, 0),
        "setgid": attempt(os.setgid, 0),
        "setgroups": attempt(os.setgroups, [0]),
        "capset": call("capset", struct.pack("Ii", 0x20080522, 0), struct.pack("6I", *[0xFFFFFFFF] * 6)),
        "ambient": call("prctl", 47, 2, 21, 0, 0),
        "no more no_new_privs": call("prctl", 38, 0, 0, 0, 0),
        "seccomp off": call("prctl", 22, 0, 0, 0, 0),
    }


def tracing():
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    descriptor = os.pidfd_open(child)
    found = {
        "traceme": call("ptrace", 0, 0, 0, 0),
        "attach": call("ptrace", 16, child, 0, 0),
        "seize": call("ptrace", 0x4206, child, 0, 0),
        "process_vm_readv": call("process_vm_readv", child, 0, 0, 0, 0, 0),
        "process_vm_writev": call("process_vm_writev", child, 0, 0, 0, 0, 0),
        "kcmp": call("kcmp", child, os.getpid(), 0, 0, 0),
        "pidfd_getfd": call("pidfd_getfd", descriptor, 0, 0),
        "process_madvise": call("process_madvise", descriptor, 0, 0, 0, 0),
        "process_mrelease": call("process_mrelease", descriptor, 0),
    }
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(descriptor)
    return found


SOCKETS = {
    "icmp": (socket.AF_INET, socket.SOCK_RAW, 1), "raw": (socket.AF_INET, socket.SOCK_RAW, 255),
    "raw v6": (socket.AF_INET6, socket.SOCK_RAW, 58), "ping": (socket.AF_INET, socket.SOCK_DGRAM, 1),
    "packet": (17, socket.SOCK_RAW, 768), "packet, cooked": (17, socket.SOCK_DGRAM, 768),
    "sctp": (socket.AF_INET, socket.SOCK_STREAM, 132), "sctp, packets": (socket.AF_INET, socket.SOCK_SEQPACKET, 132),
    "dccp": (socket.AF_INET, 6, 33), "smc": (43, socket.SOCK_STREAM, 0), "mptcp": (socket.AF_INET, socket.SOCK_STREAM, 262),
    "udp-lite": (socket.AF_INET, socket.SOCK_DGRAM, 136), "l2tp": (socket.AF_INET, socket.SOCK_DGRAM, 115),
    "crypto": (38, socket.SOCK_SEQPACKET, 0), "vsock": (40, socket.SOCK_STREAM, 0), "bluetooth": (31, socket.SOCK_RAW, 1),
    "can": (29, socket.SOCK_RAW, 1), "tipc": (30, socket.SOCK_SEQPACKET, 0), "rds": (21, socket.SOCK_SEQPACKET, 0),
    "xdp": (44, socket.SOCK_RAW, 0), "ax25": (3, socket.SOCK_DGRAM, 0), "appletalk": (5, socket.SOCK_DGRAM, 0),
    "x25": (9, socket.SOCK_SEQPACKET, 0), "key": (15, socket.SOCK_RAW, 2), "kcm": (41, socket.SOCK_DGRAM, 0),
    "qipcrtr": (42, socket.SOCK_DGRAM, 0), "phonet": (35, socket.SOCK_DGRAM, 0), "nfc": (39, socket.SOCK_SEQPACKET, 0),
}


def _open_socket(*kind):
    socket.socket(*kind).close()


def sockets():
    found = {name: attempt(_open_socket, *kind) for name, kind in SOCKETS.items()}
    found["a pair of tipc"] = call("socketpair", 30, 5, 0, bytes(8))
    return found


def netlink():
    found = {f"protocol {protocol}": attempt(_open_socket, socket.AF_NETLINK, socket.SOCK_RAW, protocol) for protocol in range(1, 24)}
    found["loopback down"] = _route_request(16, struct.pack("BxHiII", 0, 0, 1, 0, 1))
    address = struct.pack("BBBBi", socket.AF_INET, 8, 0, 0, 1) + struct.pack("HH4s", 8, 2, socket.inet_aton("10.1.2.3"))
    found["an address"] = _route_request(20, address)
    found["a dummy device"] = _route_request(16, struct.pack("BxHiII", 0, 0, 0, 0, 0) + struct.pack("HHHH", 16, 18, 12, 1) + b"dummy\0\0\0", 0x600)
    socket.getaddrinfo("localhost", 80)
    return found


def _route_request(kind, body, flags=0):
    """The kernel's answer to a change of its network."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as kernel:
        kernel.bind((0, 0))
        kernel.send(struct.pack("IHHII", 16 + len(body), kind, 5 | flags, 1, 0) + body)
        answer = kernel.recv(4096)
    error = -struct.unpack_from("i", answer, 16)[0]
    return os.strerror(error) if error else "ok"


def keyrings():
    return {
        "id of the session's": call("keyctl", 0, -3, 0, 0, 0),
        "a new session": call("keyctl", 1, 0, 0, 0, 0),
        "reading": call("keyctl", 11, -3, 0, 0, 0),
        "describing": call("keyctl", 6, -4, 0, 0, 0),
        "add_key": call("add_key", b"user", b"x", b"y", 1, -3),
        "request_key": call("request_key", b"user", b"x", 0, -3),
        "/proc/keys": read("/proc/keys") or "empty",
        "/proc/key-users": read("/proc/key-users") or "empty",
    }


def rings():
    return {
        "setup": call("io_uring_setup", 8, bytes(120)),
        "enter": call("io_uring_enter", 0, 0, 0, 0, 0, 0),
        "register": call("io_uring_register", 0, 0, 0, 0),
        "io_setup": call("io_setup", 1, bytes(8)),
    }


def bpf():
    return {
        "map": call("bpf", 0, struct.pack("5I", 2, 4, 4, 1, 0) + bytes(100), 120),
        "program": call("bpf", 5, bytes(120), 120),
        "list": call("bpf", 11, bytes(120), 120),
    }


def faults():
    return {"userfaultfd": call("userfaultfd", 0), "user mode only": call("userfaultfd", 1), "device": read("/dev/userfaultfd")}


def counters():
    attributes = struct.pack("IIQ", 1, 112, 0) + bytes(96)
    return {"of itself": call("perf_event_open", attributes, 0, -1, -1, 0), "of a processor": call("perf_event_open", attributes, -1, 0, -1, 0)}


def kernel_code():
    return {
        "init_module": call("init_module", 0, 0, b""),
        "finit_module": call("finit_module", 0, b"", 0),
        "delete_module": call("delete_module", b"loop", 0),
        "kexec_load": call("kexec_load", 0, 0, 0, 0),
        "kexec_file_load": call("kexec_file_load", 0, 0, 0, b"", 0),
    }


def administration():
    return {
        "reboot": call("reboot", 0xFEE1DEAD, 672274793, 0, 0),
        "swapon": call("swapon", b"/tmp/swap", 0),
        "swapoff": call("swapoff", b"/tmp/swap"),
        "acct": call("acct", b"/tmp/acct"),
        "quotactl": call("quotactl", 0, 0, 0, 0),
        "quotactl_fd": call("quotactl_fd", 0, 0, 0, 0),
        "syslog": call("syslog", 3, bytes(8), 8),
        "vhangup": call("vhangup"),
        "sethostname": attempt(socket.sethostname, "other"),
        "setdomainname": call("setdomainname", b"other", 5),
        "flushing every disk": call("sync"),
        "flushing the host's disk": call("syncfs", os.open("/usr", os.O_RDONLY)),
    }


def hardware():
    """On architectures without these calls they are absent."""
    return {"iopl": call("iopl", 3), "ioperm": call("ioperm", 0x70, 2, 1), "modify_ldt": call("modify_ldt", 1, bytes(16), 16)}


def clocks():
    return {
        "settimeofday": call("settimeofday", bytes(16), 0),
        "clock_settime": call("clock_settime", 0, bytes(16)),
        "clock_adjtime": call("clock_adjtime", 0, struct.pack("I", 1) + bytes(204)),
        "adjtimex": call("adjtimex", struct.pack("I", 1) + bytes(204)),
    }


def devices():
    disk = os.makedev(7, 0)
    return {
        "a character device": attempt(os.mknod, "/tmp/c", 0o20600, os.makedev(1, 1)),
        "a block device": attempt(os.mknod, "/tmp/b", 0o60600, disk),
        "a whiteout": attempt(os.mknod, "/tmp/w", 0o20600, 0),
        "by the older call": call("mknod", b"/tmp/d", 0o20600, 257) if os.uname().machine == "x86_64" else "EPERM",
    }


def device_files():
    hidden = ("mem", "kmem", "port", "kmsg", "fuse", "kvm", "vhost-net", "vhost-vsock", "loop0", "loop-control", "vda", "sda", "nvme0", "dm-0", "net/tun", "tty", "ptmx", "pts", "console", "shm", "mqueue", "hugepages", "userfaultfd", "uinput", "cpu_dma_latency", "hpet", "rtc0", "vsock")
    return {**{name: read(f"/dev/{name}", 1) for name in hidden}, "all": sorted(os.listdir("/dev"))}


def handles():
    return {
        "name_to_handle_at": call("name_to_handle_at", -100, b"/usr", struct.pack("Ii", 128, 0) + bytes(128), bytes(8), 0),
        "open_by_handle_at": call("open_by_handle_at", os.open("/", os.O_RDONLY), struct.pack("Ii", 8, 1) + struct.pack("II", 2, 0), 0),
        "fanotify_init": call("fanotify_init", 0, 0),
        "fanotify_mark": call("fanotify_mark", 0, 0, 0, 0, 0),
    }


def terminals():
    letter = ctypes.create_string_buffer(b"x")
    found = {}
    for name, request in {"typing": 0x5412, "console": 0x541C, "line discipline": 0x5423}.items():
        found[name] = {call("ioctl", descriptor, request, ctypes.addressof(letter)) for descriptor in (0, 1, 2)} == {"EPERM"} and "EPERM" or "?"
    return found


def no_randomisation():
    return {"personality": call("personality", 0x0040000), "read implies exec": call("personality", 0x0400000)}


def limits():
    """Raising its own limits, and touching those of others."""
    child = os.fork()
    if child == 0:
        signal.pause()
        os._exit(0)
    lower = struct.pack("QQ", 1, 1)
    found = {
        "more files": call("prlimit64", 0, resource.RLIMIT_NOFILE, struct.pack("QQ", 4096, 4096), 0),
        "more processes": call("prlimit64", 0, resource.RLIMIT_NPROC, struct.pack("QQ", 1 << 20, 1 << 20), 0),
        "more locked memory": call("prlimit64", 0, resource.RLIMIT_MEMLOCK, struct.pack("QQ", 1 << 40, 1 << 40), 0),
        "of the first process": call("prlimit64", 1, resource.RLIMIT_NOFILE, lower, 0),
        "of a child": call("prlimit64", child, resource.RLIMIT_NOFILE, lower, 0),
    }
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return found


def cores():
    """No core, and no way to the limit (0) at which the kernel would start the host's handler of cores."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    call("prlimit64", 0, resource.RLIMIT_CORE, struct.pack("QQ", 0, 0), 0)
    limit = resource.getrlimit(resource.RLIMIT_CORE)
    child = os.fork()
    if child == 0:
        os.chdir("/tmp")
        _large = bytearray(50 << 20)
        os.abort()
    _, status = os.waitpid(child, 0)
    left = [name for name in os.listdir("/tmp") if "core" in name]
    return {
        "limit": list(limit), "written": os.WCOREDUMP(status), "left": left,
        "pattern": write("/proc/sys/kernel/core_pattern", "|/tmp/handler"),
    }


def scheduling():
    return {
        "fifo": attempt(os.sched_setscheduler, 0, os.SCHED_FIFO, os.sched_param(1)),
        "round robin": attempt(os.sched_setscheduler, 0, os.SCHED_RR, os.sched_param(1)),
        "deadline": call("sched_setattr", 0, struct.pack("IIQiIQQQ", 48, 6, 0, 0, 0, 10**6, 10**7, 10**7), 0),
        "less nice": attempt(os.setpriority, os.PRIO_PROCESS, 0, -5),
        "disk in real time": call("ioprio_set", 1, 0, 1 << 13),
    }


def huge_pages():
    return {
        "mmap": call("mmap", 0, 2 << 20, 3, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x40000, -1, 0),
        "memfd": call("memfd_create", b"x", 4),
        "shm": call("shmget", 0, 2 << 20, 0o1600 | 0x800),
    }


def shared_files():
    """Seeing or hindering those who have the same read-only file mounted."""
    path = os.__file__
    watcher = ctypes.CDLL(None).inotify_init()
    shared = os.open(path, os.O_RDONLY)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    return {
        "watching who reads": call("inotify_add_watch", watcher, path.encode(), 0xFFF),
        "watching who opens": call("inotify_add_watch", watcher, os.path.dirname(path).encode(), 0x20),
        "a notice": call("fcntl", folder, fcntl.F_NOTIFY, 1),
        "a lease": call("fcntl", shared, fcntl.F_SETLEASE, fcntl.F_WRLCK),
        "cachestat": call("cachestat", shared, bytes(16), bytes(40), 0),
    }


def shared_cache():
    """Whether the kernel tells which pages of a shared file are in memory, and when it was read last."""
    path = max((os.path.join("/usr/bin", name) for name in os.listdir("/usr/bin") if os.path.isfile(f"/usr/bin/{name}")), key=os.path.getsize)
    before = os.stat(path).st_atime_ns
    with open(path, "rb") as file:
        size = os.path.getsize(path)
        pages = ctypes.create_string_buffer((size + 4095) // 4096)
        libc = ctypes.CDLL(None)
        libc.mmap.restype = ctypes.c_void_p
        at = libc.mmap(None, ctypes.c_size_t(size), 1, 2, file.fileno(), ctypes.c_long(0))
        told = libc.mincore(ctypes.c_void_p(at), ctypes.c_size_t(size), pages)
        file.read(4096)
    return {"pages": "nothing told" if told == 0 and set(pages.raw) == {1} else "told", "time of reading": "unchanged" if os.stat(path).st_atime_ns == before else "changed"}
