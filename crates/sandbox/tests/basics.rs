//! A program runs inside, sees what it was given, and its end is told.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use common::*;
use hearth_sandbox::ExitStatus;

#[tokio::test]
async fn a_shell_command_runs() {
    need_root!();
    let service = service().await;
    let done = service.run(sh("echo hello; id -u; id -g; hostname; pwd; exit 7")).await;
    assert_eq!(done.output, "hello\n993\n990\nsandbox-host\n/tmp\n");
    assert_eq!(done.exit.status, ExitStatus::Code(7));
    assert!(!done.exit.oom_killed);
    service.sandboxes.shutdown().await;
}

#[tokio::test]
async fn python_runs() {
    need_root!();
    let service = service().await;
    let script = "import os, subprocess, threading\n\
        t = threading.Thread(target=lambda: print('thread')); t.start(); t.join()\n\
        print(os.getuid(), subprocess.check_output(['/bin/echo', 'child']).decode().strip())";
    let done = service.run(python(script)).await;
    assert_eq!(done.output, "thread\n993 child\n");
    assert_eq!(done.exit.status, ExitStatus::Code(0));
}
