//! One connection: HTTP/1.1 with keep-alive and pipelining, until the client ends it, it is
//! overdue, or the server stops.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::Shutdown;
use http::StatusCode;
use http::header::{CONNECTION, HeaderValue};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::FrontDoor;
use super::answer_body::AnswerBody;
use super::guest::Guest;
use super::limits::Limits;
use super::pace::{Paced, Pulse};
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::render;

/// Large enough for any small request to be read at once, and small enough to have many of.
const BUFFER_BYTES: usize = 128 * 1024;
/// hyper's own number; another one costs an allocation a request.
const HEADER_COUNT_FREE: usize = 100;
const REFUSAL_TIME: Duration = Duration::from_secs(5);

/// Where a connection ends and where it comes from.
#[derive(Debug, Default)]
pub(super) struct Visit {
    /// The address that the client reached.
    pub(super) local: Option<SocketAddr>,
    /// The client's own.
    pub(super) peer: Option<SocketAddr>,
    /// When it is a sandbox's.
    pub(super) guest: Option<Guest>,
}

impl From<Guest> for Visit {
    fn from(guest: Guest) -> Self {
        Self {
            local: None,
            peer: None,
            guest: Some(guest),
        }
    }
}

/// How HTTP is spoken.
pub(super) fn http(limits: &Limits) -> Builder {
    let mut http = Builder::new();
    http.header_read_timeout(None); // `Pulse` sees to it, without a timer for each request.
    http.max_buf_size(BUFFER_BYTES.max(limits.header_bytes));
    http.max_header_size(limits.header_bytes);
    if limits.header_count != HEADER_COUNT_FREE {
        http.max_headers(limits.header_count);
    }
    http
}

/// Serves a connection to its end.
pub(super) async fn serve(door: &FrontDoor, stream: TcpStream, mut visit: Visit, shutdown: Shutdown) {
    // Answers are written whole: waiting for more to send only adds latency.
    let _ = stream.set_nodelay(true);
    visit.local = stream.local_addr().ok();
    visit.peer = stream.peer_addr().ok();
    let pulse = Arc::new(Pulse::new());
    let service = service_fn(|request| answer(door, &pulse, request, &visit));
    let io = TokioIo::new(Paced::new(stream, Arc::clone(&pulse)));
    let mut connection = pin!(door.http.serve_connection(io, service));
    let mut overdue = pin!(pulse.overdue(&door.limits));
    let mut stopping = pin!(shutdown.started());
    let mut is_stopping = false;
    loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%error, "a connection ended badly");
                }
                return;
            }
            () = stopping.as_mut(), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            cut = overdue.as_mut() => {
                tracing::debug!(?cut, "a connection was cut off");
                return;
            }
        }
    }
}

async fn answer(
    door: &FrontDoor,
    pulse: &Arc<Pulse>,
    request: hyper::Request<Incoming>,
    visit: &Visit,
) -> Result<hyper::Response<AnswerBody>, Infallible> {
    pulse.busy();
    if let Some(guest) = &visit.guest {
        guest.until_running().await;
    }
    let mut response = door.answer(request, visit).await;
    response.body_mut().keep(pulse);
    Ok(response)
}

/// Tells a client that there are too many connections.
pub(super) async fn refuse(door: &FrontDoor, stream: TcpStream) {
    let error = ApiError::user(
        StatusCode::SERVICE_UNAVAILABLE,
        "ServiceUnavailableException",
        format!("the server has {} connections open, its limit; try again", door.limits.connections),
    );
    let request_id = door.random.uuid().to_string();
    let service = service_fn(|_: hyper::Request<Incoming>| {
        let mut response = render::error(Protocol::RestJson, &error, &request_id);
        response.headers.insert(CONNECTION, HeaderValue::from_static("close"));
        std::future::ready(Ok::<_, Infallible>(AnswerBody::of(response)))
    });
    let connection = door.http.serve_connection(TokioIo::new(stream), service);
    let _ = tokio::time::timeout(REFUSAL_TIME, connection).await;
}
