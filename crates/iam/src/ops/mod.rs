//! What the operations do, without their shapes.

pub(crate) mod entity;
pub(crate) mod policy;
pub(crate) mod session;
pub(crate) mod user;
