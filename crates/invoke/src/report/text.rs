//! The text form. Tabs, the trailing ones too, are as recorded from AWS.

use std::fmt::Write;
use std::time::Duration;

use serde_json::Value;

use super::json::whole_millis;
use super::{Entry, Figures, InitializationType, Phase, Record, RuntimeName, Status, timestamp};
use crate::extensions::Summary;
use crate::payload::PlatformError;
use crate::telemetry::Api;
use crate::trace;

/// `None`: the text form has no such line.
pub(super) fn line(
    at_ms: i64,
    initialization: InitializationType,
    is_traced: bool,
    entry: &Entry<'_>,
) -> Option<String> {
    Some(match entry {
        Entry::InitStart { runtime, .. } => runtime_line("INIT_START", runtime),
        Entry::InitRuntimeDone { .. } | Entry::RestoreRuntimeDone { .. } => return None,
        // An init on demand that went well is in the first REPORT.
        Entry::InitReport { status, .. } if initialization == InitializationType::OnDemand && status.is_success() => {
            return None;
        }
        Entry::InitReport { took, phase, status } => init_report(*took, *phase, status),
        Entry::RestoreStart { runtime, .. } => runtime_line("RESTORE_START", runtime),
        Entry::RestoreReport { took, status } => restore_report(*took, status),
        Entry::Extension(summary) => extension(summary),
        Entry::Subscription(record) => return subscription(record),
        Entry::Start { request_id, version, .. } => format!("START RequestId: {request_id} Version: {version}\n"),
        Entry::Failure { request_id, error } => failure(at_ms, request_id, error),
        Entry::RuntimeDone { request_id, .. } => format!("END RequestId: {request_id}\n"),
        Entry::Report {
            request_id,
            trace_header,
            figures,
        } => {
            let mut line = report(request_id, figures);
            if let Some((trace, segment)) = trace::sampled(trace_header).filter(|_| is_traced) {
                let _ = writeln!(line, "XRAY TraceId: {trace}\tSegmentId: {segment}\tSampled: true\t");
            }
            line
        }
    })
}

fn runtime_line(word: &str, runtime: &RuntimeName) -> String {
    format!("{word} Runtime Version: {}\tRuntime Version ARN: {}\n", runtime.label, runtime.arn)
}

fn extension(summary: &Summary) -> String {
    let mut line = format!(
        "EXTENSION\tName: {}\tState: {}\tEvents: [{}]",
        summary.name,
        summary.state.as_str(),
        summary.events.join(",")
    );
    if let Some(kind) = &summary.error_type {
        let _ = write!(line, "\tError Type: {kind}");
    }
    line.push('\n');
    line
}

/// `TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function]`.
fn subscription(record: &Record) -> Option<String> {
    let word = [Api::Telemetry, Api::Logs].into_iter().find(|api| api.record() == record.kind)?.label();
    let text = |name: &str| record.body.get(name).and_then(Value::as_str).unwrap_or_default();
    let types = record.body.get("types").and_then(Value::as_array).into_iter().flatten();
    let types: Vec<_> = types.filter_map(Value::as_str).map(capitalised).collect();
    Some(format!("{word}\tName: {}\tState: {}\tTypes: [{}]\n", text("name"), text("state"), types.join(", ")))
}

fn capitalised(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + letters.as_str())
}

fn init_report(took: Duration, phase: Phase, status: &Status) -> String {
    let mut line = format!(
        "INIT_REPORT Init Duration: {} ms\tPhase: {}\tStatus: {}",
        millis(took),
        phase.as_str(),
        status.as_str()
    );
    if let Some(kind) = status.error_type() {
        let _ = write!(line, "\tError Type: {kind}");
    }
    line.push('\n');
    line
}

fn restore_report(took: Duration, status: &Status) -> String {
    let mut line = format!("RESTORE_REPORT Restore Duration: {} ms", millis(took));
    if !matches!(status, Status::Success) {
        let _ = write!(line, "\tStatus: {}", status.as_str());
    }
    if let Some(kind) = status.error_type() {
        let _ = write!(line, "\tError Type: {kind}");
    }
    line.push('\n');
    line
}

fn failure(at_ms: i64, request_id: &str, error: &PlatformError) -> String {
    if error.kind == "Sandbox.Timedout" {
        return format!("{} {request_id} {}\n\n", timestamp(at_ms), error.text);
    }
    format!("{}\n{}\n", error.message(request_id), error.kind)
}

fn report(request_id: &str, figures: &Figures) -> String {
    let mut line = String::with_capacity(200);
    let _ = write!(
        line,
        "REPORT RequestId: {request_id}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t",
        millis(figures.duration),
        figures.billed_ms(),
        figures.memory_size_mib
    );
    if let Some(used) = figures.memory_used_mib {
        let _ = write!(line, "Max Memory Used: {used} MB\t");
    }
    if let Some(init) = figures.init {
        let _ = write!(line, "Init Duration: {} ms\t", millis(init));
    }
    if let Some(restore) = figures.restore {
        let billed = whole_millis(restore);
        let _ = write!(line, "Restore Duration: {} ms\tBilled Restore Duration: {billed} ms\t", millis(restore));
    }
    match &figures.status {
        Status::Success | Status::Failure { .. } => {}
        Status::Timeout => line.push_str("Status: timeout"),
        Status::Error { error_type } => {
            let _ = write!(line, "Status: error\tError Type: {error_type}");
        }
    }
    line.push('\n');
    line
}

/// Milliseconds with two decimals.
fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1_000.0)
}
