//! Container images: from a reference to a root file system.
//!
//! [`Images::resolve`] says which image a reference means now, and what its configuration is;
//! [`Images::unpack`] fetches that very image by its digest and makes a tree of it. Both block.
//!
//! Invariants: no byte is used before its digest is verified; nothing is written, linked or removed
//! outside the tree, whatever a layer says (the kernel resolves every path in it, see [`tree`]); no
//! device node, no set-user-id bit and no foreign owner is in the tree; sizes, entries and the
//! memory that a layer's headers take are bounded. This crate knows nothing of functions.
#![forbid(unsafe_code)]

mod auth;
mod blob;
mod challenge;
mod error;
mod etc;
mod headers;
mod layer;
mod layout;
mod manifest;
mod pull;
mod reference;
mod registry;
mod tree;

pub use error::ImageError;
pub use pull::{Images, Options, Pinned, Resolved, Settings};
pub use reference::Reference;

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
