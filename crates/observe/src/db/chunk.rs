//! The form of events at rest: a chunk is a run of segments, a segment is one append.
//!
//! ```text
//! segment := count, first timestamp, ingestion delta, event*
//! event   := timestamp delta, message length, message bytes
//! ```
//!
//! All numbers are LEB128 varints; timestamps and deltas (to the event before, in milliseconds)
//! are zigzag-coded, as time may go backwards; the ingestion delta is to the segment's first
//! timestamp. An event costs its message and about three bytes. Segments stand alone, so that two
//! chunks are merged by putting one's bytes behind the other's.

use hearth_model::LogEvent;
use thiserror::Error;

/// Events in stored form, with what the chunk's row says about them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) events: u64,
    pub(crate) min_ms: i64,
    pub(crate) max_ms: i64,
    /// When the last of the events came in.
    pub(crate) ingested_ms: i64,
}

/// One event of a chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StoredEvent<'a> {
    pub(crate) timestamp_ms: i64,
    pub(crate) ingested_ms: i64,
    pub(crate) message: &'a [u8],
}

/// A chunk that does not have the form above.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a chunk of log events ends or breaks at byte {at}; its remaining events are lost")]
pub(crate) struct Broken {
    pub(crate) at: usize,
}

impl Chunk {
    /// Puts events into one segment. `None` when there are none.
    pub(crate) fn of(events: &[LogEvent], ingested_ms: i64) -> Option<Self> {
        let first = events.first()?;
        let size: usize = events.iter().map(|event| event.message.len() + 6).sum();
        let mut chunk = Self {
            bytes: Vec::with_capacity(size + 20),
            events: events.len() as u64,
            min_ms: first.timestamp_ms,
            max_ms: first.timestamp_ms,
            ingested_ms,
        };
        put(&mut chunk.bytes, chunk.events);
        put(&mut chunk.bytes, zigzag(first.timestamp_ms));
        put(&mut chunk.bytes, zigzag(ingested_ms.wrapping_sub(first.timestamp_ms)));
        let mut before_ms = first.timestamp_ms;
        for event in events {
            chunk.min_ms = chunk.min_ms.min(event.timestamp_ms);
            chunk.max_ms = chunk.max_ms.max(event.timestamp_ms);
            put(&mut chunk.bytes, zigzag(event.timestamp_ms.wrapping_sub(before_ms)));
            put(&mut chunk.bytes, event.message.len() as u64);
            chunk.bytes.extend_from_slice(event.message.as_bytes());
            before_ms = event.timestamp_ms;
        }
        Some(chunk)
    }

    /// Puts `later` behind.
    pub(crate) fn join(&mut self, later: &Self) {
        self.bytes.extend_from_slice(&later.bytes);
        self.events += later.events;
        self.min_ms = self.min_ms.min(later.min_ms);
        self.max_ms = self.max_ms.max(later.max_ms);
        self.ingested_ms = self.ingested_ms.max(later.ingested_ms);
    }
}

/// Reads the events of a chunk in their stored order; ends after the first [`Broken`].
pub(crate) fn events(bytes: &[u8]) -> Events<'_> {
    Events {
        bytes,
        at: 0,
        left: 0,
        ingested_ms: 0,
        before_ms: 0,
    }
}

/// See [`events`].
pub(crate) struct Events<'a> {
    bytes: &'a [u8],
    at: usize,
    /// Events left in the segment.
    left: u64,
    ingested_ms: i64,
    before_ms: i64,
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<StoredEvent<'a>, Broken>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 && self.at >= self.bytes.len() {
            return None;
        }
        let event = self.read();
        if event.is_none() {
            let at = self.at;
            self.left = 0;
            self.at = self.bytes.len();
            return Some(Err(Broken { at }));
        }
        event.map(Ok)
    }
}

impl<'a> Events<'a> {
    fn read(&mut self) -> Option<StoredEvent<'a>> {
        while self.left == 0 {
            self.left = self.number()?;
            self.before_ms = unzigzag(self.number()?);
            self.ingested_ms = self.before_ms.wrapping_add(unzigzag(self.number()?));
        }
        let timestamp_ms = self.before_ms.wrapping_add(unzigzag(self.number()?));
        let length = usize::try_from(self.number()?).ok()?;
        let message = self.bytes.get(self.at..self.at.checked_add(length)?)?;
        self.at += length;
        self.left -= 1;
        self.before_ms = timestamp_ms;
        Some(StoredEvent {
            timestamp_ms,
            ingested_ms: self.ingested_ms,
            message,
        })
    }

    fn number(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at += 1;
            value |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value & 0x7f) as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Small for small distances in either direction.
const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(timestamp_ms: i64, message: &str) -> LogEvent {
        LogEvent {
            timestamp_ms,
            message: message.to_owned(),
        }
    }

    fn read(bytes: &[u8]) -> Vec<(i64, i64, String)> {
        events(bytes)
            .map(|event| event.unwrap())
            .map(|event| {
                let message = String::from_utf8(event.message.to_vec()).unwrap();
                (event.timestamp_ms, event.ingested_ms, message)
            })
            .collect()
    }

    #[test]
    fn joined_chunks_keep_every_event_in_order() {
        let mut chunk = Chunk::of(&[event(100, "a"), event(90, "b")], 105).unwrap();
        chunk.join(&Chunk::of(&[event(200, "c")], 205).unwrap());
        assert_eq!((chunk.events, chunk.min_ms, chunk.max_ms, chunk.ingested_ms), (3, 90, 200, 205));
        assert_eq!(
            read(&chunk.bytes),
            [(100, 105, "a".to_owned()), (90, 105, "b".to_owned()), (200, 205, "c".to_owned())]
        );
    }

    #[test]
    fn no_events_make_no_chunk() {
        assert_eq!(Chunk::of(&[], 1), None);
        assert_eq!(events(&[]).next(), None);
    }

    #[test]
    fn an_event_costs_three_bytes_more_than_its_message() {
        let many: Vec<LogEvent> = (0..1000).map(|i| event(1_700_000_000_000 + i, "0123456789")).collect();
        let chunk = Chunk::of(&many, 1_700_000_001_000).unwrap();
        assert!(chunk.bytes.len() <= 1000 * 12 + 20, "{}", chunk.bytes.len());
    }

    #[test]
    fn a_cut_chunk_gives_what_is_whole_and_then_says_so() {
        let chunk = Chunk::of(&[event(1, "first"), event(2, "second")], 3).unwrap();
        let cut = &chunk.bytes[..chunk.bytes.len() - 1];
        let read: Vec<_> = events(cut).collect();
        assert_eq!(read.len(), 2);
        assert_eq!(read[0].unwrap().message, b"first");
        assert!(read[1].is_err());
    }

    proptest! {
        #[test]
        fn what_goes_in_comes_out(given: Vec<(i64, String)>, ingested_ms: i64) {
            let given: Vec<LogEvent> = given.iter().map(|(at, text)| event(*at, text)).collect();
            if let Some(chunk) = Chunk::of(&given, ingested_ms) {
                let back = read(&chunk.bytes);
                prop_assert_eq!(back.len(), given.len());
                for (event, (at, ingested, message)) in given.iter().zip(back) {
                    prop_assert_eq!((event.timestamp_ms, ingested_ms, &event.message), (at, ingested, &message));
                }
            }
        }

        #[test]
        fn arbitrary_bytes_never_panic_and_always_end(bytes: Vec<u8>) {
            let _ = events(&bytes).count();
        }
    }
}
