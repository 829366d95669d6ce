//! The log channel of a runtime: framed log events, written to an inherited descriptor.
//!
//! A frame is a big-endian `u32` kind, `u32` length, `u64` microseconds since the epoch, then the message.
//! AWS's own clients of managed runtimes write it too. Kinds 0xa55a0083 and 0xa55a00a3 are our own: pieces of lines on
//! stdout and on stderr, which the decoder joins. Bytes from a runtime are hostile: the [`Decoder`] accepts any
//! split of them and bounds what it buffers.

use bytes::{Bytes, BytesMut};

use crate::frames::Inbox;

const HEADER: usize = 16;
const MAGIC: u32 = 0xa55a_0000;

/// Kinds of the pieces of lines, stream by stream.
const PIECES: [u32; 2] = [MAGIC | 0x83, MAGIC | 0xa3];

/// The largest log event that CloudWatch Logs takes (256 KiB less its own 26 bytes); longer messages are cut into
/// several.
pub const DEFAULT_MAX_MESSAGE: usize = 262_144 - 26;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// One log event, or a piece of one that was too long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFrame {
    /// As the runtime named it; `None` for plain output.
    pub level: Option<Level>,
    /// Whether the message is a JSON object rather than text.
    pub json: bool,
    /// Microseconds since the epoch, by the runtime's clock.
    pub timestamp_us: u64,
    pub message: Bytes,
}

/// The log channel carries something that is not a frame, and cannot be read any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("log channel: expected a frame of kind 0xa55a00xx, found 0x{kind:08x}")]
pub struct DecodeError {
    pub kind: u32,
}

/// Takes log frames apart. The same shape as [`crate::channel::Decoder`].
#[derive(Debug)]
pub struct Decoder {
    inbox: Inbox,
    max_message: usize,
    /// The frame whose message is being read, and how much of it is still to come.
    current: Option<(Kind, u64, usize)>,
    /// The line that each stream has begun: when, and what of it is there.
    begun: [Option<(u64, BytesMut)>; 2],
    /// A line that one piece made whole along with another.
    whole: Option<LogFrame>,
    broken: Option<DecodeError>,
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    level: Option<Level>,
    json: bool,
    /// The stream that this is a piece of.
    stream: Option<usize>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_MAX_MESSAGE)
    }
}

impl Decoder {
    /// `max_message` is the length in bytes beyond which a message is cut, at least 4 so that every character fits.
    #[must_use]
    pub fn new(max_message: usize) -> Self {
        Self {
            inbox: Inbox::default(),
            max_message: max_message.max(4),
            current: None,
            begun: [None, None],
            whole: None,
            broken: None,
        }
    }

    /// The buffer to append to (as by `try_read_buf`); call [`Decoder::next`] after each read.
    pub fn buffer(&mut self) -> &mut bytes::BytesMut {
        self.inbox.buffer()
    }

    pub fn feed(&mut self, bytes: &[u8]) {
        self.inbox.feed(bytes);
    }

    /// The next log event, or `None` when more bytes are needed.
    #[allow(clippy::should_implement_trait)] // An iterator would end at `None`; this goes on.
    pub fn next(&mut self) -> Result<Option<LogFrame>, DecodeError> {
        if let Some(line) = self.whole.take() {
            return Ok(Some(line));
        }
        loop {
            let Some((kind, timestamp_us, message)) = self.message()? else {
                return Ok(None);
            };
            let Some(stream) = kind.stream else {
                return Ok(Some(LogFrame {
                    level: kind.level,
                    json: kind.json,
                    timestamp_us,
                    message,
                }));
            };
            if let Some(line) = self.join(stream, timestamp_us, &message) {
                return Ok(Some(line));
            }
        }
    }

    /// A line that was begun and will not go on: to be asked for, until there is none, when the runtime has ended or an
    /// invocation is over.
    pub fn unfinished(&mut self) -> Option<LogFrame> {
        self.begun.iter_mut().find_map(Option::take).map(|(timestamp_us, text)| line(timestamp_us, text))
    }

    /// Adds a piece to its line; the line if it is whole, or as long as an event may be.
    fn join(&mut self, stream: usize, timestamp_us: u64, piece: &[u8]) -> Option<LogFrame> {
        let begun = self.begun.get_mut(stream)?;
        let full = begun.take_if(|(_, text)| text.len() + piece.len() > self.max_message);
        let full = full.map(|(since, text)| line(since, text));
        let (since, mut text) = begun.take().unwrap_or_else(|| (timestamp_us, BytesMut::new()));
        text.extend_from_slice(piece);
        let ends = piece.is_empty() || piece.ends_with(b"\n");
        match (ends && !text.is_empty(), full) {
            (true, None) => Some(line(since, text)),
            (true, full) => {
                self.whole = Some(line(since, text));
                full
            }
            (false, full) => {
                *begun = (!text.is_empty()).then_some((since, text));
                full
            }
        }
    }

    /// The next message, or a piece of one that is too long.
    fn message(&mut self) -> Result<Option<(Kind, u64, Bytes)>, DecodeError> {
        if let Some(error) = self.broken {
            return Err(error);
        }
        let (kind, timestamp_us, left) = match self.current {
            Some(current) => current,
            None => match self.header()? {
                Some(header) => header,
                None => return Ok(None),
            },
        };
        self.current = Some((kind, timestamp_us, left));
        let piece = left.min(self.max_message);
        if self.inbox.peek().len() < piece {
            self.inbox.expect(piece);
            return Ok(None);
        }
        let piece = if piece < left { whole_characters(&self.inbox.peek()[..piece]) } else { piece };
        let message = self.inbox.take(piece);
        self.current = (piece < left).then_some((kind, timestamp_us, left - piece));
        Ok(Some((kind, timestamp_us, message)))
    }

    fn header(&mut self) -> Result<Option<(Kind, u64, usize)>, DecodeError> {
        let Some((header, _)) = self.inbox.peek().split_first_chunk::<HEADER>() else {
            return Ok(None);
        };
        let [k0, k1, k2, k3, l0, l1, l2, l3, time @ ..] = *header;
        let kind = u32::from_be_bytes([k0, k1, k2, k3]);
        let length = u32::from_be_bytes([l0, l1, l2, l3]) as usize;
        let Some(parsed) = Kind::parse(kind) else {
            let error = DecodeError { kind };
            self.broken = Some(error);
            return Err(error);
        };
        self.inbox.skip(HEADER);
        Ok(Some((parsed, u64::from_be_bytes(time), length)))
    }
}

impl Kind {
    /// The low bits: 2 = JSON, 3 = text; the level above them in steps of four, 0 for none.
    fn parse(kind: u32) -> Option<Self> {
        if let Some(stream) = PIECES.iter().position(|piece| *piece == kind) {
            return Some(Self {
                level: None,
                json: false,
                stream: Some(stream),
            });
        }
        let low = kind ^ MAGIC;
        if low > 0xff || low & 0b10 == 0 {
            return None;
        }
        let level = match low >> 2 {
            0 => None,
            1 => Some(Level::Trace),
            2 => Some(Level::Debug),
            3 => Some(Level::Info),
            4 => Some(Level::Warn),
            5 => Some(Level::Error),
            6 => Some(Level::Fatal),
            _ => return None,
        };
        Some(Self {
            level,
            json: low & 1 == 0,
            stream: None,
        })
    }
}

fn line(timestamp_us: u64, text: BytesMut) -> LogFrame {
    LogFrame {
        level: None,
        json: false,
        timestamp_us,
        message: text.freeze(),
    }
}

/// The longest start of `bytes` that does not cut a UTF-8 character in two; all of it if that is not UTF-8 anyway.
fn whole_characters(bytes: &[u8]) -> usize {
    let continues = |byte: &u8| byte & 0b1100_0000 == 0b1000_0000;
    let tail = bytes.iter().rev().take(4).take_while(|byte| continues(byte)).count();
    let lead = bytes.len().saturating_sub(tail + 1);
    let width = match bytes.get(lead) {
        Some(byte) if byte >> 5 == 0b110 => 2,
        Some(byte) if byte >> 4 == 0b1110 => 3,
        Some(byte) if byte >> 3 == 0b11110 => 4,
        _ => 1,
    };
    if tail + 1 < width && lead > 0 { lead } else { bytes.len() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(kind: u32, message: &[u8]) -> Vec<u8> {
        [&kind.to_be_bytes()[..], &(message.len() as u32).to_be_bytes(), &7_u64.to_be_bytes(), message].concat()
    }

    #[track_caller]
    fn check(bytes: &[u8], max: usize, expected: &[(Option<Level>, bool, &str)], broken: bool) {
        for step in [1, 3, 15, 17, bytes.len().max(1)] {
            let mut decoder = Decoder::new(max);
            let mut seen = Vec::new();
            for piece in bytes.chunks(step) {
                decoder.feed(piece);
                while let Ok(Some(log)) = decoder.next() {
                    assert_eq!(log.timestamp_us, 7);
                    seen.push((log.level, log.json, String::from_utf8_lossy(&log.message).into_owned()));
                }
            }
            let expected: Vec<_> = expected.iter().map(|&(level, json, text)| (level, json, text.to_owned())).collect();
            assert_eq!(seen, expected, "in steps of {step}");
            assert_eq!(decoder.next().is_err(), broken);
        }
    }

    #[test]
    fn every_kind_names_its_level_and_format() {
        let bytes = [
            frame(0xa55a_0003, b"plain\n"),
            frame(0xa55a_0002, b"{}"),
            frame(0xa55a_0007, b"trace"),
            frame(0xa55a_000b, b"debug"),
            frame(0xa55a_000e, b"{\"level\":\"INFO\"}"),
            frame(0xa55a_0013, b"warn"),
            frame(0xa55a_0017, b"two\nlines"),
            frame(0xa55a_001a, b""),
        ]
        .concat();
        let expected = [
            (None, false, "plain\n"),
            (None, true, "{}"),
            (Some(Level::Trace), false, "trace"),
            (Some(Level::Debug), false, "debug"),
            (Some(Level::Info), true, "{\"level\":\"INFO\"}"),
            (Some(Level::Warn), false, "warn"),
            (Some(Level::Error), false, "two\nlines"),
            (Some(Level::Fatal), true, ""),
        ];
        check(&bytes, 1000, &expected, false);
    }

    #[test]
    fn long_messages_are_cut_between_characters() {
        let text = (Some(Level::Info), false);
        let of = |piece| (text.0, text.1, piece);
        check(&frame(0xa55a_000f, "abcdefghij".as_bytes()), 4, &[of("abcd"), of("efgh"), of("ij")], false);
        check(&frame(0xa55a_000f, "abc€d€".as_bytes()), 4, &[of("abc"), of("€d"), of("€")], false);
        check(&frame(0xa55a_000f, "€€".as_bytes()), 4, &[of("€"), of("€")], false);
    }

    #[test]
    fn pieces_of_a_line_are_joined_stream_by_stream() {
        let (out, err) = (PIECES[0], PIECES[1]);
        let of = |piece| (None, false, piece);
        let bytes = [
            frame(out, b"a"),
            frame(err, b"x"),
            frame(out, b"b"),
            frame(0xa55a_0003, b"whole\n"),
            frame(out, b"\n"),
            frame(err, b""),
            frame(out, b""),
            frame(out, b"c\n"),
        ]
        .concat();
        check(&bytes, 100, &[of("whole\n"), of("ab\n"), of("x"), of("c\n")], false);
        // A line that is too long comes in several events.
        check(
            &[frame(out, b"abc"), frame(out, b"def"), frame(out, b"\n")].concat(),
            5,
            &[of("abc"), of("def\n")],
            false,
        );
        let bytes = [frame(out, b"abc"), frame(out, b"de\n"), frame(out, b"f\n")].concat();
        check(&bytes, 5, &[of("abc"), of("de\n"), of("f\n")], false);
        check(&[frame(out, b"abcdefgh"), frame(out, b"")].concat(), 4, &[of("abcd"), of("efgh")], false);
    }

    #[test]
    fn a_line_that_never_ended_can_be_asked_for() {
        let mut decoder = Decoder::new(100);
        decoder.feed(&[frame(PIECES[1], b"err"), frame(PIECES[0], b"out")].concat());
        assert_eq!(decoder.next(), Ok(None));
        let mut texts = Vec::new();
        while let Some(log) = decoder.unfinished() {
            texts.push(log.message);
        }
        assert_eq!(texts, ["out", "err"]);
        decoder.feed(&frame(PIECES[0], b"next\n"));
        assert_eq!(decoder.next().map(|log| log.map(|log| log.message)), Ok(Some(Bytes::from_static(b"next\n"))));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_split_never_panic_and_never_gather_much(
            kinds in proptest::collection::vec((0_u32..256, proptest::collection::vec(any::<u8>(), 0..60)), 0..12),
            cut in 0_usize..40,
            step in 1_usize..40,
        ) {
            let mut bytes: Vec<u8> = kinds.iter().flat_map(|(low, text)| frame(MAGIC | low, text)).collect();
            bytes.truncate(bytes.len().saturating_sub(cut));
            let mut decoder = Decoder::new(20);
            for piece in bytes.chunks(step) {
                decoder.feed(piece);
                while let Ok(Some(log)) = decoder.next() {
                    prop_assert!(log.message.len() <= 20);
                }
                prop_assert!(decoder.begun.iter().flatten().all(|(_, text)| text.len() <= 20));
            }
        }
    }

    #[test]
    fn what_is_no_frame_ends_the_channel() {
        let good = frame(0xa55a_0003, b"a");
        for kind in [0_u32, 0xa55a_0001, 0xa55a_001f, 0xa55a_0103, 0x0a0a_0a0a] {
            check(&[good.clone(), frame(kind, b"b"), good.clone()].concat(), 100, &[(None, false, "a")], true);
        }
    }
}
