//! Waiting for the answer to an event, which may come in one word or in many.

use std::time::Duration;

use bytes::Bytes;
use hearth_sandbox::Exit;
use tokio::time::{Instant, timeout_at};

use super::actor::{Environment, Event};
use super::link::Said;
use super::run::{End, FLUSH_EVERY};
use crate::RESPONSE_BYTES_MAX;
use crate::extensions::ShutdownReason;
use crate::payload::{PlatformError, response_too_large};
use crate::pool::Job;
use crate::report::Response;
use crate::streaming::Outlet;

/// The error of a streamed answer whose connection ended before it did.
pub(crate) const TRUNCATED: &str = "Runtime.TruncatedResponse";

const TOO_LARGE: &str = "Function.ResponseSizeTooLarge";

/// How long a process that has ended is heard: children of it may hold its connections.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A streamed answer under way.
struct Stream {
    outlet: Outlet,
    began: Instant,
}

impl Environment {
    /// Waits for the answer to the event that was delivered.
    pub(super) async fn await_answer(&mut self, job: &mut Job, deadline: Instant) -> End {
        let delivered = Instant::now();
        let mut stream = None;
        let mut end = self.hear_answer(job, deadline, &mut stream).await;
        end.response = match stream {
            Some(Stream { outlet, began }) => Some(Response {
                latency: began - delivered,
                duration: began.elapsed(),
                bytes: outlet.produced(),
            }),
            None if end.error.is_none() => Some(Response {
                latency: delivered.elapsed(),
                duration: Duration::ZERO,
                bytes: end.payload.len(),
            }),
            None => None,
        };
        end
    }

    async fn hear_answer(&mut self, job: &mut Job, deadline: Instant, stream: &mut Option<Stream>) -> End {
        let mut flush_at = Some(Instant::now() + FLUSH_EVERY);
        loop {
            let until = flush_at.map_or(deadline, |at| at.min(deadline));
            match self.event_of_answer(until, stream).await {
                Event::Said(word) => {
                    if let Some(end) = self.hear(word, job, stream).await {
                        return end;
                    }
                }
                Event::Order(_) | Event::Appended => {}
                Event::Printed => {
                    self.drain_output();
                    flush_at = flush_at.or_else(|| Some(Instant::now() + FLUSH_EVERY));
                    if !self.journal.has_room() {
                        self.journal.flush().await;
                    }
                }
                Event::Extensions => {
                    if let Some(error) = self.mishap().await {
                        self.go_down();
                        return End::platform(error, &job.invocation.request_id);
                    }
                }
                Event::Exited(exit) => return self.end_of_process(&exit, job, stream).await,
                Event::Time if Instant::now() < deadline => {
                    self.journal.flush().await;
                    flush_at = None;
                }
                Event::Time => {
                    self.go_down_for(ShutdownReason::Timeout);
                    return End::platform(PlatformError::timed_out(self.spec.timeout.0), &job.invocation.request_id);
                }
            }
        }
    }

    /// The next thing to happen. The runtime is heard only while its caller takes what it gives.
    async fn event_of_answer(&mut self, until: Instant, stream: &mut Option<Stream>) -> Event {
        if let Some(Stream { outlet, .. }) = stream {
            while outlet.is_blocked() {
                tokio::select! {
                    biased;
                    () = outlet.unblock() => {}
                    event = self.event_but_words(until) => return event,
                }
            }
        }
        self.event(until, false).await
    }

    /// A word of the runtime. It may be the end of the answer.
    async fn hear(&mut self, word: Said, job: &mut Job, stream: &mut Option<Stream>) -> Option<End> {
        let is_asked = |id: &str| id == job.invocation.request_id;
        match word {
            Said::Response { request_id, body } if is_asked(&request_id) => Some(End::answer(body)),
            Said::Error { request_id, error_type, body } if is_asked(&request_id) => {
                Some(End::failure(error_type, body))
            }
            Said::LastError { request_id, error_type, body } if is_asked(&request_id) => {
                // Gone before the answer is out: the next event is for another process.
                self.settle_output().await;
                self.go_down();
                Some(End::failure(error_type, body))
            }
            Said::Oversized { request_id } if is_asked(&request_id) => {
                Some(End::failure(TOO_LARGE.to_owned(), response_too_large(RESPONSE_BYTES_MAX)))
            }
            Said::ResponseBegin { request_id, content_type } if is_asked(&request_id) && stream.is_none() => {
                *stream = Some(Stream {
                    outlet: job.reply.begin(self.spec.version, &job.trace_header, content_type),
                    began: Instant::now(),
                });
                None
            }
            Said::ResponseChunk(chunk) => {
                if let Some(stream) = stream {
                    stream.outlet.take(chunk);
                }
                None
            }
            Said::ResponseEnd { error } if stream.is_some() => Some(self.end_of_stream(error, job, stream).await),
            Said::InitError { error_type, body } => Some(End::failure(error_type, body)),
            // Words about another invocation: a runtime gone wrong.
            _ => None,
        }
    }

    async fn end_of_stream(
        &mut self,
        error: Option<(String, Bytes)>,
        job: &mut Job,
        stream: &mut Option<Stream>,
    ) -> End {
        if let Some((kind, document)) = error {
            // A process that died hangs up first; its end is what counts.
            if kind == TRUNCATED
                && let Some(exit) = self.settle_output().await
            {
                self.go_down();
                return End::platform(PlatformError::exited(&exit), &job.invocation.request_id);
            }
            return End::failure(kind, document);
        }
        match stream.as_mut().map_or(Ok(Bytes::new()), |stream| stream.outlet.finish()) {
            Ok(whole) => End::answer(whole),
            Err(document) => End::failure(TOO_LARGE.to_owned(), document),
        }
    }

    /// The process is gone. What it said before may still be on its way, and counts.
    async fn end_of_process(&mut self, exit: &Exit, job: &mut Job, stream: &mut Option<Stream>) -> End {
        let limit = Instant::now() + LAST_WORDS;
        while let Ok(Some(word)) = timeout_at(limit, self.runtime.link.last_word()).await {
            if matches!(&word, Said::ResponseEnd { error: Some((kind, _)) } if kind == TRUNCATED) {
                break;
            }
            if let Some(end) = self.hear(word, job, stream).await {
                self.go_down();
                return end;
            }
            let Some(Stream { outlet, .. }) = stream else { continue };
            if outlet.is_blocked() && timeout_at(limit, outlet.unblock()).await.is_err() {
                break;
            }
        }
        self.go_down();
        End::platform(PlatformError::exited(exit), &job.invocation.request_id)
    }
}
