//! The server's end of the lean channel.

use std::io::{Read as _, Write as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::Duration;

use hearth_runtimes::channel::{Decoder, FromRuntime, Invocation, invoke_head, restore_frame, specialise_frame};
use hearth_runtimes::{CHANNEL_FD_VARIABLE, TELEMETRY_FD_VARIABLE};

use super::{ARN, Answer, Call, DEADLINE_MS, Init, Link, PATIENCE, Process, request_id};

/// A process that was started parked, and becomes the one of a function with this environment once `ready` is done.
pub(super) fn start_parked(
    command: Command,
    ready: impl FnOnce(),
    environment: &[(String, String)],
) -> (Box<dyn Link>, Process) {
    let (mut lean, process) = connect(command);
    assert_eq!(lean.next(), Some(FromRuntime::Parked));
    ready();
    lean.stream.write_all(&specialise_frame(environment).expect("a frame")).expect("a parked runtime");
    (Box::new(lean), process)
}

pub(super) fn start(command: Command) -> (Box<dyn Link>, Process) {
    let (lean, process) = connect(command);
    (Box::new(lean), process)
}

fn connect(mut command: Command) -> (Lean, Process) {
    let (ours, theirs) = UnixStream::pair().expect("a socket pair");
    let (log, log_writer) = std::io::pipe().expect("a pipe");
    ours.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let inherited: Vec<OwnedFd> = vec![theirs.into(), log_writer.into()];
    command.env(CHANNEL_FD_VARIABLE, inherited[0].as_raw_fd().to_string());
    command.env(TELEMETRY_FD_VARIABLE, inherited[1].as_raw_fd().to_string());
    let process = Process::start(command, inherited, Some(log.into()));
    let lean = Lean {
        stream: ours,
        decoder: Decoder::new(64 << 20, 32 << 20),
    };
    (lean, process)
}

struct Lean {
    stream: UnixStream,
    decoder: Decoder,
}

impl Lean {
    /// The next frame, or `None` at the end of the stream.
    fn next(&mut self) -> Option<FromRuntime> {
        loop {
            if let Some(frame) = self.decoder.next().expect("a well-formed frame") {
                return Some(frame);
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.decoder.feed(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("no answer: {error}"),
            }
        }
    }
}

impl Lean {
    /// What follows the beginning of a streamed answer.
    fn streamed(&mut self, id: &str, content_type: String) -> Answer {
        let mut body = Vec::new();
        let failure = loop {
            match self.next() {
                Some(FromRuntime::ResponseChunk { body: piece }) => body.extend_from_slice(&piece),
                Some(FromRuntime::ResponseEnd { error_type, body }) if error_type.is_empty() => {
                    assert!(body.is_empty(), "a document without a type");
                    break None;
                }
                Some(FromRuntime::ResponseEnd { error_type, body }) => break Some((error_type, body.to_vec())),
                Some(FromRuntime::LastError { request_id, error_type, body }) if request_id == id => {
                    break Some((error_type, body.to_vec()));
                }
                other => panic!("expected the rest of a streamed answer, found {other:?}"),
            }
        };
        Answer::Streamed { content_type, body, failure }
    }

    /// Writes the frame, in pieces that arrive one by one if the case wants that. False if nobody reads any more.
    fn send(&mut self, frame: &[u8], pieces: Option<usize>) -> bool {
        let size = pieces.unwrap_or(frame.len());
        frame.chunks(size).all(|piece| {
            if pieces.is_some() {
                std::thread::sleep(Duration::from_micros(300));
            }
            self.stream.write_all(piece).is_ok()
        })
    }
}

impl Link for Lean {
    fn restore(&mut self, environment: &[(String, String)]) -> Init {
        self.stream.write_all(&restore_frame(environment).expect("a frame")).expect("a waiting runtime");
        self.init()
    }

    fn init(&mut self) -> Init {
        match self.next() {
            Some(FromRuntime::Ready) => Init::Ready,
            Some(FromRuntime::RestoreReady) => Init::RestoreReady,
            Some(FromRuntime::RestoreError { error_type, body }) => Init::RestoreFailed {
                error_type,
                document: body.to_vec(),
            },
            Some(FromRuntime::InitError { error_type, body }) => Init::Failed {
                error_type,
                document: body.to_vec(),
            },
            None => Init::Gone,
            Some(other) => panic!("expected READY or INIT_ERROR, found {other:?}"),
        }
    }

    fn invoke(&mut self, number: usize, call: &Call) -> Answer {
        let id = request_id(number);
        let invocation = Invocation {
            deadline_ms: call.deadline_ms.unwrap_or(DEADLINE_MS),
            request_id: &id,
            invoked_arn: ARN,
            trace_id: call.trace_id,
            client_context: call.client_context,
            cognito_identity: call.identity,
            tenant_id: call.tenant_id,
        };
        let mut frame = Vec::new();
        invoke_head(&invocation, call.event.len(), &mut frame).expect("a frame");
        frame.extend_from_slice(&call.event);
        if !self.send(&frame, call.pieces) {
            return Answer::Gone;
        }
        match self.next() {
            Some(FromRuntime::Response { request_id, body }) if request_id == id => Answer::Result(body.to_vec()),
            Some(
                FromRuntime::Error { request_id, error_type, body }
                | FromRuntime::LastError { request_id, error_type, body },
            ) if request_id == id => Answer::Failure {
                error_type,
                document: body.to_vec(),
            },
            Some(FromRuntime::ResponseBegin { request_id, content_type }) if request_id == id => {
                self.streamed(&id, content_type)
            }
            None => Answer::Gone,
            Some(other) => panic!("expected RESPONSE or ERROR for {id}, found {other:?}"),
        }
    }

    fn close(self: Box<Self>) {}
}
