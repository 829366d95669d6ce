//! A limit on the memory of each process, where no cgroup limits the sandbox's.
//!
//! `RLIMIT_DATA` counts what a process could write to and shares with nobody: heap, thread stacks, private mappings,
//! touched or not. Address space that is only reserved, as Node.js and the JVM do by the gigabyte, is not counted. A
//! process that wants more gets "out of memory" from its allocator, and the host's memory is spared. It holds for each
//! process alone, leaves out shared memory and `/tmp`, and a process may raise it: a guard against accidents.

use std::fs;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Step;
use crate::error::SetupError;
use crate::spec::Limits;

/// What a process may have beyond the sandbox's memory: stacks and arenas that it never touches.
const UNTOUCHED_BYTES: u64 = 512 << 20;

fn data_bytes(limits: &Limits) -> u64 {
    limits.memory_bytes.saturating_add(UNTOUCHED_BYTES)
}

/// Sets it for this process and all that it starts.
pub(super) fn set(limits: &Limits) -> Result<(), SetupError> {
    let failed = |errno| SetupError::ResourceLimit {
        name: "data".to_owned(),
        errno,
    };
    let (_, hard) = getrlimit(Resource::RLIMIT_DATA).step(failed)?;
    setrlimit(Resource::RLIMIT_DATA, data_bytes(limits).min(hard), hard).step(failed)
}

/// Sets it for what `first`, a sandbox's first process, has started already; numbers as the host sees them. Their own
/// children were born with the old one.
pub(super) fn renew(first: i32, limits: &Limits) -> Result<(), SetupError> {
    let failed = |errno| SetupError::ResourceLimit {
        name: "data".to_owned(),
        errno,
    };
    let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children")).step(failed)?;
    for pid in children.split_whitespace().filter_map(|pid| rustix::process::Pid::from_raw(pid.parse().ok()?)) {
        let old = rustix::process::getrlimit(rustix::process::Resource::Data);
        let new = rustix::process::Rlimit {
            current: Some(old.maximum.map_or(data_bytes(limits), |most| data_bytes(limits).min(most))),
            maximum: old.maximum,
        };
        match rustix::process::prlimit(Some(pid), rustix::process::Resource::Data, new) {
            // It has just ended.
            Err(rustix::io::Errno::SRCH) => {}
            other => drop(other.step(failed)?),
        }
    }
    Ok(())
}
