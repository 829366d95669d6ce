//! Taking events from API clients.

use std::sync::Arc;

use hearth_model::{LogEvent, LogSink, LogStreamId};
use rusqlite::Connection;

use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;
use crate::sink::Sink;
use crate::store::Store;

use super::{DAY_MS, expired_before_ms, require_group, require_stream};

/// Source for all five: `PutLogEvents`, and fact sheet "Neighbouring services", section 1.
const BATCH_BYTES: usize = 1 << 20;
const EVENT_BYTES_MOST: usize = 1 << 20;
const OLDEST_MS: i64 = 14 * DAY_MS;
const NEWEST_MS: i64 = 2 * 3_600_000;
const SPAN_MS: i64 = DAY_MS;

/// Which events of a batch were left out, by index; the ends are exclusive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rejected {
    pub(crate) too_new_start: Option<usize>,
    pub(crate) too_old_end: Option<usize>,
    pub(crate) expired_end: Option<usize>,
}

/// Appends a batch to a stream that exists.
///
/// # Errors
/// `GroupMissing`, `StreamMissing`; `Invalid` for a batch that is out of order, too large or too
/// wide.
pub(crate) async fn put(store: &Store, stream: LogStreamId, events: Vec<LogEvent>) -> Result<Rejected> {
    check_batch(&events)?;
    let expired_before_ms = find(store, &stream).await?;
    let (rejected, accepted) = select(events, store.clock.now_ms(), expired_before_ms);
    let sink = Sink {
        inbox: Arc::clone(&store.inbox),
        clock: store.clock.clone(),
    };
    sink.append(Arc::new(stream), accepted).await;
    Ok(rejected)
}

/// The time before which the stream's events have expired. What is in the database is found
/// without bothering the writer; only what may still be on its way there is worth a wait.
async fn find(store: &Store, stream: &LogStreamId) -> Result<i64> {
    let key = GroupKey::of(stream);
    let now_ms = store.clock.now_ms();
    let look = |key: GroupKey, name: String| {
        move |connection: &Connection| {
            let group = require_group(connection, &key)?;
            require_stream(connection, &group, &name)?;
            Ok(expired_before_ms(&group, now_ms))
        }
    };
    match store.readers.read(look(key.clone(), stream.stream.clone())).await {
        Err(LogsError::GroupMissing | LogsError::StreamMissing) => {
            store.read_group(&key, look(key.clone(), stream.stream.clone())).await
        }
        found => found,
    }
}

fn check_batch(events: &[LogEvent]) -> Result<()> {
    let size = |event: &LogEvent| event.message.len() + crate::db::scan::EVENT_BYTES;
    if let Some(large) = events.iter().map(size).find(|bytes| *bytes > EVENT_BYTES_MOST) {
        return Err(LogsError::invalid(format!(
            "Log event too large: {large} bytes exceeds limit of {EVENT_BYTES_MOST}"
        )));
    }
    let bytes: usize = events.iter().map(size).sum();
    if bytes > BATCH_BYTES {
        return Err(LogsError::invalid(format!("Upload too large: {bytes} bytes exceeds limit of {BATCH_BYTES}")));
    }
    if !events.is_sorted_by_key(|event| event.timestamp_ms) {
        return Err(LogsError::invalid("Log events in a single PutLogEvents request must be in chronological order."));
    }
    match (events.first(), events.last()) {
        (Some(first), Some(last)) if last.timestamp_ms.saturating_sub(first.timestamp_ms) > SPAN_MS => {
            Err(LogsError::invalid(
                "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
            ))
        }
        _ => Ok(()),
    }
}

/// Parts a sorted batch into what is stored and what is not.
fn select(events: Vec<LogEvent>, now_ms: i64, expired_before_ms: i64) -> (Rejected, Vec<LogEvent>) {
    let before = |limit_ms: i64| Some(events.partition_point(|event| event.timestamp_ms < limit_ms)).filter(|n| *n > 0);
    let too_new = events.partition_point(|event| event.timestamp_ms <= now_ms + NEWEST_MS);
    let rejected = Rejected {
        too_new_start: (too_new < events.len()).then_some(too_new),
        too_old_end: before(now_ms - OLDEST_MS),
        expired_end: before(expired_before_ms),
    };
    let start = rejected.too_old_end.max(rejected.expired_end).unwrap_or(0);
    let accepted = events.into_iter().take(too_new).skip(start).collect();
    (rejected, accepted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(times: &[i64]) -> Vec<LogEvent> {
        times
            .iter()
            .map(|at| LogEvent {
                timestamp_ms: *at,
                message: "x".to_owned(),
            })
            .collect()
    }

    #[track_caller]
    fn check(times: &[i64], rejected: Rejected, accepted: &[i64]) {
        let now_ms = 100 * DAY_MS;
        let (found, kept) = select(batch(times), now_ms, now_ms - DAY_MS);
        assert_eq!(found, rejected);
        assert_eq!(kept.iter().map(|event| event.timestamp_ms).collect::<Vec<_>>(), accepted);
    }

    #[test]
    fn what_is_too_old_expired_or_too_new_is_left_out() {
        let now = 100 * DAY_MS;
        let none = Rejected::default();
        check(&[now - 1, now, now + NEWEST_MS], none, &[now - 1, now, now + NEWEST_MS]);
        check(
            &[now, now + NEWEST_MS + 1],
            Rejected {
                too_new_start: Some(1),
                ..none
            },
            &[now],
        );
        check(&[now - 2 * DAY_MS, now], Rejected { expired_end: Some(1), ..none }, &[now]);
        check(
            &[now - 20 * DAY_MS, now - 2 * DAY_MS, now],
            Rejected {
                too_old_end: Some(1),
                expired_end: Some(2),
                ..none
            },
            &[now],
        );
    }

    #[track_caller]
    fn check_refused(events: Vec<LogEvent>, expected: &str) {
        assert_eq!(check_batch(&events).unwrap_err().to_string(), expected);
    }

    #[test]
    fn batches_that_are_refused() {
        check_refused(batch(&[2, 1]), "Log events in a single PutLogEvents request must be in chronological order.");
        check_refused(
            batch(&[0, DAY_MS + 1]),
            "The batch of log events in a single PutLogEvents request cannot span more than 24 hours.",
        );
        let mut large = batch(&[1]);
        large[0].message = "x".repeat(1 << 20);
        check_refused(large, "Log event too large: 1048602 bytes exceeds limit of 1048576");
        let mut many = batch(&[1, 1]);
        many.iter_mut().for_each(|event| event.message = "x".repeat(600_000));
        check_refused(many, "Upload too large: 1200052 bytes exceeds limit of 1048576");
    }
}
