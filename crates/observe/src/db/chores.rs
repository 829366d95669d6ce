//! What the writer does between batches: collecting deleted streams, expired events and what is
//! beyond the size limit.
//!
//! Everything goes in small steps, so that a batch never waits for a large deletion, and nothing
//! runs on a timer: chores begin with the server, with a write (at most once an hour for expiry)
//! or with a deletion, and end when they are done. Expired events that are still on disk are never
//! shown, as readers know the limit too.

use std::collections::VecDeque;

use rusqlite::{Connection, OptionalExtension, params};

use super::writer::Writer;

/// Chunks deleted in one step: some tens of megabytes at most, a few milliseconds.
const STEP_CHUNKS: usize = 64;
/// Pages given back to the file system in one step.
const STEP_PAGES: usize = 256;
const EXPIRY_EVERY_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Chores {
    /// Bytes of all chunks.
    stored_bytes: u64,
    max_bytes: u64,
    /// Bytes dropped for size since the last line about it.
    dropping: Option<u64>,
    doomed: bool,
    vacuum: bool,
    expired_at_ms: Option<i64>,
    /// Groups with a retention: id, and the time before which events go.
    expiring: VecDeque<(i64, i64)>,
}

impl Chores {
    pub(crate) fn new(connection: &Connection, max_bytes: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            stored_bytes: connection.query_row("SELECT ifnull(sum(bytes), 0) FROM chunk", [], |row| row.get(0))?,
            max_bytes,
            dropping: None,
            doomed: true,
            vacuum: false,
            expired_at_ms: None,
            expiring: VecDeque::new(),
        })
    }

    pub(crate) fn grew(&mut self, bytes: u64) {
        self.stored_bytes += bytes;
    }

    pub(crate) fn wake(&mut self) {
        self.doomed = true;
        self.expired_at_ms = None;
    }
}

impl Writer {
    /// Does one step. True when another is waiting.
    pub(crate) fn chore(&mut self) -> bool {
        match self.step() {
            Ok(more) => more,
            Err(error) => {
                tracing::error!(%error, "failed to clean the log store; trying again with the next write");
                false
            }
        }
    }

    fn step(&mut self) -> rusqlite::Result<bool> {
        self.plan_expiry()?;
        if self.chores.stored_bytes > self.chores.max_bytes || self.chores.dropping.is_some() {
            self.drop_oldest()?;
            return Ok(true);
        }
        if self.chores.doomed {
            self.drop_doomed()?;
            return Ok(true);
        }
        if let Some((group_id, before_ms)) = self.chores.expiring.front().copied() {
            self.drop_expired(group_id, before_ms)?;
            return Ok(true);
        }
        if self.chores.vacuum {
            self.vacuum()?;
        }
        Ok(self.chores.vacuum)
    }

    /// Drops the oldest chunks until a twentieth of the limit is free, so that this does not
    /// happen at every write; streams that are left with nothing go too.
    fn drop_oldest(&mut self) -> rusqlite::Result<()> {
        let goal = self.chores.max_bytes - self.chores.max_bytes / 20;
        let over = self.chores.stored_bytes.saturating_sub(goal);
        let oldest = "SELECT id, stream_id, bytes FROM chunk ORDER BY ingested_ms LIMIT ?1";
        let mut chunks: Vec<(i64, i64, u64)> = self.select_chunks(oldest, params![STEP_CHUNKS])?;
        let mut freed = 0;
        chunks.retain(|(_, _, bytes)| {
            let wanted = freed < over;
            freed += if wanted { *bytes } else { 0 };
            wanted
        });
        self.delete_chunks(&chunks, true)?;
        let dropped = self.chores.dropping.unwrap_or(0) + freed;
        self.chores.dropping = Some(dropped);
        if chunks.is_empty() || self.chores.stored_bytes <= goal {
            let limit_bytes = self.chores.max_bytes;
            tracing::warn!(
                dropped_bytes = dropped,
                limit_bytes,
                "logs reached their size limit; the oldest were dropped"
            );
            self.chores.dropping = None;
        }
        Ok(())
    }

    /// Collects the chunks of deleted groups and streams.
    fn drop_doomed(&mut self) -> rusqlite::Result<()> {
        let next = self
            .connection
            .prepare_cached("SELECT rowid, group_id, stream_id FROM doomed LIMIT 1")?
            .query_row([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?)))
            .optional()?;
        let Some((row, group_id, stream_id)) = next else {
            self.chores.doomed = false;
            return Ok(());
        };
        let chunks = if stream_id == 0 {
            let all = "SELECT id, stream_id, bytes FROM chunk WHERE group_id = ?1 LIMIT ?2";
            self.select_chunks(all, params![group_id, STEP_CHUNKS])?
        } else {
            let all = "SELECT id, stream_id, bytes FROM chunk WHERE stream_id = ?1 LIMIT ?2";
            self.select_chunks(all, params![stream_id, STEP_CHUNKS])?
        };
        if chunks.is_empty() {
            self.connection.execute("DELETE FROM doomed WHERE rowid = ?1", [row])?;
        }
        self.chores.vacuum = true;
        self.delete_chunks(&chunks, false)
    }

    fn plan_expiry(&mut self) -> rusqlite::Result<()> {
        let now_ms = self.clock.now_ms();
        if self.chores.expired_at_ms.is_some_and(|at| now_ms - at < EXPIRY_EVERY_MS) {
            return Ok(());
        }
        self.chores.expired_at_ms = Some(now_ms);
        let mut query = self
            .connection
            .prepare_cached("SELECT id, retention_days FROM log_group WHERE retention_days IS NOT NULL")?;
        let groups = query.query_map([], |row| Ok((row.get(0)?, now_ms - row.get::<_, i64>(1)? * DAY_MS)))?;
        self.chores.expiring = groups.collect::<rusqlite::Result<_>>()?;
        Ok(())
    }

    fn drop_expired(&mut self, group_id: i64, before_ms: i64) -> rusqlite::Result<()> {
        let expired =
            "SELECT id, stream_id, bytes FROM chunk WHERE group_id = ?1 AND min_ms < ?2 AND max_ms < ?2 LIMIT ?3";
        let chunks = self.select_chunks(expired, params![group_id, before_ms, STEP_CHUNKS])?;
        if chunks.is_empty() {
            self.chores.expiring.pop_front();
            return Ok(());
        }
        self.chores.vacuum = true;
        self.delete_chunks(&chunks, false)
    }

    fn select_chunks(
        &self,
        sql: &'static str,
        values: impl rusqlite::Params,
    ) -> rusqlite::Result<Vec<(i64, i64, u64)>> {
        let mut query = self.connection.prepare_cached(sql)?;
        query.query_map(values, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?.collect()
    }

    fn delete_chunks(&mut self, chunks: &[(i64, i64, u64)], empty_streams: bool) -> rusqlite::Result<()> {
        let transaction = self.connection.unchecked_transaction()?;
        let mut freed = 0;
        for (id, stream_id, bytes) in chunks {
            transaction.prepare_cached("DELETE FROM chunk WHERE id = ?1")?.execute([id])?;
            if empty_streams {
                transaction
                    .prepare_cached(
                        "DELETE FROM log_stream WHERE id = ?1 AND NOT EXISTS(SELECT 1 FROM chunk WHERE stream_id = ?1)",
                    )?
                    .execute([stream_id])?;
            }
            freed += bytes;
        }
        transaction.commit()?;
        self.chores.stored_bytes = self.chores.stored_bytes.saturating_sub(freed);
        // Numbers of chunks per level, and maybe the streams themselves, are not what they were.
        self.forget();
        Ok(())
    }

    fn vacuum(&mut self) -> rusqlite::Result<()> {
        // The pragma frees a page per row it gives.
        let mut freeing = self.connection.prepare(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
        let mut pages = freeing.query([])?;
        while pages.next()?.is_some() {}
        let free: i64 = self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))?;
        self.chores.vacuum = free > 0;
        Ok(())
    }
}
