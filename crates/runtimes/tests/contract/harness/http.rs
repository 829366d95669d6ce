//! A Runtime API just large enough for one runtime: it answers `next` when the case has an event, and notes what is posted.
//!
//! Clients must cope with whatever HTTP allows, so every second event is sent in chunks, and the connection is closed after the
//! third one.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use super::{ARN, Answer, Call, DEADLINE_MS, Init, Link, PATIENCE, Process, request_id};

const ACCEPTED: &str =
    "HTTP/1.1 202 Accepted\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"status\":\"OK\"}\n";

/// What the runtime did.
enum Did {
    AskedForNext,
    AskedForRestore,
    Posted(Post),
    HungUp,
}

struct Post {
    path: String,
    error_type: String,
    /// The header by which the platform tells which delivery of an event an answer is for.
    attempt: String,
    /// `streaming`, or nothing.
    mode: String,
    content_type: String,
    body: Vec<u8>,
    /// What came behind the last chunk, by lower-case names.
    trailers: BTreeMap<String, String>,
}

/// `ours`: the runtime is a full client, which copes with all of HTTP and echoes the id of the attempt that it answers.
pub(super) fn start(mut command: Command, ours: bool) -> (Box<dyn Link>, Process) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
    let process = Process::start(command, Vec::new(), None);
    let id = process.id();
    let (did, seen) = sync_channel(16);
    let (events, next) = sync_channel(16);
    // Ends with the connection, or when the case drops its ends of the queues.
    std::thread::spawn(move || serve(&listener, id, ours, &did, &next));
    (
        Box::new(Http {
            seen,
            events,
            waiting: false,
            ours,
        }),
        process,
    )
}

struct Http {
    seen: Receiver<Did>,
    events: SyncSender<(usize, Call)>,
    /// The runtime has asked for an event that was not yet sent.
    waiting: bool,
    ours: bool,
}

impl Http {
    fn next(&mut self) -> Did {
        match self.seen.recv_timeout(PATIENCE) {
            Ok(did) => did,
            Err(RecvTimeoutError::Disconnected) => Did::HungUp,
            Err(RecvTimeoutError::Timeout) => panic!("no answer"),
        }
    }
}

impl Link for Http {
    fn init(&mut self) -> Init {
        match self.next() {
            Did::AskedForNext => {
                self.waiting = true;
                Init::Ready
            }
            Did::AskedForRestore => Init::RestoreReady,
            Did::Posted(Post {
                path,
                error_type,
                body: document,
                ..
            }) => match path.as_str() {
                "/2018-06-01/runtime/init/error" => Init::Failed { error_type, document },
                "/2018-06-01/runtime/restore/error" => Init::RestoreFailed { error_type, document },
                _ => panic!("posted to {path}"),
            },
            Did::HungUp => Init::Gone,
        }
    }

    /// No variables travel this way: a restored client fetches its credentials.
    fn restore(&mut self, _environment: &[(String, String)]) -> Init {
        self.events.send((0, Call::default())).expect("a server");
        self.init()
    }

    fn invoke(&mut self, number: usize, call: &Call) -> Answer {
        if !self.waiting {
            match self.next() {
                Did::AskedForNext => {}
                Did::HungUp => return Answer::Gone,
                Did::AskedForRestore => panic!("expected a request for the next event, found one for a restore"),
                Did::Posted(post) => panic!("expected a request for the next event, found a post to {}", post.path),
            }
        }
        self.waiting = false;
        self.events.send((number, call.clone())).expect("a server");
        match self.next() {
            Did::HungUp => Answer::Gone,
            Did::AskedForNext | Did::AskedForRestore => panic!("asked for the next event without answering this one"),
            Did::Posted(Post {
                path,
                error_type,
                attempt,
                mode,
                content_type,
                body,
                trailers,
            }) => {
                let expected = if self.ours { attempt_id(number) } else { String::new() };
                assert_eq!(attempt, expected, "the attempt is not echoed");
                let base = format!("/2018-06-01/runtime/invocation/{}/", request_id(number));
                match path.strip_prefix(&base) {
                    Some("response") if mode == "streaming" => Answer::Streamed {
                        content_type,
                        body,
                        failure: failure(&trailers),
                    },
                    Some("response") => Answer::Result(body),
                    Some("error") => Answer::Failure { error_type, document: body },
                    _ => panic!("posted to {path}"),
                }
            }
        }
    }

    fn close(self: Box<Self>) {}
}

fn serve(listener: &TcpListener, process: u32, ours: bool, did: &SyncSender<Did>, events: &Receiver<(usize, Call)>) {
    listener.set_nonblocking(true).expect("non-blocking");
    while let Some(stream) = accept(listener, process) {
        if converse(&stream, ours, did, events).is_none() {
            break;
        }
    }
    let _ = did.send(Did::HungUp);
}

/// Answers the requests of one connection; `None` when the case is over.
fn converse(stream: &TcpStream, ours: bool, did: &SyncSender<Did>, events: &Receiver<(usize, Call)>) -> Option<()> {
    stream.set_nonblocking(false).expect("blocking");
    stream.set_nodelay(true).expect("no delay");
    let mut reader = BufReader::new(stream);
    while let Some(post) = read_request(&mut reader) {
        let answered = if post.path == "/2018-06-01/runtime/invocation/next" {
            let _ = did.send(Did::AskedForNext);
            let (number, call) = events.recv().ok()?;
            send_event(stream, ours, number, &call)
        } else if post.path == "/2018-06-01/runtime/restore/next" {
            let _ = did.send(Did::AskedForRestore);
            events.recv().ok()?;
            let mut stream = stream;
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").map(|()| true)
        } else {
            let _ = did.send(Did::Posted(post));
            let mut stream = stream;
            stream.write_all(ACCEPTED.as_bytes()).map(|()| true)
        };
        if !answered.unwrap_or(false) {
            break;
        }
    }
    Some(())
}

/// The runtime's next connection, unless it dies without making one.
fn accept(listener: &TcpListener, process: u32) -> Option<TcpStream> {
    loop {
        let dead = is_dead(process);
        match listener.accept() {
            Ok((stream, _)) => return Some(stream),
            Err(_) if dead => return None,
            Err(_) => std::thread::sleep(Duration::from_millis(1)),
        }
    }
}

/// Gone, or a zombie that nobody has waited for yet.
fn is_dead(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    status.rsplit_once(')').is_none_or(|(_, rest)| rest.trim_start().starts_with('Z'))
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> Option<Post> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut post = Post {
        path,
        error_type: String::new(),
        attempt: String::new(),
        mode: String::new(),
        content_type: String::new(),
        body: Vec::new(),
        trailers: BTreeMap::new(),
    };
    let mut headers = read_headers(reader)?;
    let mut header = |name: &str| headers.remove(name).unwrap_or_default();
    post.error_type = header("lambda-runtime-function-error-type");
    post.attempt = header("lambda-runtime-invocation-id");
    post.mode = header("lambda-runtime-function-response-mode");
    post.content_type = header("content-type");
    if header("transfer-encoding") == "chunked" {
        while let Some(chunk) = read_chunk(reader)? {
            post.body.extend_from_slice(&chunk);
        }
        post.trailers = read_headers(reader)?;
    } else {
        post.body = vec![0; header("content-length").parse().unwrap_or(0)];
        reader.read_exact(&mut post.body).ok()?;
    }
    Some(post)
}

/// The fields up to the empty line.
fn read_headers(reader: &mut BufReader<&TcpStream>) -> Option<BTreeMap<String, String>> {
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Some(headers) };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
}

/// `Some(None)` behind the last one; the outer `None` if the client hangs up.
fn read_chunk(reader: &mut BufReader<&TcpStream>) -> Option<Option<Vec<u8>>> {
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let size = usize::from_str_radix(line.trim_end(), 16).ok()?;
    if size == 0 {
        return Some(None);
    }
    let mut chunk = vec![0; size + 2];
    reader.read_exact(&mut chunk).ok()?;
    chunk.truncate(size);
    Some(Some(chunk))
}

/// The error that trailers tell of.
fn failure(trailers: &BTreeMap<String, String>) -> Option<(String, Vec<u8>)> {
    let error_type = trailers.get("lambda-runtime-function-error-type")?.clone();
    let body = trailers.get("lambda-runtime-function-error-body").expect("the error's document");
    Some((error_type, from_base64(body)))
}

fn from_base64(text: &str) -> Vec<u8> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => panic!("expected base64, found {text}"),
    };
    let digits: Vec<u32> = text.trim_end_matches('=').bytes().map(|byte| u32::from(value(byte))).collect();
    let bytes = digits.chunks(4).flat_map(|group| {
        let bits = group.iter().enumerate().fold(0, |bits, (at, digit)| bits | digit << (18 - 6 * at));
        bits.to_be_bytes()[1..group.len()].to_vec()
    });
    bytes.collect()
}

fn attempt_id(number: usize) -> String {
    format!("attempt-{number}")
}

/// Sends an event; answers whether the connection stays open.
fn send_event(mut stream: &TcpStream, ours: bool, number: usize, call: &Call) -> std::io::Result<bool> {
    let deadline = call.deadline_ms.unwrap_or(DEADLINE_MS).to_string();
    let (id, attempt) = (request_id(number), attempt_id(number));
    let mut head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n".to_owned();
    for (name, value) in [
        ("Aws-Request-Id", id.as_str()),
        ("Invocation-Id", &attempt),
        ("Deadline-Ms", &deadline),
        ("Invoked-Function-Arn", ARN),
        ("Trace-Id", call.trace_id),
        ("Client-Context", call.client_context),
        ("Cognito-Identity", call.identity),
        ("Aws-Tenant-Id", call.tenant_id),
    ] {
        if !value.is_empty() {
            head += &format!("Lambda-Runtime-{name}: {value}\r\n");
        }
    }
    let stays_open = number != 2;
    if !stays_open {
        head += "Connection: close\r\n";
    }
    if ours && number % 2 == 1 {
        stream.write_all((head + "Transfer-Encoding: chunked\r\n\r\n").as_bytes())?;
        let (first, second) = call.event.split_at(call.event.len() / 2);
        for chunk in [first, second].into_iter().filter(|chunk| !chunk.is_empty()) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        stream.write_all(b"0\r\n\r\n")?;
    } else {
        stream.write_all(format!("{head}Content-Length: {}\r\n\r\n", call.event.len()).as_bytes())?;
        stream.write_all(&call.event)?;
    }
    Ok(stays_open)
}
