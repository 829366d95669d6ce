//! Starting, freezing, killing, starting again, ending.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use common::*;
use hearth_sandbox::{Bind, ExitStatus, Process, SandboxError, Sandboxes};

/// Waits until `found` is true; the moment is not ours to choose, but it comes.
async fn eventually(what: &str, mut found: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if found() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} never came");
}

#[tokio::test]
async fn frozen_means_no_cpu_and_thawed_continues() {
    need_root!();
    let service = service().await;
    let sandbox = service.create(spec(sh("while :; do :; done"))).await.unwrap();
    let used = || sandbox.cpu_usage().unwrap();
    eventually("its first CPU time", || used() > Duration::from_millis(20)).await;
    sandbox.freeze().unwrap();
    // Freezing takes a moment; then the count stands still.
    let mut last = used();
    eventually("standstill", || {
        std::thread::sleep(Duration::from_millis(20));
        let now = used();
        std::mem::replace(&mut last, now) == now
    })
    .await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(used(), last);
    sandbox.thaw().unwrap();
    eventually("more CPU time", || used() > last + Duration::from_millis(20)).await;
    // A frozen one can be killed.
    sandbox.freeze().unwrap();
    sandbox.kill();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    assert!(matches!(sandbox.signal(15), Err(SandboxError::Ended { .. })));
}

#[tokio::test]
async fn kill_reaches_a_daemon() {
    need_root!();
    let service = service().await;
    let (process, reader) = with_output(sh("(setsid sh -c 'trap \"\" TERM HUP; echo up; sleep 60' &) ; sleep 60"));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    sandbox.kill();
    sandbox.wait().await;
    // The pipe ends only when its last writer, the daemon, is dead.
    line.clear();
    assert_eq!(lines.read_line(&mut line).unwrap(), 0);
    sandbox.destroy().await;
}

#[tokio::test]
async fn respawn_kills_all_and_keeps_tmp_and_the_listener() {
    need_root!();
    let service = service().await;
    let (process, reader) = with_output(sh("echo one > /tmp/mark; (setsid sleep 60 &); echo up; sleep 60"));
    let mut wanted = spec(process);
    wanted.listen = vec![9001];
    let mut sandbox = service.create(wanted).await.unwrap();
    let listener = sandbox.take_listener().unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    for round in 0..3 {
        let (process, reader) = with_output(python(
            "import socket, os\n\
            print(open('/tmp/mark').read().strip(), len([p for p in os.listdir('/proc') if p.isdigit()]))\n\
            socket.create_connection(('127.0.0.1', 9001))",
        ));
        // Also when it is frozen, as after an invocation.
        sandbox.freeze().unwrap();
        sandbox.respawn(process).await.unwrap();
        assert_eq!(read_all(reader).await, "one 1\n", "round {round}");
        assert_eq!(sandbox.wait().await.status, ExitStatus::Code(0));
        listener.set_nonblocking(false).unwrap();
        listener.accept().unwrap();
    }
    assert_eq!(lines.read_line(&mut line).unwrap(), 0, "the old processes are gone");
}

#[tokio::test]
async fn wait_and_respawn_do_not_get_in_each_others_way() {
    need_root!();
    let service = service().await;
    let sandbox = std::sync::Arc::new(service.create(spec(sh("sleep 60"))).await.unwrap());
    let waiting = tokio::spawn({
        let sandbox = std::sync::Arc::clone(&sandbox);
        async move { sandbox.wait().await }
    });
    tokio::task::yield_now().await;
    sandbox.respawn(sh("exit 3")).await.unwrap();
    assert_eq!(waiting.await.unwrap().status, ExitStatus::Signal(9));
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(3));
    let error = sandbox.respawn(Process::new("/nowhere")).await.unwrap_err();
    assert_eq!(error.exec_errno(), Some(2));
    sandbox.respawn(sh("exit 4")).await.unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(4));
}

#[tokio::test]
async fn a_signal_reaches_the_main_process() {
    need_root!();
    let service = service().await;
    let (process, reader) = with_output(sh("trap 'echo caught; exit 5' TERM; echo up; while :; do sleep 0.01; done"));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    sandbox.signal(15).unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(5));
    line.clear();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "caught\n");
}

#[tokio::test]
async fn a_program_that_cannot_be_executed_is_told_apart() {
    need_root!();
    let service = service().await;
    let code = service.folder.path().join("code");
    std::fs::create_dir(&code).unwrap();
    std::fs::set_permissions(&code, PermissionsExt::from_mode(0o755)).unwrap();
    for (name, bytes, mode) in [
        ("text", &b"no program"[..], 0o755),
        ("closed", b"#!/bin/sh\n", 0o644),
        ("lost", b"#!/no/such/interpreter\n", 0o755),
    ] {
        std::fs::write(code.join(name), bytes).unwrap();
        std::fs::set_permissions(code.join(name), PermissionsExt::from_mode(mode)).unwrap();
    }
    for (name, errno, text) in [
        ("text", 8, "Exec format error"),
        ("closed", 13, "Permission denied"),
        ("lost", 2, "No such file or directory"),
        ("absent", 2, "No such file or directory"),
    ] {
        let mut wanted = spec(Process::new(format!("/var/task/{name}")));
        wanted.binds.push(Bind::read_only(&code, "/var/task"));
        let error = service.create(wanted).await.unwrap_err();
        assert_eq!(error.exec_errno(), Some(errno), "{name}: {error}");
        let told = error.to_string();
        assert!(told.starts_with(&format!("failed to execute /var/task/{name}: {text}")), "{told}");
    }
}

#[tokio::test]
async fn a_step_that_fails_is_named() {
    need_root!();
    let service = service().await;
    let mut wanted = spec(sh("true"));
    wanted.binds.push(Bind::read_only("/no/such/folder", "/var/task"));
    let error = service.create(wanted).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to open /no/such/folder for /var/task: No such file or directory (os error 2)"
    );
    let mut wanted = spec(sh("true"));
    wanted.process.as_mut().unwrap().cwd = "/nowhere".into();
    let error = service.create(wanted).await.unwrap_err();
    assert!(error.to_string().starts_with("failed to change to the working directory /nowhere"), "{error}");
    for target in ["relative", "/a/../b", "/proc/x", "/dev/x"] {
        let mut wanted = spec(sh("true"));
        wanted.binds.push(Bind::read_only("/usr", target));
        let error = service.create(wanted).await.unwrap_err();
        assert!(matches!(error, SandboxError::InvalidSpec(_)), "{target}: {error}");
    }
}

#[tokio::test]
async fn a_burst_larger_than_the_pool_is_served() {
    need_root!();
    let service = service().await;
    let mut tasks = tokio::task::JoinSet::new();
    for index in 0..20u64 {
        let sandboxes = service.sandboxes.clone();
        tasks.spawn(async move {
            let mut wanted = spec(sh(&format!("exit {index}")));
            // Sizes that nobody prepared for, too.
            wanted.tmp_bytes = (32 + index % 3 * 32) * MIB;
            let sandbox = sandboxes.create(wanted).await.unwrap();
            assert_eq!(sandbox.wait().await.status, ExitStatus::Code(index as i32));
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn large_environments_and_files_arrive() {
    need_root!();
    let service = service().await;
    let mut process = sh("echo ${#BIG}; wc -c < /etc/large");
    process.env.push(("BIG".into(), "x".repeat(100_000).into()));
    let done = service
        .run_with(process, |spec| {
            spec.files.push(hearth_sandbox::SmallFile {
                path: "/etc/large".into(),
                bytes: vec![b'y'; 3_000_000],
                mode: 0o644,
            });
        })
        .await;
    assert_eq!(done.output, "100000\n3000000\n");
}

#[tokio::test]
async fn a_create_that_is_cancelled_leaves_nothing() {
    need_root!();
    let service = service().await;
    for delay_us in [0, 50, 200, 1000, 3000] {
        let creating = service.create(spec(sh("sleep 60")));
        let _ = tokio::time::timeout(Duration::from_micros(delay_us), creating).await;
    }
    let done = service.run(sh("echo fine")).await;
    assert_eq!(done.output, "fine\n");
}

#[tokio::test]
async fn a_helper_that_cannot_be_started_is_named() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let mut wanted = options(folder.path());
    wanted.helper.path = "/no/such/helper".into();
    let error = Sandboxes::start(wanted).await.unwrap_err();
    assert!(error.to_string().contains("/no/such/helper"), "{error}");
}

#[tokio::test]
async fn kill_processes_spares_the_sandbox() {
    need_root!();
    let service = service().await;
    let (process, reader) = with_output(sh("echo kept > /tmp/mark; (setsid sleep 60 &); echo up; sleep 60"));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    sandbox.freeze().unwrap();
    sandbox.kill_processes().unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    assert_eq!(lines.read_line(&mut line).unwrap(), 0, "the daemon is dead as well");
    let (process, reader) = with_output(sh("cat /tmp/mark"));
    sandbox.respawn(process).await.unwrap();
    assert_eq!(read_all(reader).await, "kept\n");
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(0));
}
