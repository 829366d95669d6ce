//! One execution environment: one sandbox, one runtime process, one event at a time.
//!
//! [`start`] makes the task that owns it ([`actor`]). Nobody else touches the sandbox; the pool
//! sends orders, and the task answers by the job's own reply.

mod actor;
mod journal;
mod launch;
mod link;
mod output;
mod process;
mod run;

pub(crate) use actor::start;
pub(crate) use link::Said;
pub(crate) use process::Workshop;
