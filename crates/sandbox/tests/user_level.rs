//! What holds for an ordinary user, without root anywhere: namespaces, the filter, limits of each process.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::*;
use hearth_sandbox::{Bind, ExitStatus, Level, Limits, Sandboxes};

/// The folder with the helper and the state, readable for the ordinary user; set only for that process.
const FOLDER: &str = "SANDBOX_TEST_FOLDER";
const NOBODY: u32 = 65534;

/// Starts this very program as nobody, from a folder that nobody can read.
#[test]
fn an_ordinary_user_gets_the_user_level() {
    if cannot_run().is_some() {
        // Already an ordinary user.
        return run_as_user(tempfile::tempdir().unwrap().path(), env!("CARGO_BIN_EXE_hearth-sandbox-helper").as_ref());
    }
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let (program, helper, state) =
        (folder.path().join("test"), folder.path().join("helper"), folder.path().join("state"));
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    std::fs::copy(env!("CARGO_BIN_EXE_hearth-sandbox-helper"), &helper).unwrap();
    std::fs::create_dir(&state).unwrap();
    std::os::unix::fs::chown(&state, Some(NOBODY), Some(NOBODY)).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["--exact", "as_nobody", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .current_dir("/")
        .output();
    let Ok(output) = output else {
        eprintln!("SKIPPED: setpriv (package util-linux) is not installed");
        return;
    };
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    eprintln!("{told}");
    assert!(output.status.success(), "{told}");
}

/// Not a test of its own: the part of the above that runs as nobody.
#[test]
#[ignore = "a part of the other test, which starts it as an ordinary user"]
fn as_nobody() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    run_as_user(&folder.join("state"), &folder.join("helper"));
}

fn run_as_user(state: &Path, helper: &Path) {
    let allowed = Command::new("unshare").args(["-Urpf", "true"]).status();
    if !allowed.is_ok_and(|status| status.success()) {
        eprintln!("SKIPPED: this host does not let ordinary users make user namespaces");
        return;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(check_all(state, helper));
}

async fn check_all(state: &Path, helper: &Path) {
    let mut options = options(state);
    options.helper.path = helper.to_owned();
    let sandboxes = Sandboxes::start(options.clone()).await.unwrap();
    assert_eq!(sandboxes.level(), Level::User);
    let gaps: Vec<_> = sandboxes.mechanisms().iter().filter(|mechanism| !mechanism.in_force).collect();
    for name in ["memory limit", "cpu quota", "process limit", "user id ranges", "freezer", "disk quota of /tmp"] {
        let gap = gaps.iter().find(|gap| gap.name == name).unwrap_or_else(|| panic!("{name} is said to hold"));
        assert!(gap.how_to_improve.is_some());
    }
    let service = Service {
        sandboxes,
        folder: tempfile::tempdir().unwrap(),
    };
    runs_isolated(&service).await;
    holds_limits(&service).await;
    freezes_and_kills(&service).await;
    is_specialised_and_connected(&service, state).await;
    service.sandboxes.shutdown().await;

    options.min_level = Level::Root;
    let error = Sandboxes::start(options).await.unwrap_err();
    assert!(error.to_string().contains("isolation level is user, expected at least root"), "{error}");
}

async fn runs_isolated(service: &Service) {
    let script = "id -u; id -g; hostname; touch /x /usr/x /tmp/x; ls /proc | grep -cE '^[0-9]+$'; \
        grep -E '^(CapEff|CapBnd|NoNewPrivs|Seccomp:)' /proc/self/status | tr -s '\\t ' ' '";
    let done = service.run(sh(script)).await;
    let expected = "993\n990\nsandbox-host\ntouch: cannot touch '/x': Read-only file system\n\
        touch: cannot touch '/usr/x': Read-only file system\n3\n\
        CapEff: 0000000000000000\nCapBnd: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n";
    assert_eq!(done.output, expected);
    let done = service.run(python("import socket; print(socket.if_nameindex())")).await;
    assert_eq!(done.output, "[(1, 'lo')]\n");
}

async fn holds_limits(service: &Service) {
    let script = "import errno\n\
        try: open('/tmp/big', 'wb').write(b'x' * (80 << 20)); print('fits')\n\
        except OSError as e: print(errno.errorcode[e.errno])";
    assert_eq!(service.run(python(script)).await.output, "ENOSPC\n");
    let done = service.run(sh("echo $$; kill -9 $$")).await;
    assert_eq!(done.exit.status, ExitStatus::Signal(9));
    assert_eq!(done.sandbox.memory_current_bytes(), None);
}

async fn freezes_and_kills(service: &Service) {
    let (process, reader) = with_output(sh("trap 'echo caught; exit 6' TERM; echo up; while :; do sleep 0.01; done"));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut reader = std::io::BufReader::new(reader);
    let mut line = String::new();
    std::io::BufRead::read_line(&mut reader, &mut line).unwrap();
    sandbox.freeze().unwrap();
    sandbox.signal(15).unwrap();
    let ended = tokio::time::timeout(Duration::from_millis(100), sandbox.wait()).await;
    assert!(ended.is_err(), "a frozen process handled a signal");
    sandbox.thaw().unwrap();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Code(6));
    sandbox.respawn(sh("(setsid sleep 60 &); sleep 60")).await.unwrap();
    sandbox.kill();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    sandbox.destroy().await;
}

async fn is_specialised_and_connected(service: &Service, state: &Path) {
    let code = state.join("code");
    std::fs::create_dir(&code).unwrap();
    std::fs::write(code.join("file"), "the code").unwrap();
    let mut wanted = spec(sh("true"));
    wanted.process = None;
    wanted.dirs = vec!["/var/task".into()];
    let sandbox = service.create(wanted).await.unwrap();
    let serve = "import socket, os\n\
        s = socket.create_server(('127.0.0.1', 4243)); print('up', flush=True)\n\
        c, _ = s.accept(); c.sendall(open('/var/task/file', 'rb').read())\n\
        try: open('/var/task/new', 'w')\n\
        except OSError as e: c.sendall(e.strerror.encode())";
    let (process, reader) = with_output(python(serve));
    let companion = sandbox.spawn(process).await.unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(reader), &mut line).unwrap();
    assert_eq!(line, "up\n");
    sandbox.specialise(vec![Bind::read_only(&code, "/var/task")], Limits::new(128 * MIB)).await.unwrap();
    let mut stream = sandbox.connect(4243).await.unwrap();
    stream.set_nonblocking(false).unwrap();
    let mut told = String::new();
    std::io::Read::read_to_string(&mut stream, &mut told).unwrap();
    assert_eq!(told, "the codeRead-only file system");
    assert_eq!(companion.wait().await.status, ExitStatus::Code(0));
    sandbox.destroy().await;
}
