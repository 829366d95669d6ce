//! Control groups: finding what the host has, one group per slot, limits, and the handles given to the server.
//!
//! Three layouts exist. Pure v2: one tree with everything. Hybrid: v1 trees hold the controllers and a v2 tree
//! without controllers still freezes, kills and counts CPU time. Pure v1: the freezer and cpuacct trees do that.
//! [`Layout`] says which trees were found; everything else asks it.

mod bandwidth;
mod detect;
mod v1;
mod v2;
mod vacate;

use std::fs;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

pub(crate) use bandwidth::Bandwidth;
pub(crate) use detect::{Layout, V1Trees, V2Tree};

use crate::error::SetupError;
use crate::protocol::HandleKind;
use crate::spec::Limits;
use crate::sys::Fork;

/// Our parent groups in every tree that we use.
#[derive(Debug)]
pub(crate) struct Cgroups {
    layout: Layout,
    name: String,
    /// Where server and helper went to make room.
    leaf: Option<vacate::Leaf>,
    /// Locked as long as we live, so that two servers with one name do not clean each other away.
    _lock: Option<fs::File>,
}

/// The groups of one slot. Not removed on drop: see [`SlotGroups::remove`].
#[derive(Debug)]
pub(crate) struct SlotGroups {
    v1: Vec<(v1::Controller, PathBuf)>,
    v2: Option<PathBuf>,
    /// Whether the v2 tree has the controllers (else it only freezes, kills and counts).
    v2_controls: bool,
    v2_dir: Option<OwnedFd>,
}

impl Cgroups {
    /// Makes the parent groups, after removing what an earlier run with the same name left.
    pub(crate) fn prepare(mut layout: Layout, name: &str) -> Result<Self, String> {
        let mut lock = None;
        let parents: Vec<PathBuf> = layout.trees().into_iter().map(|tree| tree.join(name)).collect();
        for parent in &parents {
            have_dir(parent)?;
            if lock.is_none() {
                lock = Some(lock_dir(parent)?);
            }
        }
        // First all are told to die, then groups go: what one tree has frozen keeps the groups of the others.
        parents.iter().for_each(|parent| for_each_child(parent, kill_group));
        parents.iter().for_each(|parent| remove_children(parent));
        // The server started this process.
        let ours = [std::process::id(), std::os::unix::process::parent_id()];
        let leaf = layout.v2.as_mut().and_then(|v2| v2::enable_controllers(v2, name, &ours));
        Ok(Self {
            layout,
            name: name.to_owned(),
            leaf,
            _lock: lock,
        })
    }

    pub(crate) fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Whether no group of that number is left by an earlier run (with a process in it that the kernel cannot kill).
    pub(crate) fn is_free(&self, slot: u32) -> bool {
        self.layout.trees().iter().all(|tree| !tree.join(&self.name).join(leaf(slot)).exists())
    }

    /// Makes the groups of a slot.
    pub(crate) fn make_slot(&self, slot: u32) -> Result<SlotGroups, SetupError> {
        let leaf = leaf(slot);
        let mut groups = SlotGroups {
            v1: Vec::new(),
            v2: None,
            v2_controls: false,
            v2_dir: None,
        };
        let made = self.fill_slot(&leaf, &mut groups);
        if made.is_err() {
            groups.remove();
        }
        made.map(|()| groups)
    }

    fn fill_slot(&self, leaf: &str, groups: &mut SlotGroups) -> Result<(), SetupError> {
        if let Some(v1) = &self.layout.v1 {
            for (controller, tree) in v1::used_trees(v1, self.layout.v2.is_some()) {
                let path = tree.join(&self.name).join(leaf);
                make_dir(&path)?;
                groups.v1.push((controller, path));
            }
        }
        if let Some(v2) = &self.layout.v2 {
            let path = v2.base.join(&self.name).join(leaf);
            make_dir(&path)?;
            groups.v2_dir = Some(open_dir(&path)?);
            groups.v2 = Some(path);
            groups.v2_controls = v2.has("memory");
        }
        Ok(())
    }

    /// Removes the parent groups (and what may be left in them).
    pub(crate) fn remove(&self) {
        for tree in self.layout.trees() {
            let parent = tree.join(&self.name);
            remove_children(&parent);
            let _ = fs::remove_dir(&parent);
        }
        if let (Some(leaf), Some(v2)) = (&self.leaf, &self.layout.v2) {
            leaf.remove(&v2.controllers);
        }
    }

    /// Starts and ends a process in a group of ours, as every slot will be: a group that can be made need not be one
    /// that can be entered.
    pub(crate) fn try_out(&self) -> Result<(), String> {
        let free = (0..).find(|slot| self.is_free(*slot)).unwrap_or(0);
        let groups = self.make_slot(free).map_err(|error| error.to_string())?;
        let forked = crate::sys::fork(0, groups.clone_target());
        let tried = match forked {
            Ok(Fork::Child) => crate::sys::exit_now(0),
            Ok(Fork::Parent { pid }) => crate::sys::reap_one(pid).map(drop),
            Err(errno) => Err(errno),
        };
        groups.remove();
        tried.map_err(|errno| format!("failed to start a process in a cgroup: {errno}"))
    }
}

impl SlotGroups {
    /// For `CLONE_INTO_CGROUP`.
    pub(crate) fn clone_target(&self) -> Option<BorrowedFd<'_>> {
        self.v2_dir.as_ref().map(|dir| dir.as_fd())
    }

    /// After the fork: the descriptor for it is not needed any more.
    pub(crate) fn settled(mut self) -> Self {
        self.v2_dir = None;
        self
    }

    /// The `cgroup.procs` files of the v1 groups, which the slot enters by itself.
    pub(crate) fn v1_entries(&self) -> Result<Vec<OwnedFd>, SetupError> {
        self.v1.iter().map(|(_, path)| open_write(&path.join("cgroup.procs"))).collect()
    }

    pub(crate) fn apply(&self, limits: &Limits) -> Result<(), SetupError> {
        for (controller, path) in &self.v1 {
            v1::apply(*controller, path, limits)?;
        }
        match &self.v2 {
            Some(path) if self.v2_controls => v2::apply(path, limits),
            _ => Ok(()),
        }
    }

    /// Opens what the server uses without asking the helper.
    pub(crate) fn handles(&self) -> Result<Vec<(HandleKind, OwnedFd)>, SetupError> {
        let mut handles = Vec::new();
        if let Some(path) = &self.v2 {
            handles.extend(v2::handles(path, self.v2_controls)?);
        }
        for (controller, path) in &self.v1 {
            handles.extend(v1::handles(*controller, path)?);
        }
        Ok(handles)
    }

    /// Removes the groups; true when nothing is left. Fails while a process is still in them.
    pub(crate) fn remove(&self) -> bool {
        let paths = self.v1.iter().map(|(_, path)| path).chain(&self.v2);
        let mut gone = true;
        for path in paths {
            gone &= match fs::remove_dir(path) {
                Ok(()) => true,
                Err(error) => error.kind() == io::ErrorKind::NotFound,
            };
        }
        gone
    }

    /// Kills and unfreezes everything inside: the last resort when the slot's first process cannot.
    pub(crate) fn kill(&self) {
        for path in self.v1.iter().map(|(_, path)| path).chain(&self.v2) {
            kill_group(path);
        }
    }
}

fn leaf(slot: u32) -> String {
    format!("slot-{slot}")
}

fn make_dir(path: &Path) -> Result<(), SetupError> {
    fs::create_dir(path).map_err(|error| SetupError::CgroupMake {
        path: path.to_owned(),
        errno: error.into(),
    })
}

fn open_dir(path: &Path) -> Result<OwnedFd, SetupError> {
    let file = fs::File::open(path).map_err(|error| SetupError::CgroupOpen {
        path: path.to_owned(),
        errno: error.into(),
    })?;
    Ok(file.into())
}

fn open_write(path: &Path) -> Result<OwnedFd, SetupError> {
    let file = fs::OpenOptions::new().write(true).open(path).map_err(|error| SetupError::CgroupOpen {
        path: path.to_owned(),
        errno: error.into(),
    })?;
    Ok(file.into())
}

fn write(path: &Path, value: &str) -> Result<(), SetupError> {
    let failed = |error: io::Error| SetupError::CgroupWrite {
        path: path.to_owned(),
        value: value.to_owned(),
        errno: error.into(),
    };
    let mut file = fs::OpenOptions::new().write(true).open(path).map_err(failed)?;
    io::Write::write_all(&mut file, value.as_bytes()).map_err(failed)
}

/// As [`make_dir`], or as an earlier run left it.
fn have_dir(path: &Path) -> Result<(), String> {
    match make_dir(path) {
        Err(SetupError::CgroupMake { errno, .. }) if errno.0 == libc::EEXIST => Ok(()),
        other => other.map_err(|error| error.to_string()),
    }
}

fn lock_dir(path: &Path) -> Result<fs::File, String> {
    let dir = fs::File::open(path).map_err(|error| format!("failed to open {}: {error}", path.display()))?;
    dir.try_lock().map_err(|_| {
        format!("the cgroup {} is in use by another server, expected a name of its own for each", path.display())
    })?;
    Ok(dir)
}

/// Kills and removes every group below `parent`, deepest first.
fn remove_children(parent: &Path) {
    for_each_child(parent, |child| {
        remove_children(child);
        remove_killing(child);
    });
}

fn for_each_child(parent: &Path, mut act: impl FnMut(&Path)) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            act(&entry.path());
        }
    }
}

fn remove_killing(path: &Path) {
    // The processes of a killed group need a moment to be gone.
    for _ in 0..200 {
        if fs::remove_dir(path).is_ok() {
            return;
        }
        kill_group(path);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

fn kill_group(path: &Path) {
    if fs::write(path.join("cgroup.kill"), "1").is_ok() {
        return;
    }
    let Ok(procs) = fs::read_to_string(path.join("cgroup.procs")) else {
        return;
    };
    for pid in procs.lines().filter_map(|line| line.parse().ok()) {
        let _ = crate::sys::kill(pid, libc::SIGKILL);
    }
    // A frozen process dies only when thawed.
    let _ = fs::write(path.join("freezer.state"), "THAWED");
}

#[cfg(test)]
mod tests;
