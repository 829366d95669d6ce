//! The whole server: builds the parts from the configuration, joins their seams, orders start and
//! drain.
//!
//! Invariants: the only crate that knows every service; no logic of its own beyond order. What is
//! joined to what stands in `assemble.rs`, to be read from top to bottom.
#![forbid(unsafe_code)]

pub mod assemble;
pub mod config;
mod destinations;
pub mod error;
pub mod host;
pub mod layout;
pub mod listener;
pub mod node;
mod plain;
mod secret;

pub use config::{Config, ConfigError};
pub use error::StartError;
pub use layout::Layout;
pub use node::{Drained, Node, Summary};
