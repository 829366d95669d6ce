//! The laws of the house (ARCHITECTURE.md), checked over `cargo metadata` and the sources.
//!
//! A law is an absence. Where one is broken for a reason, the exception and its reason stand in
//! the law's own list; an exception that is no longer needed fails too.

#![allow(clippy::unwrap_used, clippy::expect_used)] // A test that cannot read its subject has failed.

mod absences;
mod documents;
mod layers;
mod tree;
