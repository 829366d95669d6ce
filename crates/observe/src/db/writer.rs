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

/// Owns the connection that writes.
pub(crate) struct Writer {
    pub(super) connection: Connection,
    pub(super) clock: Clock,
    pub(super) chores: Chores,
    streams: HashMap<Arc<LogStreamId>, Known>,
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
        })
    }

    /// Commits a batch. A batch that cannot be written is dropped, and the server's log says so:
    /// keeping it would stop every function that prints.
    pub(crate) fn write(&mut self, lots: Vec<Lot>) {
        if lots.is_empty() {
            return;
        }
        let batch = join(&lots);
        if let Err(error) = self.commit(&batch) {
            let events: u64 = batch.iter().map(|(_, chunk)| chunk.events).sum();
            tracing::error!(%error, events, "failed to write log events; they are lost. Is the disk full?");
            self.forget();
        }
    }

    fn commit(&mut self, batch: &[(Arc<LogStreamId>, Chunk)]) -> rusqlite::Result<()> {
        if self.streams.len() > KNOWN_STREAMS {
            self.streams.clear();
        }
        let transaction = self.connection.unchecked_transaction()?;
        let mut bytes = 0;
        for (stream, chunk) in batch {
            let now_ms = self.clock.now_ms();
            let known = match self.streams.get_mut(stream) {
                Some(known) => known,
                None => {
                    let known = Known::of(&transaction, stream, now_ms)?;
                    self.streams.entry(Arc::clone(stream)).or_insert(known)
                }
            };
            known.write(&transaction, chunk)?;
            bytes += chunk.bytes.len() as u64;
        }
        transaction.commit()?;
        self.chores.grew(bytes);
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

    fn write(&mut self, connection: &Connection, chunk: &Chunk) -> rusqlite::Result<()> {
        merge::store(connection, self.place, &mut self.levels, self.next_seq, chunk)?;
        connection
            .prepare_cached(
                "UPDATE log_stream SET events = events + ?2, first_ms = min(ifnull(first_ms, ?3), ?3),
                   last_ms = max(ifnull(last_ms, ?4), ?4), ingested_ms = ?5 WHERE id = ?1",
            )?
            .execute(params![self.place.stream_id, chunk.events, chunk.min_ms, chunk.max_ms, chunk.ingested_ms])?;
        self.next_seq += chunk.events;
        Ok(())
    }
}

/// One chunk for each run of lots of the same stream.
fn join(lots: &[Lot]) -> Vec<(Arc<LogStreamId>, Chunk)> {
    let mut batch: Vec<(Arc<LogStreamId>, Chunk)> = Vec::new();
    for lot in lots {
        match batch.last_mut() {
            Some((stream, chunk)) if *stream == lot.stream => chunk.join(&lot.chunk),
            _ => batch.push((Arc::clone(&lot.stream), lot.chunk.clone())),
        }
    }
    batch
}
