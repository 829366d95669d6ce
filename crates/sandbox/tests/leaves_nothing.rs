//! Whatever happens, nothing is left on the host: counted from outside, against a server in a process of its own.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::traces::{Traces, settles_at};
use common::*;
use hearth_sandbox::{Bind, Limits, Sandbox, Sandboxes};

/// Where the server process of these tests finds its folder; set only for that process.
const FOLDER: &str = "SANDBOX_TEST_FOLDER";

/// Not a test of its own: the server process of the tests below. Makes sandboxes, says so, and waits to be killed.
#[tokio::test]
#[ignore = "a part of the other tests, which start it"]
async fn server_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sandboxes = Sandboxes::start(options(Path::new(&folder))).await.unwrap();
    let mut live = Vec::new();
    let mut companions = Vec::new();
    for index in 0..3 {
        let mut wanted = spec(sh("(setsid sleep 600 &); sleep 600"));
        wanted.dirs = vec!["/var/task".into()];
        live.push(sandboxes.create(wanted).await.unwrap());
        // Each has been used in another way, one in none.
        match index {
            1 => companions.push(live[1].spawn(sh("sleep 600")).await.unwrap()),
            2 => {
                let binds = vec![Bind::read_only(&folder, "/var/task")];
                live[2].specialise(binds, Limits::new(64 * MIB)).await.unwrap();
            }
            _ => {}
        }
    }
    live[0].freeze().unwrap();
    println!("\nserving");
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop((live, companions));
}

fn start_server(folder: &Path) -> Child {
    let mut server = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "server_process", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let served = BufReader::new(server.stdout.take().unwrap()).lines().any(|line| line.unwrap() == "serving");
    assert!(served, "the server did not start");
    server
}

/// The helper of a server: its only child.
fn helper_of(server: &Child) -> i32 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap().flatten();
    tasks
        .flat_map(|task| {
            let children = std::fs::read_to_string(task.path().join("children")).unwrap();
            children.split_whitespace().map(|pid| pid.parse().unwrap()).collect::<Vec<i32>>()
        })
        .next()
        .unwrap()
}

#[tokio::test]
async fn the_helper_cleans_up_behind_a_killed_server() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_server(folder.path());
    let busy = Traces::of(folder.path());
    assert!(busy.processes.len() > 8 && !busy.cgroups.is_empty(), "{busy:?}");
    server.kill().unwrap();
    server.wait().unwrap();
    settles_at(folder.path(), &Traces::none()).await;
}

#[tokio::test]
async fn a_polite_signal_to_the_helper_is_for_the_server_to_obey() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_server(folder.path());
    let helper = helper_of(&server).to_string();
    for signal in ["-TERM", "-INT", "-HUP"] {
        assert!(Command::new("/bin/kill").args([signal, &helper]).status().unwrap().success());
    }
    // Had it obeyed, it could not clean up now.
    server.kill().unwrap();
    server.wait().unwrap();
    settles_at(folder.path(), &Traces::none()).await;
}

#[tokio::test]
async fn a_killed_helper_takes_the_sandboxes_along_and_the_next_start_cleans_up() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let mut server = start_server(folder.path());
    let status = Command::new("/bin/kill").args(["-9", &helper_of(&server).to_string()]).status().unwrap();
    assert!(status.success());
    // The processes go by themselves, but for the frozen ones of v1; only empty groups may stay.
    server.kill().unwrap();
    server.wait().unwrap();
    let sandboxes = Sandboxes::start(options(folder.path())).await.unwrap();
    sandboxes.create(spec(sh("true"))).await.unwrap();
    sandboxes.shutdown().await;
    settles_at(folder.path(), &Traces::none()).await;
}

#[tokio::test]
async fn fifty_sandboxes_leave_the_counts_as_before() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let sandboxes = Sandboxes::start(options(folder.path())).await.unwrap();
    // One made and gone, so that what is prepared ahead is there.
    sandboxes.create(spec(sh("true"))).await.unwrap().destroy().await;
    let prepared = settled(folder.path()).await;
    let descriptors = open_descriptors();
    for round in 0..5 {
        let mut live = Vec::new();
        for _ in 0..10 {
            let mut wanted = spec(sh("echo x > /tmp/x; (setsid sleep 600 &); sleep 600"));
            wanted.dirs = vec!["/var/task".into()];
            let sandbox = sandboxes.create(wanted).await.unwrap();
            use_late(&sandbox, folder.path()).await;
            live.push(sandbox);
        }
        for (index, sandbox) in live.into_iter().enumerate() {
            match (round + index) % 3 {
                0 => sandbox.freeze().unwrap(),
                1 => sandbox.kill(),
                _ => {}
            }
            sandbox.destroy().await;
        }
    }
    let after = settled(folder.path()).await;
    assert_eq!(
        (after.cgroups.len(), after.processes.len(), after.mounts, after.files.len(), after.loop_devices.len()),
        (
            prepared.cgroups.len(),
            prepared.processes.len(),
            prepared.mounts,
            prepared.files.len(),
            prepared.loop_devices.len()
        )
    );
    // Other tests of this process open and close some meanwhile.
    let deadline = Instant::now() + Duration::from_secs(60);
    while open_descriptors() > descriptors + 2 {
        let now = open_descriptors();
        assert!(Instant::now() < deadline, "{now} open descriptors, {descriptors} before");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    sandboxes.shutdown().await;
    settles_at(folder.path(), &Traces::none()).await;
}

/// Everything that can be done to a sandbox that runs: each opens or starts something.
async fn use_late(sandbox: &Sandbox, folder: &Path) {
    let binds = vec![Bind::read_only(folder, "/var/task")];
    sandbox.specialise(binds, Limits::new(64 * MIB)).await.unwrap();
    let listener = sandbox.listen(4243).await.unwrap();
    drop(sandbox.connect(4243).await.unwrap());
    drop(listener);
    sandbox.connect(4244).await.unwrap_err();
    let companion = sandbox.spawn(sh("sleep 600")).await.unwrap();
    let ended = sandbox.spawn(sh("true")).await.unwrap();
    ended.wait().await;
    sandbox.reset().await.unwrap();
    companion.wait().await;
    sandbox.start_main(sh("(setsid sleep 600 &); sleep 600")).await.unwrap();
    sandbox.spawn(sh("sleep 600")).await.unwrap();
}

/// A failed attempt leaves no mount either, nor keeps the ones of a dead sandbox.
#[tokio::test]
async fn what_fails_late_leaves_nothing() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let sandboxes = Sandboxes::start(options(folder.path())).await.unwrap();
    sandboxes.create(spec(sh("true"))).await.unwrap().destroy().await;
    let prepared = settled(folder.path()).await;
    let helper = sandboxes.helper_pid().unwrap();
    let of_helper = || std::fs::read_dir(format!("/proc/{helper}/fd")).unwrap().count();
    let descriptors = (open_descriptors(), of_helper());
    for _ in 0..20 {
        let sandbox = sandboxes.create(spec(sh("sleep 600"))).await.unwrap();
        for target in ["/absent", "/usr"] {
            let binds = vec![Bind::read_only(folder.path(), "/usr"), Bind::read_only("/no/such", target)];
            sandbox.specialise(binds, Limits::new(64 * MIB)).await.unwrap_err();
        }
        // Given up while it is at it.
        let binds = vec![Bind::read_only(folder.path(), "/usr")];
        let _ = tokio::time::timeout(Duration::ZERO, sandbox.specialise(binds, Limits::new(64 * MIB))).await;
        sandbox.destroy().await;
    }
    let after = settled(folder.path()).await;
    assert_eq!((after.mounts, after.loop_devices.len()), (prepared.mounts, prepared.loop_devices.len()));
    assert!(open_descriptors() <= descriptors.0 + 2, "{} and {descriptors:?} before", open_descriptors());
    assert!(of_helper() <= descriptors.1 + 2, "{} and {descriptors:?} before", of_helper());
    sandboxes.shutdown().await;
    settles_at(folder.path(), &Traces::none()).await;
}

/// The traces when they have stopped changing.
async fn settled(folder: &Path) -> Traces {
    let mut last = Traces::of(folder);
    for _ in 0..100 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = Traces::of(folder);
        if now == last && now.processes.len() == 1 {
            return now;
        }
        last = now;
    }
    panic!("the traces do not settle: {last:?}")
}

fn open_descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

#[tokio::test]
async fn two_services_with_one_folder_are_refused() {
    need_root!();
    let folder = tempfile::tempdir().unwrap();
    let _first = Sandboxes::start(options(folder.path())).await.unwrap();
    let error = Sandboxes::start(options(folder.path())).await.unwrap_err();
    assert!(error.to_string().contains("in use by another"), "{error}");
}
