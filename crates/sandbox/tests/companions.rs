//! Processes beside the main one, and sandboxes whose main one comes later.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::io::{BufRead, BufReader};
use std::sync::Arc;
use std::time::Duration;

use common::*;
use hearth_sandbox::{ExitStatus, Limits, Process, SandboxError, SetupError};

fn empty() -> hearth_sandbox::SandboxSpec {
    let mut empty = spec(sh("true"));
    empty.process = None;
    empty
}

#[tokio::test]
async fn the_main_process_may_come_later() {
    need_root!();
    let service = service().await;
    let mut wanted = empty();
    wanted.listen = vec![9001];
    let mut sandbox = service.create(wanted).await.unwrap();
    assert!(sandbox.take_listener().is_some());
    sandbox.signal(15).unwrap();
    let early = tokio::time::timeout(Duration::from_millis(50), sandbox.wait()).await;
    assert!(early.is_err(), "there is nothing that could end");
    sandbox.start_main(sh("exit 3")).await.unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(3));
    // Ended, so another may come, with no reset between.
    sandbox.start_main(sh("sleep 60")).await.unwrap();
    let error = sandbox.start_main(sh("true")).await.unwrap_err();
    assert!(matches!(error, SandboxError::Setup(SetupError::MainRuns)), "{error}");
    let running = tokio::time::timeout(Duration::from_millis(50), sandbox.wait()).await;
    assert!(running.is_err(), "the main process still runs");
    sandbox.reset().await.unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    let error = sandbox.start_main(Process::new("/nowhere")).await.unwrap_err();
    assert_eq!(error.exec_errno(), Some(2));
    // What ran last is still known.
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    sandbox.start_main(sh("exit 4")).await.unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(4));
    sandbox.kill();
    sandbox.wait().await;
    assert!(matches!(sandbox.start_main(sh("true")).await, Err(SandboxError::Ended { .. })));
    assert!(matches!(sandbox.reset().await, Err(SandboxError::Ended { .. })));
}

#[tokio::test]
async fn companions_are_like_the_main_process() {
    need_root!();
    let service = service().await;
    let script = "id -u; id -g; hostname; ulimit -n; \
        grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp):' /proc/self/status | tr -s '\\t ' ' '; cat /tmp/mark; ls /proc/self/fd | wc -l";
    let sandbox = service.create(empty()).await.unwrap();
    let mut told = Vec::new();
    let (process, reader) = with_output(sh(&format!("echo kept > /tmp/mark; {script}; exit 7")));
    let companion = sandbox.spawn(process).await.unwrap();
    assert_eq!(companion.wait().await.status, ExitStatus::Code(7));
    told.push(read_all(reader).await);
    let (process, reader) = with_output(sh(script));
    sandbox.start_main(process).await.unwrap();
    told.push(read_all(reader).await);
    assert_eq!(told[0], told[1]);
    assert!(told[0].starts_with("993\n990\nsandbox-host\n1024\nCapEff: 0000000000000000\n"), "{}", told[0]);
    assert!(told[0].contains("NoNewPrivs: 1\nSeccomp: 2\nkept\n"), "{}", told[0]);
}

#[tokio::test]
async fn each_end_is_told_to_whom_it_concerns() {
    need_root!();
    let service = service().await;
    let sandbox = service.create(spec(sh("sleep 60"))).await.unwrap();
    let mut companions = Vec::new();
    for code in 0..5 {
        companions.push(Arc::new(sandbox.spawn(sh(&format!("sleep 0.0{code}; exit {code}"))).await.unwrap()));
    }
    let error = sandbox.spawn(Process::new("/nowhere")).await.unwrap_err();
    assert_eq!(error.exec_errno(), Some(2));
    // All at once, in any order, some given up and asked again.
    let mut tasks = tokio::task::JoinSet::new();
    for (code, companion) in companions.iter().enumerate() {
        let companion = Arc::clone(companion);
        tasks.spawn(async move {
            let _ = tokio::time::timeout(Duration::from_millis(5), companion.wait()).await;
            assert_eq!(companion.wait().await.status, ExitStatus::Code(code as i32));
        });
    }
    tasks.join_all().await;
    // One that nobody asks for.
    drop(sandbox.spawn(sh("exit 9")).await.unwrap());
    sandbox.signal(9).unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    assert_eq!(companions[3].wait().await.status, ExitStatus::Code(3));
}

#[tokio::test]
async fn a_signal_reaches_just_the_companion() {
    need_root!();
    let service = service().await;
    let trap = "trap 'exit 5' TERM; echo up; while :; do sleep 0.01; done";
    let (main, main_out) = with_output(sh(trap));
    let sandbox = service.create(spec(main)).await.unwrap();
    let (process, reader) = with_output(sh(trap));
    let companion = sandbox.spawn(process).await.unwrap();
    for output in [main_out, reader] {
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line).unwrap();
        assert_eq!(line, "up\n");
    }
    companion.signal(15).unwrap();
    assert_eq!(companion.wait().await.status, ExitStatus::Code(5));
    // Gone: nothing happens.
    companion.signal(15).unwrap();
    sandbox.signal(15).unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(5));
}

#[tokio::test]
async fn reset_ends_them_all_and_respawn_too() {
    need_root!();
    let service = service().await;
    let sandbox = service.create(spec(sh("sleep 60"))).await.unwrap();
    for round in 0..4 {
        let (process, reader) = with_output(sh("(setsid sh -c 'trap \"\" TERM; sleep 60' &); sleep 60"));
        let companion = sandbox.spawn(process).await.unwrap();
        sandbox.freeze().unwrap();
        if round % 2 == 0 {
            sandbox.reset().await.unwrap();
            // Every writer is gone already: this does not wait.
            assert_eq!(read_all(reader).await, "");
            let count = "import os; print(len([p for p in os.listdir('/proc') if p.isdigit()]))";
            let (process, reader) = with_output(python(count));
            sandbox.start_main(process).await.unwrap();
            assert_eq!(read_all(reader).await, "1\n");
        } else {
            sandbox.respawn(sh("sleep 60")).await.unwrap();
            assert_eq!(read_all(reader).await, "");
        }
        let exit = companion.wait().await;
        assert_eq!((exit.status, exit.oom_killed), (ExitStatus::Signal(9), false));
    }
    let companion = sandbox.spawn(sh("sleep 60")).await.unwrap();
    drop(sandbox);
    assert_eq!(companion.wait().await.status, ExitStatus::Signal(9));
    assert!(matches!(companion.signal(15), Err(SandboxError::Ended { .. })));
}

#[tokio::test]
async fn out_of_memory_is_told_of_whom_it_was() {
    need_root!();
    let service = service().await;
    let hungry = || python("x = bytearray(400 << 20)");
    let sandbox = service.create(spec(sh("sleep 60"))).await.unwrap();
    let companion = sandbox.spawn(hungry()).await.unwrap();
    assert!(companion.wait().await.oom_killed);
    // The main one is ended by us.
    sandbox.signal(9).unwrap();
    assert!(!sandbox.wait().await.oom_killed);
    // A grandchild dies for memory, and the next main process by our hand.
    let (process, reader) = with_output(sh("python3 -I -c 'x = bytearray(400 << 20)'; echo on; sleep 60"));
    sandbox.start_main(process).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    while line != "on\n" {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    sandbox.respawn(sh("kill -9 $$")).await.unwrap();
    let exit = sandbox.wait().await;
    assert_eq!((exit.status, exit.oom_killed), (ExitStatus::Signal(9), false));
    sandbox.start_main(hungry()).await.unwrap();
    assert!(sandbox.wait().await.oom_killed);
}

#[tokio::test]
async fn companions_share_the_limits() {
    need_root!();
    let service = service().await;
    let mut wanted = empty();
    wanted.limits = Limits::new(128 * MIB);
    wanted.limits.processes = 4;
    let sandbox = service.create(wanted).await.unwrap();
    let mut live = Vec::new();
    for _ in 0..4 {
        live.push(sandbox.spawn(sh("exec sleep 60")).await.unwrap());
    }
    let error = sandbox.spawn(sh("exec sleep 60")).await.unwrap_err();
    assert!(matches!(error, SandboxError::Setup(SetupError::Fork(_))), "{error}");
    sandbox.reset().await.unwrap();
    live.push(sandbox.spawn(sh("true")).await.unwrap());
    assert_eq!(live[4].wait().await.status, ExitStatus::Code(0));
}
