//! Asynchronous invocation: `Invoke` with `Event`, and `InvokeAsync`, which it has taken the place of.
//!
//! Source: fact sheet "Lambda invocation", sections 1, 2 and 5.

use std::sync::Arc;

use hearth_model::{Invocation, InvokeLater};
use hearth_wire::rest_json::{Oversize, Route};
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};

use super::{function, invocation, refusal};
use crate::error::Error;

/// The largest event, in bytes.
pub(super) const EVENT_BYTES_MAX: usize = 1024 * 1024;

/// The largest event of `InvokeAsync`, in bytes.
const OLD_EVENT_BYTES_MAX: usize = 256 * 1024;

const OPERATION: &str = "InvokeAsync";

pub(super) fn route(later: Arc<dyn InvokeLater>) -> Route {
    Route::new(
        Method::POST,
        "/2014-11-13/functions/{FunctionName}/invoke-async",
        OPERATION,
        handler(Arc::new(later), |later, request| async move { run(later.as_ref().as_ref(), request).await }),
    )
    .with_body_limit(OLD_EVENT_BYTES_MAX, Oversize::Named(OPERATION))
}

async fn run(later: &dyn InvokeLater, request: Request) -> Result<Response, ApiError> {
    let called = function(&request)?;
    accept(later, invocation(called, request)?).await
}

pub(super) fn check_size(body: &[u8], limit: usize, operation: &'static str) -> Result<(), Error> {
    if body.len() <= limit {
        return Ok(());
    }
    Err(Error::RequestTooLarge {
        limit: limit as u64,
        operation,
    })
}

/// The answer says that the event is on disk, and nothing of its run.
pub(super) async fn accept(later: &dyn InvokeLater, invocation: Invocation) -> Result<Response, ApiError> {
    let accepted = later.accept(invocation).await.map_err(refusal)?;
    Ok(Response::empty(StatusCode::ACCEPTED).with_header("x-amzn-trace-id", &accepted.trace_header))
}
