//! The one writer: batches in, chores between them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use hearth_core::Clock;
use hearth_model::LogStreamId;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::chores::Chores;
use super::chunk::Chunk;
use super::merge::{self, Levels, Place};
use super::{catalogue, schema};
use crate::error::OpenError;
use crate::inbox::{GroupKey, Lot};

/// Streams whose rows are remembered. An entry is some 300 bytes; a miss is four small queries.
const KNOWN_STREAMS: usize = 8192;

const TELL_EVERY_MS: i64 = 10_000;

/// Owns the connection that writes.
pub(crate) struct Writer {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) chores: Chores,
    streams: HashMap<Arc<LogStreamId>, Known>,
    failing: Option<Failing>,
}

/// Batches that could not be written, told in one line every so often.
#[derive(Default)]
struct Failing {
    told_ms: i64,
    lost_events: u64,
}

/// What must be known of a stream to write to it.
struct Known {
    place: Place,
    next_seq: u64,
    levels: Levels,
}

impl Writer {
    pub(crate) fn open(path: &Path, clock: Clock, max_bytes: u64) -> Result<Self, OpenError> {
        let connection = schema::open_writer(path)?;
        let chores = Chores::new(&connection, max_bytes).map_err(|source| OpenError::Database {
            path: path.to_owned(),
            source,
        })?;
        Ok(Self {
            connection,
            clock,
            chores,
            streams: HashMap::new(),
            failing: None,
        })
    }

    /// Commits a batch. A batch that cannot be written is dropped, and the server's log says so:
    /// keeping it would stop every function that prints.
    pub(crate) fn write(&mut self, lots: Vec<Lot>) {
        if lots.is_empty() {
            return;
        }
        let batch = join(lots);
        match self.commit(&batch) {
            Ok(()) => self.succeeded(),
            Err(error) => {
                self.failed(&error, batch.iter().map(|lot| lot.chunk.events).sum());
                // What is remembered of streams may have run ahead of the database.
                self.forget();
            }
        }
    }

    fn failed(&mut self, error: &rusqlite::Error, events: u64) {
        let now_ms = self.clock.now_ms();
        let first = self.failing.is_none();
        let failing = self.failing.get_or_insert_default();
        failing.lost_events += events;
        if first || now_ms - failing.told_ms >= TELL_EVERY_MS {
            failing.told_ms = now_ms;
            let lost_events = failing.lost_events;
            tracing::error!(%error, lost_events, "failed to write log events; they are lost. Is the disk full?");
        }
    }

    fn succeeded(&mut self) {
        if let Some(Failing { lost_events, .. }) = self.failing.take() {
            tracing::info!(lost_events, "log events are written again");
        }
    }

    fn commit(&mut self, batch: &[Lot]) -> rusqlite::Result<()> {
        if self.streams.len() > KNOWN_STREAMS {
            self.streams.clear();
        }
        let transaction = self.connection.unchecked_transaction()?;
        let (mut bytes, mut chunks) = (0, 0);
        for Lot { stream, chunk, .. } in batch {
            let known = match self.streams.get_mut(stream) {
                Some(known) => known,
                None => {
                    // Made when its events came in, and not when the disk gets them: a stream is
                    // no younger than what is in it.
                    let known = Known::of(&transaction, stream, chunk.ingested_ms)?;
                    self.streams.entry(Arc::clone(stream)).or_insert(known)
                }
            };
            chunks += known.write(&transaction, chunk)?;
            bytes += chunk.bytes.len() as u64;
        }
        transaction.commit()?;
        self.chores.grew(bytes, chunks);
        Ok(())
    }

    /// Runs a change in a transaction of its own.
    pub(crate) fn change<T, E: From<rusqlite::Error>>(
        &mut self,
        change: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let transaction = self.connection.transaction()?;
        let value = change(&transaction)?;
        transaction.commit()?;
        Ok(value)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.clock.now_ms()
    }

    /// To be called when streams were removed under the writer's feet.
    pub(crate) fn forget(&mut self) {
        self.streams.clear();
    }

    /// To be called when chunks were doomed.
    pub(crate) fn wake_chores(&mut self) {
        self.chores.wake();
    }

    /// Moves the write-ahead log into the database, so that the next start finds it small.
    pub(crate) fn finish(self) {
        let moved = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = moved {
            tracing::warn!(%error, "failed to fold the log database's journal; the next start does it");
        }
    }
}

impl Known {
    /// Finds a stream's rows, or makes them.
    fn of(connection: &Connection, stream: &LogStreamId, now_ms: i64) -> rusqlite::Result<Self> {
        let group_id = match catalogue::group_id(connection, &GroupKey::of(stream))? {
            Some(id) => id,
            None => catalogue::insert_group(connection, &GroupKey::of(stream), now_ms, false)?,
        };
        let found = connection
            .prepare_cached("SELECT id, events FROM log_stream WHERE group_id = ?1 AND name = ?2")?
            .query_row(params![group_id, stream.stream], |row| Ok((row.get(0)?, row.get::<_, u64>(1)?)))
            .optional()?;
        let (stream_id, events) = match found {
            Some(found) => found,
            None => (catalogue::insert_stream(connection, group_id, &stream.stream, now_ms)?, 0),
        };
        Ok(Self {
            place: Place { group_id, stream_id },
            next_seq: events + 1,
            levels: merge::levels(connection, stream_id)?,
        })
    }

    /// Returns by how many the stream's chunks grew.
    fn write(&mut self, connection: &Connection, chunk: &Chunk) -> rusqlite::Result<i64> {
        let grown = merge::store(connection, self.place, &mut self.levels, self.next_seq, chunk)?;
        connection
            .prepare_cached(
                "UPDATE log_stream SET events = events + ?2, first_ms = min(ifnull(first_ms, ?3), ?3),
                   last_ms = max(ifnull(last_ms, ?4), ?4), ingested_ms = ?5 WHERE id = ?1",
            )?
            .execute(params![self.place.stream_id, chunk.events, chunk.min_ms, chunk.max_ms, chunk.ingested_ms])?;
        self.next_seq += chunk.events;
        Ok(grown)
    }
}

/// One lot for each run of lots of the same stream.
fn join(lots: Vec<Lot>) -> Vec<Lot> {
    let mut batch: Vec<Lot> = Vec::with_capacity(lots.len());
    for lot in lots {
        match batch.last_mut() {
            Some(last) if last.stream == lot.stream => last.join(lot),
            _ => batch.push(lot),
        }
    }
    batch
}

#[cfg(test)]
mod tests {
    use hearth_model::{AccountId, LogEvent, Region};

    use super::*;
    use crate::inbox::{Inbox, Limits};

    async fn lots(text: &str) -> Vec<Lot> {
        let inbox = Inbox::<()>::new(Limits::default());
        let stream = Arc::new(LogStreamId {
            account: AccountId::fallback(),
            region: Region::fallback(),
            group: "g".to_owned(),
            stream: "s".to_owned(),
        });
        let event = LogEvent {
            timestamp_ms: 1,
            message: text.to_owned(),
        };
        inbox.put(&stream, Chunk::of(&[event], 1).unwrap()).await;
        inbox.next(true).lots
    }

    fn events(writer: &Writer) -> (i64, i64) {
        let sql = "SELECT events, (SELECT ifnull(sum(events), 0) FROM chunk) FROM log_stream";
        writer.connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
    }

    #[tokio::test]
    async fn a_batch_that_cannot_be_written_is_lost_and_the_next_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let mut writer = Writer::open(&dir.path().join("logs.db"), Clock::fixed(0), u64::MAX).unwrap();
        writer.write(lots("first").await);
        writer.connection.pragma_update(None, "query_only", true).unwrap();
        for _ in 0..3 {
            writer.write(lots("lost").await);
        }
        assert_eq!(writer.failing.as_ref().map(|failing| failing.lost_events), Some(3));
        writer.connection.pragma_update(None, "query_only", false).unwrap();
        writer.write(lots("second").await);
        assert!(writer.failing.is_none());
        assert_eq!(events(&writer), (2, 2));
        let last: i64 = writer.connection.query_row("SELECT max(first_seq) FROM chunk", [], |row| row.get(0)).unwrap();
        assert_eq!(last, 2, "numbers have no hole");
    }
}
