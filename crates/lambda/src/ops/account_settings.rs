//! GetAccountSettings.

use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::code;

/// What the caller's account has used in the region.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Usage {
    pub(crate) code_bytes: u64,
    pub(crate) functions: u64,
    /// Concurrency that functions have reserved, or provisioned without reserving.
    pub(crate) concurrency: u32,
}

pub(crate) async fn run(lambda: &Lambda, caller: &Caller) -> Result<Usage, Error> {
    let entries = lambda.functions.snapshot.page(&caller.account, &caller.region, None, usize::MAX);
    let of_functions: u64 = entries.iter().map(|entry| entry.record.code_bytes()).sum();
    let of_layers = code::layer_bytes(lambda, &caller.account, &caller.region).await?;
    Ok(Usage {
        code_bytes: of_functions.saturating_add(of_layers),
        functions: entries.len() as u64,
        concurrency: entries.iter().fold(0, |sum, entry| sum.saturating_add(entry.record.concurrency_taken())),
    })
}
