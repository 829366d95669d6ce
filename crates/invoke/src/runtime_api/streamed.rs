//! A streamed answer: chunks as they come, and what the trailers say of its end.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 1.5.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::BodyExt;
use hyper::body::Incoming;

use super::answers::{self, Answer};
use super::routes::{error_type, header, platform_document};
use super::state::{Shared, Turn};
use crate::environment::{Said, TRUNCATED};

/// How the body ended.
enum Ended {
    Whole(HeaderMap),
    Truncated,
}

/// `response` in streaming mode, after its transition.
pub(super) async fn response(shared: &Shared, turn: Turn, id: &str, request: Request<Incoming>) -> Answer {
    let begin = Said::ResponseBegin {
        request_id: id.to_owned(),
        content_type: header(request.headers(), "content-type").unwrap_or_default(),
    };
    shared.say_in(turn, begin).await;
    let (error, mut answer) = match pass_on(shared, turn, request.into_body()).await {
        Ended::Whole(trailers) => (stream_error(&trailers), answers::accepted()),
        Ended::Truncated => {
            let document = platform_document(id, TRUNCATED, "Response body was cut off");
            (Some((TRUNCATED.to_owned(), document)), answers::truncated())
        }
    };
    // Said before the runtime may ask for the next event, so that no word overtakes it.
    shared.say_in(turn, Said::ResponseEnd { error }).await;
    shared.end_answer(turn);
    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    answer
}

async fn pass_on(shared: &Shared, turn: Turn, mut body: Incoming) -> Ended {
    let mut trailers = HeaderMap::new();
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Ended::Truncated };
        match frame.into_data() {
            Ok(chunk) if chunk.is_empty() => {}
            Ok(chunk) => shared.say_in(turn, Said::ResponseChunk(chunk)).await,
            Err(frame) => trailers = frame.into_trailers().unwrap_or_default(),
        }
    }
    Ended::Whole(trailers)
}

/// A streamed answer that failed on the way says so in its trailers.
fn stream_error(trailers: &HeaderMap) -> Option<(String, Bytes)> {
    trailers.get("lambda-runtime-function-error-type")?;
    let body = header(trailers, "lambda-runtime-function-error-body").unwrap_or_default();
    let body = BASE64_STANDARD.decode(body).unwrap_or_else(|_| b"{}".to_vec());
    Some((error_type(trailers), body.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(trailers: &[(&'static str, &'static str)], expected: Option<(&str, &str)>) {
        let mut map = HeaderMap::new();
        for (name, value) in trailers {
            map.insert(*name, HeaderValue::from_static(value));
        }
        let found = stream_error(&map);
        let found = found.as_ref().map(|(kind, body)| (kind.as_str(), std::str::from_utf8(body).unwrap_or("?")));
        assert_eq!(found, expected);
    }

    #[test]
    fn trailers_tell_of_an_error() {
        let kind = ("lambda-runtime-function-error-type", "Runtime.Broken");
        check(&[], None);
        check(&[("lambda-runtime-function-error-body", "e30=")], None);
        check(&[kind, ("lambda-runtime-function-error-body", "eyJhIjoxfQ==")], Some(("Runtime.Broken", "{\"a\":1}")));
        check(&[kind, ("lambda-runtime-function-error-body", "?")], Some(("Runtime.Broken", "{}")));
        check(&[kind], Some(("Runtime.Broken", "")));
    }
}
