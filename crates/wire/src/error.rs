//! Errors as AWS clients expect them.
//!
//! Source: fact sheet "Lambda control-plane API", section 1.1. The code travels in
//! `x-amzn-ErrorType`; whether the text is under `message` or `Message` depends on the exception.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::Value;

/// The spelling of the message member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKey {
    Lower,
    Upper,
}

/// Whose fault; rendered as `Type`. Some errors carry none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    User,
    Service,
    Unsaid,
}

/// One error answer, independent of the protocol that renders it.
#[derive(Clone, Debug, PartialEq)]
pub struct ApiError {
    pub status: StatusCode,
    /// E.g. `ResourceNotFoundException`.
    pub code: Cow<'static, str>,
    /// `None` renders a JSON null: AWS does so in a few places.
    pub message: Option<String>,
    pub key: MessageKey,
    pub fault: Fault,
    /// Further members of the body, e.g. `Reason`; they stand before `Type`.
    pub members: Vec<(&'static str, Value)>,
    /// What only the server's log may see.
    pub internal: Option<String>,
}

impl ApiError {
    /// An error with a lower-case `message` and `Type: User`.
    #[must_use]
    pub fn user(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            message: Some(message.into()),
            key: MessageKey::Lower,
            fault: Fault::User,
            members: Vec::new(),
            internal: None,
        }
    }

    /// A 500 `ServiceException` (or the protocol's equal). `detail` goes to the server's log; the
    /// client sees a text without it.
    #[must_use]
    pub fn internal(detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: Cow::Borrowed("ServiceException"),
            message: Some("An internal error occurred; the server's log has the cause.".to_owned()),
            key: MessageKey::Upper,
            fault: Fault::Service,
            members: Vec::new(),
            internal: Some(detail.into()),
        }
    }

    /// Same error, text under `Message`.
    #[must_use]
    pub fn upper(mut self) -> Self {
        self.key = MessageKey::Upper;
        self
    }

    /// Same error, without `Type`.
    #[must_use]
    pub fn untyped(mut self) -> Self {
        self.fault = Fault::Unsaid;
        self
    }

    /// Same error, with one more member in the body.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.members.push((name, value.into()));
        self
    }
}
