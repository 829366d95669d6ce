//! A front door on a free port of the loopback, and a client that speaks HTTP by hand.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hearth_core::{Clock, Random, Shutdown, TaskKind, Tasks};
use hearth_model::{AccessKeys, AccountId, Identity, KeyRefusal};
use hearth_wire::aws_json::{JsonService, JsonVersion, Operation};
use hearth_wire::rest_json::{Oversize, Route, Router};
use hearth_wire::server::{Api, BrowserPolicy, Guest, GuestDoor, Limits, LocalRoute, Mount, local_handler};
use hearth_wire::sigv4::{Mode, Outgoing, SigningKeys, sign};
use hearth_wire::{ApiError, BrokenOff, FrontDoor, Options, Request, Response, Service, handler};
use http::{Method, StatusCode, Uri};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

pub(crate) const NOW_MS: i64 = 1_369_353_600_000;
pub(crate) const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const INVOKE_LIMIT: usize = 64 * 1024;

/// One key; a token `expired` is expired, any other but `token` is bad.
struct Keys {
    mode: Mode,
}

impl AccessKeys for Keys {
    fn find(&self, id: &str, token: Option<&str>) -> Result<(Identity, Option<String>), KeyRefusal> {
        if self.mode == Mode::Open {
            return Ok((identity(AccountId::parse(id).unwrap_or_else(AccountId::fallback)), None));
        }
        match (id, token) {
            (_, Some("expired")) => Err(KeyRefusal::Expired),
            (KEY_ID, None | Some("token")) => Ok((identity(AccountId::fallback()), Some(SECRET.to_owned()))),
            (KEY_ID, Some(_)) => Err(KeyRefusal::BadToken),
            _ => Err(KeyRefusal::Unknown),
        }
    }

    fn anonymous(&self) -> Option<Identity> {
        (self.mode == Mode::Open).then(|| identity(AccountId::fallback()))
    }
}

fn identity(account: AccountId) -> Identity {
    Identity {
        arn: format!("arn:aws:iam::{account}:root"),
        account,
    }
}

/// What handlers report to the test.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) entered: Notify,
    pub(crate) release: Notify,
    pub(crate) dropped: AtomicBool,
}

struct DropGuard(Arc<Seen>);

impl Drop for DropGuard {
    fn drop(&mut self) {
        self.0.dropped.store(true, Ordering::SeqCst);
        self.0.release.notify_one();
    }
}

/// Shows the request as text.
async fn echo(_: Arc<Seen>, request: Request) -> Result<Response, ApiError> {
    let labels: Vec<String> = request.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let caller = &request.caller;
    let text = format!(
        "{} [{}] {} {} {} {} {:?} {}",
        request.operation,
        labels.join(","),
        caller.account,
        caller.region,
        request.endpoint,
        request.body.len(),
        request.query,
        request.header("x-amz-checksum-crc32").unwrap_or("-"),
    );
    Ok(Response::bytes(StatusCode::OK, "text/plain", text.into()).with_header("x-seen-id", &request.request_id))
}

/// Waits until released; notes that it was dropped.
async fn wait(seen: Arc<Seen>, _: Request) -> Result<Response, ApiError> {
    let guard = DropGuard(Arc::clone(&seen));
    seen.entered.notify_one();
    seen.release.notified().await;
    std::mem::forget(guard);
    Ok(Response::empty(StatusCode::OK))
}

/// Pieces as the test releases them, after a first one: `piece 1` and so on up to `?pieces=`, or
/// zeros without an end or a release (`?flood`); with `?panic`, the maker then panics, and with
/// `?broken=` that piece cannot be made.
async fn stream(seen: Arc<Seen>, request: Request) -> Result<Response, ApiError> {
    let guard = DropGuard(Arc::clone(&seen));
    let count: usize = request.query("pieces").and_then(|text| text.parse().ok()).unwrap_or(usize::MAX);
    let broken: usize = request.query("broken").and_then(|text| text.parse().ok()).unwrap_or_default();
    let (floods, panics) = (request.query("flood").is_some(), request.query("panic").is_some());
    let pieces = futures_util::stream::unfold((1, guard), move |(at, guard)| {
        let seen = Arc::clone(&seen);
        async move {
            if floods {
                return Some((Ok(Bytes::from_static(&[0; 64 * 1024])), (at, guard)));
            }
            seen.entered.notify_one();
            seen.release.notified().await;
            assert!(!panics, "a secret cause");
            if at > count {
                std::mem::forget(guard);
                return None;
            }
            let piece = if at == broken { Err(BrokenOff) } else { Ok(Bytes::from(format!("piece {at}"))) };
            Some((piece, (at + 1, guard)))
        }
    });
    let mut response = Response::streamed(StatusCode::OK, "text/plain", Box::pin(pieces));
    response.body = Bytes::from_static(b"first");
    Ok(response)
}

async fn panics(_: Arc<Seen>, _: Request) -> Result<Response, ApiError> {
    panic!("a secret cause")
}

async fn fails(_: Arc<Seen>, _: Request) -> Result<Response, ApiError> {
    Err(ApiError::internal("a secret cause"))
}

fn routes(seen: &Arc<Seen>) -> Router {
    let invoke = Route::new(
        Method::POST,
        "/2015-03-31/functions/{FunctionName}/invocations",
        "Invoke",
        handler(Arc::clone(seen), echo),
    );
    Router::new([
        invoke.with_body_limit(INVOKE_LIMIT, Oversize::Named("InvokeFunction")),
        Route::new(Method::GET, "/2015-03-31/functions/{FunctionName}", "GetFunction", handler(Arc::clone(seen), echo)),
        Route::new(Method::POST, "/2015-03-31/wait", "Wait", handler(Arc::clone(seen), wait)),
        Route::new(Method::POST, "/2015-03-31/stream", "Stream", handler(Arc::clone(seen), stream)),
        Route::new(Method::HEAD, "/2015-03-31/stream", "StreamHead", handler(Arc::clone(seen), stream)),
        Route::new(Method::POST, "/2015-03-31/panic", "Panic", handler(Arc::clone(seen), panics)),
        Route::new(Method::POST, "/2015-03-31/fail", "Fail", handler(Arc::clone(seen), fails)),
    ])
    .expect("a sound table")
}

/// `keys`: how the keys behave; that is not always the door's mode.
fn options(mode: Mode, keys: Mode, limits: Limits, seen: &Arc<Seen>) -> Options {
    let logs = [Operation::new("GetLogEvents", handler(Arc::clone(seen), echo))];
    let logs = JsonService::new("Logs_20140328", JsonVersion::V1_1, logs);
    let health = local_handler(Arc::clone(seen), |_, request| async move {
        Ok(Response::bytes(StatusCode::OK, "text/plain", Bytes::from(request.path)))
    });
    Options {
        mode,
        limits,
        clock: Clock::fixed(NOW_MS),
        random: Random::seeded(1),
        access_keys: Arc::new(Keys { mode: keys }),
        region: hearth_model::Region::fallback(),
        services: vec![
            Mount {
                service: Service::Lambda,
                api: Api::RestJson(routes(seen)),
            },
            Mount {
                service: Service::Logs,
                api: Api::AwsJson(logs.expect("one operation")),
            },
        ],
        local: vec![LocalRoute::exact("/_hearth/health", health.clone()), LocalRoute::prefix("/_hearth/code/", health)],
        sites: vec![crate::sites::mount()],
        browser: BrowserPolicy {
            hosts: vec!["hearth.example".to_owned()],
            origins: vec!["https://app.example".to_owned()],
        },
    }
}

/// The headers that sign a POST with a key.
pub(crate) fn signed(
    url: &str,
    (key_id, secret): (&str, &str),
    service: &str,
    body: &[u8],
) -> Vec<(&'static str, String)> {
    let url: Uri = url.parse().expect("a URL");
    let keys = SigningKeys {
        access_key_id: key_id,
        secret_access_key: secret,
        session_token: None,
    };
    let outgoing = Outgoing {
        method: &Method::POST,
        url: &url,
        headers: &[],
        body,
    };
    sign(&keys, "us-east-1", service, NOW_MS, &outgoing)
}

pub(crate) struct World {
    pub(crate) port: u16,
    pub(crate) seen: Arc<Seen>,
    pub(crate) shutdown: Shutdown,
    pub(crate) tasks: Tasks,
}

impl World {
    pub(crate) async fn open() -> Self {
        Self::with(Mode::Open, Limits::default()).await
    }

    pub(crate) async fn enforce() -> Self {
        Self::with(Mode::Enforce, Limits::default()).await
    }

    pub(crate) async fn with(mode: Mode, limits: Limits) -> Self {
        let seen = Arc::new(Seen::default());
        let door = FrontDoor::new(options(mode, mode, limits, &seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        tasks.spawn(TaskKind::Listener, "test", door.serve(listener, shutdown.clone(), tasks.clone()));
        Self { port, seen, shutdown, tasks }
    }

    /// As a sandbox of `guest` sees the server, which is in open mode.
    pub(crate) async fn inside(guest: Guest, limits: Limits) -> Self {
        let seen = Arc::new(Seen::default());
        let door = GuestDoor::new(options(Mode::Open, Mode::Enforce, limits, &seen));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let (shutdown, tasks) = (Shutdown::new(), Tasks::new());
        let spawn = tasks.clone();
        tasks.spawn(TaskKind::Listener, "test", async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (door, guest) = (Arc::clone(&door), guest.clone());
                spawn.spawn(TaskKind::EnvironmentApi, "test", async move { door.serve(stream, guest).await });
            }
        });
        Self { port, seen, shutdown, tasks }
    }

    pub(crate) async fn connect(&self) -> Client {
        let stream = TcpStream::connect(("127.0.0.1", self.port)).await.expect("a listening server");
        Client {
            stream,
            read: Vec::new(),
            host: format!("127.0.0.1:{}", self.port),
        }
    }

    /// One request on a connection of its own.
    pub(crate) async fn ask(&self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut client = self.connect().await;
        client.send(method, uri, headers, body).await;
        client.answer().await.expect("an answer")
    }
}

pub(crate) struct Client {
    stream: TcpStream,
    read: Vec<u8>,
    host: String,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

impl Client {
    /// Sends a request with `host` (unless given) and `content-length`.
    pub(crate) async fn send(&mut self, method: &str, uri: &str, headers: &[(&str, &str)], body: &[u8]) {
        let mut head = format!("{method} {uri} HTTP/1.1\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| *name == "host") {
            head.push_str(&format!("host: {}\r\n", self.host));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        self.raw(&[head.as_bytes(), body].concat()).await;
    }

    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        // A server that has hung up is the test's to see at the next answer.
        let _ = self.stream.write_all(bytes).await;
    }

    /// The next answer; `None` when the server closed the connection.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let end = loop {
            if let Some(end) = self.read.windows(4).position(|window| window == b"\r\n\r\n") {
                break end + 4;
            }
            self.more().await?;
        };
        let head = String::from_utf8_lossy(&self.read[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
        let pairs = lines.filter_map(|line| line.split_once(": "));
        let headers: HashMap<_, _> = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let length: usize = headers.get("content-length").map_or(0, |length| length.parse().expect("a number"));
        while self.read.len() < end + length {
            self.more().await?;
        }
        let rest = self.read.split_off(end + length);
        let body = String::from_utf8_lossy(&self.read[end..]).into_owned();
        self.read = rest;
        Some(Answer { status, headers, body })
    }

    /// The next piece of a chunked body, which has to come in chunks of its own; empty at the end,
    /// `None` when it broke off before that.
    pub(crate) async fn piece(&mut self) -> Option<String> {
        let end = loop {
            if let Some(end) = self.read.windows(2).position(|window| window == b"\r\n") {
                break end + 2;
            }
            self.more().await?;
        };
        let length = usize::from_str_radix(String::from_utf8_lossy(&self.read[..end]).trim(), 16).expect("a number");
        while self.read.len() < end + length + 2 {
            self.more().await?;
        }
        let rest = self.read.split_off(end + length + 2);
        let piece = String::from_utf8_lossy(&self.read[end..end + length]).into_owned();
        self.read = rest;
        Some(piece)
    }

    async fn more(&mut self) -> Option<()> {
        let mut buffer = [0; 4096];
        let count = self.stream.read(&mut buffer).await.ok().filter(|count| *count > 0)?;
        self.read.extend_from_slice(&buffer[..count]);
        Some(())
    }

    /// Waits until the server closes the connection.
    pub(crate) async fn closed(&mut self) {
        while self.more().await.is_some() {}
    }
}
