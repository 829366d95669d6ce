//! Log streams: made, described, removed.

use crate::db::catalogue::{self, Stream, StreamOrder};
use crate::error::{LogsError, Result};
use crate::inbox::GroupKey;
use crate::store::Store;

use super::{require_group, require_stream};

/// Makes a stream.
///
/// # Errors
/// `GroupMissing`, `StreamExists`.
pub(crate) async fn create(store: &Store, key: GroupKey, name: String) -> Result<()> {
    let scope = key.clone();
    store
        .change(&scope, move |connection, now_ms| {
            let group = require_group(connection, &key)?;
            if catalogue::stream(connection, group.id, &name)?.is_some() {
                return Err(LogsError::StreamExists);
            }
            catalogue::insert_stream(connection, group.id, &name, now_ms)?;
            Ok(())
        })
        .await
}

/// Removes a stream and its events.
///
/// # Errors
/// `GroupMissing`, `StreamMissing`.
pub(crate) async fn delete(store: &Store, key: GroupKey, name: String) -> Result<()> {
    let scope = key.clone();
    store
        .remove(&scope, move |connection| {
            let group = require_group(connection, &key)?;
            let stream = require_stream(connection, &group, &name)?;
            Ok(catalogue::delete_stream(connection, group.id, stream.id)?)
        })
        .await
}

/// A page of a group's streams, and whether there are more.
///
/// # Errors
/// `GroupMissing`.
pub(crate) async fn describe(
    store: &Store,
    key: GroupKey,
    order: StreamOrder,
    descending: bool,
    limit: usize,
) -> Result<(Vec<Stream>, bool)> {
    let scope = key.clone();
    store
        .read_group(&scope, move |connection| {
            let group = require_group(connection, &key)?;
            let mut streams = catalogue::streams(connection, group.id, &order, descending, limit + 1)?;
            let more = streams.len() > limit;
            streams.truncate(limit);
            Ok((streams, more))
        })
        .await
}
