//! Putting small chunks together as a stream goes on.
//!
//! A flush makes a chunk of whatever came in the last moment, often a few hundred bytes. Eight
//! chunks of one level become one of the next, so that an event is rewritten a handful of times,
//! not once per flush; a chunk of [`FULL_BYTES`] or more is never touched again.
//!
//! Only neighbours may be merged, as an event's number is its chunk's first number plus its place.
//! Hence a chunk that is full takes along every smaller one before it.

use rusqlite::{Connection, params};

use super::chunk::Chunk;

/// A chunk of this size stays as it is.
const FULL_BYTES: usize = 128 << 10;
/// How many chunks of a level make one of the next.
const FAN: u32 = 8;
/// Levels that merge; the last one's product counts as full whatever its size.
const LEVELS: usize = 4;
const FULL: usize = 9;

/// How many chunks a stream has at each level that still merges.
pub(crate) type Levels = [u32; LEVELS];

/// Where a chunk belongs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub(crate) group_id: i64,
    pub(crate) stream_id: i64,
}

/// Counts a stream's chunks by level.
pub(crate) fn levels(connection: &Connection, stream_id: i64) -> rusqlite::Result<Levels> {
    let mut levels = Levels::default();
    let mut query = connection
        .prepare_cached("SELECT level, count(*) FROM chunk WHERE stream_id = ?1 AND level < ?2 GROUP BY level")?;
    let mut rows = query.query(params![stream_id, LEVELS])?;
    while let Some(row) = rows.next()? {
        let (level, count): (usize, u32) = (row.get(0)?, row.get(1)?);
        levels[level.min(LEVELS - 1)] += count;
    }
    Ok(levels)
}

/// Stores a chunk whose first event has number `first_seq`, and merges what is ripe. Returns by how
/// many the number of chunks grew; merging makes it less than zero.
pub(crate) fn store(
    connection: &Connection,
    place: Place,
    levels: &mut Levels,
    first_seq: u64,
    chunk: &Chunk,
) -> rusqlite::Result<i64> {
    if chunk.bytes.len() >= FULL_BYTES {
        return fill_up(connection, place, levels, first_seq, Some(chunk));
    }
    let mut grown = insert(connection, place, 0, first_seq, chunk)?;
    levels[0] += 1;
    for level in 0..LEVELS {
        if levels[level] < FAN {
            break;
        }
        let Some((first_seq, merged)) = gather(connection, place.stream_id, level, level + 1)? else {
            close(connection, place.stream_id, levels)?;
            break;
        };
        if merged.bytes.len() >= FULL_BYTES || level + 1 == LEVELS {
            return Ok(grown + fill_up(connection, place, levels, first_seq, None)?);
        }
        grown -= remove(connection, place.stream_id, level, level + 1)?;
        grown += insert(connection, place, level + 1, first_seq, &merged)?;
        levels[level] = 0;
        levels[level + 1] += 1;
    }
    Ok(grown)
}

/// Makes one full chunk of every smaller one, and of `last`.
fn fill_up(
    connection: &Connection,
    place: Place,
    levels: &mut Levels,
    first_seq: u64,
    last: Option<&Chunk>,
) -> rusqlite::Result<i64> {
    let smaller = levels.iter().any(|count| *count > 0);
    let gathered = if smaller { gather(connection, place.stream_id, 0, LEVELS)? } else { None };
    let mut grown = 0;
    match (gathered, last) {
        (Some((first, mut merged)), last) if last.is_none_or(|_| first + merged.events == first_seq) => {
            last.inspect(|last| merged.join(last));
            grown -= remove(connection, place.stream_id, 0, LEVELS)?;
            grown += insert(connection, place, FULL, first, &merged)?;
            *levels = Levels::default();
        }
        (_, last) => {
            close(connection, place.stream_id, levels)?;
            if let Some(last) = last {
                grown += insert(connection, place, FULL, first_seq, last)?;
            }
        }
    }
    Ok(grown)
}

/// Leaves a stream's chunks as they are for good: there is a hole between them, made by dropping
/// old events.
fn close(connection: &Connection, stream_id: i64, levels: &mut Levels) -> rusqlite::Result<()> {
    if levels.iter().any(|count| *count > 0) {
        connection
            .prepare_cached("UPDATE chunk SET level = ?2 WHERE stream_id = ?1 AND level < ?3")?
            .execute(params![stream_id, FULL, LEVELS])?;
        *levels = Levels::default();
    }
    Ok(())
}

fn insert(connection: &Connection, place: Place, level: usize, first_seq: u64, chunk: &Chunk) -> rusqlite::Result<i64> {
    connection
        .prepare_cached(
            "INSERT INTO chunk(group_id, stream_id, first_seq, events, min_ms, max_ms, ingested_ms, level, bytes, data)
             VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            place.group_id,
            place.stream_id,
            first_seq,
            chunk.events,
            chunk.min_ms,
            chunk.max_ms,
            chunk.ingested_ms,
            level,
            chunk.bytes.len(),
            chunk.bytes
        ])?;
    Ok(1)
}

/// The chunks of some levels as one, and the number of its first event. `None` when there is none
/// or a hole between them.
fn gather(connection: &Connection, stream_id: i64, from: usize, to: usize) -> rusqlite::Result<Option<(u64, Chunk)>> {
    let mut query = connection.prepare_cached(
        "SELECT first_seq, events, min_ms, max_ms, ingested_ms, data FROM chunk
         WHERE stream_id = ?1 AND level >= ?2 AND level < ?3 ORDER BY first_seq",
    )?;
    let mut rows = query.query(params![stream_id, from, to])?;
    let mut whole: Option<(u64, Chunk)> = None;
    while let Some(row) = rows.next()? {
        let first_seq: u64 = row.get(0)?;
        let chunk = Chunk {
            events: row.get(1)?,
            min_ms: row.get(2)?,
            max_ms: row.get(3)?,
            ingested_ms: row.get(4)?,
            bytes: row.get(5)?,
        };
        match &mut whole {
            None => whole = Some((first_seq, chunk)),
            Some((first, merged)) if *first + merged.events == first_seq => merged.join(&chunk),
            Some(_) => return Ok(None),
        }
    }
    Ok(whole)
}

fn remove(connection: &Connection, stream_id: i64, from: usize, to: usize) -> rusqlite::Result<i64> {
    let removed = connection
        .prepare_cached("DELETE FROM chunk WHERE stream_id = ?1 AND level >= ?2 AND level < ?3")?
        .execute(params![stream_id, from, to])?;
    Ok(i64::try_from(removed).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use hearth_model::LogEvent;
    use proptest::prelude::*;

    use super::*;
    use crate::db::{chunk::events, schema};

    const PLACE: Place = Place { group_id: 1, stream_id: 1 };

    fn chunk(number: u64, bytes: usize) -> Chunk {
        let event = LogEvent {
            timestamp_ms: i64::try_from(number).unwrap(),
            message: "x".repeat(bytes),
        };
        Chunk::of(&[event], 1).unwrap()
    }

    /// (first number, events, bytes) of every chunk, in order.
    fn chunks(connection: &Connection) -> Vec<(u64, u64, usize)> {
        let mut query = connection.prepare("SELECT first_seq, events, bytes FROM chunk ORDER BY first_seq").unwrap();
        query.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap().map(Result::unwrap).collect()
    }

    fn numbers(connection: &Connection) -> Vec<i64> {
        let mut query = connection.prepare("SELECT data FROM chunk ORDER BY first_seq").unwrap();
        let all: Vec<Vec<u8>> = query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        all.iter().flat_map(|data| events(data).map(|event| event.unwrap().timestamp_ms).collect::<Vec<_>>()).collect()
    }

    fn fill(sizes: &[usize]) -> (tempfile::TempDir, Connection) {
        let dir = tempfile::tempdir().unwrap();
        let connection = schema::open_writer(&dir.path().join("logs.db")).unwrap();
        let mut known = Levels::default();
        let mut count = 0;
        for (i, size) in sizes.iter().enumerate() {
            let seq = i as u64 + 1;
            count += store(&connection, PLACE, &mut known, seq, &chunk(seq, *size)).unwrap();
            assert_eq!(levels(&connection, 1).unwrap(), known);
        }
        assert_eq!(i64::try_from(chunks(&connection).len()), Ok(count));
        (dir, connection)
    }

    #[test]
    fn many_small_chunks_become_few() {
        let (_dir, connection) = fill(&[10; 600]);
        assert_eq!(numbers(&connection), (1..=600).collect::<Vec<_>>());
        let chunks = chunks(&connection);
        assert!(chunks.len() <= 3 * 7, "{chunks:?}");
        assert_eq!(chunks[0], (1, 512, chunks[0].2));
    }

    #[test]
    fn a_full_chunk_takes_the_smaller_ones_before_it_along() {
        let (_dir, connection) = fill(&[10, 10, 200_000, 10]);
        let chunks: Vec<_> = chunks(&connection).into_iter().map(|(first, events, _)| (first, events)).collect();
        assert_eq!(chunks, [(1, 3), (4, 1)]);
    }

    #[test]
    fn chunks_around_a_hole_are_left_apart() {
        let (_dir, connection) = fill(&[10; 7]);
        connection.execute("DELETE FROM chunk WHERE first_seq = 3", []).unwrap();
        let mut known = levels(&connection, 1).unwrap();
        for seq in 8..=9 {
            store(&connection, PLACE, &mut known, seq, &chunk(seq, 10)).unwrap();
        }
        assert_eq!(numbers(&connection), [1, 2, 4, 5, 6, 7, 8, 9]);
        assert_eq!(chunks(&connection).len(), 8);
        assert_eq!(levels(&connection, 1).unwrap(), Levels::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn numbers_stay_contiguous(
            sizes in prop::collection::vec(prop_oneof![1_usize..2000, 20_000..150_000_usize], 0..80),
        ) {
            let (_dir, connection) = fill(&sizes);
            let count = i64::try_from(sizes.len()).unwrap();
            prop_assert_eq!(numbers(&connection), (1..=count).collect::<Vec<_>>());
            let mut next = 1;
            for (first, events, _) in chunks(&connection) {
                prop_assert_eq!(first, next);
                next += events;
            }
        }
    }
}
