//! A wish for a slot.

use crate::spec::Limits;

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) request: u64,
    pub(super) limits: Limits,
    pub(super) tmp_bytes: u64,
}
