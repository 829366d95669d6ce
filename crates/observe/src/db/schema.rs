//! The tables, and how a connection is set up.
//!
//! Durability: WAL with `synchronous=NORMAL`. A commit is in the file system's hands at once, so a
//! killed server loses nothing that was written; the disk is synced at checkpoints alone, so a
//! power failure may lose the last moment of logs. The database itself stays sound in both cases.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;

/// The form that this program writes; a stored form never changes its meaning.
const FORM: i64 = 1;

/// Ids are never used again (`AUTOINCREMENT`): chunks of a deleted stream may outlive it for a
/// moment, and must not show up in another one. The indexes on `chunk` hold all that choosing
/// chunks needs, so that no event data is touched for it.
const TABLES: &str = "
CREATE TABLE log_group(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  account TEXT NOT NULL, region TEXT NOT NULL, name TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  retention_days INTEGER,
  protected INTEGER NOT NULL DEFAULT 0,
  UNIQUE(account, region, name));
CREATE TABLE tag(
  group_id INTEGER NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL,
  PRIMARY KEY(group_id, key)) WITHOUT ROWID;
CREATE TABLE log_stream(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  group_id INTEGER NOT NULL, name TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  first_ms INTEGER, last_ms INTEGER, ingested_ms INTEGER,
  events INTEGER NOT NULL DEFAULT 0,
  UNIQUE(group_id, name));
CREATE INDEX log_stream_by_last ON log_stream(group_id, ifnull(last_ms, 0), name);
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL,
  first_seq INTEGER NOT NULL, events INTEGER NOT NULL,
  min_ms INTEGER NOT NULL, max_ms INTEGER NOT NULL, ingested_ms INTEGER NOT NULL,
  level INTEGER NOT NULL, bytes INTEGER NOT NULL,
  data BLOB NOT NULL);
CREATE INDEX chunk_by_group ON chunk(group_id, min_ms, max_ms, stream_id, first_seq, bytes);
CREATE INDEX chunk_by_stream ON chunk(stream_id, level, min_ms, max_ms, first_seq, bytes);
CREATE INDEX chunk_by_age ON chunk(ingested_ms);
CREATE TABLE doomed(group_id INTEGER NOT NULL, stream_id INTEGER NOT NULL);
";

/// Opens the writer's connection, and makes the tables when the file is new.
pub(crate) fn open_writer(path: &Path) -> Result<Connection, OpenError> {
    let fail = |source| OpenError::Database {
        path: path.to_owned(),
        source,
    };
    let mut connection = Connection::open(path).map_err(fail)?;
    set_up(&connection).map_err(fail)?;
    let form = prepare(&mut connection).map_err(fail)?;
    if form != FORM {
        return Err(OpenError::Form {
            path: path.to_owned(),
            found: form,
            known: FORM,
        });
    }
    Ok(connection)
}

/// Opens a connection that can only read.
pub(crate) fn open_reader(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    // Both take effect on a new file alone: larger pages suit blobs, and deleted groups give
    // their space back to the disk in small steps.
    connection.pragma_update(None, "page_size", 8192)?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 64 << 20)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(())
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<i64> {
    let form: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if form != 0 {
        return Ok(form);
    }
    let transaction = connection.transaction()?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", FORM)?;
    transaction.commit()?;
    Ok(FORM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_opening_finds_the_first_ones_tables() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs.db");
        drop(open_writer(&path).unwrap());
        let again = open_writer(&path).unwrap();
        let groups: i64 = again.query_row("SELECT count(*) FROM log_group", [], |row| row.get(0)).unwrap();
        assert_eq!(groups, 0);
        open_reader(&path).unwrap();
    }

    #[test]
    fn a_form_from_the_future_is_refused_and_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs.db");
        open_writer(&path).unwrap().pragma_update(None, "user_version", 9).unwrap();
        let text = open_writer(&path).unwrap_err().to_string();
        assert!(text.contains("form 9") && text.contains("form 1"), "{text}");
    }

    #[test]
    fn a_file_that_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("logs.db");
        std::fs::write(&path, vec![b'x'; 4096]).unwrap();
        assert!(matches!(open_writer(&path), Err(OpenError::Database { .. })));
    }
}
