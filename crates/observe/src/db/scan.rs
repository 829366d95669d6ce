//! Events in order of time, a page at a time.
//!
//! Chunks overlap: events of a stream may arrive out of order, and streams of a group run side by
//! side. A page is the first N events beyond a position, so chunks are visited in the order of
//! their first event, and the N best events found are kept, until the next chunk cannot improve on
//! them. Memory is one page and one chunk, however many chunks overlap.
//!
//! Reading backward is the same with every number negated.

use std::collections::{BinaryHeap, HashSet};

use rusqlite::{Connection, Rows, params};

use super::chunk;

/// Message bytes and [`EVENT_BYTES`] for each event: what a page has at most.
/// Source: `GetLogEvents`, "as many log events as can fit in a response size of 1 MB".
const PAGE_BYTES: usize = 1 << 20;
/// Source: `PutLogEvents`, "plus 26 bytes for each log event".
pub(crate) const EVENT_BYTES: usize = 26;
/// Chunk bytes read for one page of a filter; a page may end early, or empty, for it.
const SCAN_BYTES: u64 = 32 << 20;

/// No stream and no event of a stream has a higher number; 18 digits, as tokens have room for.
pub(crate) const MAX_ID: i64 = 999_999_999_999_999_999;

/// An event's place in the order of a group: time, then stream, then number within the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) timestamp_ms: i64,
    pub(crate) stream_id: i64,
    pub(crate) seq: i64,
}

/// An event that was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) key: Key,
    pub(crate) ingested_ms: i64,
    pub(crate) message: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Direction {
    Forward,
    Backward,
}

/// Where events come from.
pub(crate) enum Source {
    Stream(i64),
    /// All streams of a group, or these of them.
    Group {
        group_id: i64,
        only: Option<HashSet<i64>>,
    },
}

/// What is asked for.
pub(crate) struct Ask<'a> {
    pub(crate) source: Source,
    pub(crate) direction: Direction,
    /// First millisecond that counts.
    pub(crate) start_ms: i64,
    /// First millisecond that does not count any more.
    pub(crate) end_ms: i64,
    /// Only what comes after this event, in the direction of reading.
    pub(crate) beyond: Option<Key>,
    pub(crate) limit: usize,
    /// Which messages count; `None` for all.
    pub(crate) matches: Option<&'a dyn Fn(&str) -> bool>,
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Page {
    /// In order of time, whatever the direction.
    pub(crate) events: Vec<Found>,
    /// Where to go on; `None` when everything was seen.
    pub(crate) more: Option<Key>,
}

/// Reads one page.
pub(crate) fn page(connection: &Connection, ask: &Ask<'_>) -> rusqlite::Result<Page> {
    let mut best = Best::new(ask);
    let (start_ms, end_ms) = ask.window();
    let order = match ask.direction {
        Direction::Forward => "min_ms",
        Direction::Backward => "max_ms DESC",
    };
    let (column, id) = match &ask.source {
        Source::Stream(id) => ("stream_id", id),
        Source::Group { group_id, .. } => ("group_id", group_id),
    };
    let mut query = connection.prepare_cached(&format!(
        "SELECT id, stream_id, first_seq, min_ms, max_ms, bytes FROM chunk
         WHERE {column} = ?1 AND max_ms >= ?2 AND min_ms < ?3 ORDER BY {order}"
    ))?;
    let cut = visit(connection, ask, &mut best, query.query(params![id, start_ms, end_ms])?)?;
    Ok(best.finish(cut))
}

/// Visits chunks until none can better the page. When that took too much reading, gives the first
/// rank that was not seen in full.
fn visit(
    connection: &Connection,
    ask: &Ask<'_>,
    best: &mut Best,
    mut rows: Rows<'_>,
) -> rusqlite::Result<Option<Rank>> {
    let mut read = 0;
    let mut base_ms = ask.beyond.map(|key| Rank::of(key, ask.direction).0[0]);
    while let Some(row) = rows.next()? {
        let (id, stream_id, first_seq): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        let nearest = match ask.direction {
            Direction::Forward => row.get(3)?,
            Direction::Backward => row.get::<_, i64>(4)?.saturating_neg(),
        };
        let floor = Rank([nearest, i64::MIN, i64::MIN]);
        if best.is_beyond(floor) {
            break;
        }
        if !ask.source.has(stream_id) {
            continue;
        }
        // What reaches back to the position was read for the page before, and must be read again;
        // only what is new counts, and a cut must lie behind the position, so that every page
        // gets on.
        let base = *base_ms.get_or_insert(nearest);
        if ask.matches.is_some() && read >= SCAN_BYTES && nearest > base.saturating_add(1) {
            return Ok(Some(floor));
        }
        if ask.beyond.is_none() || nearest > base {
            read += row.get::<_, u64>(5)?;
        }
        connection.prepare_cached("SELECT data FROM chunk WHERE id = ?1")?.query_row([id], |row| {
            take(ask, best, stream_id, first_seq, row.get_ref(0)?.as_blob()?);
            Ok(())
        })?;
    }
    Ok(None)
}

/// Takes what counts out of one chunk.
fn take(ask: &Ask<'_>, best: &mut Best, stream_id: i64, first_seq: i64, data: &[u8]) {
    let (start_ms, end_ms) = ask.window();
    for (event, seq) in chunk::events(data).zip(first_seq..) {
        let event = match event {
            Ok(event) => event,
            Err(broken) => {
                tracing::error!(stream_id, first_seq, "{broken}");
                return;
            }
        };
        let timestamp_ms = event.timestamp_ms;
        let key = Key { timestamp_ms, stream_id, seq };
        if timestamp_ms < start_ms || timestamp_ms >= end_ms || !best.wants(key) {
            continue;
        }
        let message = String::from_utf8_lossy(event.message);
        if ask.matches.is_none_or(|matches| matches(&message)) {
            best.add(Found {
                key,
                ingested_ms: event.ingested_ms,
                message: message.into_owned(),
            });
        }
    }
}

impl Ask<'_> {
    /// The time window, narrowed by the position.
    fn window(&self) -> (i64, i64) {
        match (self.direction, self.beyond) {
            (Direction::Forward, Some(key)) => (self.start_ms.max(key.timestamp_ms), self.end_ms),
            (Direction::Backward, Some(key)) => (self.start_ms, self.end_ms.min(key.timestamp_ms.saturating_add(1))),
            (_, None) => (self.start_ms, self.end_ms),
        }
    }
}

impl Source {
    fn has(&self, stream_id: i64) -> bool {
        match self {
            Self::Stream(_) | Self::Group { only: None, .. } => true,
            Self::Group { only: Some(only), .. } => only.contains(&stream_id),
        }
    }
}

/// A key as seen in the direction of reading: smaller comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank([i64; 3]);

impl Rank {
    fn of(key: Key, direction: Direction) -> Self {
        let parts = [key.timestamp_ms, key.stream_id, key.seq];
        Self(match direction {
            Direction::Forward => parts,
            Direction::Backward => parts.map(i64::saturating_neg),
        })
    }

    fn key(self, direction: Direction) -> Key {
        let [timestamp_ms, stream_id, seq] = match direction {
            Direction::Forward => self.0,
            Direction::Backward => self.0.map(i64::saturating_neg),
        };
        Key { timestamp_ms, stream_id, seq }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Ranked {
    rank: Rank,
    found: Found,
}

impl Ord for Ranked {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.rank.cmp(&other.rank)
    }
}

impl PartialOrd for Ranked {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// The best events so far, the worst of them on top.
struct Best {
    direction: Direction,
    limit: usize,
    after: Option<Rank>,
    /// Nothing from here on will be on the page: an event of this rank had to give way.
    before: Option<Rank>,
    heap: BinaryHeap<Ranked>,
    bytes: usize,
}

impl Best {
    fn new(ask: &Ask<'_>) -> Self {
        Self {
            direction: ask.direction,
            limit: ask.limit.max(1),
            after: ask.beyond.map(|key| Rank::of(key, ask.direction)),
            before: None,
            heap: BinaryHeap::new(),
            bytes: 0,
        }
    }

    /// True when neither this rank nor anything after it can be on the page.
    fn is_beyond(&self, rank: Rank) -> bool {
        self.before.is_some_and(|before| rank >= before)
    }

    fn wants(&self, key: Key) -> bool {
        let rank = Rank::of(key, self.direction);
        self.after.is_none_or(|after| rank > after) && !self.is_beyond(rank)
    }

    fn add(&mut self, found: Found) {
        self.bytes += found.message.len() + EVENT_BYTES;
        self.heap.push(Ranked {
            rank: Rank::of(found.key, self.direction),
            found,
        });
        while self.heap.len() > self.limit || (self.bytes > PAGE_BYTES && self.heap.len() > 1) {
            let Some(worst) = self.heap.pop() else { break };
            self.bytes -= worst.found.message.len() + EVENT_BYTES;
            self.before = Some(worst.rank);
        }
    }

    fn finish(self, cut: Option<Rank>) -> Page {
        let mut events = self.heap.into_sorted_vec();
        if let Some(cut) = cut {
            events.retain(|event| event.rank < cut);
        }
        let more = match (self.before, cut) {
            (Some(before), cut) if cut.is_none_or(|cut| before < cut) => events.last().map(|last| last.rank),
            // Everything before the cut was seen, whether or not it was wanted.
            (_, Some(cut)) => Some(Rank([cut.0[0].saturating_sub(1), MAX_ID, MAX_ID])),
            (_, None) => None,
        };
        let mut events: Vec<Found> = events.into_iter().map(|event| event.found).collect();
        if self.direction == Direction::Backward {
            events.reverse();
        }
        Page {
            events,
            more: more.map(|rank| rank.key(self.direction)),
        }
    }
}

#[cfg(test)]
mod tests;
