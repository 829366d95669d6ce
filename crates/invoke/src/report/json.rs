//! The records: what the JSON form of a log has, and what the Telemetry API delivers.

use std::time::Duration;

use hearth_model::Version;
use serde_json::{Map, Value, json};

use super::{Done, Entry, Figures, InitializationType, Phase, Record, Response, RuntimeName, Status, timestamp};

pub(super) fn record(initialization: InitializationType, entry: &Entry<'_>) -> Option<Record> {
    let mut record = Record::new(kind(entry)?);
    match entry {
        Entry::InitStart {
            phase,
            function,
            version,
            runtime,
            memory_size_mib,
        } => {
            put_initialization(&mut record, initialization, *phase);
            put_function(&mut record, function, *version, runtime, *memory_size_mib);
        }
        Entry::InitRuntimeDone { phase, status } => {
            put_initialization(&mut record, initialization, *phase);
            put_status(&mut record, status);
        }
        Entry::InitReport { took, phase, status } => {
            put_initialization(&mut record, initialization, *phase);
            put_status(&mut record, status);
            record.put("metrics", json!({"durationMs": millis(*took)}));
        }
        Entry::RestoreStart {
            function,
            version,
            runtime,
            memory_size_mib,
        } => put_function(&mut record, function, *version, runtime, *memory_size_mib),
        Entry::RestoreRuntimeDone { status } => put_status(&mut record, status),
        Entry::RestoreReport { took, status } => {
            put_status(&mut record, status);
            record.put("metrics", json!({"durationMs": millis(*took)}));
        }
        Entry::Extension(summary) => {
            record.put("name", summary.name.as_str());
            record.put("state", summary.state.as_str());
            record.put("events", summary.events.clone());
            if let Some(kind) = &summary.error_type {
                record.put("errorType", kind.as_str());
            }
        }
        Entry::Subscription(made) => return Some((*made).clone()),
        Entry::Start {
            request_id,
            version,
            trace_header,
        } => {
            record.put("requestId", *request_id);
            record.put("version", version.to_string());
            put_tracing(&mut record, trace_header);
        }
        Entry::Failure { .. } => return None,
        Entry::RuntimeDone {
            request_id,
            trace_header,
            done,
        } => runtime_done(&mut record, request_id, trace_header, done),
        Entry::Report {
            request_id,
            trace_header,
            figures,
        } => report(&mut record, request_id, trace_header, figures),
    }
    Some(record)
}

const fn kind(entry: &Entry<'_>) -> Option<&'static str> {
    Some(match entry {
        Entry::InitStart { .. } => "platform.initStart",
        Entry::InitRuntimeDone { .. } => "platform.initRuntimeDone",
        Entry::InitReport { .. } => "platform.initReport",
        Entry::RestoreStart { .. } => "platform.restoreStart",
        Entry::RestoreRuntimeDone { .. } => "platform.restoreRuntimeDone",
        Entry::RestoreReport { .. } => "platform.restoreReport",
        Entry::Extension(_) => "platform.extension",
        Entry::Subscription(made) => made.kind,
        Entry::Start { .. } => "platform.start",
        Entry::Failure { .. } => return None,
        Entry::RuntimeDone { .. } => "platform.runtimeDone",
        Entry::Report { .. } => "platform.report",
    })
}

fn put_initialization(record: &mut Record, initialization: InitializationType, phase: Phase) {
    record.put("initializationType", initialization.as_str());
    record.put("phase", phase.as_str());
}

fn put_function(record: &mut Record, function: &str, version: Version, runtime: &RuntimeName, memory_size_mib: u32) {
    record.put("functionName", function);
    record.put("functionVersion", version.to_string());
    record.put("runtimeVersion", runtime.label.as_str());
    record.put("runtimeVersionArn", runtime.arn.as_str());
    // In bytes, whatever the name of the function's own setting.
    record.put("instanceMaxMemory", u64::from(memory_size_mib) << 20);
}

fn put_status(record: &mut Record, status: &Status) {
    record.put("status", status.as_str());
    if let Some(kind) = status.error_type() {
        record.put("errorType", kind);
    }
}

fn put_tracing(record: &mut Record, trace_header: &str) {
    if !trace_header.is_empty() {
        record.put("tracing", json!({"type": "X-Amzn-Trace-Id", "value": trace_header}));
    }
}

fn runtime_done(record: &mut Record, request_id: &str, trace_header: &str, done: &Done) {
    record.put("requestId", request_id);
    put_status(record, &done.status);
    let mut metrics = Map::new();
    metrics.insert("durationMs".into(), millis(done.duration).into());
    if let Some(response) = &done.response {
        metrics.insert("producedBytes".into(), response.bytes.into());
    }
    record.put("metrics", metrics);
    if let Some(response) = &done.response {
        record.put("spans", spans(done, response));
    }
    put_tracing(record, trace_header);
}

fn report(record: &mut Record, request_id: &str, trace_header: &str, figures: &Figures) {
    record.put("requestId", request_id);
    put_status(record, &figures.status);
    let mut metrics = Map::new();
    metrics.insert("durationMs".into(), millis(figures.duration).into());
    metrics.insert("billedDurationMs".into(), figures.billed_ms().into());
    metrics.insert("memorySizeMB".into(), figures.memory_size_mib.into());
    if let Some(used) = figures.memory_used_mib {
        metrics.insert("maxMemoryUsedMB".into(), used.into());
    }
    if let Some(init) = figures.init {
        metrics.insert("initDurationMs".into(), millis(init).into());
    }
    if let Some(restore) = figures.restore {
        metrics.insert("restoreDurationMs".into(), millis(restore).into());
        metrics.insert("billedRestoreDurationMs".into(), whole_millis(restore).into());
    }
    record.put("metrics", metrics);
    if let Some((since_ms, took)) = figures.overhead {
        record.put("spans", vec![span("extensionOverhead", since_ms, took)]);
    }
    put_tracing(record, trace_header);
}

fn span(name: &str, start_ms: i64, took: Duration) -> Value {
    json!({"name": name, "start": timestamp(start_ms), "durationMs": millis(took)})
}

/// The answer's two end where it did; what the runtime does then is its overhead.
fn spans(done: &Done, response: &Response) -> Vec<Value> {
    let before = |took: Duration| done.answered_ms - i64::try_from(took.as_millis()).unwrap_or_default();
    let mut spans = vec![
        span("responseLatency", before(response.latency + response.duration), response.latency),
        span("responseDuration", before(response.duration), response.duration),
    ];
    spans.extend(done.overhead.map(|took| span("runtimeOverhead", done.answered_ms, took)));
    spans
}

/// Whole milliseconds, rounded up: what is billed.
pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// Milliseconds, to the hundredth.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
