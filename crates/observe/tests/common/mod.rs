//! A client without a wire: calls operations as the front door would.
#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "each test file uses a part of this")]

use std::path::Path;
use std::sync::Arc;

use hearth_core::Clock;
use hearth_model::{AccountId, LogEvent, LogStreamId, Region};
use hearth_observe::{MAX_BYTES, Observe, Options};
use hearth_wire::{Caller, Request, Service};
use serde_json::{Value, json};

pub(crate) fn open(dir: &Path) -> Observe {
    let options = Options {
        dir: dir.to_owned(),
        clock: Clock::system(),
        max_bytes: MAX_BYTES,
    };
    Observe::open(options).unwrap()
}

pub(crate) fn stream(group: &str, stream: &str) -> Arc<LogStreamId> {
    Arc::new(LogStreamId {
        account: AccountId::fallback(),
        region: Region::fallback(),
        group: group.to_owned(),
        stream: stream.to_owned(),
    })
}

pub(crate) fn event(timestamp_ms: i64, message: impl Into<String>) -> LogEvent {
    LogEvent {
        timestamp_ms,
        message: message.into(),
    }
}

pub(crate) async fn call(observe: &Observe, operation: &'static str, input: Value) -> Value {
    let found = observe.operations().into_iter().find(|known| known.name == operation).unwrap();
    let request = Request {
        service: Service::Logs,
        operation,
        caller: Caller {
            account: AccountId::fallback(),
            region: Region::fallback(),
            arn: "arn:aws:iam::000000000000:root".to_owned(),
            access_key_id: None,
        },
        request_id: String::new(),
        method: http::Method::POST,
        headers: http::HeaderMap::new(),
        labels: Vec::new(),
        query: Vec::new(),
        body: input.to_string().into(),
        endpoint: String::new(),
    };
    let answer = (found.handler)(request).await.unwrap_or_else(|error| panic!("{operation} {input}: {error:?}"));
    serde_json::from_slice(&answer.body).unwrap_or(Value::Null)
}

/// Every message of a group, page by page.
pub(crate) async fn messages(observe: &Observe, group: &str, stream: &str) -> Vec<String> {
    let mut input = json!({"logGroupName": group, "logStreamNames": [stream]});
    let mut messages = Vec::new();
    loop {
        let page = call(observe, "FilterLogEvents", input.clone()).await;
        let events = page["events"].as_array().unwrap();
        messages.extend(events.iter().map(|event| event["message"].as_str().unwrap().to_owned()));
        let Some(token) = page.get("nextToken") else { return messages };
        input["nextToken"] = token.clone();
    }
}
