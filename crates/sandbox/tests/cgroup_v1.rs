//! On a host with only cgroup v1, the same holds by other files. Here the v2 tree is left aside, if there is one.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::time::Duration;

use common::*;
use hearth_sandbox::{ExitStatus, Sandboxes};

async fn v1_service() -> Option<Service> {
    if let Some(why) = cannot_run() {
        eprintln!("{why}");
        return None;
    }
    if !std::path::Path::new("/sys/fs/cgroup/freezer").is_dir() {
        eprintln!("SKIPPED: this host has no cgroup v1 freezer");
        return None;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.without_cgroup_v2 = true;
    let sandboxes = Sandboxes::start(options).await.unwrap();
    Some(Service { sandboxes, folder })
}

#[tokio::test]
async fn freezing_measuring_and_killing() {
    let Some(service) = v1_service().await else { return };
    let sandbox = service.create(spec(sh("while :; do :; done"))).await.unwrap();
    let used = || sandbox.cpu_usage().unwrap();
    while used() < Duration::from_millis(20) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(sandbox.memory_peak_bytes().unwrap() > 0);
    sandbox.freeze().unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let frozen = used();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(used(), frozen);
    sandbox.thaw().unwrap();
    while used() < frozen + Duration::from_millis(20) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    sandbox.freeze().unwrap();
    sandbox.kill();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    sandbox.destroy().await;
}

#[tokio::test]
async fn limits_respawning_and_cleaning() {
    let Some(service) = v1_service().await else { return };
    let done = service.run(python("x = bytearray(400 << 20)")).await;
    assert!(done.exit.oom_killed);
    done.sandbox.destroy().await;

    let sandbox = service.create(spec(sh("(setsid sleep 60 &); sleep 60"))).await.unwrap();
    sandbox.freeze().unwrap();
    sandbox.respawn(sh("exit 3")).await.unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(3));
    // Dropped while frozen, with a process inside.
    sandbox.respawn(sh("sleep 60")).await.unwrap();
    sandbox.freeze().unwrap();
    sandbox.destroy().await;
    service.sandboxes.shutdown().await;
    let left = std::fs::read_dir("/sys/fs/cgroup/freezer").unwrap().flatten();
    let parent = options(service.folder.path()).cgroup_parent;
    assert!(!left.map(|entry| entry.file_name()).any(|name| *name == *parent));
}
