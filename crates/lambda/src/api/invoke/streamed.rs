//! `InvokeWithResponseStream`: the answer of [`super`]'s operation, as events while the function
//! makes it.
//!
//! Source: fact sheet "Lambda invocation", section 6.

use std::sync::Arc;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use futures_util::stream::unfold;
use hearth_model::{AnswerStream, FunctionError, Invoke, Piece, StreamEnd};
use hearth_wire::rest_json::{Oversize, Route};
use hearth_wire::{ApiError, BodyStream, Request, Response, event_stream, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use super::{EVENT_BYTES_MAX, Wish, refusal};

const OPERATION: &str = "InvokeWithResponseStream";

pub(super) fn route(invoke: Arc<dyn Invoke>) -> Route {
    Route::new(
        Method::POST,
        "/2021-11-15/functions/{FunctionName}/response-streaming-invocations",
        OPERATION,
        handler(Arc::new(invoke), |invoke, request| async move { run(invoke.as_ref().as_ref(), request).await }),
    )
    // The name in the text is unverified; that of `Invoke` is recorded.
    .with_body_limit(EVENT_BYTES_MAX, Oversize::Named(OPERATION))
}

async fn run(invoke: &dyn Invoke, request: Request) -> Result<Response, ApiError> {
    let invocation = match Wish::of(request, &["RequestResponse", "DryRun"])? {
        // `Event` is none of the kinds: it does not come here.
        Wish::Run(invocation) | Wish::RunLater(invocation) => invocation,
        Wish::DryRun(function, qualifier) => return super::dry_run(invoke, &function, qualifier.as_ref()),
    };
    let streamed = invoke.invoke_streamed(invocation).await.map_err(refusal)?;
    Ok(Response::streamed(StatusCode::OK, event_stream::CONTENT_TYPE, events(streamed.answer))
        .with_header("x-amz-executed-version", &streamed.executed_version.to_string())
        .with_header("x-amzn-trace-id", &streamed.trace_header))
}

/// A message for each piece; the last one says how it ended.
fn events(answer: Box<dyn AnswerStream>) -> BodyStream {
    Box::pin(unfold(Some(answer), |answer| async {
        let mut answer = answer?;
        match answer.next().await {
            Piece::Chunk(chunk) => {
                Some((Ok(message("PayloadChunk", "application/octet-stream", &chunk)), Some(answer)))
            }
            Piece::End(end) => Some((Ok(complete(end)), None)),
        }
    }))
}

/// The body of an `InvokeComplete` event. What is absent is left out.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct InvokeComplete {
    #[serde(skip_serializing_if = "Option::is_none")]
    error_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_result: Option<String>,
}

fn complete(end: StreamEnd) -> Bytes {
    let (error_code, error_details) = match end.error {
        Some((FunctionError::Unhandled, document)) => {
            (Some("Unhandled"), Some(String::from_utf8_lossy(&document).into_owned()))
        }
        None => (None, None),
    };
    let mut complete = InvokeComplete {
        error_code,
        error_details,
        log_result: end.log_tail.map(|tail| BASE64_STANDARD.encode(tail)),
    };
    // Text in, text out: it cannot fail.
    let mut body = serde_json::to_vec(&complete).unwrap_or_default();
    if body.len() > event_stream::PAYLOAD_BYTES_MAX {
        // A document of a few MiB that JSON has to escape throughout.
        complete.error_details = Some("the error document is larger than an event can be".to_owned());
        body = serde_json::to_vec(&complete).unwrap_or_default();
    }
    message("InvokeComplete", "application/json", &body)
}

/// Nothing here reaches the bound of a message: a chunk is less than half of it where it comes from.
fn message(event_type: &str, content_type: &str, payload: &[u8]) -> Bytes {
    event_stream::event(event_type, content_type, payload).unwrap_or_else(|error| {
        tracing::error!(detail = ?error.internal, "an event could not be written");
        Bytes::new()
    })
}
