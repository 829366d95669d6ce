//! Why a server does not start, told so that the reader knows what to do next.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

use crate::listener::Holder;

#[derive(Debug, Error)]
pub enum StartError {
    #[error("failed to {action} the data folder {}: {cause}", path.display())]
    DataFolder { action: &'static str, path: PathBuf, cause: std::io::Error },
    #[error(
        "the data folder {} is in use by another Hearth{}; stop that one, or choose another folder with --data",
        path.display(),
        .pid.map_or_else(String::new, |pid| format!(" (process {pid})"))
    )]
    DataFolderLocked {
        path: PathBuf,
        /// As the other one wrote it down; absent when it could not be read.
        pid: Option<u32>,
    },
    #[error(
        "port {} is taken{}; stop that process, or choose another port with --listen {}:PORT",
        listen.port(),
        .holder.as_ref().map_or_else(String::new, |holder| format!(" by {holder}")),
        listen.ip()
    )]
    PortTaken { listen: SocketAddr, holder: Option<Holder> },
    #[error("failed to listen on {listen}: {cause}; --listen ADDR:PORT chooses another address")]
    Listen { listen: SocketAddr, cause: std::io::Error },
}
