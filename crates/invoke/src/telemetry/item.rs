//! One record on its way to subscribers, and how each schema writes it.

use serde_json::{Map, Value, json};

use super::subscription::{Schema, Streams};
use crate::report::{Record, timestamp};

/// A fault of the platform, as the Logs API tells of it.
#[derive(Clone, Debug)]
pub(crate) struct Fault(pub(crate) String);

/// What happened in an environment.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Platform(Record),
    Fault(Fault),
    /// What the function's processes printed.
    Function {
        line: String,
        /// The function logs JSON.
        is_json: bool,
    },
    /// What an extension's process printed.
    Extension {
        line: String,
    },
}

impl Item {
    /// Its share of a queue, about.
    pub(super) fn size(&self) -> usize {
        match self {
            Self::Platform(_) | Self::Fault(_) => 512,
            Self::Function { line, .. } | Self::Extension { line } => line.len() + 80,
        }
    }

    /// The records as one subscriber gets them; none if it asked for other streams.
    pub(super) fn render(&self, at_ms: i64, schema: Schema, streams: Streams) -> Vec<Vec<u8>> {
        let line = |kind: &str, record: Value| vec![document(at_ms, kind, record)];
        match self {
            Self::Function { line: text, is_json } if streams.function => {
                line("function", function_record(text, *is_json && schema == Schema::Telemetry))
            }
            Self::Extension { line: text } if streams.extension => line("extension", text.as_str().into()),
            Self::Platform(record) if streams.platform => platform(at_ms, record, schema),
            Self::Fault(Fault(text)) if streams.platform && is_logs(schema) => {
                line("platform.fault", text.as_str().into())
            }
            _ => Vec::new(),
        }
    }
}

const fn is_logs(schema: Schema) -> bool {
    matches!(schema, Schema::Logs2020 | Schema::Logs2021)
}

fn function_record(text: &str, as_object: bool) -> Value {
    let parsed = as_object.then(|| serde_json::from_str::<Map<String, Value>>(text).ok()).flatten();
    parsed.map_or_else(|| text.into(), Value::Object)
}

fn platform(at_ms: i64, record: &Record, schema: Schema) -> Vec<Vec<u8>> {
    let of = |kind: &str, members: &[&str]| {
        let mut body = record.body.clone();
        body.retain(|name, _| members.contains(&name.as_str()));
        document(at_ms, kind, Value::Object(body))
    };
    if !is_logs(schema) {
        // The subscriptions of the other API are not of this one's events.
        let is_foreign = record.kind == super::Api::Logs.record();
        return if is_foreign { Vec::new() } else { vec![record.document(at_ms)] };
    }
    // The older API knows fewer events, and an end of its own.
    match record.kind {
        "platform.start" => vec![of(record.kind, &["requestId", "version"])],
        "platform.runtimeDone" if schema == Schema::Logs2021 => vec![of(record.kind, &["requestId", "status"])],
        "platform.report" => {
            vec![of("platform.end", &["requestId"]), of(record.kind, &["requestId", "metrics", "tracing"])]
        }
        "platform.extension" | "platform.logsSubscription" | "platform.logsDropped" => vec![record.document(at_ms)],
        _ => Vec::new(),
    }
}

fn document(at_ms: i64, kind: &str, record: Value) -> Vec<u8> {
    json!({"time": timestamp(at_ms), "type": kind, "record": record}).to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Streams = Streams {
        platform: true,
        function: true,
        extension: true,
    };

    fn rendered(item: &Item, schema: Schema, streams: Streams) -> Vec<String> {
        let documents = item.render(0, schema, streams).into_iter();
        documents.map(|document| String::from_utf8_lossy(&document).into_owned()).collect()
    }

    #[track_caller]
    fn check(item: &Item, schema: Schema, expected: &[&str]) {
        let strip = |text: &str| text.replace(r#""time":"1970-01-01T00:00:00.000Z","#, "");
        let found: Vec<_> = rendered(item, schema, ALL).iter().map(|text| strip(text)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn lines_are_objects_where_function_and_schema_want_it() {
        let line = |is_json| Item::Function {
            line: "{\"level\":\"INFO\"}\n".into(),
            is_json,
        };
        let text = r#"{"type":"function","record":"{\"level\":\"INFO\"}\n"}"#;
        check(&line(true), Schema::Telemetry, &[r#"{"type":"function","record":{"level":"INFO"}}"#]);
        check(&line(true), Schema::Telemetry2022July, &[text]);
        check(&line(false), Schema::Telemetry, &[text]);
        let plain = Item::Function {
            line: "plain\n".into(),
            is_json: true,
        };
        check(&plain, Schema::Telemetry, &[r#"{"type":"function","record":"plain\n"}"#]);
    }

    #[test]
    fn the_older_api_has_its_own_events() {
        let mut report = Record::new("platform.report");
        report.put("requestId", "id");
        report.put("status", "success");
        report.put("metrics", json!({"durationMs": 1.0}));
        let item = Item::Platform(report);
        check(
            &item,
            Schema::Logs2020,
            &[
                r#"{"type":"platform.end","record":{"requestId":"id"}}"#,
                r#"{"type":"platform.report","record":{"requestId":"id","metrics":{"durationMs":1.0}}}"#,
            ],
        );
        check(
            &item,
            Schema::Telemetry,
            &[
                r#"{"type":"platform.report","record":{"requestId":"id","status":"success","metrics":{"durationMs":1.0}}}"#,
            ],
        );
        let done = Item::Platform(Record::new("platform.runtimeDone"));
        check(&done, Schema::Logs2020, &[]);
        check(&done, Schema::Logs2021, &[r#"{"type":"platform.runtimeDone","record":{}}"#]);
        let fault = Item::Fault(Fault("RequestId: id Error".into()));
        check(&fault, Schema::Telemetry, &[]);
        check(&fault, Schema::Logs2020, &[r#"{"type":"platform.fault","record":"RequestId: id Error"}"#]);
    }

    #[test]
    fn a_stream_that_was_not_asked_for_is_not_sent() {
        let item = Item::Extension { line: "x".into() };
        assert!(rendered(&item, Schema::Telemetry, Streams::default()).is_empty());
    }
}
