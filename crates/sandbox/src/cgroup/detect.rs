//! Which cgroup trees this host has mounted, and which part of them is ours to divide.
//!
//! Read from `/proc/self/mountinfo` and `/proc/self/cgroup`.

use std::fs;
use std::path::{Path, PathBuf};

use super::vacate;
use crate::spec::Level;

/// The controllers that limits are made of.
pub(super) const USED: [&str; 3] = ["memory", "cpu", "pids"];

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

/// The part of the unified tree that we use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct V2Tree {
    /// The group below which ours is made: the tree's root, or what a service manager delegated to us.
    pub(crate) base: PathBuf,
    /// The controllers that are, or can be, enabled there.
    pub(crate) controllers: Vec<String>,
    /// Why there are fewer than the kernel has, if we know.
    pub(crate) problem: Option<String>,
}

impl V2Tree {
    pub(crate) fn has(&self, controller: &str) -> bool {
        self.controllers.iter().any(|name| name == controller)
    }
}

/// Where a v2 tree is mounted, and which of its groups is seen there (in a container, not the root).
#[derive(Debug, Clone, PartialEq, Eq)]
struct V2Mount {
    point: PathBuf,
    shows: PathBuf,
}

impl Layout {
    /// What a server of this level can use now.
    pub(crate) fn detect(level: Level) -> Self {
        let mountinfo = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let (v1, mount) = parse(&mountinfo);
        let v2 = mount.and_then(|mount| {
            let own = own_group(&mount, &fs::read_to_string("/proc/self/cgroup").unwrap_or_default())
                .map(vacate::before_the_move);
            let delegated = own.as_deref().and_then(|own| delegated(&mount.point, own));
            let base = match level {
                Level::Root => delegated.or(Some(mount.point)),
                Level::User => delegated.or(own.filter(|group| is_ours(group))),
            };
            base.map(V2Tree::at)
        });
        let controls = v2.as_ref().is_some_and(|tree| tree.has("memory"));
        Self {
            // The v1 trees belong to root, and are empty where v2 has the controllers.
            v1: v1.filter(|_| level == Level::Root && !controls),
            v2,
        }
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
        trees.extend(self.v2.as_ref().map(|v2| v2.base.clone()));
        let mut seen = std::collections::HashSet::new();
        trees.retain(|tree| seen.insert(tree.clone()));
        trees
    }

    #[cfg(test)]
    pub(super) fn parse(mountinfo: &str) -> Self {
        let (v1, v2) = parse(mountinfo);
        let v2 = v2.map(|mount| V2Tree::at(mount.point));
        Self { v1, v2 }
    }
}

impl V2Tree {
    /// Leaves what a server started from here would get: no controllers where others are in the way.
    pub(crate) fn foresee(&mut self) {
        if self.controllers.is_empty() {
            return;
        }
        self.problem = vacate::obstacle(&self.base, &[std::process::id()]);
        if self.problem.is_some() {
            self.controllers.clear();
        }
    }

    fn at(base: PathBuf) -> Self {
        let controllers = fs::read_to_string(base.join("cgroup.controllers")).unwrap_or_default();
        Self {
            base,
            controllers: controllers.split_whitespace().filter(|name| USED.contains(name)).map(str::to_owned).collect(),
            problem: None,
        }
    }
}

fn parse(mountinfo: &str) -> (Option<V1Trees>, Option<V2Mount>) {
    let mut v2 = None;
    let mut v1 = Vec::new();
    for line in mountinfo.lines() {
        let Some((left, right)) = line.split_once(" - ") else {
            continue;
        };
        let place = |field: usize| left.split(' ').nth(field).map(PathBuf::from).unwrap_or_default();
        let mut right = right.split(' ');
        match right.next() {
            Some("cgroup2") => {
                v2.get_or_insert(V2Mount {
                    point: place(4),
                    shows: place(3),
                });
            }
            Some("cgroup") => v1.push((place(4), right.nth(1).unwrap_or_default().to_owned())),
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
    (v1, v2)
}

/// Where this process's own v2 group is, if the mount shows it.
fn own_group(mount: &V2Mount, proc_cgroup: &str) -> Option<PathBuf> {
    let path = proc_cgroup.lines().find_map(|line| line.strip_prefix("0::"))?;
    let below = Path::new(path).strip_prefix(&mount.shows).ok()?;
    let plain = below.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    plain.then(|| if below.as_os_str().is_empty() { mount.point.clone() } else { mount.point.join(below) })
}

/// The nearest group, from our own up, that systemd has marked as delegated and that we may write to.
fn delegated(mount: &Path, own: &Path) -> Option<PathBuf> {
    own.ancestors()
        .take_while(|group| group.starts_with(mount))
        .find(|group| is_marked(group) && is_ours(group))
        .map(Path::to_owned)
}

/// systemd marks what it delegates: since version 251 for everyone to see.
fn is_marked(group: &Path) -> bool {
    ["user.delegate", "trusted.delegate"].iter().any(|name| {
        let mut value = [0u8; 8];
        rustix::fs::getxattr(group, *name, &mut value[..]).is_ok_and(|length| value.get(..length) == Some(b"1"))
    })
}

/// Groups may be made in it, and processes moved within it.
fn is_ours(group: &Path) -> bool {
    use rustix::fs::{Access, access};
    access(group, Access::WRITE_OK | Access::EXEC_OK).is_ok()
        && access(group.join("cgroup.procs"), Access::WRITE_OK).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(shows: &str, proc_cgroup: &str, expected: Option<&str>) {
        let mount = V2Mount {
            point: "/sys/fs/cgroup".into(),
            shows: shows.into(),
        };
        assert_eq!(own_group(&mount, proc_cgroup), expected.map(PathBuf::from), "{proc_cgroup:?} below {shows}");
    }

    #[test]
    fn the_own_group_is_found_below_the_mount() {
        check("/", "0::/\n", Some("/sys/fs/cgroup"));
        check("/", "4:memory:/x\n0::/user.slice/a.scope\n", Some("/sys/fs/cgroup/user.slice/a.scope"));
        check("/docker/1", "0::/docker/1/server\n", Some("/sys/fs/cgroup/server"));
        // Outside of what the mount or the cgroup namespace shows.
        check("/docker/1", "0::/docker/2\n", None);
        check("/", "0::/../other\n", None);
        check("/", "4:memory:/x\n", None);
    }
}
