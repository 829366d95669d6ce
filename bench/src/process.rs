//! What processes cost, as the kernel counts it.

use std::collections::HashSet;
use std::fs;

/// A process and all that descend from it.
pub(crate) fn tree(root: u32) -> Vec<u32> {
    let parents: Vec<(u32, u32)> = fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, field(pid, 1)?)))
        .collect();
    let mut found: HashSet<u32> = HashSet::from([root]);
    loop {
        let more: Vec<u32> = parents
            .iter()
            .filter(|(pid, parent)| found.contains(parent) && !found.contains(pid))
            .map(|(pid, _)| *pid)
            .collect();
        if more.is_empty() {
            return found.into_iter().collect();
        }
        found.extend(more);
    }
}

/// Fields of `/proc/<pid>/stat` behind the name: 0 is the state, 1 the parent.
fn field(pid: u32, index: usize) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(index)?.parse().ok()
}

/// Processor time used so far, in ticks of 10 ms.
pub(crate) fn cpu_ticks(pids: &[u32]) -> u64 {
    pids.iter().map(|pid| u64::from(field(*pid, 11).unwrap_or(0)) + u64::from(field(*pid, 12).unwrap_or(0))).sum()
}

/// Memory in KiB, shared pages counted in parts.
pub(crate) fn memory_kib(pids: &[u32]) -> u64 {
    let of = |pid: &u32| {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:"))?.to_owned();
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    pids.iter().filter_map(of).sum()
}
