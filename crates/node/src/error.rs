//! Why a server does not start, told so that the reader knows what to do next.

use std::net::SocketAddr;
use std::path::PathBuf;

use hearth_iam::IamError;
use hearth_sandbox::SandboxError;
use hearth_store::StoreError;
use thiserror::Error;

use crate::listener::Holder;

#[derive(Debug, Error)]
pub enum StartError {
    #[error("failed to {action} the data folder {}: {cause}", path.display())]
    DataFolder { action: &'static str, path: PathBuf, cause: std::io::Error },
    #[error("{0}; stop that Hearth, or choose another folder with --data")]
    DataFolderLocked(StoreError),
    #[error(
        "port {} is taken{}; stop that process, or choose another port with --listen {}:PORT",
        listen.port(),
        .holder.as_ref().map_or_else(String::new, |holder| format!(" by {holder}")),
        listen.ip()
    )]
    PortTaken { listen: SocketAddr, holder: Option<Holder> },
    #[error("failed to listen on {listen}: {cause}; --listen ADDR:PORT chooses another address")]
    Listen { listen: SocketAddr, cause: std::io::Error },
    #[error("failed to open {what}: {cause}")]
    Store {
        /// `the store`, `the functions` ...
        what: &'static str,
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("keys: {0}")]
    Keys(IamError),
    #[error("failed to build the tables of operations: {0}")]
    Tables(String),
    #[error("failed to prepare the runtimes: {0}")]
    Runtimes(std::io::Error),
    #[error("{0}; `hearth doctor` says what this host offers")]
    Sandbox(SandboxError),
}

impl StartError {
    /// Of the store itself: a lock is told apart from damage.
    pub(crate) fn of_store(error: StoreError) -> Self {
        match error {
            StoreError::Locked { .. } => Self::DataFolderLocked(error),
            cause => Self::Store {
                what: "the store",
                cause: cause.into(),
            },
        }
    }
}
