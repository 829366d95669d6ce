//! Reading event-stream messages, from pieces of any size.

use bytes::{Buf, Bytes, BytesMut};
use thiserror::Error;

use super::{CRC_BYTES, PAYLOAD_BYTES_MAX, PRELUDE_BYTES, STRING};

/// What a message's headers take at most: 128 KiB.
const HEADERS_BYTES_MAX: usize = 128 * 1024;

/// Why a stream cannot be read any further.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum DecodeError {
    #[error("expected a message of {min} to {max} bytes, found one that claims {found}")]
    Length { min: usize, max: usize, found: usize },
    #[error("the checksum of a message's {part} is wrong")]
    Checksum { part: &'static str },
    #[error("a message's headers end within a header")]
    Headers,
    #[error("a message's header has a value of unknown type {0}")]
    HeaderType(u8),
}

/// A message; headers whose values are no strings are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    pub headers: Vec<(String, String)>,
    pub payload: Bytes,
}

impl Message {
    /// A header's value; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }
}

/// Takes a stream apart. After an error it answers nothing but that error.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
    broken: Option<DecodeError>,
}

impl Decoder {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// True between two messages: the end of the body is no defect here.
    #[must_use]
    pub fn is_at_boundary(&self) -> bool {
        self.buffer.is_empty() && self.broken.is_none()
    }

    /// The next whole message, or `None` when more bytes are needed.
    ///
    /// # Errors
    /// When the bytes are no event stream.
    #[allow(clippy::should_implement_trait)] // An iterator would end at `None`; this goes on.
    pub fn next(&mut self) -> Result<Option<Message>, DecodeError> {
        if let Some(error) = &self.broken {
            return Err(error.clone());
        }
        self.step().inspect_err(|error| self.broken = Some(error.clone()))
    }

    fn step(&mut self) -> Result<Option<Message>, DecodeError> {
        if self.buffer.len() < PRELUDE_BYTES {
            return Ok(None);
        }
        let number = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| self.buffer[at + i]));
        let (total, headers) = (number(0) as usize, number(4) as usize);
        if number(8) != crc32fast::hash(&self.buffer[..8]) {
            return Err(DecodeError::Checksum { part: "prelude" });
        }
        let min = PRELUDE_BYTES + headers.min(HEADERS_BYTES_MAX) + CRC_BYTES;
        let max = PRELUDE_BYTES + HEADERS_BYTES_MAX + PAYLOAD_BYTES_MAX + CRC_BYTES;
        if total < min || total > max || headers > HEADERS_BYTES_MAX {
            return Err(DecodeError::Length { min, max, found: total });
        }
        if self.buffer.len() < total {
            self.buffer.reserve(total - self.buffer.len());
            return Ok(None);
        }
        let mut message = self.buffer.split_to(total).freeze();
        let mut crc = message.split_off(total - CRC_BYTES);
        if crc.get_u32() != crc32fast::hash(&message) {
            return Err(DecodeError::Checksum { part: "body" });
        }
        message.advance(PRELUDE_BYTES);
        let headers = parse_headers(message.split_to(headers))?;
        Ok(Some(Message { headers, payload: message }))
    }
}

fn parse_headers(mut bytes: Bytes) -> Result<Vec<(String, String)>, DecodeError> {
    let mut headers = Vec::new();
    while bytes.has_remaining() {
        let length = bytes.get_u8();
        let name = take(&mut bytes, length.into())?;
        let kind = take(&mut bytes, 1)?.get_u8();
        let length = match kind {
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            5 | 8 => 8,
            6 | STRING => take(&mut bytes, 2)?.get_u16().into(),
            9 => 16,
            other => return Err(DecodeError::HeaderType(other)),
        };
        let value = take(&mut bytes, length)?;
        if kind == STRING {
            let text = |bytes: Bytes| String::from_utf8_lossy(&bytes).into_owned();
            headers.push((text(name), text(value)));
        }
    }
    Ok(headers)
}

fn take(bytes: &mut Bytes, count: usize) -> Result<Bytes, DecodeError> {
    if bytes.remaining() < count {
        return Err(DecodeError::Headers);
    }
    Ok(bytes.split_to(count))
}
