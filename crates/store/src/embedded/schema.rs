//! The database's tables, their versions, and how connections are set up.
//!
//! A stored form never changes meaning. A new release adds a step to [`STEPS`]; it never edits one
//! that was released. The version is SQLite's `user_version`: how many steps were taken.

use std::path::Path;

use rusqlite::{Connection, OpenFlags};

use super::database_error;
use crate::traits::StoreError;

/// Marks the file as ours ("Hrth"), so that another program's database is not taken for one.
const APPLICATION_ID: i64 = 0x4872_7468;

/// Each step leads from one version to the next, in one transaction.
///
/// Every version, item id and lease token is drawn from the one sequence in `counter`, so that
/// none is ever used twice.
const STEPS: &[&str] = &["
    CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
    INSERT INTO counter VALUES ('sequence', 0);

    CREATE TABLE document (
        collection TEXT NOT NULL,
        id TEXT NOT NULL,
        version INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (collection, id)
    );

    CREATE TABLE item (
        id INTEGER PRIMARY KEY,
        queue TEXT NOT NULL,
        due_ms INTEGER NOT NULL,
        -- 0 when nobody holds it.
        token INTEGER NOT NULL DEFAULT 0,
        receive_count INTEGER NOT NULL DEFAULT 0,
        enqueued_ms INTEGER NOT NULL,
        body BLOB NOT NULL
    );
    CREATE INDEX item_by_due ON item (queue, due_ms, id);
"];

/// Opens the one connection that writes, and brings the schema up to date.
pub(super) fn open_for_writing(path: &Path) -> Result<Connection, StoreError> {
    let action = format!("open the database {}", path.display());
    let failed = |e: rusqlite::Error| database_error(&action, &e);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    check_ours(&connection, path, &failed)?;
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             PRAGMA temp_store = MEMORY;
             PRAGMA cache_size = -16000;
             PRAGMA journal_size_limit = 67108864;
             PRAGMA trusted_schema = OFF;",
        )
        .map_err(failed)?;
    set_up(&connection).map_err(failed)?;
    migrate(&mut connection).map_err(failed)?;
    Ok(connection)
}

/// Opens a connection that only reads. The writing one has to be open.
pub(super) fn open_for_reading(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch("PRAGMA query_only = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4000;")?;
    set_up(&connection)?;
    Ok(connection)
}

fn set_up(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(32);
    // Only the fold of the log into the database can make anyone wait, and that is short.
    connection.busy_timeout(std::time::Duration::from_secs(10))
}

fn check_ours(
    connection: &Connection,
    path: &Path,
    failed: &impl Fn(rusqlite::Error) -> StoreError,
) -> Result<(), StoreError> {
    let application = pragma(connection, "application_id").map_err(failed)?;
    let found = pragma(connection, "user_version").map_err(failed)?;
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0)).map_err(failed)?;
    let is_new = application == 0 && found == 0 && tables == 0;
    if !is_new && application != APPLICATION_ID {
        return Err(StoreError::Corrupt {
            what: path.display().to_string(),
            detail: format!("expected application id {APPLICATION_ID:#x}, found {application:#x}"),
        });
    }
    let known = STEPS.len() as i64;
    if found > known {
        return Err(StoreError::Newer {
            path: path.display().to_string(),
            found,
            known,
        });
    }
    Ok(())
}

fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let taken = usize::try_from(pragma(connection, "user_version")?).unwrap_or(0);
    for (version, step) in STEPS.iter().enumerate().skip(taken) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", version as i64 + 1)?;
        transaction.commit()?;
    }
    Ok(())
}

fn pragma(connection: &Connection, name: &str) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, name, |row| row.get(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn reopen_after(change: &str) -> Result<Connection, StoreError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        drop(open_for_writing(&path)?);
        Connection::open(&path).unwrap().execute_batch(change).unwrap();
        open_for_writing(&path)
    }

    #[test]
    fn opening_twice_takes_no_step_twice() {
        let connection = reopen_after("").unwrap();
        assert_eq!(pragma(&connection, "user_version").unwrap(), STEPS.len() as i64);
    }

    #[test]
    fn a_newer_schema_is_refused() {
        let error = reopen_after("PRAGMA user_version = 1000").unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 1000, .. }), "{error}");
        assert!(error.to_string().contains("newer release"), "{error}");
    }

    #[test]
    fn another_programs_database_is_refused() {
        let error = reopen_after("PRAGMA application_id = 7").unwrap_err();
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
    }

    #[test]
    fn what_is_no_database_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.db");
        std::fs::write(&path, vec![b'x'; 8192]).unwrap();
        assert!(matches!(open_for_writing(&path), Err(StoreError::Corrupt { .. })));
    }

    #[test]
    fn commits_are_synced() {
        let connection = reopen_after("").unwrap();
        assert_eq!(pragma(&connection, "synchronous").unwrap(), 2);
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
    }
}
