//! Which isolation mechanisms hold on this host, and what would bring the others into force.

use crate::helper::{Facts, is_privileged};
use crate::spec::{Level, Mechanism, Network, Options};
use crate::tmp_volume::TmpKind;

/// The level that this process would get.
pub fn level() -> Level {
    if is_privileged() { Level::Root } else { Level::User }
}

/// Examines the host for these options, without starting anything.
pub fn doctor(options: &Options) -> Vec<Mechanism> {
    mechanisms(&Facts::gather(&options.state_dir, options.network))
}

pub(crate) fn mechanisms(facts: &Facts) -> Vec<Mechanism> {
    vec![
        namespaces(facts),
        id_range(facts),
        memory(facts),
        cpu(facts),
        processes(facts),
        freezer(facts),
        seccomp(),
        tmp(facts),
        landlock(),
        network(facts),
    ]
}

const AS_ROOT: &str = "start the server as root";

fn found(name: &str, detail: impl Into<String>) -> Mechanism {
    Mechanism {
        name: name.into(),
        in_force: true,
        detail: detail.into(),
        how_to_improve: None,
    }
}

fn missing(name: &str, detail: impl Into<String>, how_to_improve: &str) -> Mechanism {
    Mechanism {
        name: name.into(),
        in_force: false,
        detail: detail.into(),
        how_to_improve: Some(how_to_improve.into()),
    }
}

fn namespaces(facts: &Facts) -> Mechanism {
    let name = "namespaces";
    if facts.level == Level::Root {
        return found(name, "user, mount, pid, ipc, uts, network and cgroup");
    }
    match unprivileged_user_namespaces() {
        Ok(()) => found(name, "user, mount, pid, ipc, uts, network and cgroup, without privileges"),
        Err((reason, advice)) => missing(name, reason, &advice),
    }
}

/// Distributions switch unprivileged user namespaces off in different places.
fn unprivileged_user_namespaces() -> Result<(), (String, String)> {
    let switches = [
        ("/proc/sys/user/max_user_namespaces", "0", "sysctl -w user.max_user_namespaces=15000"),
        ("/proc/sys/kernel/unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (
            "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
            "1",
            "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
        ),
    ];
    for (file, off, advice) in switches {
        if std::fs::read_to_string(file).is_ok_and(|text| text.trim() == off) {
            return Err((
                format!("{file} is {off}: ordinary users may not make user namespaces"),
                format!("{advice}, or {AS_ROOT}"),
            ));
        }
    }
    Ok(())
}

fn id_range(facts: &Facts) -> Mechanism {
    let name = "user id ranges";
    match facts.level {
        Level::Root => found(name, "each sandbox has host user ids of its own"),
        Level::User => missing(name, "sandboxes share the server's host user id", AS_ROOT),
    }
}

/// Where a controller was found, if it was.
fn controller(facts: &Facts, v2_name: &str) -> Option<&'static str> {
    let layout = &facts.layout;
    if layout.v2.as_ref().is_some_and(|v2| v2.has(v2_name)) {
        return Some("cgroup v2");
    }
    layout.v1.as_ref().map(|_| "cgroup v1")
}

fn limited(facts: &Facts, name: &str, v2_name: &str, what: &str, without: &str) -> Mechanism {
    if facts.level == Level::User {
        return missing(name, format!("no cgroup for an ordinary user: {without}"), AS_ROOT);
    }
    match controller(facts, v2_name) {
        Some(version) => found(name, format!("{version}: {what}")),
        None => missing(
            name,
            format!("no {v2_name} controller in any cgroup tree: {without}"),
            "mount cgroup v2 with the memory, cpu and pids controllers (kernel option systemd.unified_cgroup_hierarchy=1)",
        ),
    }
}

fn memory(facts: &Facts) -> Mechanism {
    limited(facts, "memory limit", "memory", "going beyond kills inside the sandbox only", "memory is not limited")
}

fn cpu(facts: &Facts) -> Mechanism {
    limited(facts, "cpu quota", "cpu", "quota and weight", "sandboxes share the processors as ordinary processes do")
}

fn processes(facts: &Facts) -> Mechanism {
    limited(facts, "process limit", "pids", "counted per sandbox", "processes are limited per user (RLIMIT_NPROC) only")
}

fn freezer(facts: &Facts) -> Mechanism {
    let name = "freezer";
    if facts.level == Level::User {
        return missing(name, "processes are stopped by signals instead, which they can see", AS_ROOT);
    }
    if facts.layout.v2.is_some() {
        return found(name, "cgroup v2: one write freezes or thaws");
    }
    match facts.layout.v1.as_ref().and_then(|v1| v1.freezer.as_ref()) {
        Some(_) => found(name, "cgroup v1 freezer"),
        None => missing(name, "no freezer in any cgroup tree; signals stop processes instead", "mount cgroup v2"),
    }
}

fn seccomp() -> Mechanism {
    let name = "seccomp";
    match crate::seccomp::compile() {
        Ok(_) => found(
            name,
            format!(
                "a policy of {} lines; every other system call does not exist inside",
                crate::seccomp::policy().count()
            ),
        ),
        Err(reason) => missing(name, reason, "use an x86_64 or aarch64 host"),
    }
}

fn tmp(facts: &Facts) -> Mechanism {
    let name = "disk quota of /tmp";
    match facts.tmp {
        TmpKind::DiskImage => found(name, "a disk image of the configured size for each sandbox"),
        TmpKind::Memory => missing(
            name,
            match &facts.tmp_problem {
                Some(problem) => format!("the size holds, but /tmp is in memory and counts as such: {problem}"),
                None => "the size holds, but /tmp is in memory and counts as such".to_owned(),
            },
            "start as root with loop devices and mkfs.ext4 (package e2fsprogs), on a file system with O_TMPFILE",
        ),
    }
}

fn landlock() -> Mechanism {
    missing("landlock", "not used yet; mounts and file modes decide what can be read", "nothing to do on this host")
}

fn network(facts: &Facts) -> Mechanism {
    let name = "network";
    match facts.network {
        Network::Loopback => found(name, "only the sandbox's own loopback"),
        Network::Nat if facts.level == Level::Root => {
            found(name, "outbound through address translation; not to the host itself, nor to other sandboxes")
        }
        Network::Nat => missing(name, "mode nat takes privileges that an ordinary user lacks", AS_ROOT),
    }
}
