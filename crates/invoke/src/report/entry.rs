//! What there is to tell.

use std::time::Duration;

use hearth_model::{LogLevel, Version};

use super::json::whole_millis;
use super::{InitializationType, Phase, Record, Status};
use crate::extensions::Summary;
use crate::payload::PlatformError;

/// One thing that the platform tells of a function.
#[derive(Debug)]
pub(crate) enum Entry<'a> {
    InitStart {
        phase: Phase,
        function: &'a str,
        version: Version,
        runtime: &'a RuntimeName,
        memory_size_mib: u32,
    },
    /// The runtime's part of an init.
    InitRuntimeDone {
        phase: Phase,
        status: &'a Status,
    },
    InitReport {
        took: Duration,
        phase: Phase,
        status: &'a Status,
    },
    RestoreStart {
        function: &'a str,
        version: Version,
        runtime: &'a RuntimeName,
        memory_size_mib: u32,
    },
    /// The runtime's part of a restore.
    RestoreRuntimeDone {
        status: &'a Status,
    },
    RestoreReport {
        took: Duration,
        status: &'a Status,
    },
    Extension(&'a Summary),
    /// An extension's subscription to telemetry; made where it was asked for.
    Subscription(&'a Record),
    Start {
        request_id: &'a str,
        version: Version,
        trace_header: &'a str,
    },
    /// A failure that the platform found. Of the text form and of the Logs API alone: records have
    /// it in what follows.
    Failure {
        request_id: &'a str,
        error: &'a PlatformError,
    },
    /// END.
    RuntimeDone {
        request_id: &'a str,
        trace_header: &'a str,
        done: &'a Done,
    },
    Report {
        request_id: &'a str,
        trace_header: &'a str,
        figures: &'a Figures,
    },
}

impl Entry<'_> {
    /// Its level in a JSON log.
    pub(super) fn level(&self, initialization: InitializationType) -> LogLevel {
        let or_warn = |status: &Status, level| if status.is_success() { level } else { LogLevel::Warn };
        match self {
            Self::InitStart { .. } | Self::RestoreStart { .. } | Self::Start { .. } => LogLevel::Info,
            Self::InitRuntimeDone { status, .. } | Self::RestoreRuntimeDone { status } => {
                or_warn(status, LogLevel::Debug)
            }
            Self::InitReport { status, .. } if initialization == InitializationType::OnDemand => {
                or_warn(status, LogLevel::Debug)
            }
            Self::InitReport { status, .. } | Self::RestoreReport { status, .. } => or_warn(status, LogLevel::Info),
            Self::Extension(summary) if summary.error_type.is_some() => LogLevel::Warn,
            Self::Extension(_) | Self::Subscription(_) => LogLevel::Debug,
            Self::Failure { .. } => LogLevel::Warn,
            Self::RuntimeDone { done, .. } => or_warn(&done.status, LogLevel::Debug),
            Self::Report { figures, .. } => or_warn(&figures.status, LogLevel::Info),
        }
    }
}

/// What INIT_START says of the runtime. Custom runtimes have a label and an ARN as well.
#[derive(Clone, Debug)]
pub(crate) struct RuntimeName {
    pub(crate) label: String,
    pub(crate) arn: String,
}

/// The runtime's part of an invocation.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) status: Status,
    pub(crate) duration: Duration,
    /// When its answer had ended: Unix milliseconds.
    pub(crate) answered_ms: i64,
    /// Of its answer, when there was one.
    pub(crate) response: Option<Response>,
    /// From its answer until it asked for the next event, where anybody waited for that.
    pub(crate) overhead: Option<Duration>,
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
    /// What extensions took after the runtime was done: since when (Unix milliseconds), how long.
    pub(crate) overhead: Option<(i64, Duration)>,
}

impl Figures {
    /// Whole milliseconds, rounded up; init and restore count.
    pub(super) fn billed_ms(&self) -> u64 {
        whole_millis(self.duration + self.init.unwrap_or_default() + self.restore.unwrap_or_default())
    }
}
