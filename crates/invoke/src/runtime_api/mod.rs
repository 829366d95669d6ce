//! The HTTP Runtime API (`2018-06-01`) of one environment, on the listener inside its sandbox.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 1. [`RuntimeApi`] is the
//! environment's side: it hears what the runtime says and hands it events. [`routes`] is the
//! runtime's side, behind the [`door`] that all of a sandbox's APIs share, and [`state`] the state
//! machine between them, whose refusals runtimes see.

pub(crate) mod answers;
mod credentials;
mod door;
mod routes;
mod state;
mod streamed;

use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;

use bytes::Bytes;
use hearth_core::Tasks;
use tokio::sync::mpsc;

use crate::environment::Said;
pub(crate) use credentials::Provider;
pub(crate) use door::{Door, Services, converse_once};
use state::{Shared, Turn};

/// An event for the runtime, with all that its headers say.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) request_id: String,
    /// Unix milliseconds.
    pub(crate) deadline_ms: u64,
    pub(crate) invoked_arn: String,
    pub(crate) trace_header: String,
    pub(crate) client_context: Option<String>,
    pub(crate) cognito_identity: Option<String>,
    /// The caller takes the answer piece by piece.
    pub(crate) as_stream: bool,
    pub(crate) event: Bytes,
}

/// Words that may wait for the environment: a runtime has one invocation at a time, so more than
/// a few are a runtime gone wrong, which then waits.
const WORDS_MAX: usize = 8;

/// The environment's end.
pub(crate) struct RuntimeApi {
    shared: Arc<Shared>,
    words: mpsc::Receiver<(Turn, Said)>,
}

impl RuntimeApi {
    /// `snap_start`: with the calls about a restore.
    pub(crate) fn new(snap_start: bool) -> Self {
        let (tx, words) = mpsc::channel(WORDS_MAX);
        let shared = Arc::new(Shared::new(tx, snap_start));
        Self { shared, words }
    }

    /// Waits for the runtime's next word. Cancel-safe. Never `Closed`: connections come and go,
    /// and only the end of the process ends a runtime.
    pub(crate) async fn listen(&mut self) -> Said {
        loop {
            match self.words.recv().await {
                Some((turn, word)) if self.shared.is_current(turn) => return word,
                // Of a process that is gone: it was still waiting to be heard.
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// Of a process that has ended: what its connections still bring; `None` when none is open.
    pub(crate) async fn last_word(&mut self) -> Option<Said> {
        self.shared.swept().await;
        let mut connections = self.shared.connections();
        tokio::select! {
            biased;
            word = self.listen() => Some(word),
            _ = connections.wait_for(|count| *count == 0) => None,
        }
    }

    /// Answers the pending `next`.
    pub(crate) fn deliver(&self, delivery: Delivery) {
        self.shared.deliver(delivery);
    }

    /// Answers the pending `restore/next`.
    pub(crate) fn restore(&self) {
        self.shared.restore();
    }

    /// A new process: what the one before left is void.
    pub(crate) fn reset(&mut self) {
        self.shared.reset();
    }
}

/// Serves the listener of a sandbox: `runtime` where the runtime speaks HTTP, and `services`.
///
/// # Errors
/// When the listener cannot be watched.
pub(crate) fn open(
    listener: StdTcpListener,
    runtime: Option<&RuntimeApi>,
    services: &Services,
    tasks: &Tasks,
) -> std::io::Result<Door> {
    let runtime = runtime.map(|runtime| Arc::clone(&runtime.shared));
    Door::open(listener, runtime, services.clone(), tasks)
}
