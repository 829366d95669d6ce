//! What every part stands on: the clock, randomness, tasks, shutdown, configuration, telemetry.
//!
//! Invariants: no other crate reads the wall clock, draws a random number or spawns an anonymous
//! task, so that a test controls all three. Nothing here knows of AWS.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod random;
pub mod shutdown;
pub mod task;
pub mod telemetry;

pub use clock::Clock;
pub use random::Random;
pub use shutdown::Shutdown;
pub use task::{TaskKind, Tasks};
