//! Reading one stream.

use crate::db::scan::{self, Ask, Direction, Key, Page, Source};
use crate::error::Result;
use crate::inbox::GroupKey;
use crate::store::Store;

use super::{expired_before_ms, require_group, require_stream};

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) group: GroupKey,
    pub(crate) stream: String,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) direction: Direction,
    pub(crate) beyond: Option<Key>,
    pub(crate) limit: usize,
}

/// A page of a stream, in order of time.
///
/// # Errors
/// `GroupMissing`, `StreamMissing`.
pub(crate) async fn get(store: &Store, wanted: Wanted) -> Result<Page> {
    let scope = wanted.group.clone();
    let now_ms = store.clock.now_ms();
    store
        .read_group(&scope, move |connection| {
            let group = require_group(connection, &wanted.group)?;
            let stream = require_stream(connection, &group, &wanted.stream)?;
            let ask = Ask {
                source: Source::Stream(stream.id),
                direction: wanted.direction,
                start_ms: wanted.start_ms.max(expired_before_ms(&group, now_ms)),
                end_ms: wanted.end_ms,
                beyond: wanted.beyond,
                limit: wanted.limit,
                matches: None,
            };
            Ok(scan::page(connection, &ask)?)
        })
        .await
}
