//! What the platform itself tells of a function: INIT_START, START, END, REPORT and its like.
//!
//! An [`Entry`] is what is told. A [`Reporter`] writes it as a line of the function's log, in the
//! text or the JSON form; its [`Record`] is that JSON form, and what the Telemetry API delivers.
//!
//! Source: fact sheet "Lambda execution-environment contract", sections 3 and 4.

mod entry;
mod json;
mod record;
mod text;

use hearth_model::{LogFormat, LogLevel, Logging};

pub(crate) use entry::{Done, Entry, Figures, Response, RuntimeName};
pub(crate) use record::{Record, timestamp};

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

    /// The phase of its first init.
    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::OnDemand | Self::ProvisionedConcurrency => Phase::Init,
            Self::SnapStart => Phase::SnapStart,
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

/// Writes the platform's lines in one function's format and level.
#[derive(Clone, Debug)]
pub(crate) struct Reporter {
    format: LogFormat,
    level: LogLevel,
    initialization: InitializationType,
    is_traced: bool,
}

impl Reporter {
    pub(crate) fn new(logging: &Logging, initialization: InitializationType) -> Self {
        Self {
            format: logging.format,
            level: logging.system_level.unwrap_or(LogLevel::Info),
            initialization,
            is_traced: false,
        }
    }

    /// Of a function whose tracing is active: sampled invocations are reported with their trace.
    pub(crate) fn traced(self, is_traced: bool) -> Self {
        Self { is_traced, ..self }
    }

    /// Whether reports name traces.
    pub(crate) fn is_traced(&self) -> bool {
        self.is_traced
    }

    /// The entry as a line of the log. `None`: this log does not have it.
    pub(crate) fn line(&self, at_ms: i64, entry: &Entry<'_>) -> Option<String> {
        match self.format {
            LogFormat::Text => text::line(at_ms, self.initialization, self.is_traced, entry),
            LogFormat::Json => {
                let admitted = entry.level(self.initialization) >= self.level;
                let record = admitted.then(|| self.record(entry)).flatten()?;
                Some(record.text(at_ms))
            }
        }
    }

    /// The entry as a record, whatever the log has.
    pub(crate) fn record(&self, entry: &Entry<'_>) -> Option<Record> {
        json::record(self.initialization, entry)
    }

    /// Whether the function's own lines are JSON.
    pub(crate) fn is_json(&self) -> bool {
        self.format == LogFormat::Json
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hearth_model::Version;

    use super::*;
    use crate::extensions::{State, Summary};
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

    const START: Entry<'static> = Entry::Start {
        request_id: "id",
        version: Version::Number(3),
        trace_header: "",
    };

    const RUNTIME_DONE: Entry<'static> = Entry::InitRuntimeDone {
        phase: Phase::Init,
        status: &Status::Success,
    };

    fn figures(init: Option<Duration>, status: Status) -> Figures {
        Figures {
            duration: Duration::from_micros(3_010),
            memory_size_mib: 128,
            memory_used_mib: Some(36),
            init,
            restore: None,
            status,
            overhead: None,
        }
    }

    fn done() -> Done {
        Done {
            status: Status::Success,
            duration: Duration::from_micros(3_010),
            answered_ms: 2,
            response: None,
            overhead: None,
        }
    }

    fn end(done: &Done) -> Entry<'_> {
        Entry::RuntimeDone {
            request_id: "id",
            trace_header: "",
            done,
        }
    }

    fn report(figures: &Figures) -> Entry<'_> {
        Entry::Report {
            request_id: "id",
            trace_header: "",
            figures,
        }
    }

    fn text() -> Reporter {
        Reporter::new(&logging(LogFormat::Text, None), InitializationType::OnDemand)
    }

    fn json(level: LogLevel) -> Reporter {
        Reporter::new(&logging(LogFormat::Json, Some(level)), InitializationType::OnDemand)
    }

    #[track_caller]
    fn check(reporter: &Reporter, at_ms: i64, entry: &Entry<'_>, expected: &str) {
        assert_eq!(reporter.line(at_ms, entry).as_deref().unwrap_or("(none)"), expected);
    }

    #[test]
    fn text_lines_have_the_recorded_form() {
        let check = |entry: &Entry<'_>, expected: &str| check(&text(), 1_712_592_980_000, entry, expected);
        let runtime = RuntimeName {
            label: "python:3.12.v1".into(),
            arn: "arn:aws:lambda:us-east-1::runtime:00".into(),
        };
        let start = Entry::InitStart {
            phase: Phase::Init,
            function: "f",
            version: Version::Latest,
            runtime: &runtime,
            memory_size_mib: 128,
        };
        check(
            &start,
            "INIT_START Runtime Version: python:3.12.v1\tRuntime Version ARN: arn:aws:lambda:us-east-1::runtime:00\n",
        );
        check(&START, "START RequestId: id Version: 3\n");
        check(&end(&done()), "END RequestId: id\n");
        check(
            &report(&figures(Some(Duration::from_micros(110_100)), Status::Success)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 114 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tInit Duration: 110.10 ms\t\n",
        );
        check(
            &report(&figures(None, Status::Success)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n",
        );
        check(
            &report(&figures(None, Status::Timeout)),
            "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\tStatus: timeout\n",
        );
    }

    #[test]
    fn a_traced_invocation_is_reported_with_its_trace() {
        let figures = figures(None, Status::Success);
        let report = |sampled| Entry::Report {
            request_id: "id",
            trace_header: sampled,
            figures: &figures,
        };
        let line = "REPORT RequestId: id\tDuration: 3.01 ms\tBilled Duration: 4 ms\tMemory Size: 128 MB\tMax Memory Used: 36 MB\t\n";
        let traced = text().traced(true);
        let told = format!("{line}XRAY TraceId: 1-5-a\tSegmentId: b\tSampled: true\t\n");
        check(&traced, 0, &report("Root=1-5-a;Parent=b;Sampled=1"), &told);
        check(&traced, 0, &report("Root=1-5-a;Parent=b;Sampled=0"), line);
        check(&text(), 0, &report("Root=1-5-a;Parent=b;Sampled=1"), line);
    }

    #[test]
    fn text_lines_about_failures_have_the_recorded_form() {
        let check = |entry: &Entry<'_>, expected: &str| check(&text(), 1_712_592_980_000, entry, expected);
        let exit = Status::Error {
            error_type: "Runtime.ExitError".into(),
        };
        let init_report = |status| Entry::InitReport {
            took: Duration::from_millis(5),
            phase: Phase::Init,
            status,
        };
        check(
            &init_report(&exit),
            "INIT_REPORT Init Duration: 5.00 ms\tPhase: init\tStatus: error\tError Type: Runtime.ExitError\n",
        );
        check(&init_report(&Status::Success), "(none)");
        let failure = |error| Entry::Failure { request_id: "id", error };
        let timeout = PlatformError::timed_out(3);
        check(&failure(&timeout), "2024-04-08T16:16:20.000Z id Task timed out after 3.00 seconds\n\n");
        let crash = PlatformError::new("Runtime.ExitError", "Runtime exited with error: exit status 1");
        check(&failure(&crash), "RequestId: id Error: Runtime exited with error: exit status 1\nRuntime.ExitError\n");
    }

    #[test]
    fn text_lines_about_extensions_have_the_recorded_form() {
        let mut summary = Summary {
            name: "e".into(),
            state: State::Ready,
            events: vec!["INVOKE", "SHUTDOWN"],
            error_type: None,
        };
        check(&text(), 0, &Entry::Extension(&summary), "EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\n");
        summary.error_type = Some("Extension.Crash".into());
        check(
            &text(),
            0,
            &Entry::Extension(&summary),
            "EXTENSION\tName: e\tState: Ready\tEvents: [INVOKE,SHUTDOWN]\tError Type: Extension.Crash\n",
        );
        let mut record = Record::new("platform.telemetrySubscription");
        record.put("name", "e");
        record.put("state", "Subscribed");
        record.put("types", vec!["platform", "function"]);
        check(
            &text(),
            0,
            &Entry::Subscription(&record),
            "TELEMETRY\tName: e\tState: Subscribed\tTypes: [Platform, Function]\n",
        );
        check(&json(LogLevel::Info), 0, &Entry::Subscription(&record), "(none)");
    }

    #[test]
    fn a_handled_failure_is_a_plain_report() {
        // The function answered; only the caller sees its error.
        let failed = Status::Failure {
            error_type: "ValueError".into(),
        };
        let line = text().line(0, &report(&figures(None, failed))).unwrap_or_default();
        assert!(!line.contains("Status"), "{line}");
    }

    #[test]
    fn json_records_follow_the_level() {
        let (info, debug, warn) = (json(LogLevel::Info), json(LogLevel::Debug), json(LogLevel::Warn));
        check(
            &info,
            0,
            &START,
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.start","record":{"requestId":"id","version":"3"}}"#,
        );
        check(&info, 0, &end(&done()), "(none)");
        check(
            &info,
            0,
            &report(&figures(None, Status::Timeout)),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.report","record":{"requestId":"id","status":"timeout","metrics":{"durationMs":3.01,"billedDurationMs":4,"memorySizeMB":128,"maxMemoryUsedMB":36}}}"#,
        );
        check(
            &debug,
            0,
            &end(&done()),
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.runtimeDone","record":{"requestId":"id","status":"success","metrics":{"durationMs":3.01}}}"#,
        );
        check(
            &debug,
            0,
            &RUNTIME_DONE,
            r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.initRuntimeDone","record":{"initializationType":"on-demand","phase":"init","status":"success"}}"#,
        );
        check(&info, 0, &RUNTIME_DONE, "(none)");
        check(&warn, 0, &START, "(none)");
        check(&warn, 0, &report(&figures(None, Status::Success)), "(none)");
    }

    #[test]
    fn records_have_spans_and_tracing() {
        let done = Done {
            response: Some(Response {
                latency: Duration::from_millis(1),
                duration: Duration::from_millis(1),
                bytes: 7,
            }),
            overhead: Some(Duration::from_micros(1_010)),
            ..done()
        };
        let entry = Entry::RuntimeDone {
            request_id: "id",
            trace_header: "Root=1",
            done: &done,
        };
        check(
            &json(LogLevel::Debug),
            0,
            &entry,
            concat!(
                r#"{"time":"1970-01-01T00:00:00.000Z","type":"platform.runtimeDone","record":{"requestId":"id","status":"success","#,
                r#""metrics":{"durationMs":3.01,"producedBytes":7},"#,
                r#""spans":[{"name":"responseLatency","start":"1970-01-01T00:00:00.000Z","durationMs":1.0},"#,
                r#"{"name":"responseDuration","start":"1970-01-01T00:00:00.001Z","durationMs":1.0},"#,
                r#"{"name":"runtimeOverhead","start":"1970-01-01T00:00:00.002Z","durationMs":1.01}],"#,
                r#""tracing":{"type":"X-Amzn-Trace-Id","value":"Root=1"}}}"#,
            ),
        );
    }
}
