//! Rows of tags.

use std::collections::BTreeMap;

use rusqlite::{Connection, params};

pub(crate) fn all(connection: &Connection, group_id: i64) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut query = connection.prepare_cached("SELECT key, value FROM tag WHERE group_id = ?1")?;
    query.query_map([group_id], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

/// Sets one tag, whether or not it was there.
pub(crate) fn set(connection: &Connection, group_id: i64, key: &str, value: &str) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO tag(group_id, key, value) VALUES(?1, ?2, ?3)")?
        .execute(params![group_id, key, value])?;
    Ok(())
}

/// Removes one tag; one that is not there is no error, as on AWS.
pub(crate) fn remove(connection: &Connection, group_id: i64, key: &str) -> rusqlite::Result<()> {
    connection.prepare_cached("DELETE FROM tag WHERE group_id = ?1 AND key = ?2")?.execute(params![group_id, key])?;
    Ok(())
}
