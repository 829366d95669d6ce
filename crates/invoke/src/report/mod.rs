//! What the platform itself writes to a function's log: INIT_START, START, END, REPORT and the
//! lines about failures, in the text or the JSON form.
//!
//! Source: fact sheet "Lambda execution-environment contract", section 4.

mod json;
mod text;

use std::time::Duration;

use hearth_model::{LogFormat, LogLevel, Logging, Version};

/// How an invocation or an init ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Success,
    /// The function said so itself (`/error`).
    Failure {
        error_type: String,
    },
    /// The runtime died or could not start.
    Error {
        error_type: String,
    },
    Timeout,
}

impl Status {
    const fn as_str(&self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Failure { .. } => "failure",
            Self::Error { .. } => "error",
            Self::Timeout => "timeout",
        }
    }

    fn error_type(&self) -> Option<&str> {
        match self {
            Self::Failure { error_type } | Self::Error { error_type } => Some(error_type),
            Self::Success | Self::Timeout => None,
        }
    }

    fn is_success(&self) -> bool {
        matches!(self, Self::Success)
    }
}

/// What an environment is initialised for.
/// Source: fact sheet "Lambda execution-environment contract", section 3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InitializationType {
    /// An invocation waits for it.
    OnDemand,
    /// Ahead of demand, to be kept.
    ProvisionedConcurrency,
    /// Ahead of demand, to start others from.
    SnapStart,
}

impl InitializationType {
    /// As in `AWS_LAMBDA_INITIALIZATION_TYPE` and in records.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::ProvisionedConcurrency => "provisioned-concurrency",
            Self::SnapStart => "snap-start",
        }
    }
}

/// In which phase an init ran.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Init,
    /// Again, at the first invocation, because the init before it failed.
    Invoke,
    /// Ahead of a snapshot.
    SnapStart,
}

impl Phase {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
            Self::SnapStart => "snap-start",
        }
    }
}

/// The figures of a finished invocation.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    pub(crate) duration: Duration,
    pub(crate) memory_size_mib: u32,
    /// Rounded up; absent where the host cannot measure it.
    pub(crate) memory_used_mib: Option<u64>,
    /// Present for the invocation that paid for a cold start.
    pub(crate) init: Option<Duration>,
    /// Present for the invocation that paid for a snapshot's restore.
    pub(crate) restore: Option<Duration>,
    pub(crate) status: Status,
    /// Of the runtime's answer, when there was one.
    pub(crate) response: Option<Response>,
}

/// The figures of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Response {
    /// From the event's delivery to the answer's first byte; to the last of one that is not streamed.
    pub(crate) latency: Duration,
    /// From the first byte to the last.
    pub(crate) duration: Duration,
    pub(crate) bytes: usize,
}

impl Figures {
    /// Whole milliseconds, rounded up; init and restore count.
    fn billed_ms(&self) -> u64 {
        let billed = self.duration + self.init.unwrap_or_default() + self.restore.unwrap_or_default();
        json::whole_millis(billed)
    }
}

/// Writes the platform's lines in one function's format and level.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    format: LogFormat,
    level: LogLevel,
    initialization: InitializationType,
}

impl Reporter {
    pub(crate) fn new(logging: &Logging, initialization: InitializationType) -> Self {
        Self {
            format: logging.format,
            level: logging.system_level.unwrap_or(LogLevel::Info),
            initialization,
        }
    }

    pub(crate) fn init_start(&self, at_ms: i64, name: &str, version: Version, runtime: &RuntimeName) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::init_start(runtime)),
            LogFormat::Json => self
                .admits(LogLevel::Info)
                .then(|| json::init_start(at_ms, self.initialization, name, version, runtime)),
        }
    }

    /// The runtime's part of an init; a record of the JSON form alone.
    pub(crate) fn init_runtime_done(&self, at_ms: i64, phase: Phase, status: &Status) -> Option<String> {
        let level = if status.is_success() { LogLevel::Debug } else { LogLevel::Warn };
        let admitted = self.format == LogFormat::Json && self.admits(level);
        admitted.then(|| json::init_runtime_done(at_ms, self.initialization, phase, status))
    }

    /// In text, an init is reported when it failed or ran ahead of demand.
    pub(crate) fn init_report(&self, at_ms: i64, took: Duration, phase: Phase, status: &Status) -> Option<String> {
        match self.format {
            LogFormat::Text => {
                let ahead = self.initialization != InitializationType::OnDemand;
                (ahead || !status.is_success()).then(|| text::init_report(took, phase, status))
            }
            LogFormat::Json => {
                let level = match (status.is_success(), self.initialization) {
                    (true, InitializationType::OnDemand) => LogLevel::Debug,
                    (true, _) => LogLevel::Info,
                    (false, _) => LogLevel::Warn,
                };
                self.admits(level).then(|| json::init_report(at_ms, self.initialization, took, phase, status))
            }
        }
    }

    pub(crate) fn restore_start(
        &self,
        at_ms: i64,
        name: &str,
        version: Version,
        runtime: &RuntimeName,
    ) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::restore_start(runtime)),
            LogFormat::Json => self.admits(LogLevel::Info).then(|| json::restore_start(at_ms, name, version, runtime)),
        }
    }

    /// The runtime's part of a restore; a record of the JSON form alone.
    pub(crate) fn restore_runtime_done(&self, at_ms: i64, status: &Status) -> Option<String> {
        let level = if status.is_success() { LogLevel::Debug } else { LogLevel::Warn };
        let admitted = self.format == LogFormat::Json && self.admits(level);
        admitted.then(|| json::restore_runtime_done(at_ms, status))
    }

    pub(crate) fn restore_report(&self, at_ms: i64, took: Duration, status: &Status) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::restore_report(took, status)),
            LogFormat::Json => {
                let level = if status.is_success() { LogLevel::Info } else { LogLevel::Warn };
                self.admits(level).then(|| json::restore_report(at_ms, took, status))
            }
        }
    }

    pub(crate) fn start(&self, at_ms: i64, request_id: &str, version: Version) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::start(request_id, version)),
            LogFormat::Json => self.admits(LogLevel::Info).then(|| json::start(at_ms, request_id, version)),
        }
    }

    /// The line about a failure that the platform found (text alone: JSON has it in the report).
    pub(crate) fn failure(
        &self,
        at_ms: i64,
        request_id: &str,
        error: &crate::payload::PlatformError,
    ) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::failure(at_ms, request_id, error)),
            LogFormat::Json => None,
        }
    }

    /// END, or the record that the runtime is done.
    pub(crate) fn end(&self, at_ms: i64, request_id: &str, figures: &Figures) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::end(request_id)),
            LogFormat::Json => {
                let level = if figures.status.is_success() { LogLevel::Debug } else { LogLevel::Warn };
                self.admits(level).then(|| json::runtime_done(at_ms, request_id, figures))
            }
        }
    }

    pub(crate) fn report(&self, at_ms: i64, request_id: &str, figures: &Figures) -> Option<String> {
        match self.format {
            LogFormat::Text => Some(text::report(request_id, figures)),
            LogFormat::Json => {
                let level = if figures.status.is_success() { LogLevel::Info } else { LogLevel::Warn };
                self.admits(level).then(|| json::report(at_ms, request_id, figures))
            }
        }
    }

    fn admits(&self, level: LogLevel) -> bool {
        level >= self.level
    }
}

/// What INIT_START says of the runtime. Custom runtimes have a label and an ARN as well.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeName {
    pub(crate) label: String,
    pub(crate) arn: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::PlatformError;

    fn logging(format: LogFormat, system_level: Option<LogLevel>) -> Logging {
        Logging {
            format,
            application_level: None,
            system_level,
            group: "/aws/lambda/f".into(),
            custom_group: false,
        }
    }

    fn figures(init: Option<Duration>, status: Status) -> Figures {
        Figures {
            duration: Duration::from_micros(3_010),
            memory_size_mib: 128,
            memory_used_mib: Some(36),
            init,
            restore: None,
            status,
            response: None,
        }
    }

    #[track_caller]
    fn check(found: Option<String>, expected: &str) {
        assert_eq!(found.as_deref().unwrap_or("(none)"), expected);
    }

    #[test]
    fn text_lines_have_the_recorded_form() {
        let reporter = Reporter::new(&logging(LogFormat::Text, None), InitializationType::OnDemand);
        let runtime = RuntimeName {
            label: "python:3.12.v1".into(),
            arn: "arn:aws:lambda:us-east-1::runtime:00".into(),
        };
        check(
            reporter.init_start(0, "f", Version::Latest, &runtime),
            "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:00\n",
        );
        check(reporter.start(0, "id", Version::Latest), "START RequestId: id Version: $LATEST\n");
        check(reporter.end(0, "id", &figures(None, Status::Success)), "END RequestId: id\n");
        check(
            reporter.report(0, "id", &figures(Some(Duration::from_micros(110_100)), Status::Success)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n",
        );
        check(
            reporter.report(0, "id", &figures(None, Status::Success)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n",
        );
        check(
            reporter.report(0, "id", &figures(None, Status::Timeout)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: timeout\n",
        );
        let exit = Status::Error {
            error_type: "Runtime.ExitError".into(),
        };
        check(
            reporter.init_report(0, Duration::from_millis(5), Phase::Init, &exit),
            "INIT_REPORT Init Duration: 5.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n",
        );
        check(reporter.init_report(0, Duration::from_millis(5), Phase::Init, &Status::Success), "(none)");
        check(
            reporter.failure(1_712_592_980_000, "id", &PlatformError::timed_out(3)),
            "2024-04-08T16:16:20.000Z id Task timed out after 3.00 seconds\n\n",
        );
        check(
            reporter.failure(
                0,
                "id",
                &PlatformError::new("Runtime.ExitError", "Runtime exited with error: exit status 1"),
            ),
            "RequestId: id Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n",
        );
    }

    #[test]
    fn a_handled_failure_is_a_plain_report() {
        // The function answered; only the caller sees its error.
        let reporter = Reporter::new(&logging(LogFormat::Text, None), InitializationType::OnDemand);
        let failed = Status::Failure {
            error_type: "ValueError".into(),
        };
        let line = reporter.report(0, "id", &figures(None, failed)).unwrap_or_default();
        assert!(!line.contains("Status"), "{line}");
    }

    #[test]
    fn json_records_follow_the_level() {
        let info = Reporter::new(&logging(LogFormat::Json, Some(LogLevel::Info)), InitializationType::OnDemand);
        check(
            info.start(0, "id", Version::Number(3)),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"id","version":"3"}}"#,
        );
        check(info.end(0, "id", &figures(None, Status::Success)), "(none)");
        check(
            info.report(0, "id", &figures(None, Status::Timeout)),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.report","record":{"requestId":"id","status":"timeout","metrics":{"durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":36}}}"#,
        );
        let debug = Reporter::new(&logging(LogFormat::Json, Some(LogLevel::Debug)), InitializationType::OnDemand);
        check(
            debug.end(0, "id", &figures(None, Status::Success)),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.runtimeDone","record":{"requestId":"id","status":"success","metrics":{"durationMs":3.01}}}"#,
        );
        check(
            debug.init_runtime_done(0, Phase::Init, &Status::Success),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"init","status":"success"}}"#,
        );
        check(info.init_runtime_done(0, Phase::Init, &Status::Success), "(none)");
        let warn = Reporter::new(&logging(LogFormat::Json, Some(LogLevel::Warn)), InitializationType::OnDemand);
        check(warn.start(0, "id", Version::Latest), "(none)");
        check(warn.report(0, "id", &figures(None, Status::Success)), "(none)");
    }
}
