"""What the host sees of sandboxes: processes, cgroups, mounts."""

import base64
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")


def all_pids():
    return [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit()]


def with_environment(assignment):
    """Pids of the processes whose environment has `NAME=value`."""
    wanted = assignment.encode()
    return [pid for pid in all_pids() if wanted in _read(f"/proc/{pid}/environ").split(b"\0")]


def with_code(sha256):
    """Pids of the processes for which a package is mounted as their code; its hash as the API tells it.

    Not by their variables: a parked interpreter has those of its start for ever.
    """
    name = base64.b64decode(sha256).hex().encode()

    def has_it(pid):
        lines = _read(f"/proc/{pid}/mountinfo").splitlines()
        return any(b" /var/task " in line and name in line for line in lines)

    # The first process of a sandbox sees the same mounts; it is Hearth's.
    return [pid for pid in all_pids() if has_it(pid) and not _is_first(pid)]


def _is_first(pid):
    for line in _read(f"/proc/{pid}/status").splitlines():
        if line.startswith(b"NSpid:"):
            return line.split()[-1] == b"1"
    return False


def descendants(pid):
    """Pids of all processes below `pid`, as the kernel tells them now."""
    parents = {}
    for other in all_pids():
        stat = _read(f"/proc/{other}/stat")
        if stat:
            parents[other] = int(stat.rpartition(b")")[2].split()[1])
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {pid}


def cpu_ticks(pid):
    """User and system time that the process has used."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return int(fields[11]) + int(fields[12])


def cgroup_folders(pid):
    """The cgroup folders of a process, by controller ('' for version 2)."""
    found = {}
    for line in _read(f"/proc/{pid}/cgroup").decode().splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            roots = [CGROUPS / controller] if controller else [CGROUPS, CGROUPS / "unified"]
            for root in roots:
                folder = root / path.lstrip("/")
                if path != "/" and (folder / "cgroup.procs").exists():
                    found[controller] = folder
    return found


def cgroup_folder(pid):
    """The one that freezes it."""
    folders = cgroup_folders(pid)
    return folders.get("freezer") or folders.get("")


def freezer_state(pid):
    """`FROZEN` or `THAWED` (version 1), `1` or `0` (version 2), None when the process has no such cgroup.

    A state may be set on a parent: the nearest that says so counts.
    """
    folder = cgroup_folder(pid)
    while folder and folder != CGROUPS:
        for name in ("freezer.state", "cgroup.freeze"):
            state = _read(folder / name).decode().strip()
            if state in ("FROZEN", "1"):
                return state
        folder = folder.parent
    return None


def members(folder):
    """Pids in a cgroup; none when the folder is gone."""
    return _read(folder / "cgroup.procs").split() if folder else []


def cgroups_below(name_part):
    """Folders of cgroups, of any controller, whose name contains the text."""
    return [p for p in CGROUPS.rglob("*") if p.is_dir() and name_part in p.name]


def mounts():
    """Mount points of this process's namespace."""
    return [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]


def _read(path):
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""
