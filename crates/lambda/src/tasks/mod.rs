//! Work in the background: each task has a kind and an end.

pub(crate) mod activation;
pub(crate) mod collect;
pub(crate) mod follow;
