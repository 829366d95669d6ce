//! The JSON form: the records of the Telemetry API.

use std::time::Duration;

use hearth_model::Version;
use serde_json::{Map, Value, json};

use super::{Figures, InitializationType, Phase, Response, RuntimeName, Status};

pub(super) fn init_start(
    at_ms: i64,
    initialization: InitializationType,
    name: &str,
    version: Version,
    runtime: &RuntimeName,
) -> String {
    record(
        at_ms,
        "platform.initStart",
        &json!({
            "initializationType": initialization.as_str(),
            "phase": match initialization {
                InitializationType::SnapStart => Phase::SnapStart,
                _ => Phase::Init,
            }.as_str(),
            "functionName": name,
            "functionVersion": version.to_string(),
            "runtimeVersion": runtime.label,
            "runtimeVersionArn": runtime.arn,
        }),
    )
}

pub(super) fn init_runtime_done(
    at_ms: i64,
    initialization: InitializationType,
    phase: Phase,
    status: &Status,
) -> String {
    record(at_ms, "platform.initRuntimeDone", &Value::Object(init_outcome(initialization, phase, status)))
}

pub(super) fn init_report(
    at_ms: i64,
    initialization: InitializationType,
    took: Duration,
    phase: Phase,
    status: &Status,
) -> String {
    let mut body = init_outcome(initialization, phase, status);
    body.insert("metrics".into(), json!({"durationMs": millis(took)}));
    record(at_ms, "platform.initReport", &Value::Object(body))
}

fn init_outcome(initialization: InitializationType, phase: Phase, status: &Status) -> Map<String, Value> {
    let mut body = Map::new();
    body.insert("initializationType".into(), initialization.as_str().into());
    body.insert("phase".into(), phase.as_str().into());
    put_status(&mut body, status);
    body
}

pub(super) fn restore_start(at_ms: i64, name: &str, version: Version, runtime: &RuntimeName) -> String {
    record(
        at_ms,
        "platform.restoreStart",
        &json!({
            "functionName": name,
            "functionVersion": version.to_string(),
            "runtimeVersion": runtime.label,
            "runtimeVersionArn": runtime.arn,
        }),
    )
}

pub(super) fn restore_runtime_done(at_ms: i64, status: &Status) -> String {
    let mut body = Map::new();
    put_status(&mut body, status);
    record(at_ms, "platform.restoreRuntimeDone", &Value::Object(body))
}

pub(super) fn restore_report(at_ms: i64, took: Duration, status: &Status) -> String {
    let mut body = Map::new();
    put_status(&mut body, status);
    body.insert("metrics".into(), json!({"durationMs": millis(took)}));
    record(at_ms, "platform.restoreReport", &Value::Object(body))
}

pub(super) fn start(at_ms: i64, request_id: &str, version: Version) -> String {
    record(at_ms, "platform.start", &json!({"requestId": request_id, "version": version.to_string()}))
}

pub(super) fn runtime_done(at_ms: i64, request_id: &str, figures: &Figures) -> String {
    let mut body = Map::new();
    body.insert("requestId".into(), request_id.into());
    put_status(&mut body, &figures.status);
    let mut metrics = Map::new();
    metrics.insert("durationMs".into(), millis(figures.duration).into());
    if let Some(response) = &figures.response {
        metrics.insert("producedBytes".into(), response.bytes.into());
        body.insert("spans".into(), spans(at_ms, response));
    }
    body.insert("metrics".into(), Value::Object(metrics));
    record(at_ms, "platform.runtimeDone", &Value::Object(body))
}

/// Both spans end where the answer did, at `at_ms`.
fn spans(at_ms: i64, response: &Response) -> Value {
    let span = |name: &str, before_end: Duration, took: Duration| {
        let before_ms = i64::try_from(before_end.as_millis()).unwrap_or_default();
        json!({"name": name, "start": timestamp(at_ms - before_ms), "durationMs": millis(took)})
    };
    json!([
        span("responseLatency", response.latency + response.duration, response.latency),
        span("responseDuration", response.duration, response.duration),
    ])
}

pub(super) fn report(at_ms: i64, request_id: &str, figures: &Figures) -> String {
    let mut body = Map::new();
    body.insert("requestId".into(), request_id.into());
    put_status(&mut body, &figures.status);
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
    body.insert("metrics".into(), Value::Object(metrics));
    record(at_ms, "platform.report", &Value::Object(body))
}

fn put_status(body: &mut Map<String, Value>, status: &Status) {
    body.insert("status".into(), status.as_str().into());
    if let Some(kind) = status.error_type() {
        body.insert("errorType".into(), kind.into());
    }
}

fn record(at_ms: i64, kind: &str, body: &Value) -> String {
    json!({"time": timestamp(at_ms), "type": kind, "record": body}).to_string()
}

/// Whole milliseconds, rounded up: what is billed.
pub(super) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros().div_ceil(1_000)).unwrap_or(u64::MAX)
}

/// Milliseconds, to the hundredth.
fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}

/// `2024-04-08T16:56:20.123Z`.
pub(super) fn timestamp(at_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(at_ms).map_or_else(|_| String::new(), |t| format!("{t:.3}"))
}
