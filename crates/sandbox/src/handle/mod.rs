//! The server's side: asynchronous, without privileges.

mod companion;
mod connect;
mod control;
mod handles;
mod helper;
pub(crate) mod life;
mod running;
mod sandbox;
mod sandboxes;
mod snapshot;
mod supervisor;

pub use companion::Companion;
pub use sandbox::Sandbox;
pub use sandboxes::Sandboxes;
pub use snapshot::Snapshot;
