//! The Telemetry API (`2022-07-01`) and the Logs API (`2020-08-15`) of one environment.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 3. [`Telemetry`] is where
//! the environment puts its records and where extensions subscribe. Each subscriber has a bounded
//! [`queue`] and a task that [delivers](delivery) from it into the sandbox, only while that is
//! thawed. Who does not keep up loses records, and is told how many.
//!
//! An environment without subscribers keeps nothing here once its init is over.

mod delivery;
mod item;
mod queue;
mod routes;
mod send;
mod shared;
mod subscription;

pub(crate) use item::{Fault, Item};
pub(crate) use routes::serve;
pub(crate) use send::Connect;
pub(crate) use shared::Telemetry;
pub(crate) use subscription::Api;
