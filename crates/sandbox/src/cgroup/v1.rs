//! The v1 files: one tree per controller.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use super::{Bandwidth, V1Trees, open_dir, open_write, write};
use crate::error::SetupError;
use crate::protocol::HandleKind;
use crate::spec::Limits;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controller {
    Memory,
    Cpu,
    Pids,
    Freezer,
    CpuAcct,
}

/// The trees that a slot needs a group in. Where a v2 tree freezes and counts, two trees are spared.
pub(super) fn used_trees(trees: &V1Trees, has_v2: bool) -> Vec<(Controller, PathBuf)> {
    let mut used = vec![
        (Controller::Memory, trees.memory.clone()),
        (Controller::Cpu, trees.cpu.clone()),
        (Controller::Pids, trees.pids.clone()),
    ];
    if !has_v2 {
        used.extend(trees.freezer.clone().map(|tree| (Controller::Freezer, tree)));
        used.extend(trees.cpuacct.clone().map(|tree| (Controller::CpuAcct, tree)));
    }
    used
}

pub(super) fn apply(controller: Controller, path: &Path, limits: &Limits) -> Result<(), SetupError> {
    match controller {
        Controller::Memory => apply_memory(path, limits.memory_bytes),
        Controller::Cpu => {
            write(&path.join("cpu.shares"), &(u64::from(limits.cpu.weight) * 1024 / 100).max(2).to_string())?;
            let bandwidth = Bandwidth::new(limits.cpu.quota_millis);
            write(&path.join("cpu.cfs_period_us"), &bandwidth.v1_period())?;
            write(&path.join("cpu.cfs_quota_us"), &bandwidth.v1_quota())
        }
        // One more for the sandbox's own first process.
        Controller::Pids => write(&path.join("pids.max"), &(u64::from(limits.processes) + 1).to_string()),
        Controller::Freezer | Controller::CpuAcct => Ok(()),
    }
}

/// The kernel demands `limit <= memsw.limit` at every moment: lowering begins with the one, raising with the other.
fn apply_memory(path: &Path, bytes: u64) -> Result<(), SetupError> {
    let (plain, with_swap) = (path.join("memory.limit_in_bytes"), path.join("memory.memsw.limit_in_bytes"));
    // Absent where the kernel does not count swap.
    let old = std::fs::read_to_string(&with_swap).ok().map(|text| text.trim().parse().unwrap_or(u64::MAX));
    let value = bytes.to_string();
    match old {
        None => write(&plain, &value),
        Some(old) if bytes > old => {
            write(&with_swap, &value)?;
            write(&plain, &value)
        }
        Some(_) => {
            write(&plain, &value)?;
            write(&with_swap, &value)
        }
    }
}

pub(super) fn handles(controller: Controller, path: &Path) -> Result<Vec<(HandleKind, OwnedFd)>, SetupError> {
    Ok(match controller {
        Controller::Memory => vec![(HandleKind::MemoryDirV1, open_dir(path)?)],
        Controller::Cpu => cpu_handles(path)?,
        Controller::Freezer => vec![(HandleKind::FreezeV1, open_write(&path.join("freezer.state"))?)],
        Controller::CpuAcct => vec![(HandleKind::CpuDirV1, open_dir(path)?)],
        Controller::Pids => Vec::new(),
    })
}

fn cpu_handles(path: &Path) -> Result<Vec<(HandleKind, OwnedFd)>, SetupError> {
    let mut handles = vec![
        (HandleKind::CpuQuotaV1, open_write(&path.join("cpu.cfs_quota_us"))?),
        (HandleKind::CpuPeriodV1, open_write(&path.join("cpu.cfs_period_us"))?),
    ];
    // Linux 5.14.
    let burst = path.join("cpu.cfs_burst_us");
    if burst.exists() {
        handles.push((HandleKind::CpuBurst, open_write(&burst)?));
    }
    Ok(handles)
}
