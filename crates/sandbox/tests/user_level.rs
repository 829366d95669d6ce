//! What holds for an ordinary user, without root anywhere: namespaces, the filter, limits of each process.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use common::*;
use hearth_sandbox::{Bind, ExitStatus, Level, Limits, Sandboxes};

/// The folder with the helper and the state, readable for the ordinary user; set only for that process.
const FOLDER: &str = "SANDBOX_TEST_FOLDER";
const NOBODY: u32 = 65534;

/// The cgroup that was delegated to the ordinary user; set only for that process.
const GROUP: &str = "SANDBOX_TEST_GROUP";

#[test]
fn an_ordinary_user_gets_the_user_level() {
    start_as_nobody(None);
}

/// As systemd does it for a unit with `Delegate=yes`: a group that belongs to the user, with the server in it.
#[test]
fn a_delegated_group_freezes_kills_and_limits() {
    if let Some(why) = cannot_run() {
        return eprintln!("{why}");
    }
    let mountinfo = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
    let Some(line) = mountinfo.lines().find(|line| line.contains(" - cgroup2 ")) else {
        return eprintln!("SKIPPED: no cgroup v2 tree is mounted");
    };
    let group = Group::make(Path::new(line.split(' ').nth(4).unwrap()));
    start_as_nobody(Some(&group.0));
    assert_eq!(group.children(), 0, "a group was left behind");
}

struct Group(PathBuf);

impl Group {
    fn make(mount: &Path) -> Self {
        let path = mount.join(format!("sandbox-test-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        // What systemd gives away.
        for file in ["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"] {
            std::os::unix::fs::chown(path.join(file), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        Self(path)
    }

    fn children(&self) -> usize {
        std::fs::read_dir(&self.0).unwrap().filter(|entry| entry.as_ref().unwrap().path().is_dir()).count()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let _ = std::fs::write(self.0.join("cgroup.kill"), "1");
        for _ in 0..500 {
            if std::fs::remove_dir(&self.0).is_ok() {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// Starts this very program as nobody, from a folder that nobody can read.
fn start_as_nobody(group: Option<&Path>) {
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
    let mut command = Command::new("sh");
    // The shell enters the group, if there is one, and becomes the program.
    command
        .args([
            "-c",
            "test -z \"$SANDBOX_TEST_GROUP\" || echo $$ > \"$SANDBOX_TEST_GROUP/cgroup.procs\"; exec \"$@\"",
            "sh",
        ])
        .args(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["--exact", "as_nobody", "--ignored", "--nocapture"])
        .env(FOLDER, folder.path())
        .env_remove(GROUP)
        .current_dir("/");
    if let Some(group) = group {
        command.env(GROUP, group);
    }
    let output = command.output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    if output.status.code() == Some(127) {
        return eprintln!("SKIPPED: setpriv (package util-linux) is not installed");
    }
    eprintln!("{told}");
    assert!(output.status.success(), "{told}");
}

/// Not a test of its own: the part of the above that runs as nobody.
#[test]
#[ignore = "a part of the other tests, which start it as an ordinary user"]
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
    let service = Service {
        sandboxes,
        folder: tempfile::tempdir().unwrap(),
    };
    let group = std::env::var_os(GROUP).map(PathBuf::from);
    for name in ["user id ranges", "disk quota of /tmp"] {
        assert!(!service.holds(name), "{name} is said to hold");
    }
    assert!(service.holds("namespaces") && service.holds("seccomp"));
    assert_eq!(service.holds("freezer"), group.is_some());
    runs_isolated(&service).await;
    holds_limits(&service).await;
    holds_memory(&service).await;
    freezes_and_kills(&service).await;
    is_specialised_and_connected(&service, state).await;
    is_given_more_memory(&service).await;
    is_not_copied(&service).await;
    if let Some(group) = &group {
        freezes_by_cgroup(&service, group).await;
    }
    survives_its_helper(&service).await;
    service.sandboxes.shutdown().await;

    options.min_level = Level::Root;
    let error = Sandboxes::start(options).await.unwrap_err().to_string();
    assert!(error.contains("isolation level is user, expected at least root"), "{error}");
    assert!(error.contains("missing here: user id ranges"), "{error}");
}

impl Service {
    /// Whether the service says so. What it says is missing comes with advice.
    fn holds(&self, name: &str) -> bool {
        let one = self.sandboxes.mechanisms().iter().find(|one| one.name == name).unwrap();
        assert_eq!(one.in_force, one.how_to_improve.is_none(), "{one:?}");
        one.in_force
    }
}

async fn is_not_copied(service: &Service) {
    let sandbox = service.create(spec(sh("read line"))).await.unwrap();
    let error = sandbox.snapshot().await.unwrap_err().to_string();
    assert!(error.contains("snapshots need the isolation level root"), "{error}");
}

/// With a memory controller the kernel kills, and it is called that; without, the allocator says no.
async fn holds_memory(service: &Service) {
    let limited = service.holds("memory limit");
    let script = "try: bytearray(900 << 20); print('got it')\nexcept MemoryError: print('MemoryError')";
    let done = service.run(python(script)).await;
    assert_eq!(done.exit.oom_killed, limited, "{}", done.output);
    assert_eq!(done.output, if limited { "" } else { "MemoryError\n" });
    assert_eq!(done.sandbox.memory_current_bytes().is_some(), limited);
}

/// What guards a parked process is what it was parked with, until it is told what it is for.
async fn is_given_more_memory(service: &Service) {
    let script = "import resource\n\
        told = lambda: print(resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20, flush=True)\n\
        told()\n\
        import time\n\
        while resource.getrlimit(resource.RLIMIT_DATA)[0] >> 20 == 640: time.sleep(0.005)\n\
        told()";
    if service.holds("memory limit") {
        return;
    }
    let (process, reader) = with_output(python(script));
    let sandbox = service.create(spec(process)).await.unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(reader));
    assert_eq!(lines.next().unwrap().unwrap(), "640");
    sandbox.specialise(Vec::new(), Limits::new(1024 * MIB)).await.unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "1536");
    sandbox.destroy().await;
}

async fn freezes_by_cgroup(service: &Service, group: &Path) {
    let sandbox = service.create(spec(sh("while :; do :; done"))).await.unwrap();
    let frozen = |expected: &'static str| {
        let group = group.to_owned();
        async move {
            let file = events_of_the_busy(&group).unwrap();
            until(|| std::fs::read_to_string(&file).unwrap().contains(expected)).await;
        }
    };
    until(|| events_of_the_busy(group).is_some() && sandbox.cpu_usage().is_some_and(|used| !used.is_zero())).await;
    sandbox.freeze().unwrap();
    frozen("frozen 1").await;
    sandbox.thaw().unwrap();
    frozen("frozen 0").await;
    sandbox.freeze().unwrap();
    frozen("frozen 1").await;
    // Killed while frozen: no process of ours has to run for that.
    sandbox.kill();
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    sandbox.destroy().await;
}

/// `cgroup.events` of the slot with more than its first process in it.
fn events_of_the_busy(group: &Path) -> Option<PathBuf> {
    let is_ours = |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with("hearth-");
    let parent = std::fs::read_dir(group).unwrap().flatten().find(is_ours)?.path();
    std::fs::read_dir(parent).unwrap().flatten().map(|entry| entry.path()).find_map(|slot| {
        let procs = std::fs::read_to_string(slot.join("cgroup.procs")).unwrap_or_default();
        (procs.lines().count() > 1).then(|| slot.join("cgroup.events"))
    })
}

async fn until(holds: impl Fn() -> bool) {
    let patience = tokio::time::timeout(Duration::from_secs(60), async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    patience.await.unwrap();
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
    assert!(!done.exit.oom_killed);
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

async fn survives_its_helper(service: &Service) {
    let sandbox = service.create(spec(sh("(setsid sleep 60 &); sleep 60"))).await.unwrap();
    sandbox.freeze().unwrap();
    let helper = service.sandboxes.helper_pid().unwrap();
    assert!(Command::new("/bin/kill").args(["-9", &helper.to_string()]).status().unwrap().success());
    assert_eq!(sandbox.wait().await.status, ExitStatus::Signal(9));
    assert_eq!(service.run(sh("echo anew")).await.output, "anew\n");
    assert_ne!(service.sandboxes.helper_pid(), Some(helper));
}
