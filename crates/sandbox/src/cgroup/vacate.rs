//! Making room: the kernel gives controllers to the children of a v2 group only while no process is in the group
//! itself. Server and helper start in the group that was delegated to them; they move to a leaf of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::{have_dir, write};

/// What the names of leaves begin with.
const LEAF: &str = "server-of-";

/// The group in which a server of ours would have started, if it is in a leaf by now: a helper that takes the place of
/// one that died finds itself there.
pub(super) fn before_the_move(own: PathBuf) -> PathBuf {
    let is_leaf = own.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(LEAF.as_bytes()));
    match own.parent() {
        Some(base) if is_leaf => base.to_owned(),
        _ => own,
    }
}

/// The leaf that server and helper live in.
#[derive(Debug)]
pub(super) struct Leaf {
    base: PathBuf,
    path: PathBuf,
}

/// Who is in a group, by number.
pub(super) fn inhabitants(group: &Path) -> Vec<u32> {
    let procs = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    procs.lines().filter_map(|line| line.trim().parse().ok()).collect()
}

/// What is in the way of controllers for the children of `group`, if `ours` are moved out. The root of a tree may have
/// processes and children; it alone has no `cgroup.type`.
pub(super) fn obstacle(group: &Path, ours: &[u32]) -> Option<String> {
    if !group.join("cgroup.type").exists() {
        return None;
    }
    let others: Vec<u32> = inhabitants(group).into_iter().filter(|pid| !ours.contains(pid)).collect();
    let first = others.first()?;
    let name = fs::read_to_string(format!("/proc/{first}/comm")).unwrap_or_default();
    let name = name.trim();
    let more = others.len() - 1;
    let others = if more == 0 { String::new() } else { format!(" and {more} more") };
    Some(format!("not alone in {}: process {first} ({name}){others}", group.display()))
}

impl Leaf {
    /// Moves `ours`, which are all who are in `base`, to a leaf named after our group.
    pub(super) fn make(base: &Path, name: &str, ours: &[u32]) -> Result<Self, String> {
        let leaf = Self {
            base: base.to_owned(),
            path: Self::path(base, name),
        };
        have_dir(&leaf.path)?;
        let present = inhabitants(base);
        for pid in ours.iter().filter(|pid| present.contains(pid)) {
            leaf.take(*pid)?;
        }
        Ok(leaf)
    }

    pub(super) fn path(base: &Path, name: &str) -> PathBuf {
        base.join(format!("{LEAF}{name}"))
    }

    fn take(&self, pid: u32) -> Result<(), String> {
        write(&self.path.join("cgroup.procs"), &pid.to_string()).map_err(|error| error.to_string())
    }

    /// Moves who is left back, so that nothing of us remains. Fails, harmlessly, while another server divides the base.
    pub(super) fn remove(&self, controllers: &[String]) {
        for controller in controllers {
            let _ = write(&self.base.join("cgroup.subtree_control"), &format!("-{controller}"));
        }
        for pid in inhabitants(&self.path) {
            let _ = write(&self.base.join("cgroup.procs"), &pid.to_string());
        }
        let _ = fs::remove_dir(&self.path);
    }
}
