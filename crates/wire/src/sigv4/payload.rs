//! What a signature says of the body.

use std::borrow::Cow;

use http::HeaderMap;
use sha2::{Digest, Sha256};

use super::canonical::PathRule;
use super::claims::{Form, pairs};

const UNSIGNED: &str = "UNSIGNED-PAYLOAD";

/// How the body is covered. Source: the S3 API reference on `x-amz-content-sha256`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload<'a> {
    /// The request does not say: the hash of the body as it came.
    Computed,
    /// The hash that the request gives, to be compared with the body's.
    Given(Cow<'a, str>),
    /// The signer left the body out.
    Unsigned,
    /// The body is in `aws-chunked` framing; the marker stands in place of its hash.
    Streaming {
        marker: &'static str,
        /// Every chunk carries a signature that continues the one before.
        signed: bool,
        /// Header lines follow the last chunk.
        trailer: bool,
    },
}

/// The streaming markers: text, signed chunks, trailer.
const STREAMING: [(&str, bool, bool); 3] = [
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", true, false),
    ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", true, true),
    ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", false, true),
];

impl<'a> Payload<'a> {
    /// Reads it from the `x-amz-content-sha256` header, or the query parameter of a presigned URL.
    /// A presigned S3 URL that does not say leaves the body out.
    #[must_use]
    pub fn of(headers: &'a HeaderMap, query: &'a str, form: Option<Form>, service: &str) -> Self {
        let header = headers.get("x-amz-content-sha256").and_then(|value| value.to_str().ok()).map(Cow::Borrowed);
        let given = header.or_else(|| match form {
            Some(Form::Presigned) => {
                pairs(query).find(|(name, _)| name == "X-Amz-Content-Sha256").map(|(_, value)| value)
            }
            _ => None,
        });
        match given {
            Some(given) => Self::named(given),
            None if form == Some(Form::Presigned) && PathRule::of(service) == PathRule::Plain => Self::Unsigned,
            None => Self::Computed,
        }
    }

    fn named(given: Cow<'a, str>) -> Self {
        if given == UNSIGNED {
            return Self::Unsigned;
        }
        match STREAMING.iter().find(|(marker, ..)| given == *marker) {
            Some(&(marker, signed, trailer)) => Self::Streaming { marker, signed, trailer },
            None => Self::Given(given),
        }
    }

    /// What stands in the canonical request.
    pub(super) fn hash(&self, body: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Computed => Cow::Owned(sha256_hex(body)),
            Self::Given(given) => Cow::Borrowed(given),
            Self::Unsigned => Cow::Borrowed(UNSIGNED),
            Self::Streaming { marker, .. } => Cow::Borrowed(marker),
        }
    }

    /// False when the request gives a hash that is not the body's.
    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        match self {
            Self::Given(given) => given.eq_ignore_ascii_case(&sha256_hex(body)),
            Self::Computed | Self::Unsigned | Self::Streaming { .. } => true,
        }
    }
}

pub(super) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(header: Option<&str>, query: &str, form: Form, service: &str, expected: &Payload<'_>) {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("x-amz-content-sha256", header.parse().expect("a header value"));
        }
        assert_eq!(Payload::of(&headers, query, Some(form), service), *expected);
    }

    #[test]
    fn forms() {
        check(None, "", Form::Header, "lambda", &Payload::Computed);
        check(None, "", Form::Presigned, "lambda", &Payload::Computed);
        check(None, "", Form::Presigned, "s3", &Payload::Unsigned);
        check(Some("UNSIGNED-PAYLOAD"), "", Form::Header, "s3", &Payload::Unsigned);
        check(Some("abc"), "", Form::Header, "s3", &Payload::Given("abc".into()));
        check(None, "X-Amz-Content-Sha256=abc", Form::Presigned, "s3", &Payload::Given("abc".into()));
        let marker = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
        let streaming = Payload::Streaming {
            marker,
            signed: false,
            trailer: true,
        };
        check(Some(marker), "", Form::Header, "s3", &streaming);
    }
}
