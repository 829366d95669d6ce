//! Which isolation mechanisms hold on this host, and what would bring the others into force.
//!
//! One function for each mechanism: what was found, whether it is in force, and if not, why and the command that changes
//! it. Nothing here changes the host; [`Fix::apply`] does, when it is asked to.

mod fix;
mod kernel;

pub use fix::Fix;
pub use kernel::kernel_switches;

use crate::cgroup::V2Tree;
use crate::helper::{Facts, ids_taken, is_privileged};
use crate::landlock::Layer;
use crate::spec::{Level, Mechanism, Network, Options};
use crate::tmp_volume::{self, TmpKind};

const NAMESPACES: &str = "namespaces";
const ID_RANGES: &str = "user id ranges";
const MEMORY: &str = "memory limit";
const CPU: &str = "cpu quota";
const PROCESSES: &str = "process limit";
const FREEZER: &str = "freezer";
const SECCOMP: &str = "seccomp";

/// What the level `root` promises: without any of these it is not reached.
const ROOT_PROMISES: [&str; 7] = [NAMESPACES, ID_RANGES, MEMORY, CPU, PROCESSES, FREEZER, SECCOMP];

const AS_ROOT: &str = "sudo hearth serve";
const DELEGATED: &str = "systemd-run --user --scope -p Delegate=yes hearth serve";
/// systemd gives the managers of users memory and pids alone, unless it is told otherwise.
const MORE_DELEGATED: &str = "sudo mkdir -p /etc/systemd/system/user@.service.d && \
    printf '[Service]\\nDelegate=cpu memory pids\\n' | sudo tee /etc/systemd/system/user@.service.d/delegate.conf && \
    sudo systemctl daemon-reload, then log in again";

/// The level that this process would get.
pub fn level() -> Level {
    if is_privileged() { Level::Root } else { Level::User }
}

/// Examines the host for these options, without starting a server. Makes a process that ends at once, so call it while
/// there are no other threads.
pub fn doctor(options: &Options) -> Vec<Mechanism> {
    let mut facts = Facts::gather(&options.state_dir, options.network);
    if let Some(v2) = &mut facts.layout.v2 {
        v2.foresee();
    }
    mechanisms(&facts)
}

/// What is missing of a level: names of mechanisms. Empty when it is reached.
pub fn shortfall(wanted: Level, mechanisms: &[Mechanism]) -> Vec<String> {
    let promised = |name: &str| match wanted {
        Level::Root => ROOT_PROMISES.contains(&name),
        Level::User => [NAMESPACES, SECCOMP].contains(&name),
    };
    mechanisms.iter().filter(|one| !one.in_force && promised(&one.name)).map(|one| one.name.clone()).collect()
}

pub(crate) fn mechanisms(facts: &Facts) -> Vec<Mechanism> {
    vec![
        namespaces(facts),
        id_range(facts),
        cgroups(facts),
        limited(
            facts,
            MEMORY,
            "memory",
            "beyond it, only processes of that sandbox are killed",
            without_memory_limit(),
        ),
        limited(facts, CPU, "cpu", "quota and weight", "sandboxes share the processors like any processes".into()),
        limited(
            facts,
            PROCESSES,
            "pids",
            "counted for each sandbox",
            "counted for the whole user (RLIMIT_NPROC)".into(),
        ),
        freezer(facts),
        seccomp(),
        landlock(facts),
        root_file_system(),
        tmp(facts),
        network(facts),
    ]
}

fn without_memory_limit() -> String {
    "each process is held to the limit + 512 MiB by RLIMIT_DATA; all together by nothing".into()
}

fn found(name: &str, detail: impl Into<String>) -> Mechanism {
    Mechanism {
        name: name.into(),
        in_force: true,
        detail: detail.into(),
        how_to_improve: None,
        fixes: Vec::new(),
    }
}

fn missing(name: &str, detail: impl Into<String>, how_to_improve: impl Into<String>) -> Mechanism {
    Mechanism {
        name: name.into(),
        in_force: false,
        detail: detail.into(),
        how_to_improve: Some(how_to_improve.into()),
        fixes: Vec::new(),
    }
}

impl Mechanism {
    /// With what `hearth doctor --fix` may do about it; the advice is those commands.
    fn fixed_by(mut self, fixes: impl IntoIterator<Item = Fix>) -> Self {
        self.fixes.extend(fixes);
        let commands: Vec<String> = self.fixes.iter().map(|fix| format!("sudo {}", fix.command())).collect();
        if !commands.is_empty() {
            self.how_to_improve = Some(commands.join("; "));
        }
        self
    }
}

fn has_systemd() -> bool {
    std::path::Path::new("/run/systemd/system").is_dir()
}

pub(crate) fn namespaces(facts: &Facts) -> Mechanism {
    const KINDS: [&str; 7] = ["user", "mnt", "pid", "ipc", "uts", "net", "cgroup"];
    let lacking: Vec<&str> =
        KINDS.into_iter().filter(|kind| !std::path::Path::new("/proc/self/ns").join(kind).exists()).collect();
    if !lacking.is_empty() {
        let detail = format!("this kernel lacks: {}", lacking.join(" "));
        return missing(NAMESPACES, detail, "use a kernel built with CONFIG_NAMESPACES and all its kinds");
    }
    match &facts.namespaces_problem {
        None => found(NAMESPACES, "user mount pid ipc uts network cgroup: all seven, for each sandbox"),
        Some(problem) => match kernel::namespace_switch(facts.level) {
            Some((why, command, fix)) => {
                missing(NAMESPACES, format!("refused ({problem}): {why}"), command).fixed_by(fix)
            }
            None => missing(
                NAMESPACES,
                format!(
                    "refused ({problem}), and no switch of the kernel says why: a container's runtime may refuse them"
                ),
                "in a container: docker run --privileged",
            ),
        },
    }
}

fn id_range(facts: &Facts) -> Mechanism {
    match (facts.level, ids_taken()) {
        (Level::User, _) => {
            missing(ID_RANGES, "sandboxes share the server's own user id (subordinate ids are not used)", AS_ROOT)
        }
        (Level::Root, None) => found(ID_RANGES, "1,024 host ids for each sandbox, which nobody else has"),
        (Level::Root, Some(taken)) => missing(
            ID_RANGES,
            format!("ids that sandboxes get are given away as well: {taken}"),
            "give that account a range below 1879048192 (usermod --del-subuids, --add-subuids)",
        ),
    }
}

fn cgroups(facts: &Facts) -> Mechanism {
    let name = "cgroups";
    let v2 = facts.layout.v2.as_ref();
    let place = |tree: &V2Tree| match tree.controllers.as_slice() {
        [] => format!("v2 at {} (freezes and kills; no controllers)", tree.base.display()),
        some => format!("v2 at {} ({})", tree.base.display(), some.join(" ")),
    };
    let why = facts.cgroup_problem.as_ref().or(v2.and_then(|tree| tree.problem.as_ref()));
    let because = why.map(|why| format!("; {why}")).unwrap_or_default();
    match (&facts.layout.v1, v2) {
        (Some(_), Some(tree)) => found(name, format!("v1 (memory cpu pids) and {}", place(tree))),
        (Some(_), None) => found(name, "v1 (memory cpu pids freezer)")
            .fixed_by_if(kernel::may_mount_cgroup2(), "/sys/fs/cgroup/unified"),
        (None, Some(tree)) if why.is_none() && !tree.controllers.is_empty() => found(name, place(tree)),
        (None, Some(tree)) => missing(name, format!("{}{because}", place(tree)), raise_cgroups(facts.level)),
        (None, None) if facts.level == Level::User => {
            missing(name, format!("none is this user's to divide{because}"), raise_cgroups(Level::User))
        }
        (None, None) => missing(name, "none is mounted", "mount cgroup v2, or v1 with memory, cpu and pids")
            .fixed_by_if(kernel::may_mount_cgroup2(), "/sys/fs/cgroup"),
    }
}

impl Mechanism {
    fn fixed_by_if(self, possible: bool, mount: &str) -> Self {
        if !possible {
            return self;
        }
        self.fixed_by([Fix::MountCgroup2(mount.into())])
    }
}

fn raise_cgroups(level: Level) -> &'static str {
    match (level, has_systemd()) {
        (Level::User, true) => DELEGATED,
        (Level::User, false) => AS_ROOT,
        (Level::Root, true) => "sudo systemd-run --scope -p Delegate=yes hearth serve",
        (Level::Root, false) => "start the server in a cgroup of its own",
    }
}

fn limited(facts: &Facts, name: &str, controller: &str, what: &str, without: String) -> Mechanism {
    let v2 = facts.layout.v2.as_ref();
    if facts.controls(controller) {
        let version = if v2.is_some_and(|v2| v2.has(controller)) { "cgroup v2" } else { "cgroup v1" };
        return found(name, format!("{version}: {what}"));
    }
    let improve = match (facts.level, v2) {
        // Divided, but not with this one.
        (Level::User, Some(v2)) if v2.problem.is_none() && has_systemd() => MORE_DELEGATED,
        (Level::User, _) => raise_cgroups(Level::User),
        (Level::Root, _) => "boot with systemd.unified_cgroup_hierarchy=1, or mount the v1 controllers",
    };
    missing(name, format!("no {controller} controller: {without}"), improve)
}

fn freezer(facts: &Facts) -> Mechanism {
    if facts.layout.v2.is_some() {
        return found(FREEZER, "cgroup v2: one write freezes or thaws everything inside");
    }
    match facts.layout.v1.as_ref().and_then(|v1| v1.freezer.as_ref()) {
        Some(_) => found(FREEZER, "cgroup v1"),
        None => missing(
            FREEZER,
            "no cgroup: processes are stopped by signals, which they can notice",
            raise_cgroups(facts.level),
        ),
    }
}

fn seccomp() -> Mechanism {
    match crate::seccomp::compile() {
        Ok(_) => found(
            SECCOMP,
            format!(
                "a policy of {} lines; every other system call does not exist inside",
                crate::seccomp::policy().count()
            ),
        ),
        Err(reason) => missing(SECCOMP, reason, "use an x86_64 or aarch64 host"),
    }
}

fn landlock(facts: &Facts) -> Mechanism {
    let name = "landlock";
    match facts.landlock {
        Layer::Abi(version) => found(name, format!("version {version}: {}", facts.landlock.covers())),
        Layer::TooOld => missing(
            name,
            "version 1 forbids moving files between folders, also in /tmp: not used; mounts and modes hold alone",
            "use Linux 5.19 or newer",
        ),
        Layer::Absent => missing(
            name,
            "not in this kernel, or off at boot; mounts and modes hold alone",
            "on Linux 5.19 or newer, add landlock to the list lsm= of the kernel's command line",
        ),
    }
}

fn root_file_system() -> Mechanism {
    let overlay = if kernel::has_file_system("overlay") { "has it" } else { "lacks it" };
    found(
        "root file system",
        format!("the host's folders, mounted read-only one by one; overlay is not used (this kernel {overlay})"),
    )
}

fn tmp(facts: &Facts) -> Mechanism {
    let name = "disk quota of /tmp";
    if facts.tmp == TmpKind::DiskImage {
        return found(name, "a disk image of the configured size for each sandbox");
    }
    let counts = if facts.controls("memory") { "counts as the sandbox's memory" } else { "uses the host's memory" };
    let detail = |why: &str| format!("the size holds, but /tmp is in memory and {counts}: {why}");
    if facts.level == Level::User {
        return missing(name, detail("only root mounts disk images"), AS_ROOT);
    }
    if let Some(problem) = &facts.tmp_problem {
        return missing(name, detail(problem), "allow loop devices (in a container: docker run --privileged)");
    }
    if tmp_volume::find_mkfs().is_none() {
        return missing(name, detail("there is no mkfs.ext4"), "sudo apt-get install e2fsprogs");
    }
    if !std::path::Path::new("/dev/loop-control").exists() {
        return missing(name, detail("there are no loop devices"), "").fixed_by([Fix::Module("loop".into())]);
    }
    missing(name, detail("its file system has no O_TMPFILE"), "hearth serve --data DIR, on ext4, xfs, btrfs or tmpfs")
}

fn network(facts: &Facts) -> Mechanism {
    let name = "network";
    match (facts.network, &facts.filter_problem) {
        (Network::Loopback, _) => found(name, "loopback: only the sandbox's own interface"),
        (Network::Nat, _) if facts.level == Level::User => {
            missing(name, "mode nat takes privileges: the server does not start", AS_ROOT)
        }
        (Network::Nat, None) => {
            found(name, "nat: outbound, translated by nftables; not to the host itself, nor to other sandboxes")
        }
        (Network::Nat, Some(problem)) => {
            let fixes = ["nf_tables", "nft_masq", "veth"].map(|module| Fix::Module(module.into()));
            missing(name, format!("nat: nftables refuses: {problem}"), "").fixed_by(fixes)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cgroup::Layout;

    fn facts(level: Level, controllers: &[&str], problem: Option<&str>) -> Facts {
        Facts {
            level,
            layout: Layout {
                v1: None,
                v2: Some(V2Tree {
                    base: "/sys/fs/cgroup/x".into(),
                    controllers: controllers.iter().map(|&name| name.to_owned()).collect(),
                    problem: problem.map(str::to_owned),
                }),
            },
            tmp: TmpKind::DiskImage,
            tmp_problem: None,
            network: Network::Loopback,
            landlock: Layer::Abi(7),
            namespaces_problem: None,
            cgroup_problem: None,
            filter_problem: None,
        }
    }

    #[track_caller]
    fn check(facts: &Facts, wanted: Level, lacking: &[&str]) {
        let mechanisms = mechanisms(facts);
        assert_eq!(shortfall(wanted, &mechanisms), lacking);
        for one in mechanisms {
            assert_eq!(one.in_force, one.how_to_improve.is_none_or(|advice| advice.is_empty()), "{}", one.name);
        }
    }

    #[test]
    fn a_level_is_reached_when_all_it_promises_holds() {
        const ALL: &[&str] = &["memory", "cpu", "pids"];
        check(&facts(Level::Root, ALL, None), Level::Root, &[]);
        check(&facts(Level::Root, &["cpu", "pids"], None), Level::Root, &["memory limit"]);
        check(&facts(Level::User, ALL, None), Level::Root, &["user id ranges"]);
        check(&facts(Level::User, ALL, None), Level::User, &[]);
        let stopped = Facts {
            namespaces_problem: Some("EPERM".into()),
            ..facts(Level::User, &[], Some("not alone in /x: process 1 (sh)"))
        };
        check(&stopped, Level::User, &["namespaces"]);
    }
}
