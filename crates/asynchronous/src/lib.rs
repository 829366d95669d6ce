//! Asynchronous invocation: an event is on disk before its caller is answered, and is then run,
//! tried again, and told of to its destination.
//!
//! [`Asynchronous`] takes events. Those of one qualifier of a function form a lane ([`lane`]): a
//! queue in the store and, as long as it has items, a task that takes them one after the other and
//! runs several at once ([`places`]). [`verdict`] says what becomes of an event after a run, and
//! [`settle`] makes it so.
//!
//! Invariants: an event that was accepted is in the store until it has run to its end, or was given
//! up and told of; so it is run at least once, always under the same request id. A lane that is
//! throttled or fails holds up no other. What waits in memory is bounded; the rest waits in the
//! store. Where nothing waits, there is no task and no timer.
#![forbid(unsafe_code)]

mod api;
mod door;
mod engine;
mod event;
mod key;
mod lane;
mod places;
mod run;
mod settle;
mod verdict;

#[cfg(test)]
mod tests;

pub use engine::{Asynchronous, Options, Timing};
