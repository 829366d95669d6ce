//! `hearth invoke --stream`: the answer's bytes as they come, and nothing but them, on standard
//! output; the error document of a function that failed on standard error.

use std::io::Read;

use hearth_wire::event_stream::{Decoder, Message};
use serde_json::{Value, json};
use ureq::http::Method;

use super::{decoded, failed, headers, path, payload};
use crate::cli::Invoke;
use crate::client::{Call, Client, Reply};
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub(super) fn run(args: &Invoke) -> Result<Exit, Failure> {
    let (head, body) = Client::of(&args.target)?.open(Call {
        service: "lambda",
        method: Method::POST,
        path: path(args, "2021-11-15", "response-streaming-invocations"),
        headers: headers(args),
        body: payload(&args.payload)?,
    })?;
    match args.answer.output {
        Format::Table => {
            let end = read(body, output::write)?;
            output::aside(&end.log().unwrap_or_default());
            if let Some(details) = end.text("ErrorDetails") {
                output::aside(&format!("{details}\n"));
            }
            end.exit(args)
        }
        Format::Json => {
            let mut whole = Vec::new();
            let end = read(body, |bytes| {
                whole.extend_from_slice(bytes);
                Ok(())
            })?;
            output::json(&end.document(&head, &whole))?;
            end.exit(args)
        }
    }
}

/// The body of `InvokeComplete`.
struct End(Value);

impl End {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name)?.as_str()
    }

    fn log(&self) -> Option<String> {
        decoded(self.text("LogResult")?)
    }

    fn document(&self, head: &Reply, whole: &[u8]) -> Value {
        json!({
            "StatusCode": head.status.as_u16(),
            "ExecutedVersion": head.header("x-amz-executed-version"),
            "ErrorCode": self.text("ErrorCode"),
            "ErrorDetails": self.text("ErrorDetails"),
            "LogResult": self.log(),
            "Payload": String::from_utf8_lossy(whole),
        })
    }

    fn exit(&self, args: &Invoke) -> Result<Exit, Failure> {
        self.text("ErrorCode").map_or(Ok(Exit::Ok), |kind| Err(failed(args, kind)))
    }
}

/// Gives each chunk to `take`, up to the end.
fn read(mut body: impl Read, mut take: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<End, Failure> {
    let broken = |cause: String| Failure::new(Exit::Unreachable, format!("the answer broke off: {cause}"));
    let mut decoder = Decoder::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        while let Some(message) = decoder.next().map_err(|e| broken(e.to_string()))? {
            if let Some(end) = hear(&message, &mut take)? {
                return Ok(end);
            }
        }
        match body.read(&mut buffer) {
            Ok(0) => return Err(broken("it has no end".to_owned())),
            Ok(count) => decoder.feed(&buffer[..count]),
            Err(e) => return Err(broken(e.to_string())),
        }
    }
}

fn hear(message: &Message, take: &mut impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<Option<End>, Failure> {
    match message.header(":event-type") {
        "PayloadChunk" => take(&message.payload).map(|()| None),
        "InvokeComplete" => {
            let end = serde_json::from_slice(&message.payload);
            let end = end.map_err(|e| Failure::new(Exit::Refused, format!("the answer's end is not JSON: {e}")))?;
            Ok(Some(End(end)))
        }
        // A later server's.
        _ => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use hearth_wire::event_stream::event;

    use super::*;

    fn check(events: &[(&str, &str)], expected: Result<(&str, Option<&str>), &str>) {
        let mut body = Vec::new();
        for (kind, payload) in events {
            body.extend_from_slice(&event(kind, "text/plain", payload.as_bytes()).unwrap());
        }
        let mut whole = Vec::new();
        let end = read(body.as_slice(), |bytes| {
            whole.extend_from_slice(bytes);
            Ok(())
        });
        match (end, expected) {
            (Ok(end), Ok((payload, error))) => {
                assert_eq!((whole.as_slice(), end.text("ErrorCode")), (payload.as_bytes(), error));
            }
            (Err(failure), Err(text)) => assert!(format!("{failure:?}").contains(text), "{failure:?}"),
            (end, expected) => panic!("expected {expected:?}, found {:?}", end.map(|end| end.0)),
        }
    }

    #[test]
    fn chunks_are_passed_on_up_to_the_end() {
        let (one, two) = (("PayloadChunk", "one"), ("PayloadChunk", "two"));
        check(&[one, ("Else", "x"), two, ("InvokeComplete", "{}")], Ok(("onetwo", None)));
        check(&[one, ("InvokeComplete", r#"{"ErrorCode":"Unhandled"}"#)], Ok(("one", Some("Unhandled"))));
        check(&[one, two], Err("has no end"));
        check(&[("InvokeComplete", "{")], Err("not JSON"));
    }
}
