//! An in-process node, a fake clock and clients, for tests.
//!
//! Not part of the program.
#![forbid(unsafe_code)]
