//! Rows of groups and streams.

use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::inbox::GroupKey;

/// A log group as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created_ms: i64,
    pub(crate) retention_days: Option<i64>,
    pub(crate) protected: bool,
}

/// A log stream as stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) id: i64,
    pub(crate) name: String,
    pub(crate) created_ms: i64,
    pub(crate) first_ms: Option<i64>,
    pub(crate) last_ms: Option<i64>,
    pub(crate) ingested_ms: Option<i64>,
    /// How many events it ever had.
    pub(crate) events: u64,
}

/// Which groups, in order of name. `after` is where the page before ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct GroupsWanted<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    pub(crate) prefix: &'a str,
    /// Names must contain this.
    pub(crate) part: &'a str,
    pub(crate) after: Option<&'a str>,
    pub(crate) limit: usize,
}

/// How streams are ordered, and where the page before ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum StreamOrder {
    Name {
        prefix: String,
        after: Option<String>,
    },
    /// By the time of the last event, then by name; a stream without events counts as of time 0.
    LastEvent {
        after: Option<(i64, String)>,
    },
}

const GROUP: &str = "SELECT id, name, created_ms, retention_days, protected FROM log_group";
const STREAM: &str = "SELECT id, name, created_ms, first_ms, last_ms, ingested_ms, events FROM log_stream";

pub(crate) fn group_id(connection: &Connection, key: &GroupKey) -> rusqlite::Result<Option<i64>> {
    Ok(group(connection, key)?.map(|group| group.id))
}

pub(crate) fn group(connection: &Connection, key: &GroupKey) -> rusqlite::Result<Option<Group>> {
    connection
        .prepare_cached(&format!("{GROUP} WHERE account = ?1 AND region = ?2 AND name = ?3"))?
        .query_row(params![key.account.as_str(), key.region.as_str(), key.group], read_group)
        .optional()
}

pub(crate) fn groups(connection: &Connection, wanted: GroupsWanted<'_>) -> rusqlite::Result<Vec<Group>> {
    let mut query = connection.prepare_cached(&format!(
        "{GROUP} WHERE account = ?1 AND region = ?2 AND name >= ?3 AND substr(name, 1, length(?3)) = ?3
           AND instr(name, ?4) > 0 AND (?5 IS NULL OR name > ?5) ORDER BY name LIMIT ?6"
    ))?;
    let values = params![wanted.account, wanted.region, wanted.prefix, wanted.part, wanted.after, wanted.limit];
    query.query_map(values, read_group)?.collect()
}

pub(crate) fn insert_group(
    connection: &Connection,
    key: &GroupKey,
    now_ms: i64,
    protected: bool,
) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO log_group(account, region, name, created_ms, protected) VALUES(?1, ?2, ?3, ?4, ?5)",
        )?
        .insert(params![key.account.as_str(), key.region.as_str(), key.group, now_ms, protected])
}

/// Removes a group from sight at once; its chunks are left to the chores.
pub(crate) fn delete_group(connection: &Connection, group_id: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM log_group WHERE id = ?1", [group_id])?;
    connection.execute("DELETE FROM tag WHERE group_id = ?1", [group_id])?;
    connection.execute("DELETE FROM log_stream WHERE group_id = ?1", [group_id])?;
    connection.execute("INSERT INTO doomed(group_id, stream_id) VALUES(?1, 0)", [group_id])?;
    Ok(())
}

pub(crate) fn set_retention(connection: &Connection, group_id: i64, days: Option<i64>) -> rusqlite::Result<()> {
    connection.execute("UPDATE log_group SET retention_days = ?2 WHERE id = ?1", params![group_id, days])?;
    Ok(())
}

pub(crate) fn set_protected(connection: &Connection, group_id: i64, protected: bool) -> rusqlite::Result<()> {
    connection.execute("UPDATE log_group SET protected = ?2 WHERE id = ?1", params![group_id, protected])?;
    Ok(())
}

pub(crate) fn stream(connection: &Connection, group_id: i64, name: &str) -> rusqlite::Result<Option<Stream>> {
    connection
        .prepare_cached(&format!("{STREAM} WHERE group_id = ?1 AND name = ?2"))?
        .query_row(params![group_id, name], read_stream)
        .optional()
}

pub(crate) fn insert_stream(connection: &Connection, group_id: i64, name: &str, now_ms: i64) -> rusqlite::Result<i64> {
    connection
        .prepare_cached("INSERT INTO log_stream(group_id, name, created_ms) VALUES(?1, ?2, ?3)")?
        .insert(params![group_id, name, now_ms])
}

/// As [`delete_group`], for one stream.
pub(crate) fn delete_stream(connection: &Connection, group_id: i64, stream_id: i64) -> rusqlite::Result<()> {
    connection.execute("DELETE FROM log_stream WHERE id = ?1", [stream_id])?;
    connection.execute("INSERT INTO doomed(group_id, stream_id) VALUES(?1, ?2)", [group_id, stream_id])?;
    Ok(())
}

pub(crate) fn streams(
    connection: &Connection,
    group_id: i64,
    order: &StreamOrder,
    descending: bool,
    limit: usize,
) -> rusqlite::Result<Vec<Stream>> {
    let (than, direction) = if descending { ("<", "DESC") } else { (">", "ASC") };
    match order {
        StreamOrder::Name { prefix, after } => {
            let mut query = connection.prepare_cached(&format!(
                "{STREAM} WHERE group_id = ?1 AND name >= ?2 AND substr(name, 1, length(?2)) = ?2
                   AND (?3 IS NULL OR name {than} ?3) ORDER BY name {direction} LIMIT ?4"
            ))?;
            query.query_map(params![group_id, prefix, after, limit], read_stream)?.collect()
        }
        StreamOrder::LastEvent { after } => {
            let (time, name) = after.as_ref().map_or((None, None), |(time, name)| (Some(*time), Some(name)));
            let mut query = connection.prepare_cached(&format!(
                "{STREAM} WHERE group_id = ?1 AND (?2 IS NULL OR (ifnull(last_ms, 0), name) {than} (?2, ?3))
                 ORDER BY ifnull(last_ms, 0) {direction}, name {direction} LIMIT ?4"
            ))?;
            query.query_map(params![group_id, time, name, limit], read_stream)?.collect()
        }
    }
}

/// Ids of the streams whose names start with `prefix`.
pub(crate) fn stream_ids(connection: &Connection, group_id: i64, prefix: &str) -> rusqlite::Result<Vec<i64>> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM log_stream WHERE group_id = ?1 AND name >= ?2 AND substr(name, 1, length(?2)) = ?2",
    )?;
    query.query_map(params![group_id, prefix], |row| row.get(0))?.collect()
}

pub(crate) fn stream_name(connection: &Connection, stream_id: i64) -> rusqlite::Result<Option<String>> {
    connection
        .prepare_cached("SELECT name FROM log_stream WHERE id = ?1")?
        .query_row([stream_id], |row| row.get(0))
        .optional()
}

fn read_group(row: &Row<'_>) -> rusqlite::Result<Group> {
    Ok(Group {
        id: row.get(0)?,
        name: row.get(1)?,
        created_ms: row.get(2)?,
        retention_days: row.get(3)?,
        protected: row.get(4)?,
    })
}

fn read_stream(row: &Row<'_>) -> rusqlite::Result<Stream> {
    Ok(Stream {
        id: row.get(0)?,
        name: row.get(1)?,
        created_ms: row.get(2)?,
        first_ms: row.get(3)?,
        last_ms: row.get(4)?,
        ingested_ms: row.get(5)?,
        events: row.get(6)?,
    })
}
