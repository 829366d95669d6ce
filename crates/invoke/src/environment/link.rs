//! How an environment talks with its runtime: over the lean channel (our own bootstraps) or over
//! the HTTP Runtime API (official clients, custom runtimes).

use std::io::{self, IoSlice};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;

use bytes::Bytes;
use hearth_runtimes::channel::{self, Decoder, FromRuntime};
use tokio::net::UnixStream;

use crate::RESPONSE_BYTES_MAX;
use crate::runtime_api::{Delivery, RuntimeApi};

/// What the runtime says.
#[derive(Debug)]
pub(crate) enum Said {
    /// It waits to be told which function it is.
    Parked,
    /// Init is done; it waits for an event.
    Ready,
    InitError {
        error_type: String,
        body: Bytes,
    },
    Response {
        request_id: String,
        body: Bytes,
    },
    Error {
        request_id: String,
        error_type: String,
        body: Bytes,
    },
    /// [`Said::Error`], and the process is about to end.
    LastError {
        request_id: String,
        error_type: String,
        body: Bytes,
    },
    /// The answer is streamed: chunks, and then [`Said::ResponseEnd`].
    ResponseBegin {
        request_id: String,
        /// May be empty.
        content_type: String,
    },
    /// Of the answer that began last.
    ResponseChunk(Bytes),
    ResponseEnd {
        /// Type and document, when it broke off.
        error: Option<(String, Bytes)>,
    },
    /// Init is over, and so are the hooks before a snapshot; it waits to be restored.
    RestoreReady,
    /// An answer that is too large, thrown away.
    Oversized {
        request_id: String,
    },
    /// It will say no more.
    Closed,
}

/// The connection to one runtime process.
pub(super) enum Link {
    Channel(Box<ChannelLink>),
    Http(RuntimeApi),
}

pub(super) struct ChannelLink {
    stream: UnixStream,
    decoder: Decoder,
    head: Vec<u8>,
    closed: bool,
}

impl Link {
    /// Makes a channel; the other end is for the process.
    pub(super) fn channel() -> io::Result<(Self, OwnedFd)> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let link = ChannelLink {
            stream: UnixStream::from_std(ours)?,
            decoder: Decoder::new(channel::DEFAULT_MAX_FRAME, RESPONSE_BYTES_MAX),
            head: Vec::with_capacity(512),
            closed: false,
        };
        Ok((Self::Channel(Box::new(link)), theirs.into()))
    }

    /// The HTTP side, where there is one.
    pub(super) fn http(&self) -> Option<&RuntimeApi> {
        match self {
            Self::Http(api) => Some(api),
            Self::Channel(_) => None,
        }
    }

    /// Waits for the runtime's next word. Cancel-safe.
    pub(super) async fn listen(&mut self) -> Said {
        match self {
            Self::Channel(link) => link.listen().await,
            Self::Http(api) => api.listen().await,
        }
    }

    /// Of a process that has ended: what it said before; `None` after the last. Cancel-safe.
    pub(super) async fn last_word(&mut self) -> Option<Said> {
        match self {
            Self::Channel(link) => Some(link.listen().await).filter(|word| !matches!(word, Said::Closed)),
            Self::Http(api) => api.last_word().await,
        }
    }

    /// Hands over an event. The runtime must have asked for one.
    pub(super) async fn deliver(&mut self, delivery: Delivery) -> io::Result<()> {
        match self {
            Self::Channel(link) => link.deliver(&delivery).await,
            Self::Http(api) => {
                api.deliver(delivery);
                Ok(())
            }
        }
    }

    /// Tells a runtime that said [`Said::Parked`] which function it is, by all its variables.
    pub(super) async fn specialise(&mut self, variables: &[(String, String)]) -> io::Result<()> {
        match self {
            Self::Channel(link) => {
                let frame = channel::specialise_frame(variables).map_err(invalid)?;
                write_both(&link.stream, &frame, &[]).await
            }
            // Only our own bootstraps park.
            Self::Http(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Tells a runtime that said [`Said::RestoreReady`] to run on, with these variables.
    pub(super) async fn restore(&mut self, variables: &[(String, String)]) -> io::Result<()> {
        match self {
            Self::Channel(link) => link.restore(variables).await,
            Self::Http(api) => {
                api.restore();
                Ok(())
            }
        }
    }

    /// Whether the runtime asks for the next event by giving its answer (and not by a word of its
    /// own).
    pub(super) const fn answers_mean_next(&self) -> bool {
        matches!(self, Self::Channel(_))
    }
}

impl ChannelLink {
    async fn listen(&mut self) -> Said {
        loop {
            match self.decoder.next() {
                Ok(Some(word)) => return said(word),
                Ok(None) if self.closed => return Said::Closed,
                Ok(None) => {}
                Err(error) => {
                    tracing::debug!(%error, "runtime channel closed: unreadable frame");
                    return Said::Closed;
                }
            }
            if self.stream.readable().await.is_err() {
                return Said::Closed;
            }
            match self.stream.try_read_buf(self.decoder.buffer()) {
                Ok(0) => self.closed = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => self.closed = true,
            }
        }
    }

    async fn restore(&mut self, variables: &[(String, String)]) -> io::Result<()> {
        let frame = channel::restore_frame(variables).map_err(invalid)?;
        write_both(&self.stream, &frame, &[]).await
    }

    async fn deliver(&mut self, delivery: &Delivery) -> io::Result<()> {
        self.head.clear();
        let invocation = channel::Invocation {
            deadline_ms: delivery.deadline_ms,
            request_id: &delivery.request_id,
            invoked_arn: &delivery.invoked_arn,
            trace_id: &delivery.trace_header,
            client_context: delivery.client_context.as_deref().unwrap_or_default(),
            cognito_identity: delivery.cognito_identity.as_deref().unwrap_or_default(),
            tenant_id: "",
        };
        channel::invoke_head(&invocation, delivery.event.len(), &mut self.head).map_err(invalid)?;
        write_both(&self.stream, &self.head, &delivery.event).await
    }
}

#[allow(clippy::needless_pass_by_value)] // The form `map_err` wants.
fn invalid(error: channel::EncodeError) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, error.to_string())
}

/// Writes head and body in one system call where they fit.
async fn write_both(stream: &UnixStream, head: &[u8], body: &[u8]) -> io::Result<()> {
    let total = head.len() + body.len();
    let mut written = 0;
    while written < total {
        let parts = if written < head.len() {
            [IoSlice::new(&head[written..]), IoSlice::new(body)]
        } else {
            [IoSlice::new(&body[written - head.len()..]), IoSlice::new(&[])]
        };
        match stream.try_write_vectored(&parts) {
            Ok(n) => written += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// `None` for what nobody asked the runtime for; it changes nothing.
fn said(word: FromRuntime) -> Said {
    match word {
        FromRuntime::Ready => Said::Ready,
        FromRuntime::InitError { error_type, body } => Said::InitError { error_type, body },
        FromRuntime::Response { request_id, body } => Said::Response { request_id, body },
        FromRuntime::Error { request_id, error_type, body } => Said::Error { request_id, error_type, body },
        FromRuntime::LastError { request_id, error_type, body } => Said::LastError { request_id, error_type, body },
        FromRuntime::Oversized { request_id, .. } => Said::Oversized { request_id },
        FromRuntime::Parked => Said::Parked,
        FromRuntime::RestoreReady => Said::RestoreReady,
        // As a failed init: there will be no runtime that takes events.
        FromRuntime::RestoreError { error_type, body } => Said::InitError { error_type, body },
        FromRuntime::ResponseBegin { request_id, content_type } => Said::ResponseBegin { request_id, content_type },
        FromRuntime::ResponseChunk { body } => Said::ResponseChunk(body),
        FromRuntime::ResponseEnd { error_type, body } => Said::ResponseEnd {
            error: (!error_type.is_empty()).then_some((error_type, body)),
        },
    }
}
