//! The v2 files: one tree.

use std::os::fd::OwnedFd;
use std::path::Path;

use super::detect::USED;
use super::vacate::{self, Leaf};
use super::{Bandwidth, V2Tree, open_dir, open_write, write};
use crate::error::SetupError;
use crate::protocol::HandleKind;
use crate::spec::Limits;

/// Asks for the controllers in the base and in our parent group, and keeps in `tree` those that came. Moves `ours` out
/// of the base if they are in the way.
pub(super) fn enable_controllers(tree: &mut V2Tree, name: &str, ours: &[u32]) -> Option<Leaf> {
    let parent = tree.base.join(name);
    let leaf = if tree.controllers.is_empty() { None } else { make_room(tree, name, ours) };
    for controller in USED {
        if tree.has(controller) {
            // One at a time: a missing one must not take the others with it.
            let value = format!("+{controller}");
            let _ = write(&tree.base.join("cgroup.subtree_control"), &value);
            let _ = write(&parent.join("cgroup.subtree_control"), &value);
        }
    }
    let enabled = std::fs::read_to_string(parent.join("cgroup.subtree_control")).unwrap_or_default();
    tree.controllers.retain(|controller| enabled.split_whitespace().any(|name| name == controller));
    leaf
}

fn make_room(tree: &mut V2Tree, name: &str, ours: &[u32]) -> Option<Leaf> {
    tree.problem = vacate::obstacle(&tree.base, ours);
    // At the root of a tree nobody is in the way, and where others are, moving us does not help.
    let is_root = !tree.base.join("cgroup.type").exists();
    let is_empty = vacate::inhabitants(&tree.base).is_empty() && !Leaf::path(&tree.base, name).exists();
    if is_root || tree.problem.is_some() || is_empty {
        return None;
    }
    match Leaf::make(&tree.base, name, ours) {
        Ok(leaf) => Some(leaf),
        Err(problem) => {
            tree.problem = Some(problem);
            None
        }
    }
}

pub(super) fn apply(path: &Path, limits: &Limits) -> Result<(), SetupError> {
    write(&path.join("memory.max"), &limits.memory_bytes.to_string())?;
    // Absent where the kernel has no swap accounting; then there is nothing to forbid.
    if path.join("memory.swap.max").exists() {
        write(&path.join("memory.swap.max"), "0")?;
    }
    if path.join("cpu.max").exists() {
        write(&path.join("cpu.max"), &Bandwidth::new(limits.cpu.quota_millis).v2())?;
        write(&path.join("cpu.weight"), &limits.cpu.weight.clamp(1, 10_000).to_string())?;
    }
    if path.join("pids.max").exists() {
        // One more for the sandbox's own first process.
        write(&path.join("pids.max"), &(u64::from(limits.processes) + 1).to_string())?;
    }
    Ok(())
}

pub(super) fn handles(path: &Path, controls: bool) -> Result<Vec<(HandleKind, OwnedFd)>, SetupError> {
    let mut handles = vec![(HandleKind::CpuDirV2, open_dir(path)?)];
    // Linux 5.2 and 5.14.
    for (kind, file) in [(HandleKind::FreezeV2, "cgroup.freeze"), (HandleKind::KillV2, "cgroup.kill")] {
        if path.join(file).exists() {
            handles.push((kind, open_write(&path.join(file))?));
        }
    }
    if controls {
        handles.push((HandleKind::MemoryDirV2, open_dir(path)?));
        if path.join("cpu.max").exists() {
            handles.push((HandleKind::CpuQuotaV2, open_write(&path.join("cpu.max"))?));
        }
        // Linux 5.14.
        if path.join("cpu.max.burst").exists() {
            handles.push((HandleKind::CpuBurst, open_write(&path.join("cpu.max.burst"))?));
        }
    }
    Ok(handles)
}
