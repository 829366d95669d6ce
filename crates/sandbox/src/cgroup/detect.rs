//! Which cgroup trees this host has mounted, read from `/proc/self/mountinfo`.

use std::fs;
use std::path::PathBuf;

/// The trees of a host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) v1: Option<V1Trees>,
    pub(crate) v2: Option<V2Tree>,
}

/// Mount points of v1 controllers. Only present if the memory, cpu and pids controllers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct V1Trees {
    pub(crate) memory: PathBuf,
    pub(crate) cpu: PathBuf,
    pub(crate) pids: PathBuf,
    pub(crate) freezer: Option<PathBuf>,
    pub(crate) cpuacct: Option<PathBuf>,
}

/// The unified tree and the controllers that are, or can be, enabled in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct V2Tree {
    pub(crate) mount: PathBuf,
    pub(crate) controllers: Vec<String>,
}

impl V2Tree {
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

impl Layout {
    /// What is mounted now.
    pub(crate) fn detect() -> Self {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let mut layout = Self::parse(&mountinfo);
        if let Some(v2) = &mut layout.v2 {
            let file = v2.mount.join("cgroup.controllers");
            v2.controllers =
                fs::read_to_string(file).unwrap_or_default().split_whitespace().map(str::to_owned).collect();
            if v2.has("memory") {
                // The controllers are here, so any v1 tree mounted beside is not in use.
                layout.v1 = None;
            }
        }
        layout
    }

    pub(crate) fn parse(mountinfo: &str) -> Self {
        let mut v2 = None;
        let mut v1 = Vec::new();
        for line in mountinfo.lines() {
            let Some((left, right)) = line.split_once(" - ") else {
                continue;
            };
            let mount = left.split(' ').nth(4).map(PathBuf::from).unwrap_or_default();
            let mut right = right.split(' ');
            match right.next() {
                Some("cgroup2") => {
                    v2.get_or_insert(V2Tree {
                        mount,
                        controllers: Vec::new(),
                    });
                }
                Some("cgroup") => v1.push((mount, right.nth(1).unwrap_or_default().to_owned())),
                _ => {}
            }
        }
        let find = |controller: &str| {
            v1.iter()
                .find(|(_, options)| options.split(',').any(|option| option == controller))
                .map(|(mount, _)| mount.clone())
        };
        let v1 = match (find("memory"), find("cpu"), find("pids")) {
            (Some(memory), Some(cpu), Some(pids)) => Some(V1Trees {
                memory,
                cpu,
                pids,
                freezer: find("freezer"),
                cpuacct: find("cpuacct"),
            }),
            _ => None,
        };
        Self { v1, v2 }
    }

    /// The roots of all trees in use, each once (v1 controllers are often mounted together).
    pub(crate) fn trees(&self) -> Vec<PathBuf> {
        let mut trees: Vec<PathBuf> = Vec::new();
        if let Some(v1) = &self.v1 {
            trees.extend([v1.memory.clone(), v1.cpu.clone(), v1.pids.clone()]);
            if self.v2.is_none() {
                trees.extend(v1.freezer.clone());
                trees.extend(v1.cpuacct.clone());
            }
        }
        trees.extend(self.v2.as_ref().map(|v2| v2.mount.clone()));
        let mut seen = std::collections::HashSet::new();
        trees.retain(|tree| seen.insert(tree.clone()));
        trees
    }
}
