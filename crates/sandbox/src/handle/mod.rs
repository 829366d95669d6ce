//! The server's side: asynchronous, without privileges.

mod control;
mod handles;
mod sandbox;
mod sandboxes;

pub use sandbox::Sandbox;
pub use sandboxes::Sandboxes;
