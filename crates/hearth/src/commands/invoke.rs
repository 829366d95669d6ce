//! `hearth invoke`: one run of a function through the API; its result on standard output, or with
//! `--async` the request id of an event that runs later.

mod stream;

use std::io::Read;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use ureq::http::Method;

use crate::cli::Invoke;
use crate::client::{Call, Client, Reply, escape};
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub fn run(args: &Invoke) -> Result<Exit, Failure> {
    if args.stream {
        return stream::run(args);
    }
    let reply = Client::of(&args.target)?.send(Call {
        service: "lambda",
        method: Method::POST,
        path: path(args, "2015-03-31", "invocations"),
        headers: headers(args),
        body: payload(&args.payload)?,
    })?;
    if args.later {
        return accepted(args, &reply);
    }
    let log = log_tail(&reply);
    match args.answer.output {
        Format::Table => {
            output::aside(log.as_deref().unwrap_or_default());
            output::write(&reply.body)?;
            output::write(b"\n")?;
        }
        Format::Json => output::json(&json!({
            "StatusCode": reply.status.as_u16(),
            "ExecutedVersion": reply.header("x-amz-executed-version"),
            "FunctionError": reply.header("x-amz-function-error"),
            "LogResult": log,
            "Payload": serde_json::from_slice::<Value>(&reply.body)
                .unwrap_or_else(|_| String::from_utf8_lossy(&reply.body).into_owned().into()),
        }))?,
    }
    match reply.header("x-amz-function-error") {
        Some(kind) => Err(failed(args, kind)),
        None => Ok(Exit::Ok),
    }
}

/// The request id is what leads to the event's log lines and records.
fn accepted(args: &Invoke, reply: &Reply) -> Result<Exit, Failure> {
    let request_id = reply.header("x-amzn-requestid").unwrap_or_default();
    match args.answer.output {
        Format::Table => output::write(format!("{request_id}\n").as_bytes())?,
        Format::Json => output::json(&json!({"StatusCode": reply.status.as_u16(), "RequestId": request_id}))?,
    }
    Ok(Exit::Ok)
}

fn failed(args: &Invoke, kind: &str) -> Failure {
    Failure::new(Exit::Failed, format!("the function {} failed ({kind})", args.function))
}

fn path(args: &Invoke, version: &str, action: &str) -> String {
    let qualifier = args.qualifier.as_deref().map(|text| format!("?Qualifier={}", escape(text)));
    format!("/{version}/functions/{}/{action}{}", escape(&args.function), qualifier.unwrap_or_default())
}

fn headers(args: &Invoke) -> Vec<(&'static str, String)> {
    let mut headers = vec![("content-type", "application/json".to_owned())];
    if args.later {
        headers.push(("x-amz-invocation-type", "Event".to_owned()));
        return headers;
    }
    if args.tail || args.answer.output == Format::Json {
        headers.push(("x-amz-log-type", "Tail".to_owned()));
    }
    if let Some(context) = &args.client_context {
        headers.push(("x-amz-client-context", STANDARD.encode(context)));
    }
    headers
}

/// JSON as given, or what stands in a file or comes in.
fn payload(text: &str) -> Result<Vec<u8>, Failure> {
    let fail = |from: &str, e: std::io::Error| {
        Failure::new(Exit::Usage, format!("failed to read the payload from {from}: {e}"))
    };
    if text == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map_err(|e| fail("standard input", e))?;
        return Ok(bytes);
    }
    match text.strip_prefix('@') {
        Some(file) => std::fs::read(file).map_err(|e| fail(file, e)),
        None => Ok(text.as_bytes().to_vec()),
    }
}

fn log_tail(reply: &Reply) -> Option<String> {
    decoded(reply.header("x-amz-log-result")?)
}

fn decoded(log: &str) -> Option<String> {
    let bytes = STANDARD.decode(log).ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_come_from_the_argument_or_a_file() {
        assert_eq!(payload("{\"a\":1}").unwrap(), b"{\"a\":1}");
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("event.json");
        std::fs::write(&file, "[]").unwrap();
        assert_eq!(payload(&format!("@{}", file.display())).unwrap(), b"[]");
        assert!(payload("@/nowhere/event.json").is_err());
    }
}
