//! An answer on its way back: status, headers, body in memory.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body_util::Full;
use serde::Serialize;

use crate::error::ApiError;

/// A finished answer. The front door adds `x-amzn-RequestId` and `Date`.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl Response {
    /// No body, no content type.
    #[must_use]
    pub fn empty(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
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

    /// The form that the HTTP library sends.
    pub(crate) fn into_http(self) -> http::Response<Full<Bytes>> {
        let mut response = http::Response::new(Full::new(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
