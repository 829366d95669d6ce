//! The helper is killed: its sandboxes are told as ended, and another helper takes over with a clean host.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::path::Path;
use std::time::Duration;

use common::traces::{Traces, settles_at};
use common::*;
use hearth_sandbox::{ExitStatus, Network, SandboxError, Sandboxes};

/// Kills the helper and returns when it is gone.
fn kill_helper(sandboxes: &Sandboxes) -> u32 {
    let pid = sandboxes.helper_pid().unwrap();
    assert!(std::process::Command::new("/bin/kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    pid
}

/// All of it, with one kind of options.
async fn check(change: impl FnOnce(&mut hearth_sandbox::Options)) {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    change(&mut options);
    let sandboxes = Sandboxes::start(options).await.unwrap();
    let service = Service { sandboxes, folder };
    let running = service.create(spec(sh("(setsid sleep 60 &); sleep 60"))).await.unwrap();
    let companion = running.spawn(sh("sleep 60")).await.unwrap();
    let frozen = service.create(spec(sh("sleep 60"))).await.unwrap();
    frozen.freeze().unwrap();
    let old = kill_helper(&service.sandboxes);

    // Whoever asks meanwhile waits for the next one.
    let done = service.run(sh("echo anew")).await;
    assert_eq!(done.output, "anew\n");
    assert_ne!(service.sandboxes.helper_pid(), Some(old));
    for exit in [running.wait().await, frozen.wait().await, companion.wait().await] {
        assert_eq!((exit.status, exit.oom_killed), (ExitStatus::Signal(9), false));
    }
    for sandbox in [&running, &frozen] {
        let limits = hearth_sandbox::Limits::new(64 * MIB);
        assert!(matches!(sandbox.specialise(Vec::new(), limits).await, Err(SandboxError::Ended { .. })));
        assert!(matches!(sandbox.respawn(sh("true")).await, Err(SandboxError::Ended { .. })));
        assert!(matches!(sandbox.connect(1).await, Err(SandboxError::Ended { .. })));
    }
    // Nothing of the old ones is left beside the new ones.
    running.destroy().await;
    frozen.destroy().await;
    done.sandbox.destroy().await;
    service.sandboxes.shutdown().await;
    settles_at(service.folder.path(), &Traces::none()).await;
    let error = service.create(spec(sh("true"))).await.unwrap_err();
    assert!(error.to_string().contains("the service was shut down"), "{error}");
}

#[tokio::test]
async fn another_one_takes_over() {
    need_root!();
    check(|_| {}).await;
}

#[tokio::test]
async fn also_with_cgroup_v1_alone() {
    need_root!();
    if !Path::new("/sys/fs/cgroup/freezer").is_dir() {
        eprintln!("SKIPPED: this host has no cgroup v1 freezer");
        return;
    }
    check(|options| options.without_cgroup_v2 = true).await;
}

/// The names and addresses of the links are taken until the kernel has removed those of the dead.
#[tokio::test]
async fn also_with_an_outbound_network() {
    need_root!();
    check(|options| options.network = Network::Nat).await;
}

#[tokio::test]
async fn one_death_after_another_leaves_pauses_and_a_clear_error() {
    need_root!();
    let service = service().await;
    let error = loop {
        match service.create(spec(sh("sleep 60"))).await {
            Ok(sandbox) => {
                kill_helper(&service.sandboxes);
                sandbox.wait().await;
            }
            // It was killed while it made one.
            Err(SandboxError::Setup(_)) => {}
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SandboxError::HelperGone(_)), "{error:?}");
    assert!(error.to_string().contains("it ended again and again; the next start is in 2 s"), "{error}");
    // It is not the end.
    loop {
        match service.create(spec(sh("exit 3"))).await {
            Ok(sandbox) => break assert_eq!(sandbox.wait().await.status, ExitStatus::Code(3)),
            Err(SandboxError::HelperGone(_)) => tokio::time::sleep(Duration::from_millis(50)).await,
            Err(error) => panic!("{error}"),
        }
    }
    service.sandboxes.shutdown().await;
}

/// The service is shut down while there is no helper.
#[tokio::test]
async fn a_shutdown_does_not_wait_for_the_next_one() {
    need_root!();
    let service = service().await;
    for _ in 0..2 {
        // Up again, at the latest when this is answered.
        service.create(spec(sh("true"))).await.unwrap().destroy().await;
        kill_helper(&service.sandboxes);
    }
    service.sandboxes.shutdown().await;
    assert_eq!(service.sandboxes.helper_pid(), None);
    settles_at(service.folder.path(), &Traces::none()).await;
}
