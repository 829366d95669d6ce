//! The laws of the house, as tests: see `tests/laws/`.
//!
//! Not part of the program, and needs nothing of it: the laws read manifests and sources.
#![forbid(unsafe_code)]
