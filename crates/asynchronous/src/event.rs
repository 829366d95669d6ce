//! An event as it is stored: a line of JSON about it, then the payload as the caller sent it.
//!
//! Forms are read by older-or-newer rules: a field keeps its meaning for ever, a new field has a
//! default.

use bytes::{Bytes, BytesMut};
use hearth_model::Invocation;
use serde::{Deserialize, Serialize};

use crate::key::LaneKey;

/// The form written today.
const FORM: u32 = 1;

/// An accepted event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Event {
    pub(crate) head: Head,
    pub(crate) payload: Bytes,
}

/// What is known of an event beside its payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// The form it was written in.
    v: u32,
    /// The same in every run.
    pub(crate) request_id: String,
    /// Unix milliseconds.
    pub(crate) accepted_ms: i64,
    /// How often the function ran for it.
    #[serde(default)]
    pub(crate) attempts: u32,
    /// How often in a row the host failed to run it.
    #[serde(default)]
    pub(crate) setbacks: u32,
    pub(crate) trace_header: String,
}

impl Event {
    pub(crate) fn new(request_id: String, accepted_ms: i64, trace_header: String, payload: Bytes) -> Self {
        let head = Head {
            v: FORM,
            request_id,
            accepted_ms,
            attempts: 0,
            setbacks: 0,
            trace_header,
        };
        Self { head, payload }
    }

    pub(crate) fn encode(&self) -> Bytes {
        // Text and numbers: it cannot fail. JSON escapes line breaks, so the first one ends the head.
        let head = serde_json::to_vec(&self.head).unwrap_or_default();
        let mut body = BytesMut::with_capacity(head.len() + 1 + self.payload.len());
        body.extend_from_slice(&head);
        body.extend_from_slice(b"\n");
        body.extend_from_slice(&self.payload);
        body.freeze()
    }

    /// The error says what was found.
    pub(crate) fn decode(body: &Bytes) -> Result<Self, String> {
        let end = body.iter().position(|byte| *byte == b'\n').ok_or("it has no head")?;
        let head: Head = serde_json::from_slice(&body[..end]).map_err(|e| format!("its head cannot be read: {e}"))?;
        if head.v > FORM {
            return Err(format!("it is of form {}, and this Hearth knows {FORM}", head.v));
        }
        Ok(Self {
            head,
            payload: body.slice(end + 1..),
        })
    }

    /// A run of it.
    pub(crate) fn invocation(&self, key: &LaneKey) -> Invocation {
        Invocation {
            function: key.function.clone(),
            qualifier: key.qualifier.clone(),
            request_id: self.head.request_id.clone(),
            payload: self.payload.clone(),
            // Source: fact sheet "Lambda invocation", section 1: for synchronous invocations alone.
            client_context: None,
            cognito_identity: None,
            trace_header: Some(self.head.trace_header.clone()),
            wants_log_tail: false,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for payload in ["{}", "", " [1,\n 2]\n", "\"\\n\""] {
            let mut event = Event::new("r\n1".to_owned(), 7, "Root=1".to_owned(), Bytes::from(payload));
            event.head.attempts = 2;
            assert_eq!(Event::decode(&event.encode()), Ok(event));
        }
    }

    #[test]
    fn other_forms_are_refused_and_older_ones_read() {
        let decode = |text: &'static str| Event::decode(&Bytes::from(text));
        let old =
            decode("{\"v\":1,\"request_id\":\"r\",\"accepted_ms\":1,\"trace_header\":\"t\",\"colour\":1}\n[]").unwrap();
        assert_eq!((old.head.attempts, &old.payload[..]), (0, &b"[]"[..]));
        assert!(decode("{\"v\":2,\"request_id\":\"r\",\"accepted_ms\":1,\"trace_header\":\"t\"}\n[]").is_err());
        assert!(decode("{}").is_err() && decode("x\ny").is_err());
    }
}
