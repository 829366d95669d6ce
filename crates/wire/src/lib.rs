//! The AWS protocols on one port: recognising the service, checking the signature, routing to an
//! operation, rendering answers and errors.
//!
//! The only crate that knows wire formats. It knows no operation's meaning: services hand it
//! tables of operations ([`rest_json::Route`], [`aws_json::Operation`], [`query::Operation`]) and get [`Request`]s.
#![forbid(unsafe_code)]

pub mod aws_json;
pub mod error;
pub mod event_pattern;
pub mod event_stream;
pub mod json;
pub mod protocol;
pub mod query;
pub mod recognise;
pub mod render;
pub mod request;
pub mod response;
pub mod rest_json;
pub mod server;
pub mod sigv4;
pub mod validation;

pub use error::{ApiError, Fault, MessageKey};
pub use event_pattern::EventPattern;
pub use protocol::Protocol;
pub use request::{Caller, Request, Service};
pub use response::{BodyStream, BrokenOff, Response};
pub use server::{FrontDoor, Options, check_exposure};
pub use validation::Violations;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// What an operation's handler gives back.
pub type HandlerFuture = Pin<Box<dyn Future<Output = Result<Response, ApiError>> + Send>>;

/// One operation: from an authenticated request to an answer.
pub type Handler = Arc<dyn Fn(Request) -> HandlerFuture + Send + Sync>;

/// Makes a [`Handler`] of state and an async function over it.
pub fn handler<S, F, Fut>(state: Arc<S>, operation: F) -> Handler
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Request) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(operation(Arc::clone(&state), request)))
}
