//! One record of the JSON form.

use serde_json::{Map, Value, json};

/// What the Telemetry API calls an event: `{"time":...,"type":kind,"record":body}`.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// E.g. `platform.start`.
    pub(crate) kind: &'static str,
    pub(crate) body: Map<String, Value>,
}

impl Record {
    pub(crate) fn new(kind: &'static str) -> Self {
        Self { kind, body: Map::new() }
    }

    pub(crate) fn put(&mut self, name: &str, value: impl Into<Value>) {
        self.body.insert(name.to_owned(), value.into());
    }

    pub(crate) fn text(&self, at_ms: i64) -> String {
        json!({"time": timestamp(at_ms), "type": self.kind, "record": self.body}).to_string()
    }

    pub(crate) fn document(&self, at_ms: i64) -> Vec<u8> {
        self.text(at_ms).into_bytes()
    }
}

/// `2024-04-08T16:56:20.123Z`.
pub(crate) fn timestamp(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}
