//! Searching the streams of a group.

use std::collections::{HashMap, HashSet};

use rusqlite::Connection;

use crate::db::catalogue::{self, Group};
use crate::db::scan::{self, Ask, Direction, Key, Page, Source};
use crate::error::Result;
use crate::inbox::GroupKey;
use crate::pattern::Pattern;
use crate::store::Store;

use super::{expired_before_ms, require_group, require_stream};

/// Which streams of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Streams {
    All,
    Named(Vec<String>),
    Prefix(String),
}

/// What is asked for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    pub(crate) group: GroupKey,
    pub(crate) streams: Streams,
    pub(crate) start_ms: i64,
    pub(crate) end_ms: i64,
    pub(crate) pattern: Pattern,
    pub(crate) beyond: Option<Key>,
    pub(crate) limit: usize,
}

/// A page of events, in order of time, and the names of their streams by id.
///
/// # Errors
/// `GroupMissing`, `StreamMissing`.
pub(crate) async fn filter(store: &Store, wanted: Wanted) -> Result<(Page, HashMap<i64, String>)> {
    let scope = wanted.group.clone();
    let now_ms = store.clock.now_ms();
    store
        .read_group(&scope, move |connection| {
            let group = require_group(connection, &wanted.group)?;
            let matches = |message: &str| wanted.pattern.matches(message);
            let ask = Ask {
                source: source(connection, &group, &wanted.streams)?,
                direction: Direction::Forward,
                start_ms: wanted.start_ms.max(expired_before_ms(&group, now_ms)),
                end_ms: wanted.end_ms,
                beyond: wanted.beyond,
                limit: wanted.limit,
                matches: (!wanted.pattern.is_all()).then_some(&matches),
            };
            let mut page = scan::page(connection, &ask)?;
            let names = names(connection, &page)?;
            // A stream deleted a moment ago has chunks for a while, but no name.
            page.events.retain(|event| names.contains_key(&event.key.stream_id));
            Ok((page, names))
        })
        .await
}

/// One stream is found by its own index, several by the group's.
fn source(connection: &Connection, group: &Group, streams: &Streams) -> Result<Source> {
    let ids = match streams {
        Streams::All => {
            return Ok(Source::Group {
                group_id: group.id,
                only: None,
            });
        }
        Streams::Prefix(prefix) => catalogue::stream_ids(connection, group.id, prefix)?,
        Streams::Named(names) => {
            let ids = names.iter().map(|name| Ok(require_stream(connection, group, name)?.id));
            ids.collect::<Result<_>>()?
        }
    };
    Ok(match ids.as_slice() {
        [only] => Source::Stream(*only),
        several => Source::Group {
            group_id: group.id,
            only: Some(several.iter().copied().collect()),
        },
    })
}

fn names(connection: &Connection, page: &Page) -> Result<HashMap<i64, String>> {
    let ids: HashSet<i64> = page.events.iter().map(|event| event.key.stream_id).collect();
    let mut names = HashMap::new();
    for id in ids {
        if let Some(name) = catalogue::stream_name(connection, id)? {
            names.insert(id, name);
        }
    }
    Ok(names)
}
