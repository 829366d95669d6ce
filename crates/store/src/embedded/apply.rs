//! The changes themselves, inside the writer's transaction.

use bytes::Bytes;
use hearth_core::Clock;
use rusqlite::{CachedStatement, Connection, OptionalExtension, params};

use super::database_error;
use super::writer::{Answer, Work};
use crate::traits::{Change, Document, Expect, Key, Lease, Queue, QueueItem, StoreError, Write};

/// How far a failure reaches.
pub(super) enum Failure {
    /// This piece of work alone; it was rolled back.
    This(StoreError),
    /// The transaction, and so everyone in it.
    All(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::ErrorCode::{ConstraintViolation, TooBig};
        let reaches_all = !matches!(error.sqlite_error_code(), Some(TooBig | ConstraintViolation));
        let error = database_error("write to the database", &error);
        if reaches_all { Self::All(error) } else { Self::This(error) }
    }
}

/// The writing connection, and the sequence that versions, item ids and lease tokens come from.
pub(super) struct Session {
    connection: Connection,
    clock: Clock,
    /// The last number given out.
    sequence: i64,
    stored_sequence: i64,
}

impl Session {
    pub(super) fn new(connection: Connection, clock: Clock) -> rusqlite::Result<Self> {
        let sequence =
            connection.query_row("SELECT value FROM counter WHERE name = 'sequence'", [], |row| row.get(0))?;
        Ok(Self {
            connection,
            clock,
            sequence,
            stored_sequence: sequence,
        })
    }

    pub(super) fn begin(&self) -> rusqlite::Result<()> {
        self.run("BEGIN IMMEDIATE")
    }

    /// Commits and syncs. Costs no sync when nothing was changed.
    pub(super) fn end(&mut self) -> rusqlite::Result<()> {
        if self.sequence != self.stored_sequence {
            self.statement("UPDATE counter SET value = ?1 WHERE name = 'sequence'")?.execute([self.sequence])?;
        }
        self.run("COMMIT")?;
        self.stored_sequence = self.sequence;
        Ok(())
    }

    /// Rolls back whatever is left of the transaction.
    pub(super) fn abandon(&self) {
        // SQLite may have rolled back by itself.
        if !self.connection.is_autocommit()
            && let Err(error) = self.run("ROLLBACK")
        {
            tracing::error!(%error, "a failed transaction could not be rolled back");
        }
    }

    /// Writes the database anew and empties the log.
    pub(super) fn scrub(&self) -> Result<(), StoreError> {
        let failed = |e: rusqlite::Error| database_error("write the database anew", &e);
        self.connection.execute_batch("VACUUM").map_err(failed)?;
        let busy: i64 =
            self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0)).map_err(failed)?;
        if busy == 0 { Ok(()) } else { Err(StoreError::io("empty the database's log", "it is being read")) }
    }

    /// Moves the log's contents into the database, so that the next start has nothing to do.
    pub(super) fn fold_log(&self) {
        let folded = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        if let Err(error) = folded {
            // Nothing is lost: the next start reads the log.
            tracing::warn!(%error, "the database's log could not be folded in");
        }
    }

    /// One piece of work, whole or not at all.
    pub(super) fn perform(&mut self, work: Work, changes: &mut Vec<Change>) -> Result<Answer, Failure> {
        let (told, sequence) = (changes.len(), self.sequence);
        let answer = self.attempt(work, changes);
        if answer.is_err() {
            // Nobody has seen the numbers that were rolled back, so they may be given out again;
            // a refusal alone then leaves nothing to store, and costs no sync.
            changes.truncate(told);
            self.sequence = sequence;
        }
        answer
    }

    fn attempt(&mut self, work: Work, changes: &mut Vec<Change>) -> Result<Answer, Failure> {
        match work {
            Work::Commit(batch) => self.batch(batch, changes).map(Answer::Versions),
            Work::EnqueueHeld { queue, body, lease_ms } => {
                Ok(Answer::Lease(self.enqueue_held(&queue, &body, lease_ms)?))
            }
            Work::Lease { queue, max, lease_ms } => Ok(Answer::Items(self.lease(&queue, max, lease_ms)?)),
            Work::Complete(lease) => Ok(Answer::Held(self.complete(&lease)?)),
            Work::Release { lease, delay_ms } => Ok(Answer::Held(self.release(&lease, delay_ms)?)),
            Work::Replace { lease, body, delay_ms } => Ok(Answer::Held(self.replace(&lease, &body, delay_ms)?)),
            Work::Extend { lease, lease_ms } => Ok(Answer::Held(self.extend(&lease, lease_ms)?)),
            Work::Expire(prefix) => {
                self.expire(&prefix)?;
                Ok(Answer::Done)
            }
        }
    }

    fn batch(&mut self, batch: Vec<Write>, changes: &mut Vec<Change>) -> Result<Vec<u64>, Failure> {
        // A single write looks before it changes anything, so it has nothing to roll back.
        if batch.len() <= 1 {
            return batch.into_iter().map(|write| self.write(write, changes)).collect();
        }
        self.run("SAVEPOINT batch")?;
        let versions: Result<Vec<u64>, Failure> = batch.into_iter().map(|write| self.write(write, changes)).collect();
        match &versions {
            Ok(_) => {}
            Err(Failure::This(_)) => self.run("ROLLBACK TO batch")?,
            Err(Failure::All(_)) => return versions,
        }
        self.run("RELEASE batch")?;
        versions
    }

    fn write(&mut self, write: Write, changes: &mut Vec<Change>) -> Result<u64, Failure> {
        match write {
            Write::Put { key, body, expect } => self.put(key, body, expect, changes),
            Write::Delete { key, expect } => self.delete(key, expect, changes),
            Write::Enqueue { queue, body, delay_ms } => {
                self.enqueue(&queue, &body, delay_ms)?;
                Ok(0)
            }
        }
    }

    fn put(&mut self, key: Key, body: Bytes, expect: Expect, changes: &mut Vec<Change>) -> Result<u64, Failure> {
        self.check(&key, expect)?;
        let version = self.next();
        self.statement(
            "INSERT INTO document (collection, id, version, body) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT (collection, id) DO UPDATE SET version = excluded.version, body = excluded.body",
        )?
        .execute(params![key.collection, key.id, version, &body[..]])?;
        let version = version.unsigned_abs();
        let document = Some(Document {
            id: key.id.clone(),
            version,
            body,
        });
        changes.push(Change { key, document });
        Ok(version)
    }

    fn delete(&mut self, key: Key, expect: Expect, changes: &mut Vec<Change>) -> Result<u64, Failure> {
        self.check(&key, expect)?;
        let deleted = self
            .statement("DELETE FROM document WHERE collection = ?1 AND id = ?2")?
            .execute(params![key.collection, key.id])?;
        if deleted > 0 {
            changes.push(Change { key, document: None });
        }
        Ok(0)
    }

    fn check(&self, key: &Key, expect: Expect) -> Result<(), Failure> {
        if expect == Expect::Anything {
            return Ok(());
        }
        let found: Option<i64> = self
            .statement("SELECT version FROM document WHERE collection = ?1 AND id = ?2")?
            .query_row(params![key.collection, key.id], |row| row.get(0))
            .optional()?;
        let found = found.map_or(0, i64::unsigned_abs);
        let holds = match expect {
            Expect::Anything => true,
            Expect::Absent => found == 0,
            Expect::Version(version) => found != 0 && found == version,
        };
        if holds {
            return Ok(());
        }
        Err(Failure::This(StoreError::Conflict {
            collection: key.collection,
            id: key.id.clone(),
            expected: expect,
            found,
        }))
    }

    fn enqueue(&mut self, queue: &Queue, body: &[u8], delay_ms: u64) -> rusqlite::Result<()> {
        let id = self.next();
        let now = self.clock.now_ms();
        self.statement("INSERT INTO item (id, queue, due_ms, enqueued_ms, body) VALUES (?1, ?2, ?3, ?4, ?5)")?
            .execute(params![id, queue.0, later(now, delay_ms), now, body])?;
        Ok(())
    }

    fn enqueue_held(&mut self, queue: &Queue, body: &[u8], lease_ms: u64) -> rusqlite::Result<Lease> {
        let (id, token) = (self.next(), self.next());
        let now = self.clock.now_ms();
        self.statement(
            "INSERT INTO item (id, queue, due_ms, token, receive_count, enqueued_ms, body)
             VALUES (?1, ?2, ?3, ?4, 1, ?5, ?6)",
        )?
        .execute(params![id, queue.0, later(now, lease_ms), token, now, body])?;
        Ok(Lease {
            item: id.unsigned_abs(),
            token: token.unsigned_abs(),
        })
    }

    fn lease(&mut self, queue: &Queue, max: usize, lease_ms: u64) -> rusqlite::Result<Vec<QueueItem>> {
        let now = self.clock.now_ms();
        let due = self.due(queue, now, max)?;
        let mut items = Vec::with_capacity(due.len());
        for mut item in due {
            let token = self.next();
            self.statement("UPDATE item SET due_ms = ?2, token = ?3, receive_count = ?4 WHERE id = ?1")?
                .execute(params![item.lease.item.cast_signed(), later(now, lease_ms), token, item.receive_count])?;
            item.lease.token = token.unsigned_abs();
            items.push(item);
        }
        Ok(items)
    }

    /// The items to hand out, counted as handed out; their tokens are still to come.
    fn due(&self, queue: &Queue, now: i64, max: usize) -> rusqlite::Result<Vec<QueueItem>> {
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        self.statement(
            "SELECT id, receive_count, enqueued_ms, body FROM item
             WHERE queue = ?1 AND due_ms <= ?2 ORDER BY due_ms, id LIMIT ?3",
        )?
        .query_map(params![queue.0, now, max], |row| {
            Ok(QueueItem {
                lease: Lease {
                    item: row.get::<_, i64>(0)?.unsigned_abs(),
                    token: 0,
                },
                receive_count: row.get::<_, u32>(1)?.saturating_add(1),
                enqueued_ms: row.get(2)?,
                body: Bytes::from(row.get::<_, Vec<u8>>(3)?),
            })
        })?
        .collect()
    }

    fn complete(&self, lease: &Lease) -> rusqlite::Result<bool> {
        let removed = self
            .statement("DELETE FROM item WHERE id = ?1 AND token = ?2 AND token <> 0")?
            .execute(params![lease.item.cast_signed(), lease.token.cast_signed()])?;
        Ok(removed > 0)
    }

    fn release(&self, lease: &Lease, delay_ms: u64) -> rusqlite::Result<bool> {
        let due = later(self.clock.now_ms(), delay_ms);
        let released = self
            .statement("UPDATE item SET due_ms = ?3, token = 0 WHERE id = ?1 AND token = ?2 AND token <> 0")?
            .execute(params![lease.item.cast_signed(), lease.token.cast_signed(), due])?;
        Ok(released > 0)
    }

    fn replace(&self, lease: &Lease, body: &[u8], delay_ms: u64) -> rusqlite::Result<bool> {
        let due = later(self.clock.now_ms(), delay_ms);
        let replaced = self
            .statement("UPDATE item SET due_ms = ?3, token = 0, body = ?4 WHERE id = ?1 AND token = ?2 AND token <> 0")?
            .execute(params![lease.item.cast_signed(), lease.token.cast_signed(), due, body])?;
        Ok(replaced > 0)
    }

    fn expire(&self, prefix: &str) -> rusqlite::Result<()> {
        let now = self.clock.now_ms();
        self.statement(
            "UPDATE item SET due_ms = ?2
             WHERE queue >= ?1 AND substr(queue, 1, length(?1)) = ?1 AND token <> 0 AND due_ms > ?2",
        )?
        .execute(params![prefix, now])
        .map(drop)
    }

    fn extend(&self, lease: &Lease, lease_ms: u64) -> rusqlite::Result<bool> {
        let due = later(self.clock.now_ms(), lease_ms);
        let extended = self
            .statement("UPDATE item SET due_ms = ?3 WHERE id = ?1 AND token = ?2 AND token <> 0")?
            .execute(params![lease.item.cast_signed(), lease.token.cast_signed(), due])?;
        Ok(extended > 0)
    }

    fn next(&mut self) -> i64 {
        self.sequence += 1;
        self.sequence
    }

    fn run(&self, sql: &str) -> rusqlite::Result<()> {
        self.statement(sql)?.execute([]).map(drop)
    }

    fn statement(&self, sql: &str) -> rusqlite::Result<CachedStatement<'_>> {
        self.connection.prepare_cached(sql)
    }
}

fn later(now_ms: i64, by_ms: u64) -> i64 {
    now_ms.saturating_add(i64::try_from(by_ms).unwrap_or(i64::MAX))
}
