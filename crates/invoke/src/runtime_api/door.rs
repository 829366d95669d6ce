//! What listens on port 9001 of a sandbox: the Runtime API where the runtime speaks it, and the
//! APIs for extensions, which any function may bring.

use std::convert::Infallible;
use std::net::TcpListener as StdTcpListener;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::{Shutdown, TaskKind, Tasks};
use http::{Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustix::net::{SocketFlags, accept_with};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::OwnedSemaphorePermit;

use super::answers::{self, Answer};
use super::credentials::Provider;
use super::routes;
use super::state::{Counted, Shared, Sweep};
use crate::environment::GuestApi;
use crate::extensions::{self, Extensions};
use crate::telemetry::{self, Api, Telemetry};

/// Connections at once; a function that opens more waits in its own backlog.
const CONNECTIONS_MAX: usize = 64;

/// What an environment offers besides the Runtime API.
#[derive(Clone)]
pub(crate) struct Services {
    pub(crate) extensions: Arc<Extensions>,
    pub(crate) telemetry: Arc<Telemetry>,
    /// Where the function's variables hold no keys.
    pub(crate) credentials: Option<Arc<Provider>>,
    /// The server's own API. Absent where there is no server.
    pub(crate) api: Option<GuestApi>,
}

/// Open until it is dropped.
pub(crate) struct Door {
    closed: Shutdown,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.closed.start();
    }
}

struct Inside {
    /// Absent where the runtime speaks over a channel of its own.
    runtime: Option<Arc<Shared>>,
    services: Services,
    closed: Shutdown,
    tasks: Tasks,
}

impl Inside {
    /// Waits for a wish that every connection be counted.
    async fn sweep(&self) -> Sweep {
        match &self.runtime {
            Some(runtime) => runtime.sweep().await,
            None => std::future::pending().await,
        }
    }

    fn ask_sweep(&self, sweep: Sweep) {
        if let Some(runtime) = &self.runtime {
            runtime.ask_sweep(sweep);
        }
    }
}

impl Door {
    /// Serves `listener`, which is inside the sandbox.
    ///
    /// # Errors
    /// When the listener cannot be watched.
    pub(super) fn open(
        listener: StdTcpListener,
        runtime: Option<Arc<Shared>>,
        services: Services,
        tasks: &Tasks,
    ) -> std::io::Result<Self> {
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let closed = Shutdown::new();
        let inside = Arc::new(Inside {
            runtime,
            services,
            closed: closed.clone(),
            tasks: tasks.clone(),
        });
        tasks.spawn(TaskKind::EnvironmentApi, "runtime api", accept(listener, inside));
        Ok(Self { closed })
    }
}

/// One connection, for [`crate::fuzzing`].
pub(crate) async fn converse_once<S>(stream: S, runtime: &super::RuntimeApi, services: Services, tasks: &Tasks)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let inside = Inside {
        runtime: Some(Arc::clone(&runtime.shared)),
        services,
        closed: Shutdown::new(),
        tasks: tasks.clone(),
    };
    if let Ok(place) = Arc::new(tokio::sync::Semaphore::new(1)).acquire_owned().await {
        converse(stream, Arc::new(inside), (place, None)).await;
    }
}

async fn accept(listener: TcpListener, inside: Arc<Inside>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let accepted = tokio::select! {
            () = inside.closed.started() => return,
            accepted = listener.accept() => accepted.map(|(stream, _)| stream),
            swept = inside.sweep() => match waiting(&listener) {
                Some(accepted) => {
                    // There may be more.
                    inside.ask_sweep(swept);
                    accepted
                }
                // Dropping `swept` tells so.
                None => continue,
            },
        };
        match accepted {
            Ok(stream) => {
                let _ = stream.set_nodelay(true);
                // A runtime's last words may come after its end, as long as a connection is open.
                let counted = inside.runtime.as_ref().map(Shared::count);
                let connection = converse(stream, Arc::clone(&inside), (place, counted));
                inside.tasks.spawn(TaskKind::EnvironmentApi, "runtime api connection", connection);
            }
            Err(error) => {
                // Out of descriptors, most likely: give others time to return some.
                tracing::warn!(%error, "runtime api: failed to accept");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

/// A connection that the listener has and its readiness does not show yet.
fn waiting(listener: &TcpListener) -> Option<std::io::Result<TcpStream>> {
    let accepted = accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC).ok()?;
    Some(TcpStream::from_std(std::net::TcpStream::from(accepted)))
}

async fn converse<S>(stream: S, inside: Arc<Inside>, held: (OwnedSemaphorePermit, Option<Counted>))
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let service = service_fn(|request| serve(Arc::clone(&inside), request));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).max_buf_size(64 * 1024).keep_alive(true);
    let connection = http.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        // An error is the other side hanging up.
        _ = connection => {}
        () = inside.closed.started() => {}
    }
    drop(held);
}

async fn serve(inside: Arc<Inside>, request: Request<Incoming>) -> Result<Answer, Infallible> {
    let Services {
        extensions,
        telemetry,
        credentials,
        api: _,
    } = &inside.services;
    let path = request.uri().path().to_owned();
    let (version, call) = path.trim_start_matches('/').split_once('/').unwrap_or_default();
    Ok(match (version, call.trim_end_matches('/'), &inside.runtime) {
        ("2018-06-01", _, Some(runtime)) => routes::serve(runtime, call, request).await,
        ("2022-07-01", "telemetry", _) => telemetry::serve(Api::Telemetry, telemetry, extensions, request).await,
        ("2020-08-15", "logs", _) => telemetry::serve(Api::Logs, telemetry, extensions, request).await,
        ("2021-04-23", "credentials", _) => match credentials {
            Some(credentials) if request.method() == Method::GET => credentials.answer(request.headers()),
            _ => answers::not_found(&path),
        },
        ("2020-01-01", call, _) => match call.strip_prefix("extension/") {
            Some(call) => extensions::serve(extensions, call, request).await,
            None => answers::not_found(&path),
        },
        _ => answers::not_found(&path),
    })
}
