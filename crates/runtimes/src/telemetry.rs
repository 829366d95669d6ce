//! The log channel of a runtime: framed log events, written to an inherited descriptor.
//!
//! A frame is a big-endian `u32` kind, `u32` length, `u64` microseconds since the epoch, then the message.
//! AWS's own clients of managed runtimes write it too. Bytes from a runtime are hostile: the [`Decoder`] accepts any
//! split of them and bounds what it buffers.

use bytes::Bytes;

use crate::frames::Inbox;

const HEADER: usize = 16;
const MAGIC: u32 = 0xa55a_0000;

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
    broken: Option<DecodeError>,
}

#[derive(Clone, Copy, Debug)]
struct Kind {
    level: Option<Level>,
    json: bool,
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
        Ok(Some(LogFrame {
            level: kind.level,
            json: kind.json,
            timestamp_us,
            message,
        }))
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
        Some(Self { level, json: low & 1 == 0 })
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
    fn what_is_no_frame_ends_the_channel() {
        let good = frame(0xa55a_0003, b"a");
        for kind in [0_u32, 0xa55a_0001, 0xa55a_001f, 0xa55a_0103, 0x0a0a_0a0a] {
            check(&[good.clone(), frame(kind, b"b"), good.clone()].concat(), 100, &[(None, false, "a")], true);
        }
    }
}
