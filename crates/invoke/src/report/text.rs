//! The text form. Tabs, the trailing ones too, are as recorded from AWS.

use std::fmt::Write;
use std::time::Duration;

use hearth_model::Version;

use super::{Figures, Phase, RuntimeName, Status};
use crate::payload::PlatformError;

pub(super) fn init_start(runtime: &RuntimeName) -> String {
    format!("INIT_START Runtime Version: {}\tRuntime Version ARN: {}\n", runtime.label, runtime.arn)
}

pub(super) fn init_report(took: Duration, phase: Phase, status: &Status) -> String {
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

pub(super) fn restore_start(runtime: &RuntimeName) -> String {
    format!("RESTORE_START Runtime Version: {}\tRuntime Version ARN: {}\n", runtime.label, runtime.arn)
}

pub(super) fn restore_report(took: Duration, status: &Status) -> String {
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

pub(super) fn start(request_id: &str, version: Version) -> String {
    format!("START RequestId: {request_id} Version: {version}\n")
}

pub(super) fn end(request_id: &str) -> String {
    format!("END RequestId: {request_id}\n")
}

pub(super) fn failure(at_ms: i64, request_id: &str, error: &PlatformError) -> String {
    if error.kind == "Sandbox.Timedout" {
        return format!("{} {request_id} {}\n\n", super::json::timestamp(at_ms), error.text);
    }
    format!("{}\n{}\n", error.message(request_id), error.kind)
}

pub(super) fn report(request_id: &str, figures: &Figures) -> String {
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
        let billed = super::json::whole_millis(restore);
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
