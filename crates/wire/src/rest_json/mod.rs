//! REST-JSON: an operation is a method, a path template and sometimes a query parameter.
//!
//! Used by Lambda. Services give their [`Route`]s; `node` merges those of several crates into one
//! [`Router`] per service.

mod router;

pub use router::{Found, NoRoute, RouteError, Router};

use http::{Method, StatusCode};

use crate::Handler;
use crate::error::ApiError;

/// A body limit fit for operations that take parameters and no payload.
pub const DEFAULT_BODY_LIMIT: usize = 1024 * 1024;

/// One operation and where it is found.
#[derive(Clone)]
pub struct Route {
    pub method: Method,
    /// As in the service's model, e.g. `/2015-03-31/functions/{FunctionName}/code`. A query part
    /// (`/2018-10-31/layers?find=LayerVersion`) tells apart routes of the same path: the one with
    /// the most matching parameters wins.
    pub template: &'static str,
    /// E.g. `UpdateFunctionCode`.
    pub operation: &'static str,
    /// Bytes; a larger body is refused with `oversize` before it is read whole.
    pub body_limit: usize,
    pub oversize: Oversize,
    pub handler: Handler,
}

impl Route {
    /// An operation whose body is small ([`DEFAULT_BODY_LIMIT`]) and whose refusal of a larger one
    /// carries its own name.
    #[must_use]
    pub fn new(method: Method, template: &'static str, operation: &'static str, handler: Handler) -> Self {
        Self {
            method,
            template,
            operation,
            body_limit: DEFAULT_BODY_LIMIT,
            oversize: Oversize::Named(operation),
            handler,
        }
    }

    /// Same route, another limit and refusal.
    #[must_use]
    pub fn with_body_limit(mut self, bytes: usize, oversize: Oversize) -> Self {
        self.body_limit = bytes;
        self.oversize = oversize;
        self
    }
}

impl std::fmt::Debug for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} {}", self.operation, self.method, self.template)
    }
}

/// How the refusal of a body beyond the limit reads.
#[derive(Clone, Copy, Debug)]
pub enum Oversize {
    /// `Request must be smaller than <limit> bytes for the <name> operation`, a 413
    /// `RequestEntityTooLargeException`. The name is not always the operation's: Invoke says
    /// `InvokeFunction`. Source: fact sheets "Lambda invocation" section 1 and "Lambda
    /// control-plane API" section 1.1.
    Named(&'static str),
    /// Whatever the function makes of the limit.
    Custom(fn(limit: usize) -> ApiError),
}

impl Oversize {
    /// The error for a body beyond `limit` bytes.
    #[must_use]
    pub fn error(self, limit: usize) -> ApiError {
        match self {
            Self::Named(name) => ApiError::user(
                StatusCode::PAYLOAD_TOO_LARGE,
                "RequestEntityTooLargeException",
                format!("Request must be smaller than {limit} bytes for the {name} operation"),
            )
            .upper()
            .untyped(),
            Self::Custom(make) => make(limit),
        }
    }
}
