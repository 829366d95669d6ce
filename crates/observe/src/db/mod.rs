//! The database of logs: the only module that speaks SQL.
//!
//! Invariants: one thread writes ([`writer::Writer`]), any number of short read transactions run
//! beside it ([`readers::Readers`]); events are rows of chunks, never rows of their own.

pub(crate) mod catalogue;
pub(crate) mod chores;
pub(crate) mod chunk;
pub(crate) mod merge;
pub(crate) mod readers;
pub(crate) mod scan;
pub(crate) mod schema;
pub(crate) mod tags;
pub(crate) mod writer;
