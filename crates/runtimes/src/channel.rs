//! The lean channel between the server and our own bootstraps: frames over a connected Unix stream socket.
//!
//! It replaces the HTTP Runtime API where both ends are ours, and carries the same things. Every frame is a big-endian
//! `u32` length of what follows, a kind byte, and a payload; `docs/develop/runtime-channel.md` specifies it. Bytes from
//! a runtime are hostile: the [`Decoder`] accepts any split of them, bounds what it buffers, and never panics.

use bytes::Bytes;

use crate::frames::Inbox;

/// Kinds of frames, as they stand on the wire.
mod kind {
    pub(super) const INVOKE: u8 = 1;
    pub(super) const SPECIALISE: u8 = 2;
    pub(super) const RESTORE: u8 = 3;
    pub(super) const READY: u8 = 16;
    pub(super) const INIT_ERROR: u8 = 17;
    pub(super) const RESPONSE: u8 = 18;
    pub(super) const ERROR: u8 = 19;
    pub(super) const LAST_ERROR: u8 = 20;
    pub(super) const RESPONSE_BEGIN: u8 = 21;
    pub(super) const RESPONSE_CHUNK: u8 = 22;
    pub(super) const RESPONSE_END: u8 = 23;
    pub(super) const PARKED: u8 = 24;
    pub(super) const RESTORE_READY: u8 = 25;
    pub(super) const RESTORE_ERROR: u8 = 26;
}

/// The longest frame that is read past rather than taken as the end of the channel: the largest streamed response, and
/// some.
pub const DEFAULT_MAX_FRAME: usize = 201 * 1024 * 1024;

/// The largest response body that Lambda passes on.
pub const DEFAULT_MAX_BODY: usize = 6 * 1024 * 1024 + 100;

/// What goes in front of a body (two strings of at most 64 KiB, and their lengths).
const MAX_HEAD: usize = 2 * (2 + u16::MAX as usize);

/// What the runtime is told about one invocation, apart from the event. An empty string means "absent".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Invocation<'a> {
    /// Milliseconds since the epoch.
    pub deadline_ms: u64,
    pub request_id: &'a str,
    pub invoked_arn: &'a str,
    pub trace_id: &'a str,
    /// JSON.
    pub client_context: &'a str,
    /// JSON.
    pub cognito_identity: &'a str,
    pub tenant_id: &'a str,
}

/// Why something cannot be written as a frame.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("{field} has {length} bytes, expected at most 65535")]
    FieldTooLong { field: &'static str, length: usize },
    #[error("event has {length} bytes, which no frame can hold")]
    EventTooLong { length: usize },
    #[error("expected a variable without NUL and with a name without '=', found {name:?}")]
    NotAVariable { name: String },
    #[error("environment has {length} bytes, which no frame can hold")]
    EnvironmentTooLong { length: usize },
}

/// Appends everything of an INVOKE frame that comes before the event. The event's bytes follow as they are.
pub fn invoke_head(invocation: &Invocation<'_>, event_len: usize, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let fields = [
        ("request id", invocation.request_id),
        ("invoked function ARN", invocation.invoked_arn),
        ("trace id", invocation.trace_id),
        ("client context", invocation.client_context),
        ("cognito identity", invocation.cognito_identity),
        ("tenant id", invocation.tenant_id),
    ];
    let mut length = 1 + 8;
    for (field, text) in fields {
        if text.len() > usize::from(u16::MAX) {
            return Err(EncodeError::FieldTooLong { field, length: text.len() });
        }
        length += 2 + text.len();
    }
    let total =
        u32::try_from(length.saturating_add(event_len)).map_err(|_| EncodeError::EventTooLong { length: event_len })?;
    out.reserve(4 + length);
    out.extend_from_slice(&total.to_be_bytes());
    out.push(kind::INVOKE);
    out.extend_from_slice(&invocation.deadline_ms.to_be_bytes());
    for (_, text) in fields {
        // The lengths were checked above, so the cast keeps every bit.
        out.extend_from_slice(&(text.len() as u16).to_be_bytes());
        out.extend_from_slice(text.as_bytes());
    }
    Ok(())
}

/// The SPECIALISE frame: tells a parked runtime all its variables from now on, in this order, and with them its function.
pub fn specialise_frame(environment: &[(String, String)]) -> Result<Vec<u8>, EncodeError> {
    environment_frame(kind::SPECIALISE, environment)
}

/// The RESTORE frame: tells a runtime that it is a restored one now, and the variables to set besides those it has.
pub fn restore_frame(environment: &[(String, String)]) -> Result<Vec<u8>, EncodeError> {
    environment_frame(kind::RESTORE, environment)
}

/// `{"environment":{...}}` as a frame. Only what a process could be started with is a variable.
fn environment_frame(kind: u8, environment: &[(String, String)]) -> Result<Vec<u8>, EncodeError> {
    let mut out = vec![0, 0, 0, 0, kind];
    out.extend_from_slice(b"{\"environment\":{");
    for (index, (name, value)) in environment.iter().enumerate() {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            return Err(EncodeError::NotAVariable { name: name.clone() });
        }
        if index > 0 {
            out.push(b',');
        }
        push_json(&mut out, name);
        out.push(b':');
        push_json(&mut out, value);
    }
    out.extend_from_slice(b"}}");
    let length = u32::try_from(out.len() - 4).map_err(|_| EncodeError::EnvironmentTooLong { length: out.len() })?;
    out[..4].copy_from_slice(&length.to_be_bytes());
    Ok(out)
}

fn push_json(out: &mut Vec<u8>, text: &str) {
    // `Value::String` is written by its `Display`, which cannot fail.
    out.extend_from_slice(serde_json::Value::from(text).to_string().as_bytes());
}

/// What a runtime says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromRuntime {
    /// A parked runtime is up and waits to be specialised.
    Parked,
    /// Init is finished, and the runtime waits for its first event.
    Ready,
    /// Init failed; the runtime is about to exit. `body` is the error document.
    InitError { error_type: String, body: Bytes },
    /// The handler's result. The runtime waits for its next event.
    Response { request_id: String, body: Bytes },
    /// The handler failed; `body` is the error document. The runtime waits for its next event.
    Error { request_id: String, error_type: String, body: Bytes },
    /// The invocation failed in a way that ends the runtime, which is about to exit.
    LastError { request_id: String, error_type: String, body: Bytes },
    /// A result or an error document longer than the limit; its bytes were dropped. `size` is the body's length.
    Oversized { request_id: String, size: usize },
    /// A streamed result begins. `content_type` may be empty.
    ResponseBegin { request_id: String, content_type: String },
    /// A piece of the streamed result, of at least one byte. Pieces come as they arrive: a long frame gives several, so
    /// that what is buffered never exceeds what one read brought.
    ResponseChunk { body: Bytes },
    /// The streamed result is whole; or it broke off, if there is an error type. The runtime waits for its next event.
    ResponseEnd { error_type: String, body: Bytes },
    /// Init is over, and the hooks before the snapshot have run; the runtime waits to be restored.
    RestoreReady,
    /// A hook after the restore failed; the runtime is about to exit.
    RestoreError { error_type: String, body: Bytes },
}

/// Why a channel cannot be read any further. The runtime has to go.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    #[error("runtime sent a frame of {length} bytes, expected at most {max}")]
    TooLong { length: usize, max: usize },
    #[error("runtime sent a frame without a kind")]
    Empty,
    #[error("runtime sent a frame of unknown kind {kind}")]
    UnknownKind { kind: u8 },
    #[error("runtime sent a frame of kind {kind} that ends within its header")]
    Truncated { kind: u8 },
    #[error("runtime sent a request id that is not UTF-8")]
    NotText,
}

/// Takes frames of a runtime apart.
///
/// Bytes go in through [`Decoder::feed`] or, without a copy, through [`Decoder::buffer`]; frames come out of
/// [`Decoder::next`]. After an error it answers nothing but that error.
#[derive(Debug)]
pub struct Decoder {
    inbox: Inbox,
    max_frame: usize,
    max_body: usize,
    skipping: Option<Skipping>,
    /// What is still to come of a RESPONSE_CHUNK frame; 0 between frames.
    chunk_left: usize,
    broken: Option<DecodeError>,
}

/// A frame whose body is being dropped.
#[derive(Debug)]
struct Skipping {
    left: usize,
    request_id: String,
    size: usize,
}

/// The parts in front of a body, and where the body begins within the frame (kind byte included).
struct Head {
    request_id: String,
    /// The error type, or the content type of a streamed result.
    label: String,
    body_at: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_FRAME, DEFAULT_MAX_BODY)
    }
}

impl Decoder {
    /// `max_frame` bounds what a runtime may send at all, `max_body` what is kept of it; both in bytes.
    #[must_use]
    pub fn new(max_frame: usize, max_body: usize) -> Self {
        Self {
            inbox: Inbox::default(),
            max_frame,
            max_body,
            skipping: None,
            chunk_left: 0,
            broken: None,
        }
    }

    /// The buffer to append to (as by `try_read_buf`); call [`Decoder::next`] after each read.
    pub fn buffer(&mut self) -> &mut bytes::BytesMut {
        self.inbox.buffer()
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.inbox.feed(bytes);
    }

    /// The next whole frame, or `None` when more bytes are needed.
    #[allow(clippy::should_implement_trait)] // An iterator would end at `None`; this goes on.
    pub fn next(&mut self) -> Result<Option<FromRuntime>, DecodeError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.step().inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn step(&mut self) -> Result<Option<FromRuntime>, DecodeError> {
        if let Some(skipping) = self.skipping.take() {
            return Ok(self.skip(skipping));
        }
        if self.chunk_left > 0 {
            return Ok(self.piece());
        }
        let Some((length, after)) = self.inbox.peek().split_first_chunk::<4>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if length == 0 {
            return Err(DecodeError::Empty);
        }
        if length > self.max_frame {
            return Err(DecodeError::TooLong { length, max: self.max_frame });
        }
        if after.first() == Some(&kind::RESPONSE_CHUNK) {
            return self.chunk(length);
        }
        if length <= after.len() {
            return self.whole(length).map(Some);
        }
        if length <= self.max_body + 1 {
            self.inbox.expect(4 + length);
            return Ok(None);
        }
        self.start_of_long(length)
    }

    /// A frame that is there in full.
    fn whole(&mut self, length: usize) -> Result<FromRuntime, DecodeError> {
        let frame = &self.inbox.peek()[4..4 + length];
        let kind = frame[0];
        let head = head(frame)?.ok_or(DecodeError::Truncated { kind })?;
        let size = length - head.body_at;
        if size > self.max_body {
            self.inbox.skip(4 + length);
            return if may_be_dropped(kind) {
                Ok(FromRuntime::Oversized {
                    request_id: head.request_id,
                    size,
                })
            } else {
                Err(DecodeError::TooLong { length, max: self.max_body })
            };
        }
        self.inbox.skip(4 + head.body_at);
        let body = self.inbox.take(size);
        Ok(message(kind, head, body))
    }

    /// The header of a RESPONSE_CHUNK frame is there; its bytes are handed out from now on.
    fn chunk(&mut self, length: usize) -> Result<Option<FromRuntime>, DecodeError> {
        if length == 1 {
            return Err(DecodeError::Truncated { kind: kind::RESPONSE_CHUNK });
        }
        self.inbox.skip(5);
        self.chunk_left = length - 1;
        Ok(self.piece())
    }

    fn piece(&mut self) -> Option<FromRuntime> {
        let count = self.chunk_left.min(self.inbox.peek().len());
        if count == 0 {
            return None;
        }
        self.chunk_left -= count;
        Some(FromRuntime::ResponseChunk { body: self.inbox.take(count) })
    }

    /// A frame too long to be kept, or nearly so: decides as soon as its head is there.
    fn start_of_long(&mut self, length: usize) -> Result<Option<FromRuntime>, DecodeError> {
        let frame = &self.inbox.peek()[4..];
        let Some(&kind) = frame.first() else {
            return Ok(None);
        };
        let Some(head) = head(frame)? else {
            return Ok(None);
        };
        let size = length - head.body_at.min(length);
        if size <= self.max_body {
            self.inbox.expect(4 + length);
            return Ok(None);
        }
        if !may_be_dropped(kind) {
            return Err(DecodeError::TooLong { length, max: self.max_body });
        }
        Ok(self.skip(Skipping {
            left: 4 + length,
            request_id: head.request_id,
            size,
        }))
    }

    fn skip(&mut self, mut skipping: Skipping) -> Option<FromRuntime> {
        let count = skipping.left.min(self.inbox.peek().len());
        self.inbox.skip(count);
        skipping.left -= count;
        if skipping.left > 0 {
            self.skipping = Some(skipping);
            return None;
        }
        Some(FromRuntime::Oversized {
            request_id: skipping.request_id,
            size: skipping.size,
        })
    }
}

/// Whether a body that is too long leaves the runtime fit for its next event: it is an answer, whole in one frame.
const fn may_be_dropped(kind: u8) -> bool {
    matches!(kind, kind::RESPONSE | kind::ERROR | kind::LAST_ERROR)
}

/// `kind` is one that [`head`] knows.
fn message(kind: u8, head: Head, body: Bytes) -> FromRuntime {
    let Head { request_id, label, .. } = head;
    match kind {
        kind::READY => FromRuntime::Ready,
        kind::INIT_ERROR => FromRuntime::InitError { error_type: label, body },
        kind::RESPONSE => FromRuntime::Response { request_id, body },
        kind::LAST_ERROR => FromRuntime::LastError {
            request_id,
            error_type: label,
            body,
        },
        kind::RESPONSE_BEGIN => FromRuntime::ResponseBegin {
            request_id,
            content_type: label,
        },
        kind::RESPONSE_END => FromRuntime::ResponseEnd { error_type: label, body },
        kind::PARKED => FromRuntime::Parked,
        kind::RESTORE_READY => FromRuntime::RestoreReady,
        kind::RESTORE_ERROR => FromRuntime::RestoreError { error_type: label, body },
        _ => FromRuntime::Error {
            request_id,
            error_type: label,
            body,
        },
    }
}

/// Parses what comes before the body; `None` if `frame` ends before that.
fn head(frame: &[u8]) -> Result<Option<Head>, DecodeError> {
    let Some((&kind, _)) = frame.split_first() else {
        return Ok(None);
    };
    let (has_request_id, has_label) = match kind {
        kind::READY | kind::PARKED | kind::RESTORE_READY => (false, false),
        kind::INIT_ERROR | kind::RESPONSE_END | kind::RESTORE_ERROR => (false, true),
        kind::RESPONSE => (true, false),
        kind::ERROR | kind::LAST_ERROR | kind::RESPONSE_BEGIN => (true, true),
        _ => return Err(DecodeError::UnknownKind { kind }),
    };
    let mut at = 1;
    let (mut request_id, mut label) = (String::new(), String::new());
    if has_request_id {
        let Some(text) = short(frame, &mut at) else { return Ok(None) };
        request_id = std::str::from_utf8(text).map_err(|_| DecodeError::NotText)?.to_owned();
    }
    if has_label {
        let Some(text) = short(frame, &mut at) else { return Ok(None) };
        // Only ever shown, so a replacement character is as good as a refusal.
        label = String::from_utf8_lossy(text).into_owned();
    }
    debug_assert!(at <= 1 + MAX_HEAD);
    Ok(Some(Head {
        request_id,
        label,
        body_at: at,
    }))
}

/// A string with its `u16` length in front.
fn short<'a>(frame: &'a [u8], at: &mut usize) -> Option<&'a [u8]> {
    let (length, rest) = frame.get(*at..)?.split_first_chunk::<2>()?;
    let text = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    *at += 2 + text.len();
    Some(text)
}

#[cfg(test)]
mod tests;
