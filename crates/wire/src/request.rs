//! A request as a service sees it: authenticated, routed, body in memory.

use bytes::Bytes;
use hearth_model::{AccountId, Region};

/// The services that share the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Service {
    Lambda,
    Logs,
    Iam,
    Sts,
    Kms,
}

impl Service {
    /// The signing name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::Iam => "iam",
            Self::Sts => "sts",
            Self::Kms => "kms",
        }
    }
}

/// Who asks, as far as the signature tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    pub account: AccountId,
    pub region: Region,
    /// The caller's principal ARN.
    pub arn: String,
    /// Absent for unsigned requests (admitted in `open` mode alone).
    pub access_key_id: Option<String>,
}

/// An API call on its way to its operation.
#[derive(Debug)]
pub struct Request {
    pub service: Service,
    /// The operation's name in the service's model, e.g. `CreateFunction`.
    pub operation: &'static str,
    pub caller: Caller,
    /// The UUID that the answer carries in `x-amzn-RequestId`.
    pub request_id: String,
    pub method: http::Method,
    pub headers: http::HeaderMap,
    /// Path labels by name, percent-decoded: `FunctionName` of `/2015-03-31/functions/{FunctionName}`.
    pub labels: Vec<(&'static str, String)>,
    /// Query parameters in order, decoded.
    pub query: Vec<(String, String)>,
    pub body: Bytes,
    /// The endpoint as the client reached it, e.g. `http://127.0.0.1:4566`: the base of URLs in
    /// answers (`Code.Location`).
    pub endpoint: String,
}

impl Request {
    /// A path label; empty when the route has none of this name.
    #[must_use]
    pub fn label(&self, name: &str) -> &str {
        self.labels.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The first query parameter of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every query parameter of this name, in order.
    pub fn query_all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.query.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A header as text; `None` when absent or not text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}
