//! Against a folder that looks like a cgroup tree: which files get which values.

use super::*;
use crate::spec::{Cpu, Limits};

const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw - cgroup cgroup rw,freezer
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
const UNIFIED: &str = "31 23 0:28 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

#[test]
fn a_hybrid_host_is_recognised() {
    let layout = Layout::parse(HYBRID);
    let v1 = layout.v1.clone().unwrap();
    assert_eq!(v1.cpu, v1.cpuacct.clone().unwrap());
    assert_eq!(v1.freezer, Some("/sys/fs/cgroup/freezer".into()));
    assert_eq!(layout.v2.clone().unwrap().base, Path::new("/sys/fs/cgroup/unified"));
    // The freezer is not needed beside a v2 tree, and a shared mount counts once.
    assert_eq!(layout.trees().len(), 4);
}

#[test]
fn a_v1_host_also_needs_freezer_and_cpuacct() {
    let v1_only: String = HYBRID.lines().filter(|line| !line.contains("cgroup2")).map(|l| format!("{l}\n")).collect();
    let layout = Layout::parse(&v1_only);
    assert_eq!(layout.v2, None);
    assert!(layout.trees().contains(&"/sys/fs/cgroup/freezer".into()));
}

#[test]
fn a_v2_host_is_recognised() {
    let layout = Layout::parse(UNIFIED);
    assert_eq!(layout.v1, None);
    assert_eq!(layout.trees(), [PathBuf::from("/sys/fs/cgroup")]);
}

fn limits() -> Limits {
    Limits {
        cpu: Cpu {
            quota_millis: Some(72),
            weight: 50,
        },
        ..Limits::new(128 << 20)
    }
}

#[track_caller]
fn check_file(dir: &Path, file: &str, expected: &str) {
    assert_eq!(fs::read_to_string(dir.join(file)).unwrap(), expected, "{file}");
}

fn touch(dir: &Path, files: &[&str]) {
    for file in files {
        fs::write(dir.join(file), "").unwrap();
    }
}

#[test]
fn v2_limits_are_written() {
    let fake = tempfile::tempdir().unwrap();
    let dir = fake.path();
    touch(
        dir,
        &[
            "memory.max",
            "memory.swap.max",
            "cpu.max",
            "cpu.max.burst",
            "cpu.weight",
            "pids.max",
            "cgroup.freeze",
            "cgroup.kill",
        ],
    );
    v2::apply(dir, &limits()).unwrap();
    check_file(dir, "memory.max", "134217728");
    check_file(dir, "memory.swap.max", "0");
    check_file(dir, "cpu.max", "1440 20000");
    check_file(dir, "cpu.weight", "50");
    check_file(dir, "pids.max", "1025");
    let kinds: Vec<HandleKind> = v2::handles(dir, true).unwrap().into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(
        kinds,
        [
            HandleKind::CpuDirV2,
            HandleKind::FreezeV2,
            HandleKind::KillV2,
            HandleKind::MemoryDirV2,
            HandleKind::CpuQuotaV2,
            HandleKind::CpuBurst
        ]
    );
}

#[test]
fn only_controllers_that_came_count() {
    let fake = tempfile::tempdir().unwrap();
    let parent = fake.path().join("hearth");
    fs::create_dir(&parent).unwrap();
    let mut tree = V2Tree {
        base: fake.path().to_owned(),
        controllers: vec!["cpu".into(), "memory".into()],
        problem: None,
    };
    // No file to ask in, as in a tree that is not ours to divide.
    assert!(v2::enable_controllers(&mut tree, "hearth", &[]).is_none());
    assert_eq!(tree.controllers, Vec::<String>::new());
}

#[test]
fn v1_limits_are_written() {
    let fake = tempfile::tempdir().unwrap();
    let dir = fake.path();
    touch(
        dir,
        &[
            "memory.limit_in_bytes",
            "memory.memsw.limit_in_bytes",
            "cpu.shares",
            "cpu.cfs_period_us",
            "cpu.cfs_quota_us",
            "pids.max",
        ],
    );
    for controller in [v1::Controller::Memory, v1::Controller::Cpu, v1::Controller::Pids] {
        v1::apply(controller, dir, &limits()).unwrap();
    }
    check_file(dir, "memory.limit_in_bytes", "134217728");
    check_file(dir, "memory.memsw.limit_in_bytes", "134217728");
    check_file(dir, "cpu.shares", "512");
    check_file(dir, "cpu.cfs_quota_us", "1440");
    check_file(dir, "cpu.cfs_period_us", "20000");
    check_file(dir, "pids.max", "1025");
}

/// A group that was delegated to us, with controllers, in which these processes are.
fn delegated(procs: &str) -> (tempfile::TempDir, V2Tree) {
    let fake = tempfile::tempdir().unwrap();
    let (base, parent, leaf) = (fake.path(), fake.path().join("hearth"), fake.path().join("server-of-hearth"));
    touch(base, &["cgroup.type", "cgroup.subtree_control"]);
    fs::write(base.join("cgroup.procs"), procs).unwrap();
    for dir in [&parent, &leaf] {
        fs::create_dir(dir).unwrap();
        touch(dir, &["cgroup.procs", "cgroup.subtree_control"]);
    }
    let tree = V2Tree {
        base: base.to_owned(),
        controllers: vec!["memory".into()],
        problem: None,
    };
    (fake, tree)
}

#[test]
fn server_and_helper_make_room_for_controllers() {
    let (fake, mut tree) = delegated("41\n40\n");
    let leaf = v2::enable_controllers(&mut tree, "hearth", &[40, 41]).unwrap();
    check_file(&fake.path().join("server-of-hearth"), "cgroup.procs", "41");
    for group in [fake.path().to_owned(), fake.path().join("hearth")] {
        check_file(&group, "cgroup.subtree_control", "+memory");
    }
    assert_eq!(tree.problem, None);
    touch(fake.path(), &["cgroup.procs"]);
    leaf.remove(&["memory".to_owned()]);
    check_file(fake.path(), "cgroup.subtree_control", "-memory");
    check_file(fake.path(), "cgroup.procs", "41");
}

#[test]
fn strangers_in_the_group_stay_and_are_named() {
    let (fake, mut tree) = delegated("40\n1\n");
    assert!(v2::enable_controllers(&mut tree, "hearth", &[40, 41]).is_none());
    check_file(&fake.path().join("server-of-hearth"), "cgroup.procs", "");
    let problem = tree.problem.unwrap();
    assert!(problem.starts_with("not alone in /") && problem.contains(": process 1 ("), "{problem}");
}

#[test]
fn nobody_is_in_the_way_at_the_root_of_a_tree() {
    let (fake, mut tree) = delegated("1\n2\n");
    fs::remove_file(fake.path().join("cgroup.type")).unwrap();
    assert!(v2::enable_controllers(&mut tree, "hearth", &[40]).is_none());
    assert_eq!(tree.problem, None);
    check_file(fake.path(), "cgroup.subtree_control", "+memory");
}

#[test]
fn a_helper_that_takes_over_finds_the_group_it_was_given() {
    let moved = |path: &str| vacate::before_the_move(PathBuf::from(path));
    assert_eq!(moved("/sys/fs/cgroup/unit/server-of-hearth-1f"), Path::new("/sys/fs/cgroup/unit"));
    assert_eq!(moved("/sys/fs/cgroup/unit"), Path::new("/sys/fs/cgroup/unit"));
    let (fake, mut tree) = delegated("");
    let leaf = v2::enable_controllers(&mut tree, "hearth", &[40, 41]);
    assert!(leaf.is_some(), "the leaf of the one before is left behind");
    check_file(&fake.path().join("server-of-hearth"), "cgroup.procs", "");
}
