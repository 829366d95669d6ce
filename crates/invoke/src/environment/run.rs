//! One invocation in an environment: from the job to its answer, and the log lines after it.

use std::time::Duration;

use bytes::Bytes;
use hearth_model::{FunctionError, FunctionSpec, InvokeError, Outcome, Version};
use tokio::time::Instant;

use super::actor::{Environment, InitFailure, issue};
use super::journal::Journal;
use super::process::StartError;
use crate::concurrency::Permit;
use crate::payload::PlatformError;
use crate::pool::{Job, Next};
use crate::report::{Done, Entry, Figures, Phase, Response, Status};
use crate::runtime_api::Delivery;
use crate::service::Plane;
use crate::streaming::Reply;

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
        Self {
            payload: error.document(request_id),
            error: Some(FunctionError::Unhandled),
            status: status_of(&error),
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
        let start = Entry::Start {
            request_id: &job.invocation.request_id,
            version: self.spec.version,
            trace_header: &job.trace_header,
        };
        self.journal.tell(self.plane.clock.now_ms(), &start);
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
        self.tell_of(&delivery);
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
        self.finish_down().await;
        self.begin_again();
        let credentials = issue(&self.plane, &self.spec);
        let held = self.crew.goes_first();
        let started =
            self.runtime.restart(&self.launch, &credentials, &self.plane.clock, &mut self.journal, held).await;
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
        let mut initialised = match self.muster(deadline).await {
            Ok(()) => self.init(deadline).await,
            failed => failed,
        };
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
            as_stream: job.reply.is_streamed(),
            event: invocation.payload.clone(),
        }
    }

    /// Answers first, writes the log after; the other way round for who wants the log's tail.
    pub(super) async fn conclude(&mut self, job: Job, end: End, began: Instant) -> Next {
        self.errors = if end.platform.is_some() { self.errors + 1 } else { 0 };
        self.ready = self.runtime.up && (self.ready || self.runtime.link.answers_mean_next());
        if self.crew.is_present() {
            return self.conclude_among_extensions(job, end, began).await;
        }
        let done = self.done(&end, began);
        let figures = self.figures(began, end.status);
        let mut answer = Answer::new(job, self.spec.version, end.payload, end.error);
        // The server's end is not the function's fault; the caller may ask again.
        answer.cut_off = end.platform.is_some() && self.plane.is_cut_off();
        answer.keeps_trace = self.journal.has_traces();
        if answer.wants_tail {
            self.write_end(&answer, &done, end.platform.as_ref());
            self.write_report(&answer, &figures);
            answer.outcome.log_tail = self.journal.take_tail();
            self.journal.flush().await;
        }
        // Free before the answer is out, so that the caller's next request finds this environment.
        answer.free();
        let next = self.offer();
        answer.send();
        if !answer.wants_tail {
            // The caller's task runs first.
            tokio::task::yield_now().await;
            self.write_end(&answer, &done, end.platform.as_ref());
            self.write_report(&answer, &figures);
            self.journal.flush().await;
        }
        next
    }

    /// The caller is answered at once, and everybody else gets the time that is left.
    async fn conclude_among_extensions(&mut self, job: Job, end: End, began: Instant) -> Next {
        let deadline = began + Duration::from_secs(self.spec.timeout.0.into());
        let mut done = self.done(&end, began);
        let mut answer = Answer::new(job, self.spec.version, end.payload, end.error);
        answer.cut_off = end.platform.is_some() && self.plane.is_cut_off();
        answer.keeps_trace = true;
        if !answer.wants_tail {
            answer.send();
        }
        let mut late = self.until_ready(deadline).await.err();
        let duration = began.elapsed();
        done.overhead = Some(duration.saturating_sub(done.duration));
        done.duration = duration;
        let since_ms = self.plane.clock.now_ms();
        self.write_end(&answer, &done, end.platform.as_ref());
        if late.is_none() {
            late = self.until_settled(deadline).await.err();
        }
        self.drain_output();
        let mut status = end.status;
        if let Some(error) = &late {
            self.errors += 1;
            status = status_of(error);
            self.write_failure(&answer, error);
        }
        let mut figures = self.figures(began, status);
        figures.overhead = Some((since_ms, figures.duration.saturating_sub(done.duration)));
        self.write_report(&answer, &figures);
        answer.outcome.log_tail = self.journal.take_tail();
        answer.send();
        self.journal.flush().await;
        self.finish_down().await;
        answer.free();
        self.offer()
    }

    fn done(&self, end: &End, began: Instant) -> Done {
        Done {
            status: end.status.clone(),
            duration: began.elapsed(),
            answered_ms: self.plane.clock.now_ms(),
            response: end.response,
            overhead: None,
        }
    }

    fn figures(&mut self, began: Instant, status: Status) -> Figures {
        Figures {
            duration: began.elapsed(),
            memory_size_mib: self.spec.memory.0,
            memory_used_mib: self.runtime.sandbox.memory_peak_bytes().map(|bytes| bytes.div_ceil(1 << 20)),
            init: self.init_took.take(),
            restore: self.restore_took.take(),
            status,
            overhead: None,
        }
    }

    fn write_end(&mut self, answer: &Answer, done: &Done, platform: Option<&PlatformError>) {
        self.drain_output_to_the_end();
        write_end(&self.plane, &mut self.journal, answer, done, platform);
    }

    fn write_failure(&mut self, answer: &Answer, error: &PlatformError) {
        let request_id = answer.request_id.as_str();
        self.journal.tell(self.plane.clock.now_ms(), &Entry::Failure { request_id, error });
    }

    fn write_report(&mut self, answer: &Answer, figures: &Figures) {
        write_report(&self.plane, &mut self.journal, answer, figures);
    }
}

/// What the caller waits for.
struct Answer {
    request_id: String,
    wants_tail: bool,
    /// What is written after the answer is out has the trace header too.
    keeps_trace: bool,
    outcome: Outcome,
    cut_off: bool,
    reply: Option<Reply>,
    permit: Option<Permit>,
}

impl Answer {
    fn new(job: Job, executed_version: Version, payload: Bytes, error: Option<FunctionError>) -> Self {
        Self {
            request_id: job.invocation.request_id,
            wants_tail: job.invocation.wants_log_tail,
            keeps_trace: false,
            outcome: Outcome {
                executed_version,
                payload,
                error,
                log_tail: None,
                trace_header: job.trace_header,
            },
            cut_off: false,
            reply: Some(job.reply),
            permit: Some(job.permit),
        }
    }

    /// Once; what is left of it is for the log.
    fn send(&mut self) {
        let Some(reply) = self.reply.take() else { return };
        let kept = if self.keeps_trace { self.outcome.trace_header.clone() } else { String::new() };
        let outcome = Outcome {
            payload: std::mem::take(&mut self.outcome.payload),
            log_tail: self.outcome.log_tail.take(),
            trace_header: std::mem::replace(&mut self.outcome.trace_header, kept),
            ..self.outcome
        };
        reply.send(if self.cut_off { Err(InvokeError::ShuttingDown) } else { Ok(outcome) });
    }

    /// The place is for another invocation.
    fn free(&mut self) {
        self.permit = None;
    }
}

fn write_end(plane: &Plane, journal: &mut Journal, answer: &Answer, done: &Done, platform: Option<&PlatformError>) {
    let now = plane.clock.now_ms();
    let (request_id, trace_header) = (answer.request_id.as_str(), answer.outcome.trace_header.as_str());
    if let Some(error) = platform {
        journal.tell(now, &Entry::Failure { request_id, error });
    }
    let entry = Entry::RuntimeDone {
        request_id,
        trace_header,
        done,
    };
    journal.tell(now, &entry);
}

fn write_report(plane: &Plane, journal: &mut Journal, answer: &Answer, figures: &Figures) {
    let entry = Entry::Report {
        request_id: &answer.request_id,
        trace_header: &answer.outcome.trace_header,
        figures,
    };
    journal.tell(plane.clock.now_ms(), &entry);
}

fn status_of(error: &PlatformError) -> Status {
    if error.kind == "Sandbox.Timedout" {
        return Status::Timeout;
    }
    Status::Error {
        error_type: error.kind.clone(),
    }
}

/// For a version whose runtime cannot even be started: the same lines and the same answer, without
/// an environment.
pub(super) fn report_unstartable(
    plane: &Plane,
    spec: &FunctionSpec,
    journal: &mut Journal,
    job: Box<Job>,
    error: &PlatformError,
) {
    let status = status_of(error);
    let document = error.document(&job.invocation.request_id);
    let mut answer = Answer::new(*job, spec.version, document, Some(FunctionError::Unhandled));
    if answer.wants_tail {
        journal.keep_tail();
    }
    let now = plane.clock.now_ms();
    let start = Entry::Start {
        request_id: &answer.request_id,
        version: spec.version,
        trace_header: &answer.outcome.trace_header,
    };
    journal.tell(now, &start);
    let done = Done {
        status: status.clone(),
        duration: Duration::ZERO,
        answered_ms: now,
        response: None,
        overhead: None,
    };
    let figures = Figures {
        duration: Duration::ZERO,
        memory_size_mib: spec.memory.0,
        memory_used_mib: None,
        init: None,
        restore: None,
        status,
        overhead: None,
    };
    write_end(plane, journal, &answer, &done, Some(error));
    write_report(plane, journal, &answer, &figures);
    answer.outcome.log_tail = journal.take_tail();
    answer.free();
    answer.send();
}
