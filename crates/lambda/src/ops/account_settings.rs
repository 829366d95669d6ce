//! GetAccountSettings.

use hearth_wire::Caller;

use crate::Lambda;

/// What the caller's account has used in the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) code_bytes: u64,
    pub(crate) functions: u64,
    /// Concurrency that functions have reserved.
    pub(crate) reserved: u32,
}

pub(crate) fn run(lambda: &Lambda, caller: &Caller) -> Usage {
    let entries = lambda.functions.snapshot.page(&caller.account, &caller.region, None, usize::MAX);
    Usage {
        code_bytes: entries.iter().map(|entry| entry.record.latest.config.package.size_bytes).sum(),
        functions: entries.len() as u64,
        reserved: entries.iter().filter_map(|entry| entry.record.reserved_concurrency).sum(),
    }
}
