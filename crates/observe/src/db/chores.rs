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
/// What a chunk takes beside its bytes: its row, its entries in three indexes, its share of a
/// stream's row. A store of many tiny chunks would be several times its limit without it.
const CHUNK_BYTES: u64 = 512;
const EXPIRY_EVERY_MS: i64 = 3_600_000;
const DAY_MS: i64 = 86_400_000;

/// Between two lines about logs dropped for their size.
const TELL_DROPPED_EVERY_MS: i64 = 60_000;

/// What is to be done.
#[derive(Debug)]
pub(crate) struct Chores {
    /// Bytes of all chunks, [`CHUNK_BYTES`] for each included.
    stored_bytes: u64,
    max_bytes: u64,
    /// Bytes dropped for size since the last line about it; `None` while nothing is to be dropped.
    dropping: Option<u64>,
    /// Dropped since the last line, but not told yet.
    untold_bytes: u64,
    told_ms: Option<i64>,
    doomed: bool,
    vacuum: bool,
    expired_at_ms: Option<i64>,
    /// Groups with a retention: id, and the time before which events go.
    expiring: VecDeque<(i64, i64)>,
}

impl Chores {
    pub(crate) fn new(connection: &Connection, max_bytes: u64) -> rusqlite::Result<Self> {
        Ok(Self {
            stored_bytes: connection.query_row("SELECT ifnull(sum(bytes), 0), count(*) FROM chunk", [], |row| {
                Ok(row.get::<_, u64>(0)? + row.get::<_, u64>(1)? * CHUNK_BYTES)
            })?,
            max_bytes,
            dropping: None,
            untold_bytes: 0,
            told_ms: None,
            doomed: true,
            vacuum: false,
            expired_at_ms: None,
            expiring: VecDeque::new(),
        })
    }

    /// Counts what a batch added; merging may have made chunks fewer.
    pub(crate) fn grew(&mut self, bytes: u64, chunks: i64) {
        let rows = chunks.unsigned_abs() * CHUNK_BYTES;
        let grown = self.stored_bytes + bytes;
        self.stored_bytes = if chunks < 0 { grown.saturating_sub(rows) } else { grown + rows };
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
            freed += if wanted { *bytes + CHUNK_BYTES } else { 0 };
            wanted
        });
        self.delete_chunks(&chunks, true)?;
        let dropped = self.chores.dropping.unwrap_or(0) + freed;
        self.chores.dropping = Some(dropped);
        if chunks.is_empty() {
            self.chores.stored_bytes = 0;
        }
        if self.chores.stored_bytes <= goal {
            self.chores.dropping = None;
            self.chores.untold_bytes += dropped;
            self.tell_dropped();
        }
        Ok(())
    }

    /// Says what went, at most once a minute: a function's flood must not flood the server's log.
    fn tell_dropped(&mut self) {
        let now_ms = self.now_ms();
        if self.chores.told_ms.is_some_and(|told_ms| now_ms - told_ms < TELL_DROPPED_EVERY_MS) {
            return;
        }
        tracing::warn!(
            dropped_bytes = self.chores.untold_bytes,
            limit_bytes = self.chores.max_bytes,
            "logs reached their size limit; the oldest were dropped"
        );
        self.chores.untold_bytes = 0;
        self.chores.told_ms = Some(now_ms);
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
            freed += bytes + CHUNK_BYTES;
        }
        transaction.commit()?;
        self.chores.stored_bytes = self.chores.stored_bytes.saturating_sub(freed);
        // Numbers of chunks per level, and maybe the streams themselves, are not what they were.
        self.forget();
        Ok(())
    }

    fn free_pages(&self) -> rusqlite::Result<i64> {
        self.connection.pragma_query_value(None, "freelist_count", |row| row.get(0))
    }

    fn vacuum(&mut self) -> rusqlite::Result<()> {
        let before = self.free_pages()?;
        // The pragma frees a page per row it gives.
        let mut freeing = self.connection.prepare(&format!("PRAGMA incremental_vacuum({STEP_PAGES})"))?;
        let mut pages = freeing.query([])?;
        while pages.next()?.is_some() {}
        drop(pages);
        drop(freeing);
        let after = self.free_pages()?;
        // A file that cannot shrink must not keep the writer busy.
        self.chores.vacuum = after > 0 && after < before;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hearth_core::Clock;
    use hearth_model::LogEvent;

    use super::*;
    use crate::db::chunk::Chunk;
    use crate::db::merge::{self, Levels, Place};
    use crate::db::{catalogue, schema};
    use crate::inbox::GroupKey;

    const NOW_MS: i64 = 1_000 * DAY_MS;
    const MESSAGE_BYTES: usize = 200_000;

    /// A store with one group and, for each of its streams, a full chunk an hour old or older.
    fn store(dir: &std::path::Path, streams: i64, retention_days: Option<i64>) -> (GroupKey, i64) {
        let connection = schema::open_writer(&dir.join("logs.db")).unwrap();
        let key = GroupKey {
            account: hearth_model::AccountId::fallback(),
            region: hearth_model::Region::fallback(),
            group: "g".to_owned(),
        };
        let group_id = catalogue::insert_group(&connection, &key, 0, false).unwrap();
        catalogue::set_retention(&connection, group_id, retention_days).unwrap();
        for age in (1..=streams).rev() {
            let stream_id = catalogue::insert_stream(&connection, group_id, &age.to_string(), 0).unwrap();
            let at = NOW_MS - age * 3_600_000;
            let event = LogEvent {
                timestamp_ms: at,
                message: "x".repeat(MESSAGE_BYTES),
            };
            let place = Place { group_id, stream_id };
            let chunk = Chunk::of(&[event], at).unwrap();
            merge::store(&connection, place, &mut Levels::default(), 1, &chunk).unwrap();
        }
        (key, group_id)
    }

    fn open(dir: &std::path::Path, max_bytes: u64) -> Writer {
        Writer::open(&dir.join("logs.db"), Clock::fixed(NOW_MS), max_bytes).unwrap()
    }

    /// Works until nothing is left to do, which must come.
    fn finish(writer: &mut Writer) {
        let mut steps = 0;
        while writer.chore() {
            steps += 1;
            assert!(steps < 1000, "chores end");
        }
    }

    fn numbers(writer: &Writer) -> (i64, i64, i64) {
        let count = |sql| writer.connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
        (
            count("SELECT count(*) FROM chunk"),
            count("SELECT count(*) FROM log_stream"),
            count("SELECT min(min_ms) FROM chunk"),
        )
    }

    #[test]
    fn the_oldest_go_first_and_their_streams_with_them() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), 100, None);
        let mut writer = open(dir.path(), 10_000_000);
        finish(&mut writer);
        assert_eq!(numbers(&writer), (47, 47, NOW_MS - 47 * 3_600_000));
        assert!(writer.chores.stored_bytes <= 9_500_000);
    }

    #[test]
    fn a_limit_that_nothing_fits_ends_with_nothing() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), 3, None);
        let mut writer = open(dir.path(), 0);
        // Bytes that are counted and not there must not keep the writer busy either.
        writer.chores.grew(1000, 1);
        finish(&mut writer);
        assert_eq!(writer.chores.stored_bytes, 0);
    }

    #[test]
    fn expired_events_go_at_the_start_and_then_by_the_hour() {
        let dir = tempfile::tempdir().unwrap();
        store(dir.path(), 48, Some(1));
        let mut writer = open(dir.path(), u64::MAX);
        finish(&mut writer);
        assert_eq!(numbers(&writer), (24, 48, NOW_MS - DAY_MS));
        writer.clock.advance_ms(EXPIRY_EVERY_MS - 1);
        finish(&mut writer);
        assert_eq!(numbers(&writer).0, 24);
        writer.clock.advance_ms(1);
        finish(&mut writer);
        assert_eq!(numbers(&writer).0, 23);
    }

    #[test]
    fn a_deleted_group_gives_its_space_back() {
        let dir = tempfile::tempdir().unwrap();
        let (key, group_id) = store(dir.path(), 200, None);
        let mut writer = open(dir.path(), u64::MAX);
        finish(&mut writer);
        writer.change(|connection| catalogue::delete_group(connection, group_id)).unwrap();
        assert_eq!(catalogue::group(&writer.connection, &key).unwrap(), None);
        writer.wake_chores();
        finish(&mut writer);
        assert_eq!(writer.free_pages().unwrap(), 0);
        let pages: i64 = writer.connection.pragma_query_value(None, "page_count", |row| row.get(0)).unwrap();
        assert!(pages < 50, "{pages} pages are left");
        assert_eq!(writer.chores.stored_bytes, 0);
    }
}
