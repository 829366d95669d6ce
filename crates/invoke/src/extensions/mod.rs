//! The Extensions API (`2020-01-01`) of one environment.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 2. [`Extensions`] is what
//! the environment and the API's connections share; [`registry`] the state machine inside,
//! [`routes`] the extensions' side of it, [`scan`] what is to be started from `/opt/extensions`.
//!
//! An environment without extensions locks nothing here once its init is over.

mod event;
mod registry;
mod routes;
mod scan;
mod shared;

pub(crate) use event::{Event, ShutdownReason};
pub(crate) use registry::{Fatal, Kind, State, Summary};
pub(crate) use routes::{caller, serve};
pub(crate) use scan::external;
pub(crate) use shared::{Extensions, Identity};

/// External and internal ones together.
pub(crate) const EXTENSIONS_MAX: usize = 10;
