//! The server's own API, for the function: a listener inside the sandbox whose connections go to the
//! front door for sandboxes.

use std::io;
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::{Shutdown, TaskKind, Tasks};
use hearth_model::AccountId;
use hearth_wire::server::{Guest, GuestDoor};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// Connections at once; a function that opens more waits in its own backlog.
const CONNECTIONS_MAX: usize = 64;

const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Whose requests come, and who answers them.
#[derive(Clone)]
pub(crate) struct GuestApi {
    pub(crate) door: Arc<GuestDoor>,
    pub(crate) account: AccountId,
}

/// Open until it is dropped.
pub(super) struct ApiDoor {
    running: watch::Sender<bool>,
    closed: Shutdown,
}

impl Drop for ApiDoor {
    fn drop(&mut self) {
        self.closed.start();
    }
}

impl ApiDoor {
    /// Serves `listener`, which is inside a sandbox that runs.
    ///
    /// # Errors
    /// When the listener cannot be watched.
    pub(super) fn open(listener: StdTcpListener, api: GuestApi, tasks: &Tasks) -> io::Result<Self> {
        let listener = TcpListener::from_std(listener)?;
        let (running, sees) = watch::channel(true);
        let closed = Shutdown::new();
        let guest = Guest {
            account: api.account,
            running: sees,
        };
        let accepting = accept(listener, api.door, guest, closed.clone(), tasks.clone());
        tasks.spawn(TaskKind::EnvironmentApi, "api from inside", accepting);
        Ok(Self { running, closed })
    }

    /// The sandbox freezes or thaws. While it is frozen, nothing of it is served.
    pub(super) fn set_running(&self, running: bool) {
        self.running.send_replace(running);
    }
}

async fn accept(listener: TcpListener, door: Arc<GuestDoor>, guest: Guest, closed: Shutdown, tasks: Tasks) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = closed.started() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (door, guest, closed) = (Arc::clone(&door), guest.clone(), closed.clone());
                tasks.spawn(TaskKind::EnvironmentApi, "api from inside connection", async move {
                    tokio::select! {
                        // What a sandbox asked for ends with it, wherever it stands.
                        () = closed.started() => {}
                        () = door.serve(stream, guest) => {}
                    }
                    drop(place);
                });
            }
            Err(error) => {
                // Out of descriptors, most likely: give others time to return some.
                tracing::warn!(%error, "api from inside: failed to accept");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}
