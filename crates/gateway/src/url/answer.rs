//! From what a function did to the answer.

use bytes::Bytes;
use futures_util::stream::unfold;
use hearth_model::{AnswerStream, FunctionUrl, Outcome, Piece, Streamed};
use hearth_wire::{BodyStream, BrokenOff, Response};
use http::StatusCode;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::refusal;
use crate::api::prelude::{self, Prelude};
use crate::api::{self, Malformed};

/// The answer of a URL that waits for the whole result.
pub(super) fn whole(url: &FunctionUrl, outcome: Outcome) -> Response {
    let answer = match outcome.error {
        Some(_) => refusal::failed(),
        None => api::answer::of(outcome.payload).unwrap_or_else(|defect| tell(url, &defect)),
    };
    answer.with_header("x-amzn-trace-id", &outcome.trace_header)
}

/// The answer of a URL that streams, as soon as its head is known.
pub(super) async fn streamed(url: &FunctionUrl, streamed: Streamed) -> Response {
    let Streamed {
        trace_header,
        content_type,
        answer,
        ..
    } = streamed;
    let answer = match content_type.as_deref() {
        Some(prelude::CONTENT_TYPE) => with_prelude(url, answer).await,
        other => plain(other.unwrap_or("application/json"), answer).await,
    };
    answer.with_header("x-amzn-trace-id", &trace_header)
}

/// The function says status and headers before its body.
async fn with_prelude(url: &FunctionUrl, mut answer: Box<dyn AnswerStream>) -> Response {
    let mut prelude = Prelude::default();
    loop {
        match answer.next().await {
            Piece::Chunk(piece) => match prelude.push(&piece) {
                Ok(Some(mut response)) => {
                    response.stream = Some(rest(answer));
                    return response;
                }
                Ok(None) => {}
                Err(defect) => return tell(url, &defect),
            },
            Piece::End(end) if end.error.is_some() => return refusal::failed(),
            Piece::End(_) => return tell(url, &prelude.broken()),
        }
    }
}

/// The function says nothing of HTTP: its bytes are the body. Whether it fails before the first of
/// them decides about the status.
async fn plain(content_type: &str, mut answer: Box<dyn AnswerStream>) -> Response {
    let first = match answer.next().await {
        Piece::Chunk(piece) => Some(piece),
        Piece::End(end) if end.error.is_some() => return refusal::failed(),
        Piece::End(_) => None,
    };
    let mut response = Response::empty(StatusCode::OK);
    let fallback = HeaderValue::from_static("application/octet-stream");
    response.headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).unwrap_or(fallback));
    if let Some(first) = first {
        response.body = first;
        response.stream = Some(rest(answer));
    }
    response
}

/// The pieces that are still to come. A function that fails on the way breaks its answer off.
fn rest(answer: Box<dyn AnswerStream>) -> BodyStream {
    Box::pin(unfold(Some(answer), |answer| async {
        let mut answer = answer?;
        match answer.next().await {
            Piece::Chunk(piece) => Some((Ok::<Bytes, BrokenOff>(piece), Some(answer))),
            Piece::End(end) => end.error.is_some().then_some((Err(BrokenOff), None)),
        }
    }))
}

/// The client is told no more than on AWS; who wrote the function finds the reason in the log.
fn tell(url: &FunctionUrl, Malformed(defect): &Malformed) -> Response {
    tracing::warn!(function = %url.function.name, url = url.id, defect, "the result of a function is no HTTP answer");
    refusal::failed()
}
