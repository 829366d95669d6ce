//! Streams and listeners that a sandbox's first process makes in there and hands out.

use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::net::sockopt::{socket_acceptconn, socket_domain, socket_error, socket_type};
use rustix::net::{AddressFamily, SocketType};

use super::running::{Running, expect_fd};
use crate::error::{SandboxError, SetupError};
use crate::protocol::ToSlot;
use crate::sys;

/// How long a connection may take. On a loopback it comes at once; but a listener that takes none lets the kernel try
/// for minutes, and a frozen sandbox does not answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) async fn listen(running: &Running, port: u16) -> Result<TcpListener, SandboxError> {
    let fd = expect_fd(running.ask(|request| ToSlot::Listen { request, port }).await?)?;
    as_listener(fd).ok_or_else(|| stranger(running))
}

pub(super) async fn connect(running: &Running, port: u16) -> Result<TcpStream, SandboxError> {
    let connected = tokio::time::timeout(PATIENCE, connect_patiently(running, port)).await;
    connected.unwrap_or_else(|_| {
        Err(SandboxError::TimedOut {
            action: "accept a connection",
            id: running.id.clone(),
            waited_ms: PATIENCE.as_millis(),
        })
    })
}

async fn connect_patiently(running: &Running, port: u16) -> Result<TcpStream, SandboxError> {
    let fd = expect_fd(running.ask(|request| ToSlot::Connect { request, port }).await?)?;
    let fd = as_tcp(fd).filter(|fd| socket_acceptconn(fd) == Ok(false)).ok_or_else(|| stranger(running))?;
    let failed = |error: std::io::Error| SetupError::Connect { port, errno: error.into() };
    // The sandbox's first process does not wait for the connection, so that no listener can hold it up; we do.
    let socket = sys::watch(fd).map_err(failed)?;
    drop(socket.writable().await.map_err(failed)?);
    socket_error(&socket).and_then(|outcome| outcome).map_err(|errno| failed(errno.into()))?;
    Ok(TcpStream::from(socket.into_inner()))
}

/// The descriptor as a listener, if that is what it is; non-blocking.
pub(super) fn as_listener(fd: OwnedFd) -> Option<TcpListener> {
    as_tcp(fd).filter(|fd| socket_acceptconn(fd) == Ok(true)).map(TcpListener::from)
}

/// A compromised sandbox could hand out any descriptor it has, on which the server might then wait for ever.
fn as_tcp(fd: OwnedFd) -> Option<OwnedFd> {
    let is_tcp = socket_domain(&fd) == Ok(AddressFamily::INET) && socket_type(&fd) == Ok(SocketType::STREAM);
    (is_tcp && rustix::io::ioctl_fionbio(&fd, true).is_ok()).then_some(fd)
}

fn stranger(running: &Running) -> SandboxError {
    SandboxError::Unsupported {
        action: "use the descriptor given out by",
        id: running.id.clone(),
        reason: "it is not the socket that was asked for",
    }
}
