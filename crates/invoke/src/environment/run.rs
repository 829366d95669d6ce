//! One invocation in an environment: from the job to its answer, and the log lines after it.

use std::time::Duration;

use bytes::Bytes;
use hearth_model::{FunctionError, FunctionSpec, InvokeError, Outcome, Version};
use tokio::time::Instant;

use super::actor::{Environment, InitFailure, issue};
use super::journal::Journal;
use super::process::StartError;
use crate::payload::PlatformError;
use crate::pool::{Job, Next};
use crate::report::{Figures, Phase, Reporter, Response, Status};
use crate::runtime_api::Delivery;
use crate::service::Plane;

/// How long output may wait before it is handed to the sink while the function still runs.
pub(super) const FLUSH_EVERY: Duration = Duration::from_millis(50);

/// How an invocation ended.
pub(super) struct End {
    pub(super) payload: Bytes,
    pub(super) error: Option<FunctionError>,
    status: Status,
    /// What the platform has to say of it in the log.
    platform: Option<PlatformError>,
    /// Of the runtime's answer, when there was one.
    pub(super) response: Option<Response>,
}

impl End {
    pub(super) fn answer(payload: Bytes) -> Self {
        Self {
            payload,
            error: None,
            status: Status::Success,
            platform: None,
            response: None,
        }
    }

    /// The function's own error.
    pub(super) fn failure(error_type: String, payload: Bytes) -> Self {
        Self {
            payload,
            error: Some(FunctionError::Unhandled),
            status: Status::Failure { error_type },
            platform: None,
            response: None,
        }
    }

    pub(super) fn platform(error: PlatformError, request_id: &str) -> Self {
        let status = if error.kind == "Sandbox.Timedout" {
            Status::Timeout
        } else {
            Status::Error {
                error_type: error.kind.clone(),
            }
        };
        Self {
            payload: error.document(request_id),
            error: Some(FunctionError::Unhandled),
            status,
            platform: Some(error),
            response: None,
        }
    }
}

impl Environment {
    /// Runs one job, answers it, writes its log lines.
    pub(super) async fn run(&mut self, mut job: Job) -> Next {
        let began = Instant::now();
        self.runs += 1;
        if job.invocation.wants_log_tail {
            self.journal.keep_tail();
        }
        let id = job.invocation.request_id.clone();
        let now = self.plane.clock.now_ms();
        self.journal.note(now, self.reporter.start(now, &id, self.spec.version));
        let end = self.perform(&mut job, began).await;
        self.conclude(job, end, began).await
    }

    /// Up to the function's answer, its error, its end, or its deadline.
    async fn perform(&mut self, job: &mut Job, began: Instant) -> End {
        let id = &job.invocation.request_id;
        let deadline = began + Duration::from_secs(self.spec.timeout.0.into());
        if self.runtime.up
            && !self.ready
            && let Err(InitFailure::Timeout) = self.init(deadline).await
        {
            return self.init_end(InitFailure::Timeout, id);
        }
        // Also when it died between two invocations.
        if !self.runtime.up
            && let Err(end) = self.start_again(id, deadline).await
        {
            return end;
        }
        self.ready = false;
        let delivery = self.delivery(job, deadline);
        tokio::select! {
            biased;
            // A runtime that does not read is found by its end or by the deadline.
            _ = self.runtime.link.deliver(delivery) => {}
            () = tokio::time::sleep_until(deadline) => {}
        }
        self.await_answer(job, deadline).await
    }

    /// A new process after the one before died. It has what is left of the function's timeout.
    async fn start_again(&mut self, id: &str, deadline: Instant) -> Result<(), End> {
        self.limit_cpu(false);
        let credentials = issue(&self.plane, &self.spec);
        let started = self.runtime.restart(&self.launch, &credentials, &self.plane.clock, &mut self.journal).await;
        match started {
            Ok(()) => {}
            Err(StartError::Function(error)) => return Err(End::platform(error, id)),
            Err(StartError::Host(cause)) => {
                tracing::warn!(function = %self.spec.name, %cause, "failed to start a runtime again");
                // The sandbox is lost (its first process may be gone), and with it this environment: the pool retires
                // what is older than any generation.
                self.handle.generation = 0;
                let error =
                    PlatformError::new("Sandbox.Failure", "the execution environment could not be started again");
                return Err(End::platform(error, id));
            }
        }
        let began = Instant::now();
        let mut initialised = self.init(deadline).await;
        if initialised.is_ok() && self.at_restore {
            initialised = self.run_on(deadline).await;
        }
        let status = initialised.as_ref().err().map_or(Status::Success, InitFailure::status);
        self.note_init(began.elapsed(), Phase::Invoke, &status);
        initialised.map_err(|failure| self.init_end(failure, id))
    }

    fn init_end(&self, failure: InitFailure, id: &str) -> End {
        match failure {
            InitFailure::Posted { error_type, body } => End::failure(error_type, body),
            InitFailure::Platform(error) => End::platform(error, id),
            InitFailure::Timeout => End::platform(PlatformError::timed_out(self.spec.timeout.0), id),
        }
    }

    fn delivery(&self, job: &Job, deadline: Instant) -> Delivery {
        let left = deadline.saturating_duration_since(Instant::now());
        let now_ms = u64::try_from(self.plane.clock.now_ms()).unwrap_or_default();
        let invocation = &job.invocation;
        Delivery {
            request_id: invocation.request_id.clone(),
            deadline_ms: now_ms + u64::try_from(left.as_millis()).unwrap_or_default(),
            invoked_arn: match &invocation.qualifier {
                Some(qualifier) => format!("{}:{qualifier}", self.spec.arn),
                None => self.spec.arn.clone(),
            },
            trace_header: job.trace_header.clone(),
            client_context: invocation.client_context.clone(),
            cognito_identity: invocation.cognito_identity.clone(),
            event: invocation.payload.clone(),
        }
    }

    /// Answers first, writes the log after; the other way round for who wants the log's tail.
    pub(super) async fn conclude(&mut self, job: Job, end: End, began: Instant) -> Next {
        let figures = Figures {
            duration: began.elapsed(),
            memory_size_mib: self.spec.memory.0,
            memory_used_mib: self.runtime.sandbox.memory_peak_bytes().map(|bytes| bytes.div_ceil(1 << 20)),
            init: self.init_took.take(),
            restore: self.restore_took.take(),
            status: end.status,
            response: end.response,
        };
        self.ready = self.runtime.up && (self.ready || self.runtime.link.answers_mean_next());
        let Job {
            invocation,
            trace_header,
            reply,
            permit,
        } = job;
        let mut outcome = Outcome {
            executed_version: self.spec.version,
            payload: end.payload,
            error: end.error,
            log_tail: None,
            trace_header,
        };
        if invocation.wants_log_tail {
            self.write_end(&invocation.request_id, &figures, end.platform.as_ref());
            outcome.log_tail = self.journal.take_tail();
            self.journal.flush().await;
        }
        // Free before the answer is out, so that the caller's next request finds this environment.
        drop(permit);
        let next = self.offer();
        // The server's end is not the function's fault; the caller may ask again.
        let cut_off = end.platform.is_some() && self.plane.is_cut_off();
        reply.send(if cut_off { Err(InvokeError::ShuttingDown) } else { Ok(outcome) });
        if !invocation.wants_log_tail {
            // The caller's task runs first.
            tokio::task::yield_now().await;
            self.write_end(&invocation.request_id, &figures, end.platform.as_ref());
            self.journal.flush().await;
        }
        next
    }

    fn write_end(&mut self, id: &str, figures: &Figures, platform: Option<&PlatformError>) {
        self.runtime.output.drain_to_the_end(&mut self.journal);
        write_lines(&self.plane, &mut self.journal, &self.reporter, id, figures, platform);
    }
}

fn write_lines(
    plane: &Plane,
    journal: &mut Journal,
    reporter: &Reporter,
    id: &str,
    figures: &Figures,
    platform: Option<&PlatformError>,
) {
    let now = plane.clock.now_ms();
    if let Some(error) = platform {
        journal.note(now, reporter.failure(now, id, error));
    }
    journal.note(now, reporter.end(now, id, figures));
    journal.note(now, reporter.report(now, id, figures));
}

/// For a version whose runtime cannot even be started: the same lines and the same answer, without
/// an environment.
pub(super) fn report_unstartable(
    plane: &Plane,
    spec: &FunctionSpec,
    journal: &mut Journal,
    reporter: &Reporter,
    job: Box<Job>,
    error: &PlatformError,
) {
    let id = job.invocation.request_id.clone();
    if job.invocation.wants_log_tail {
        journal.keep_tail();
    }
    let figures = Figures {
        duration: Duration::ZERO,
        memory_size_mib: spec.memory.0,
        memory_used_mib: None,
        init: None,
        restore: None,
        status: Status::Error {
            error_type: error.kind.clone(),
        },
        response: None,
    };
    let now = plane.clock.now_ms();
    let version: Version = spec.version;
    journal.note(now, reporter.start(now, &id, version));
    write_lines(plane, journal, reporter, &id, &figures, Some(error));
    let outcome = Outcome {
        executed_version: version,
        payload: error.document(&id),
        error: Some(FunctionError::Unhandled),
        log_tail: journal.take_tail(),
        trace_header: job.trace_header.clone(),
    };
    drop(job.permit);
    job.reply.send(Ok(outcome));
}
