//! Accepting connections, as many as the limit allows.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearth_core::{Shutdown, TaskKind, Tasks};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

use super::FrontDoor;
use super::connection::{self, Visit};

/// Connections that are told at a time that there are too many.
const REFUSALS_MAX: usize = 64;
/// After an error that is not one connection's own (no file descriptors left), so that the loop
/// does not spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(200);

pub(super) async fn run(door: Arc<FrontDoor>, listener: TcpListener, shutdown: Shutdown, tasks: Tasks) {
    let gate = Gate {
        places: Arc::new(Semaphore::new(door.limits.connections.clamp(1, Semaphore::MAX_PERMITS))),
        refusals: Arc::new(Semaphore::new(REFUSALS_MAX)),
        is_full: AtomicBool::new(false),
        door,
        shutdown: shutdown.clone(),
        tasks,
    };
    loop {
        let accepted = tokio::select! {
            () = shutdown.started() => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => gate.admit(stream),
            Err(error) if is_of_one_connection(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "failed to accept a connection");
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }
}

fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

struct Gate {
    door: Arc<FrontDoor>,
    places: Arc<Semaphore>,
    refusals: Arc<Semaphore>,
    /// So that a flood is logged once and not once a connection.
    is_full: AtomicBool,
    shutdown: Shutdown,
    tasks: Tasks,
}

impl Gate {
    fn admit(&self, stream: TcpStream) {
        let door = Arc::clone(&self.door);
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            self.is_full.store(false, Ordering::Relaxed);
            let shutdown = self.shutdown.child();
            self.tasks.spawn(TaskKind::Connection, "front door", async move {
                connection::serve(&door, stream, Visit::default(), shutdown).await;
                drop(place);
            });
            return;
        }
        if !self.is_full.swap(true, Ordering::Relaxed) {
            tracing::warn!(limit = self.door.limits.connections, "too many connections; new ones are refused");
        }
        if let Ok(place) = Arc::clone(&self.refusals).try_acquire_owned() {
            self.tasks.spawn(TaskKind::Connection, "front door refusal", async move {
                connection::refuse(&door, stream).await;
                drop(place);
            });
        }
    }
}
