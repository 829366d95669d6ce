//! What extensions are told.

use bytes::Bytes;
use serde_json::json;

/// What an extension may register for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EventKind {
    Invoke,
    Shutdown,
}

impl EventKind {
    /// As in the API.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Invoke => "INVOKE",
            Self::Shutdown => "SHUTDOWN",
        }
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        [Self::Invoke, Self::Shutdown].into_iter().find(|kind| kind.as_str() == text)
    }
}

/// Why an environment ends, or loses its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShutdownReason {
    /// It is no longer needed.
    Spindown,
    Timeout,
    Failure,
}

impl ShutdownReason {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Spindown => "spindown",
            Self::Timeout => "timeout",
            Self::Failure => "failure",
        }
    }
}

/// The body of an `event/next`. `deadline_ms` is Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    Invoke {
        deadline_ms: u64,
        request_id: String,
        invoked_arn: String,
        /// `Root=...;Parent=...;Sampled=...`
        trace_header: String,
    },
    Shutdown {
        reason: ShutdownReason,
        deadline_ms: u64,
    },
}

impl Event {
    pub(super) fn kind(&self) -> EventKind {
        match self {
            Self::Invoke { .. } => EventKind::Invoke,
            Self::Shutdown { .. } => EventKind::Shutdown,
        }
    }

    pub(super) fn document(&self) -> Bytes {
        let kind = self.kind().as_str();
        let document = match self {
            Self::Invoke {
                deadline_ms,
                request_id,
                invoked_arn,
                trace_header,
            } => json!({
                "eventType": kind,
                "deadlineMs": deadline_ms,
                "requestId": request_id,
                "invokedFunctionArn": invoked_arn,
                "tracing": {"type": "X-Amzn-Trace-Id", "value": trace_header},
            }),
            Self::Shutdown { reason, deadline_ms } => json!({
                "eventType": kind,
                "shutdownReason": reason.as_str(),
                "deadlineMs": deadline_ms,
            }),
        };
        document.to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(event: &Event, document: &str) {
        assert_eq!(event.document(), document.as_bytes());
    }

    #[test]
    fn documents_have_the_recorded_form() {
        let invoke = Event::Invoke {
            deadline_ms: 5,
            request_id: "id".into(),
            invoked_arn: "arn".into(),
            trace_header: "Root=1".into(),
        };
        check(
            &invoke,
            r#"{"eventType":"INVOKE","deadlineMs":5,"requestId":"id","invokedFunctionArn":"arn","tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}"#,
        );
        let shutdown = Event::Shutdown {
            reason: ShutdownReason::Timeout,
            deadline_ms: 6,
        };
        check(&shutdown, r#"{"eventType":"SHUTDOWN","shutdownReason":"timeout","deadlineMs":6}"#);
    }
}
