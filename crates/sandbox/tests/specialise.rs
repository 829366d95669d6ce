//! A sandbox that runs already is told what it is for: mounts and limits.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::io::{BufRead, BufReader, PipeReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use common::*;
use hearth_sandbox::{Bind, Cpu, ExitStatus, Limits, Link, Sandbox, SandboxError};

/// SIGUSR1.
const USR1: i32 = 10;

/// A folder of code and one of a layer, readable by everyone.
fn packages(service: &Service) -> (PathBuf, PathBuf) {
    let folder = service.folder.path();
    for (name, text) in [("code", "the code"), ("layer", "the layer")] {
        std::fs::create_dir_all(folder.join(name).join("inner")).unwrap();
        std::fs::write(folder.join(name).join("file"), text).unwrap();
        std::fs::set_permissions(folder.join(name), PermissionsExt::from_mode(0o755)).unwrap();
    }
    (folder.join("code"), folder.join("layer"))
}

/// A shell that says it is up, and does what it is told when it gets a signal.
async fn parked(service: &Service, then: &str, memory_bytes: u64) -> (Sandbox, BufReader<PipeReader>) {
    parked_in(service, then, memory_bytes, |_| {}).await
}

async fn parked_in(
    service: &Service,
    then: &str,
    memory_bytes: u64,
    change: impl FnOnce(&mut hearth_sandbox::SandboxSpec),
) -> (Sandbox, BufReader<PipeReader>) {
    let script = format!("trap 'told=1' USR1; echo up; while [ -z \"$told\" ]; do sleep 0.01; done\n{then}");
    let (process, reader) = with_output(sh(&script));
    let mut wanted = spec(process);
    wanted.dirs = vec!["/var/task".into(), "/opt".into()];
    wanted.limits = Limits::new(memory_bytes);
    change(&mut wanted);
    let sandbox = service.create(wanted).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    assert_eq!(line, "up\n");
    (sandbox, lines)
}

async fn rest(lines: BufReader<PipeReader>) -> String {
    read_all(lines.into_inner()).await
}

#[tokio::test]
async fn mounts_and_limits_arrive_in_a_running_process() {
    need_root!();
    let service = service().await;
    let (code, layer) = packages(&service);
    let script = "cat /var/task/file /opt/file; echo; \
        touch /var/task/new /opt/inner/new; \
        grep -E ' (/var/task|/opt) ' /proc/self/mounts | cut -d' ' -f4 | cut -d, -f1-3 | sort -u";
    let (sandbox, lines) = parked(&service, script, 256 * MIB).await;
    let binds = vec![Bind::read_only(&code, "/var/task"), Bind::read_only(&layer, "/opt")];
    sandbox.specialise(binds, Limits::new(128 * MIB)).await.unwrap();
    sandbox.signal(USR1).unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(0));
    let told = rest(lines).await;
    let expected = "the codethe layer\ntouch: cannot touch '/var/task/new': Read-only file system\n\
        touch: cannot touch '/opt/inner/new': Read-only file system\nro,nosuid,nodev\n";
    assert_eq!(told, expected);
}

#[tokio::test]
async fn later_processes_have_them_as_well() {
    need_root!();
    let service = service().await;
    let (code, _) = packages(&service);
    let (sandbox, _lines) = parked(&service, "true", 128 * MIB).await;
    let mut limits = Limits::new(128 * MIB);
    limits.open_files = 99;
    sandbox.specialise(vec![Bind::read_only(&code, "/var/task")], limits).await.unwrap();
    let (process, reader) = with_output(sh("cat /var/task/file; ulimit -n"));
    sandbox.respawn(process).await.unwrap();
    assert_eq!(read_all(reader).await, "the code99\n");
}

#[tokio::test]
async fn the_memory_limit_is_raised_and_lowered() {
    need_root!();
    let service = service().await;
    check_memory(&service).await;
}

#[tokio::test]
async fn and_on_v1_as_well() {
    need_root!();
    if !Path::new("/sys/fs/cgroup/freezer").is_dir() {
        eprintln!("SKIPPED: this host has no cgroup v1 freezer");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut options = options(folder.path());
    options.without_cgroup_v2 = true;
    let sandboxes = hearth_sandbox::Sandboxes::start(options).await.unwrap();
    check_memory(&Service { sandboxes, folder }).await;
}

async fn check_memory(service: &Service) {
    let hungry = "exec python3 -I -c 'x = bytearray(120 << 20); print(\"fits\")'";
    for (before, after, output, oom_killed) in [(64, 256, "fits\n", false), (256, 64, "", true)] {
        let (sandbox, lines) = parked(service, hungry, before * MIB).await;
        sandbox.specialise(Vec::new(), Limits::new(after * MIB)).await.unwrap();
        sandbox.signal(USR1).unwrap();
        let exit = sandbox.wait().await;
        assert_eq!((rest(lines).await.as_str(), exit.oom_killed), (output, oom_killed), "{before} -> {after} MiB");
    }
}

#[tokio::test]
async fn processes_and_processors_are_limited_anew() {
    need_root!();
    let service = service().await;
    let script = "exec python3 -I -c '\n\
        import os, errno, time\n\
        t0 = time.monotonic(); c0 = time.process_time()\n\
        while time.monotonic() - t0 < 1.0: pass\n\
        print(time.process_time() - c0 < 0.4)\n\
        n = 0\n\
        while True:\n\
        \x20   try:\n\
        \x20       if os.fork() == 0: time.sleep(60)\n\
        \x20       n += 1\n\
        \x20   except OSError as e:\n\
        \x20       print(n, errno.errorcode[e.errno]); break'";
    let (sandbox, lines) = parked(&service, script, 128 * MIB).await;
    let mut limits = Limits::new(128 * MIB);
    limits.processes = 5;
    limits.cpu = Cpu {
        quota_millis: Some(200),
        weight: 10,
    };
    sandbox.specialise(Vec::new(), limits).await.unwrap();
    sandbox.signal(USR1).unwrap();
    sandbox.wait().await;
    sandbox.kill();
    assert_eq!(rest(lines).await, "True\n4 EAGAIN\n");
}

#[tokio::test]
async fn what_fails_is_named() {
    need_root!();
    let service = service().await;
    let (code, layer) = packages(&service);
    let link = Link {
        path: "/linked".into(),
        target: "/var/task".into(),
    };
    for (bind, expected) in [
        (Bind::read_only("/no/such", "/opt"), "failed to open /no/such for /opt: No such file"),
        (Bind::read_only(&code, "/absent"), "failed to find /absent in the sandbox as a plain path: No such file"),
        (Bind::read_only(code.join("file"), "/opt"), "/code/file on /opt: "),
        // Nothing inside can point a mount somewhere else.
        (Bind::read_only(&layer, "/linked"), "failed to find /linked in the sandbox as a plain path: Too many levels"),
        (Bind::read_only(&layer, "/linked/x"), "as a plain path: Too many levels"),
    ] {
        let (sandbox, _lines) = parked_in(&service, "true", 64 * MIB, |spec| spec.links.push(link.clone())).await;
        let error = sandbox.specialise(vec![bind.clone()], Limits::new(64 * MIB)).await.unwrap_err();
        assert!(matches!(error, SandboxError::Setup(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{bind:?}: {error}");
    }
    let (sandbox, _lines) = parked(&service, "true", 64 * MIB).await;
    for (target, read_only) in [("/tmp/x", true), ("/proc", true), ("relative", true), ("/opt", false)] {
        let bind = Bind {
            source: code.clone(),
            target: target.into(),
            read_only,
            plain_source: false,
            shares_ids: false,
        };
        let error = sandbox.specialise(vec![bind], Limits::new(64 * MIB)).await.unwrap_err();
        assert!(matches!(error, SandboxError::InvalidSpec(_)), "{target}: {error}");
    }
}

/// A slot's number is given again as soon as nothing of it is left; what was meant for the sandbox before must not
/// reach the one after.
#[tokio::test]
async fn one_that_has_ended_is_told_apart_from_the_next() {
    need_root!();
    let service = service().await;
    let (code, _) = packages(&service);
    for _ in 0..5 {
        let (old, _lines) = parked(&service, "true", 64 * MIB).await;
        old.kill();
        let script = "ls /var/task | wc -l";
        let (next, lines) = parked(&service, script, 64 * MIB).await;
        let binds = vec![Bind::read_only(&code, "/var/task")];
        // The helper may not have noticed yet; then it mounts into what is dying.
        let specialised = old.specialise(binds.clone(), Limits::new(64 * MIB)).await;
        let known = matches!(specialised, Err(SandboxError::Ended { .. } | SandboxError::Setup(_)));
        assert!(known || old.wait().await.status == ExitStatus::Signal(9), "{specialised:?}");
        old.destroy().await;
        next.signal(USR1).unwrap();
        next.wait().await;
        assert_eq!(rest(lines).await, "0\n");
    }
}

#[tokio::test]
async fn many_at_once() {
    need_root!();
    let service = service().await;
    let (code, layer) = packages(&service);
    let mut all = Vec::new();
    for _ in 0..8 {
        all.push(parked(&service, "cat /var/task/file /opt/file", 64 * MIB).await);
    }
    let mut tasks = tokio::task::JoinSet::new();
    for (sandbox, lines) in all {
        let binds = vec![Bind::read_only(&code, "/var/task"), Bind::read_only(&layer, "/opt")];
        tasks.spawn(async move {
            sandbox.specialise(binds, Limits::new(96 * MIB)).await.unwrap();
            sandbox.signal(USR1).unwrap();
            sandbox.wait().await;
            assert_eq!(rest(lines).await, "the codethe layer");
        });
    }
    tasks.join_all().await;
}

/// Everything that code inside can write to is under `/tmp`; a target is never there, and no link leads there.
#[tokio::test]
async fn hostile_code_cannot_move_the_target() {
    need_root!();
    let service = service().await;
    let (code, _) = packages(&service);
    let script = "cat /var/task/file; ls /tmp/task 2>&1; grep -c ' /tmp/' /proc/self/mounts";
    let (process, reader) = with_output(sh(&format!(
        "trap told=1 USR1\n\
        mkdir /tmp/task; mv /var/task /tmp/old; ln -sfn /tmp/task /var/task; rmdir /var/task; \
        mount --bind /tmp/task /var/task; unshare -m true; \
        echo up; while [ -z \"$told\" ]; do sleep 0.01; done 2>/dev/null\n{script}"
    )));
    let mut wanted = spec(process);
    wanted.dirs = vec!["/var/task".into()];
    let sandbox = service.create(wanted).await.unwrap();
    let mut lines = BufReader::new(reader);
    let mut line = String::new();
    while line != "up\n" {
        line.clear();
        lines.read_line(&mut line).unwrap();
    }
    sandbox.specialise(vec![Bind::read_only(&code, "/var/task")], Limits::new(64 * MIB)).await.unwrap();
    sandbox.signal(USR1).unwrap();
    sandbox.wait().await;
    assert_eq!(rest(lines).await, "the code0\n");
}
