//! The quota of the processors: that it holds, in short periods, and that what it throttles can be frozen and killed.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::Path;
use std::time::{Duration, Instant};

use common::*;
use hearth_sandbox::{Cpu, ExitStatus, Sandbox, Sandboxes};

/// The services to try: the host's cgroups, and v1 alone where there is a freezer for it.
async fn services() -> Vec<Service> {
    let mut services = vec![service().await];
    if Path::new("/sys/fs/cgroup/freezer").is_dir() {
        let folder = tempfile::tempdir().unwrap();
        let mut options = options(folder.path());
        options.without_cgroup_v2 = true;
        let sandboxes = Sandboxes::start(options).await.unwrap();
        services.push(Service { sandboxes, folder });
    }
    services
}

/// A sandbox in which as many processes as given want all there is.
async fn burning(service: &Service, processes: u32, quota_millis: u32) -> Sandbox {
    let script = format!("for i in $(seq {processes}); do (trap '' TERM; while :; do :; done) & done; wait");
    let mut wanted = spec(sh(&script));
    wanted.limits.cpu = Cpu {
        quota_millis: Some(quota_millis),
        weight: 100,
    };
    service.create(wanted).await.unwrap()
}

async fn more_used_than(sandbox: &Sandbox, used: Duration) {
    while sandbox.cpu_usage().unwrap() <= used {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What the kernel granted against what passed; wide bounds, because it counts by its own clock's ticks.
#[tokio::test]
async fn it_holds_for_small_and_large_ones() {
    need_root!();
    for service in services().await {
        // Side by side: together they are granted less than one processor.
        let mut sandboxes = Vec::new();
        for (millis, processes) in [(73, 1), (73, 8), (20, 2), (600, 3)] {
            sandboxes.push((millis, burning(&service, processes, millis).await));
        }
        // What came before: the start, and a first slice.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let used_before =
            |(millis, sandbox): (u32, Sandbox)| (millis, Instant::now(), sandbox.cpu_usage().unwrap(), sandbox);
        let measured: Vec<_> = sandboxes.into_iter().map(used_before).collect();
        tokio::time::sleep(Duration::from_millis(1500)).await;
        for (millis, start, before, sandbox) in measured {
            let used = sandbox.cpu_usage().unwrap() - before;
            let granted = start.elapsed() * millis / 1000;
            let most = granted * 3 / 2 + Duration::from_millis(30);
            assert!(used <= most, "{used:?} used with a quota of {millis} millis, granted {granted:?}");
            sandbox.destroy().await;
        }
    }
}

#[tokio::test]
async fn the_period_in_force_is_short_and_changes_with_the_quota() {
    need_root!();
    let service = service().await;
    let parent = options(service.folder.path()).cgroup_parent;
    let (v1, v2) = (Path::new("/sys/fs/cgroup/cpu").join(&parent), Path::new("/sys/fs/cgroup").join(&parent));
    // Quota and period of all groups that have one, as v2 writes them.
    let in_force = || -> Vec<String> {
        let read = |path: &Path, file: &str| std::fs::read_to_string(path.join(file)).unwrap().trim().to_owned();
        let root = if v1.is_dir() { &v1 } else { &v2 };
        let groups = std::fs::read_dir(root).unwrap().flatten().filter(|entry| entry.path().is_dir());
        let all = groups.map(|entry| match v1.is_dir() {
            true => format!(
                "{} {}",
                read(&entry.path(), "cpu.cfs_quota_us").replace("-1", "max"),
                read(&entry.path(), "cpu.cfs_period_us")
            ),
            false => read(&entry.path(), "cpu.max"),
        });
        all.filter(|quota| !quota.starts_with("max")).collect()
    };
    let sandbox = burning(&service, 1, 73).await;
    assert_eq!(in_force(), ["1460 20000"]);
    for (millis, expected) in [(Some(20), vec!["1000 50000"]), (Some(1500), vec!["30000 20000"]), (None, vec![])] {
        sandbox.set_cpu_quota(millis).unwrap();
        assert_eq!(in_force(), expected);
    }
    // Whatever is killed may use what it takes to die; then the quota is back.
    sandbox.set_cpu_quota(Some(73)).unwrap();
    sandbox.kill_processes().unwrap();
    assert!(in_force().is_empty());
    sandbox.wait().await;
    sandbox.start_main(sh("sleep 60")).await.unwrap();
    assert_eq!(in_force(), ["1460 20000"]);
    sandbox.reset().await.unwrap();
    assert_eq!(in_force(), ["1460 20000"]);
}

#[tokio::test]
async fn what_is_throttled_can_be_frozen_killed_and_begun_anew() {
    need_root!();
    for service in services().await {
        let sandbox = burning(&service, 60, 20).await;
        more_used_than(&sandbox, Duration::from_millis(20)).await;
        sandbox.freeze().unwrap();
        // It stands still once each has come to the point where it stops.
        let mut last = sandbox.cpu_usage().unwrap();
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            let now = sandbox.cpu_usage().unwrap();
            if std::mem::replace(&mut last, now) == now {
                break;
            }
        }
        sandbox.thaw().unwrap();
        more_used_than(&sandbox, last).await;
        sandbox.reset().await.unwrap();
        assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
        sandbox.start_main(sh("exit 3")).await.unwrap();
        assert_eq!(sandbox.wait().await.status, ExitStatus::Code(3));
        sandbox.destroy().await;

        let sandbox = burning(&service, 60, 20).await;
        more_used_than(&sandbox, Duration::from_millis(20)).await;
        sandbox.freeze().unwrap();
        sandbox.kill();
        assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
        sandbox.destroy().await;
    }
}
