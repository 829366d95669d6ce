//! One running server, from the lock on its data folder to the end of its drain.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use hearth_core::{Shutdown, Tasks};
use tokio::net::TcpListener;

use crate::config::Config;
use crate::data_dir::DataDir;
use crate::error::StartError;
use crate::listener;

/// A server that holds its data folder and its port.
pub struct Node {
    data: DataDir,
    listener: TcpListener,
    listen: SocketAddr,
    tasks: Tasks,
    shutdown: Shutdown,
}

/// How a drain ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drained {
    /// All work was finished.
    Complete,
    /// The deadline cut off this many tasks.
    CutOff(usize),
}

impl Node {
    /// Takes the data folder and the port, then builds every part.
    ///
    /// # Errors
    /// Whatever keeps a server from starting; nothing is left behind that the next start has to
    /// mend.
    pub async fn open(config: &Config) -> Result<Self, StartError> {
        let data = DataDir::open(&config.data.value)?;
        let listener = listener::bind(config.listen.value).await?;
        let listen = listener.local_addr().map_err(|cause| StartError::Listen {
            listen: config.listen.value,
            cause,
        })?;
        Ok(Self {
            data,
            listener,
            listen,
            tasks: Tasks::new(),
            shutdown: Shutdown::new(),
        })
    }

    /// Where it listens; the real port when the configured one was 0.
    #[must_use]
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    #[must_use]
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Serves until the drain begins.
    pub async fn run(&self) {
        self.shutdown.started().await;
    }

    /// Takes no more work, and gives what runs until `deadline`.
    pub async fn drain(&self, deadline: Duration) -> Drained {
        self.shutdown.start();
        if self.tasks.drain(deadline).await { Drained::Complete } else { Drained::CutOff(self.tasks.awaited_count()) }
    }
}
