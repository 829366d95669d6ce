//! The way of an environment's log events to the sink: batched, in order, bounded. What the log
//! hears, telemetry hears too.
//!
//! The sink may be slow. Events then wait here, and once [`BYTES_MAX`] are waiting the environment
//! stops reading the function's pipes: the function blocks in its own write, and nobody else
//! notices.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::poll;
use hearth_model::{BoxFuture, LogEvent, LogSink, LogStreamId};

use crate::report::{Entry, Reporter};
use crate::telemetry::{Fault, Item, Telemetry};

/// Waiting events beyond which no more output is read.
const BYTES_MAX: usize = 512 * 1024;

/// The part of the log that `LogType=Tail` shows.
const TAIL_BYTES: usize = 4_096;

/// Who printed a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Function,
    Extension,
}

pub(super) struct Journal {
    sink: Arc<dyn LogSink>,
    stream: Arc<LogStreamId>,
    reporter: Reporter,
    telemetry: Arc<Telemetry>,
    waiting: Vec<LogEvent>,
    waiting_bytes: usize,
    /// At most one batch is with the sink, so that batches keep their order.
    appending: Option<BoxFuture<'static, ()>>,
    tail: Option<VecDeque<u8>>,
}

impl Journal {
    pub(super) fn new(
        sink: Arc<dyn LogSink>,
        stream: Arc<LogStreamId>,
        reporter: Reporter,
        telemetry: Arc<Telemetry>,
    ) -> Self {
        Self {
            sink,
            stream,
            reporter,
            telemetry,
            waiting: Vec::new(),
            waiting_bytes: 0,
            appending: None,
            tail: None,
        }
    }

    /// Goes on with another stream, once everything is out.
    pub(super) fn turn_to(&mut self, stream: Arc<LogStreamId>) {
        self.stream = stream;
    }

    /// A line that was printed.
    pub(super) fn print(&mut self, timestamp_ms: i64, source: Source, line: String) {
        self.telemetry.put(timestamp_ms, || match source {
            Source::Function => Item::Function {
                line: line.clone(),
                is_json: self.reporter.is_json(),
            },
            Source::Extension => Item::Extension { line: line.clone() },
        });
        self.push(timestamp_ms, line);
    }

    /// What the platform tells. The log may have no line of it, or a level that leaves it out.
    pub(super) fn tell(&mut self, timestamp_ms: i64, entry: &Entry<'_>) {
        if let Some(line) = self.reporter.line(timestamp_ms, entry) {
            self.push(timestamp_ms, line);
        }
        // Subscriptions are told where they are made.
        if self.telemetry.is_wanted() && !matches!(entry, Entry::Subscription(_)) {
            self.tell_telemetry(timestamp_ms, entry);
        }
    }

    /// Whether what is told names traces: as records do, in the log or to subscribers, and the
    /// reports of traced functions.
    pub(super) fn has_traces(&self) -> bool {
        self.reporter.is_json() || self.reporter.is_traced() || self.telemetry.is_wanted()
    }

    /// What telemetry alone has.
    pub(super) fn tell_telemetry(&self, timestamp_ms: i64, entry: &Entry<'_>) {
        if let Entry::Failure { request_id, error } = entry {
            self.telemetry.put(timestamp_ms, || Item::Fault(Fault(error.message(request_id))));
        } else if let Some(record) = self.reporter.record(entry) {
            self.telemetry.put(timestamp_ms, || Item::Platform(record));
        }
    }

    fn push(&mut self, timestamp_ms: i64, message: String) {
        if let Some(tail) = &mut self.tail {
            tail.extend(message.as_bytes());
            let excess = tail.len().saturating_sub(TAIL_BYTES);
            tail.drain(..excess);
        }
        self.waiting_bytes += message.len();
        self.waiting.push(LogEvent { timestamp_ms, message });
    }

    /// Begins to keep the tail.
    pub(super) fn keep_tail(&mut self) {
        self.tail = Some(VecDeque::with_capacity(TAIL_BYTES));
    }

    /// The tail since [`Journal::keep_tail`].
    pub(super) fn take_tail(&mut self) -> Option<Vec<u8>> {
        self.tail.take().map(Vec::from)
    }

    pub(super) fn has_room(&self) -> bool {
        self.waiting_bytes < BYTES_MAX
    }

    pub(super) fn is_appending(&self) -> bool {
        self.appending.is_some()
    }

    /// Hands what waits to the sink, unless it still has the batch before.
    pub(super) async fn flush(&mut self) {
        if self.appending.is_some() || self.waiting.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let (sink, stream) = (Arc::clone(&self.sink), Arc::clone(&self.stream));
        let mut append: BoxFuture<'static, ()> = Box::pin(async move { sink.append(stream, batch).await });
        // Nearly always done at once.
        if poll!(append.as_mut()).is_pending() {
            self.appending = Some(append);
        }
    }

    /// Waits until the sink took the batch that it has, then hands it the next.
    pub(super) async fn appended(&mut self) {
        if let Some(append) = &mut self.appending {
            append.await;
            self.appending = None;
        }
        self.flush().await;
    }

    /// Waits until the sink has everything.
    pub(super) async fn finish(&mut self) {
        while self.appending.is_some() || !self.waiting.is_empty() {
            self.appended().await;
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use hearth_core::{Clock, Tasks};
    use hearth_model::FunctionSpec;

    use super::*;
    use crate::report::InitializationType;
    use crate::service::tests_support::{Collected, spec, stream};

    /// A journal whose lines can be read in `sink`.
    pub(in crate::environment) fn journal(spec: &FunctionSpec, sink: &Arc<Collected>) -> Journal {
        let sink = Arc::clone(sink) as Arc<dyn LogSink>;
        let reporter = Reporter::new(&spec.logging, InitializationType::OnDemand);
        let telemetry = Arc::new(Telemetry::new(Clock::fixed(0), Tasks::new()));
        Journal::new(sink, stream(spec), reporter, telemetry)
    }

    #[tokio::test]
    async fn events_arrive_in_order_and_the_tail_is_cut() {
        let sink = Arc::new(Collected::default());
        let mut journal = journal(&spec("f"), &sink);
        journal.print(1, Source::Function, "before\n".into());
        journal.keep_tail();
        for i in 0..1_000 {
            journal.print(1, Source::Function, format!("{i:09}\n"));
        }
        journal.finish().await;
        let tail = journal.take_tail().unwrap_or_default();
        assert_eq!(tail.len(), TAIL_BYTES);
        assert!(tail.ends_with(b"000000999\n"));
        let events = sink.messages();
        assert_eq!(events.len(), 1_001);
        assert_eq!(events[0], "before\n");
        assert_eq!(events[1_000], "000000999\n");
    }

    #[tokio::test]
    async fn a_slow_sink_makes_no_room() {
        let sink = Arc::new(Collected::stuck());
        let mut journal = journal(&spec("f"), &sink);
        while journal.has_room() {
            journal.print(1, Source::Function, "x".repeat(10_000));
            journal.flush().await;
        }
        assert!(journal.is_appending());
    }
}
