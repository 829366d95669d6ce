//! Deployment packages: checked before they are accepted, unpacked once, collected when nothing
//! refers to them.
//!
//! Invariants: no byte of a package is trusted before [`inspect`] has seen all of it, and
//! unpacking repeats every check that it relies on. One reader (the `zip` crate, led by the
//! central directory) serves both, so that no archive can look different to the two. Nothing here
//! knows of the API or of the store.

mod archive;
mod cache;
mod check;
mod error;
mod hash;
mod links;
mod overlay;
mod path;
mod unpack;

pub use cache::{CodeCache, Collected};
pub use check::{Accepted, Inspected, Limits, accept, inspect};
pub use error::PackageError;
pub use hash::{PackageHash, hash};
pub use overlay::layers_key;

#[cfg(test)]
mod tests;
