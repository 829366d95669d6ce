//! One execution environment: one sandbox, one runtime process, one event at a time.
//!
//! [`start`] and its like ([`open`]) make the task that owns it ([`actor`]). Nobody else touches the sandbox; the pool
//! sends orders, and the task answers by the job's own reply.

mod actor;
mod ahead;
mod answer;
mod api_door;
mod base;
mod container;
mod crew;
mod farewell;
mod image;
mod journal;
mod launch;
mod lines;
mod link;
mod open;
mod output;
mod overtime;
mod parked;
mod process;
mod run;

pub(crate) use answer::TRUNCATED;
pub(crate) use api_door::GuestApi;
pub(crate) use base::Base;
pub use base::resolver;
pub(crate) use image::Image;
pub(crate) use lines::cut;
pub(crate) use link::Said;
pub(crate) use open::{first_snapshot, hold_snapshots, start, start_provisioned};
pub(crate) use output::level_of;
pub(crate) use parked::Parked;
pub(crate) use process::Workshop;
