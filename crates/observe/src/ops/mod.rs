//! The logic of operations, over the store; no wire formats.

pub(crate) mod event;
pub(crate) mod filter;
pub(crate) mod group;
pub(crate) mod put;
pub(crate) mod stream;
pub(crate) mod tag;

use rusqlite::Connection;

use crate::db::catalogue::{self, Group, Stream};
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;

const DAY_MS: i64 = 86_400_000;

fn require_group(connection: &Connection, key: &GroupKey) -> Result<Group> {
    catalogue::group(connection, key)?.ok_or(LogsError::GroupMissing)
}

fn require_stream(connection: &Connection, group: &Group, name: &str) -> Result<Stream> {
    catalogue::stream(connection, group.id, name)?.ok_or(LogsError::StreamMissing)
}

/// The time before which a group's events have expired.
fn expired_before_ms(group: &Group, now_ms: i64) -> i64 {
    group.retention_days.map_or(0, |days| now_ms - days * DAY_MS)
}
