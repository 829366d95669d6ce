//! Switches of the kernel on which sandboxes depend, as data: what they should be, and why.

use std::fs;
use std::path::Path;

use super::Fix;
use crate::spec::{Level, Mechanism};

/// One sysctl. Those that a kernel lacks do not concern it.
struct Switch {
    key: &'static str,
    /// Which levels it concerns; `None` is all.
    level: Option<Level>,
    is_right: fn(i64) -> bool,
    /// The value that would be right.
    wanted: &'static str,
    /// What it means when it is right, and when it is wrong.
    right: &'static str,
    wrong: &'static str,
    /// Whether `--fix` may set it. Not where that would take protection from something else.
    safe: bool,
    /// Whether it can forbid namespaces altogether.
    gates_namespaces: bool,
}

const SWITCHES: &[Switch] = &[
    Switch {
        key: "user.max_user_namespaces",
        level: None,
        is_right: |value| value >= 1024,
        wanted: "15000",
        right: "enough for as many sandboxes",
        wrong: "each sandbox takes one, and no more can be made",
        safe: true,
        gates_namespaces: true,
    },
    Switch {
        key: "kernel.unprivileged_userns_clone",
        level: Some(Level::User),
        is_right: |value| value == 1,
        wanted: "1",
        right: "ordinary users may make user namespaces",
        wrong: "ordinary users may not make user namespaces",
        // It opens a part of the kernel to every user.
        safe: false,
        gates_namespaces: true,
    },
    Switch {
        key: "kernel.apparmor_restrict_unprivileged_userns",
        level: Some(Level::User),
        is_right: |value| value == 0,
        wanted: "0",
        right: "apparmor lets ordinary users use user namespaces",
        wrong: "apparmor takes their use from ordinary users",
        // The same; a profile for the one program is narrower.
        safe: false,
        gates_namespaces: true,
    },
    Switch {
        key: "kernel.yama.ptrace_scope",
        level: Some(Level::User),
        is_right: |value| value >= 1,
        wanted: "1",
        right: "other programs of this user cannot trace sandboxes",
        wrong: "other programs of this user can trace sandboxes",
        // Debuggers of the host attach by it.
        safe: false,
        gates_namespaces: false,
    },
    Switch {
        key: "vm.overcommit_memory",
        level: None,
        is_right: |value| value != 2,
        wanted: "0",
        right: "reserved address space is not counted as memory",
        wrong: "reserved address space counts as memory: Node.js and Java reserve gigabytes and may not start",
        // Somebody wanted it so, for the whole host.
        safe: false,
        gates_namespaces: false,
    },
];

impl Switch {
    fn value(&self) -> Option<i64> {
        fs::read_to_string(path_of(self.key)).ok()?.trim().parse().ok()
    }

    fn fix(&self) -> Fix {
        Fix::Sysctl {
            key: self.key.into(),
            value: self.wanted.into(),
        }
    }

    fn examine(&self) -> Option<Mechanism> {
        let value = self.value()?;
        let shown = |meaning: &str| format!("{value}: {meaning}");
        if (self.is_right)(value) {
            return Some(super::found(self.key, shown(self.right)));
        }
        let wrong = super::missing(self.key, shown(self.wrong), format!("sudo {}", self.fix().command()));
        Some(if self.safe { wrong.fixed_by([self.fix()]) } else { wrong })
    }
}

/// The switches that this kernel has and that concern a server of this level.
pub fn kernel_switches(level: Level) -> Vec<Mechanism> {
    concerning(level).filter_map(Switch::examine).collect()
}

fn concerning(level: Level) -> impl Iterator<Item = &'static Switch> {
    SWITCHES.iter().filter(move |switch| switch.level.is_none_or(|concerned| concerned == level))
}

/// The switch that forbids namespaces, if one does: what it means, the command, and what `--fix` may do.
pub(super) fn namespace_switch(level: Level) -> Option<(String, String, Option<Fix>)> {
    let wrong = |switch: &&Switch| switch.value().is_some_and(|value| !(switch.is_right)(value));
    let switch = concerning(level).filter(|switch| switch.gates_namespaces).find(wrong)?;
    let value = switch.value()?;
    let why = format!("{} is {value}", switch.key);
    Some((why, format!("sudo {}", switch.fix().command()), switch.safe.then(|| switch.fix())))
}

pub(super) fn path_of(key: &str) -> std::path::PathBuf {
    Path::new("/proc/sys").join(key.replace('.', "/"))
}

pub(super) fn has_file_system(name: &str) -> bool {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    known.lines().any(|line| line.split_whitespace().last() == Some(name))
}

pub(super) fn may_mount_cgroup2() -> bool {
    has_file_system("cgroup2") && Path::new("/sys/fs/cgroup").is_dir()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wanted_value_is_right() {
        for switch in SWITCHES {
            assert!((switch.is_right)(switch.wanted.parse().unwrap()), "{}", switch.key);
        }
    }

    #[test]
    fn advice_comes_with_what_is_wrong_alone() {
        for level in [Level::User, Level::Root] {
            for switch in kernel_switches(level) {
                assert_eq!(switch.in_force, switch.how_to_improve.is_none(), "{switch:?}");
            }
        }
    }
}
