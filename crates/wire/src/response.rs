//! An answer on its way back: status, headers, and a body in memory or one still being made.

use std::pin::Pin;

use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::Serialize;
use thiserror::Error;

use crate::error::ApiError;

/// A body that is sent as it comes, in pieces of at most a few MiB each.
///
/// It is asked for a piece only when the one before is on its way, so a slow client slows whoever
/// makes it; and it is dropped when the client goes away. After an error it is asked for nothing
/// more.
pub type BodyStream = Pin<Box<dyn Stream<Item = Result<Bytes, BrokenOff>> + Send>>;

/// Whoever makes the body failed; the connection is broken off, so that the client does not take
/// what it has for the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the rest of the answer cannot be made")]
pub struct BrokenOff;

/// An answer. The front door adds `x-amzn-RequestId` and `Date`.
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// All of the body, or what comes before `stream`.
    pub body: Bytes,
    pub stream: Option<BodyStream>,
}

impl Response {
    /// No body, no content type.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            stream: None,
        }
    }

    /// A body that is still being made, with a content type.
    #[must_use]
    pub fn streamed(status: StatusCode, content_type: &'static str, stream: BodyStream) -> Self {
        let mut response = Self::bytes(status, content_type, Bytes::new());
        response.stream = Some(stream);
        response
    }

    /// Bytes with a content type.
    #[must_use]
    pub fn bytes(status: StatusCode, content_type: &'static str, body: Bytes) -> Self {
        let mut response = Self::empty(status);
        response.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.body = body;
        response
    }

    /// A JSON document of content type `application/json`.
    ///
    /// # Errors
    /// A 500 when `value` cannot be serialised, which is a defect of its type.
    pub fn json(status: StatusCode, value: &impl Serialize) -> Result<Self, ApiError> {
        let body =
            serde_json::to_vec(value).map_err(|e| ApiError::internal(format!("failed to render the answer: {e}")))?;
        Ok(Self::bytes(status, "application/json", body.into()))
    }

    /// Adds a header; one whose value cannot stand in a header is left out.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.headers.insert(HeaderName::from_static(name), value);
        }
        self
    }
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut debug = f.debug_struct("Response");
        debug.field("status", &self.status).field("headers", &self.headers).field("body", &self.body);
        debug.field("is_streamed", &self.stream.is_some()).finish()
    }
}
