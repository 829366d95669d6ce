//! What a service could leave behind on the host, counted from outside.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::options;

/// Everything a sandbox service could leave behind.
#[derive(Debug, PartialEq, Eq)]
pub struct Traces {
    pub processes: Vec<String>,
    pub cgroups: Vec<PathBuf>,
    pub mounts: usize,
    pub files: Vec<PathBuf>,
    pub loop_devices: Vec<String>,
}

impl Traces {
    pub fn of(folder: &Path) -> Self {
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

    pub fn none() -> Self {
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

pub async fn settles_at(folder: &Path, expected: &Traces) {
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
