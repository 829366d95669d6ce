//! The payload format 2.0: how a request becomes an event, and a result an answer.
//!
//! Source: fact sheet "Lambda invocation", section 7.

pub(crate) mod answer;
pub(crate) mod event;
pub(crate) mod prelude;

/// Why a result cannot become an answer: what was expected, and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);
