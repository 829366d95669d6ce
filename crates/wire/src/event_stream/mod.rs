//! AWS event streams: typed messages one after another in the body of an answer.
//!
//! A message is a prelude (length of the whole, length of the headers, CRC-32 of these 8 bytes),
//! headers, payload, and a CRC-32 of all that. Numbers are big-endian. [`encode`] writes messages
//! whose headers are short strings, as AWS's answers have them; [`Decoder`] reads any.
//!
//! Source: fact sheet "Lambda invocation", section 6; `aws-smithy-eventstream` is the oracle of
//! the tests.

mod decode;

pub use decode::{DecodeError, Decoder, Message};

use bytes::{BufMut, Bytes, BytesMut};

use crate::error::ApiError;

/// The content type of such a body.
pub const CONTENT_TYPE: &str = "application/vnd.amazon.eventstream";

const PRELUDE_BYTES: usize = 12;
const CRC_BYTES: usize = 4;
/// The type of a header's value: a string with a `u16` length.
const STRING: u8 = 7;

/// The largest payload that AWS's clients accept: 16 MiB.
pub const PAYLOAD_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Writes an event.
///
/// # Errors
/// A 500 when `payload` exceeds [`PAYLOAD_BYTES_MAX`], or a header 64 KiB.
pub fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Result<Bytes, ApiError> {
    encode(&[(":event-type", event_type), (":content-type", content_type), (":message-type", "event")], payload)
}

/// Writes a message.
///
/// # Errors
/// As [`event`]; a header's name has at most 255 bytes.
pub fn encode(headers: &[(&str, &str)], payload: &[u8]) -> Result<Bytes, ApiError> {
    let too_long = |what: &str| ApiError::internal(format!("{what} does not fit into an event-stream message"));
    let mut headers_length = 0;
    for (name, value) in headers {
        headers_length += 1 + name.len() + 1 + 2 + value.len();
    }
    if payload.len() > PAYLOAD_BYTES_MAX {
        return Err(too_long("the payload"));
    }
    let total = PRELUDE_BYTES + headers_length + payload.len() + CRC_BYTES;
    let mut message = BytesMut::with_capacity(total);
    message.put_u32(u32::try_from(total).map_err(|_| too_long("the payload"))?);
    message.put_u32(u32::try_from(headers_length).map_err(|_| too_long("a header"))?);
    message.put_u32(crc32fast::hash(&message));
    for (name, value) in headers {
        message.put_u8(u8::try_from(name.len()).map_err(|_| too_long("a header's name"))?);
        message.put_slice(name.as_bytes());
        message.put_u8(STRING);
        message.put_u16(u16::try_from(value.len()).map_err(|_| too_long("a header"))?);
        message.put_slice(value.as_bytes());
    }
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    Ok(message.freeze())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
