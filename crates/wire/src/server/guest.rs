//! Requests from inside sandboxes: a function that uses the API of the server it runs on.
//!
//! They come over listeners of the sandboxes' own and are served like any other, but nothing about
//! them is taken on trust, whatever the server's mode: they are signed with credentials that this
//! server issued or its operator configured, and those are of the function's own account. They
//! have a front door of their own, whose bounds they can exhaust without a client outside noticing.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_core::Shutdown;
use hearth_model::AccountId;
use tokio::net::TcpStream;
use tokio::sync::{Semaphore, watch};

use super::connection::{self, Visit};
use super::{FrontDoor, Options};
use crate::sigv4::Mode;

/// Whose sandbox a connection comes from.
#[derive(Clone, Debug)]
pub struct Guest {
    /// Nobody else's credentials are taken.
    pub account: AccountId,
    /// False while the sandbox is frozen: what it has sent by then waits until it runs again.
    pub running: watch::Receiver<bool>,
}

impl Guest {
    /// Waits until the sandbox runs. One that is gone will not be waited for: its connections end
    /// with it.
    pub(super) async fn until_running(&self) {
        let mut running = self.running.clone();
        let _ = running.wait_for(|running| *running).await;
    }
}

/// The front door for sandboxes.
#[derive(Debug)]
pub struct GuestDoor {
    door: Arc<FrontDoor>,
    places: Semaphore,
    /// So that a flood is logged once and not once a connection.
    is_full: AtomicBool,
}

impl GuestDoor {
    /// Builds it. Whatever mode `options` names, signatures are demanded and verified: its keys
    /// must come with their secrets.
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            places: Semaphore::new(options.limits.connections.clamp(1, Semaphore::MAX_PERMITS)),
            is_full: AtomicBool::new(false),
            door: FrontDoor::new(Options {
                mode: Mode::Enforce,
                ..options
            }),
        })
    }

    /// Serves a connection to its end. Where all sandboxes together have too many, it is told so
    /// once.
    pub async fn serve(&self, stream: TcpStream, guest: Guest) {
        if let Ok(_place) = self.places.try_acquire() {
            self.is_full.store(false, Ordering::Relaxed);
            return connection::serve(&self.door, stream, Visit::from(guest), Shutdown::new()).await;
        }
        if !self.is_full.swap(true, Ordering::Relaxed) {
            let limit = self.door.limits.connections;
            tracing::warn!(limit, "too many connections from sandboxes; new ones are refused");
        }
        connection::refuse(&self.door, stream).await;
    }
}
