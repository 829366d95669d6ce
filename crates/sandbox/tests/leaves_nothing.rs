//! Whatever happens, nothing is left on the host: counted from outside, against a server in a process of its own.

#![allow(clippy::unwrap_used, clippy::print_stderr, clippy::print_stdout)]

mod common;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use common::*;
use hearth_sandbox::Sandboxes;

/// Where the server process of these tests finds its folder; set only for that process.
const FOLDER: &str = "SANDBOX_TEST_FOLDER";

/// Everything a sandbox service could leave behind.
#[derive(Debug, PartialEq, Eq)]
struct Traces {
    processes: Vec<String>,
    cgroups: Vec<PathBuf>,
    mounts: usize,
    files: Vec<PathBuf>,
    loop_devices: Vec<String>,
}

impl Traces {
    fn of(folder: &Path) -> Self {
        let folder_text = folder.display().to_string();
        let parent = options(folder).cgroup_parent;
        Self {
            processes: processes_in(&parent),
            cgroups: cgroups_named(&parent),
            mounts: std::fs::read_to_string("/proc/self/mountinfo")
                .unwrap()
                .lines()
                .filter(|line| line.contains(&folder_text))
                .count(),
            files: files_below(&folder.join("sandboxes")),
            loop_devices: loop_devices_of(&folder_text),
        }
    }

    fn none() -> Self {
        Self {
            processes: Vec::new(),
            cgroups: Vec::new(),
            mounts: 0,
            files: Vec::new(),
            loop_devices: Vec::new(),
        }
    }
}

fn processes_in(parent: &str) -> Vec<String> {
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter(|entry| std::fs::read_to_string(entry.path().join("cgroup")).is_ok_and(|text| text.contains(parent)))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

fn cgroups_named(parent: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut roots = vec![PathBuf::from("/sys/fs/cgroup")];
    roots.extend(std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path()));
    for root in roots {
        let dir = root.join(parent);
        if dir.is_dir() {
            found.extend(files_below(&dir).into_iter().filter(|path| path.is_dir()));
            found.push(dir);
        }
    }
    found
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries.flatten() {
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_below(&entry.path()));
        }
        found.push(entry.path());
    }
    found
}

fn loop_devices_of(folder: &str) -> Vec<String> {
    let Ok(devices) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    devices
        .flatten()
        .filter_map(|device| std::fs::read_to_string(device.path().join("loop/backing_file")).ok())
        .filter(|file| file.contains(folder))
        .collect()
}

async fn settles_at(folder: &Path, expected: &Traces) {
    let mut found = Traces::of(folder);
    for _ in 0..1000 {
        if found == *expected {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
        found = Traces::of(folder);
    }
    assert_eq!(found, *expected);
}

/// Not a test of its own: the server process of the tests below. Makes sandboxes, says so, and waits to be killed.
#[tokio::test]
#[ignore = "a part of the other tests, which start it"]
async fn server_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let sandboxes = Sandboxes::start(options(Path::new(&folder))).await.unwrap();
    let mut live = Vec::new();
    for _ in 0..3 {
        live.push(sandboxes.create(spec(sh("(setsid sleep 600 &); sleep 600"))).await.unwrap());
    }
    live[0].freeze().unwrap();
    println!("\nserving");
    tokio::time::sleep(Duration::from_secs(600)).await;
    drop(live);
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
            live.push(sandboxes.create(spec(sh("echo x > /tmp/x; (setsid sleep 600 &); sleep 600"))).await.unwrap());
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
    let (now, before) = (open_descriptors(), descriptors);
    assert!(now <= before + 2, "{now} open descriptors, {before} before");
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
