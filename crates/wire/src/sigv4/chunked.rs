//! The `aws-chunked` framing of bodies, with or without a signature on each chunk.
//!
//! Source: the S3 API reference, "Transferring payload in multiple chunks". A chunk is
//! `<hex size>[;chunk-signature=<hex>]\r\n<data>\r\n`; one of size 0 ends the body, and header
//! lines may follow. Each signature covers its chunk's hash and the signature before, so chunks
//! can be neither altered, reordered nor dropped; a body that stops before its last chunk is
//! refused.

use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

use super::key::SigningKey;
use super::payload::sha256_hex;

/// The body without its framing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    pub body: Bytes,
    /// Lower-case names and values of the lines after the last chunk, without the signature.
    pub trailers: Vec<(String, String)>,
}

/// A broken framing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum ChunkError {
    #[error("the aws-chunked body ends before its last chunk; send a chunk of size 0 at the end")]
    Truncated,
    #[error("a chunk of the aws-chunked body does not start with its size in hexadecimal digits")]
    Size,
    #[error("a chunk of the aws-chunked body is not followed by a line end where its size says it ends")]
    Boundary,
    #[error("a line after the last chunk of the aws-chunked body is not of the form name:value")]
    Trailer,
    #[error("the aws-chunked body has {found} bytes, but x-amz-decoded-content-length says {declared}")]
    Length { declared: u64, found: u64 },
    #[error("a chunk's signature does not match")]
    Signature,
}

/// What chunk signatures are checked with.
pub(super) struct ChunkKey<'a> {
    pub(super) key: &'a SigningKey,
    /// `YYYYMMDDThhmmssZ` of the request.
    pub(super) date: &'a str,
    pub(super) scope: &'a str,
    /// The signature of the headers, from which the chain starts.
    pub(super) seed: &'a str,
}

/// Takes the framing off. With a key, every chunk and the trailer must carry its signature.
/// `declared` is `x-amz-decoded-content-length`.
pub(super) fn decode(body: &Bytes, key: Option<&ChunkKey<'_>>, declared: Option<u64>) -> Result<Decoded, ChunkError> {
    let mut chain = key.map(Chain::new);
    let mut rest = Rest { body, at: 0 };
    let mut data = Joined::default();
    loop {
        let (size, signature) = chunk_head(rest.line()?)?;
        let chunk = rest.take(size)?;
        if let Some(chain) = &mut chain {
            chain.check_chunk(&chunk, signature)?;
        }
        if size == 0 {
            break;
        }
        rest.line_end()?;
        data.push(chunk);
    }
    let trailers = trailers(rest.remaining(), chain.as_mut())?;
    let body = data.into_bytes();
    match declared {
        Some(declared) if declared != body.len() as u64 => Err(ChunkError::Length {
            declared,
            found: body.len() as u64,
        }),
        _ => Ok(Decoded { body, trailers }),
    }
}

fn chunk_head(line: &[u8]) -> Result<(usize, Option<&str>), ChunkError> {
    let line = std::str::from_utf8(line).map_err(|_| ChunkError::Size)?;
    let (size, extension) = line.split_once(';').unwrap_or((line, ""));
    let all_digits = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
    let size = if all_digits { usize::from_str_radix(size, 16).ok() } else { None };
    Ok((size.ok_or(ChunkError::Size)?, extension.strip_prefix("chunk-signature=")))
}

fn trailers(bytes: &[u8], chain: Option<&mut Chain<'_>>) -> Result<Vec<(String, String)>, ChunkError> {
    let text = std::str::from_utf8(bytes).map_err(|_| ChunkError::Trailer)?;
    let mut found = Vec::new();
    let mut signature = None;
    for line in text.split('\n').map(str::trim).filter(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':').ok_or(ChunkError::Trailer)?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim().to_owned());
        if name == "x-amz-trailer-signature" {
            signature = Some(value);
        } else {
            found.push((name, value));
        }
    }
    match chain {
        Some(chain) if !found.is_empty() || signature.is_some() => {
            chain.check_trailers(&found, signature.as_deref())?;
        }
        _ => {}
    }
    Ok(found)
}

/// The part of a body that was not read yet.
struct Rest<'a> {
    body: &'a Bytes,
    at: usize,
}

impl<'a> Rest<'a> {
    fn remaining(&self) -> &'a [u8] {
        &self.body[self.at..]
    }

    /// The bytes up to a line end, which is passed over.
    fn line(&mut self) -> Result<&'a [u8], ChunkError> {
        let remaining = self.remaining();
        let end = memchr::memmem::find(remaining, b"\r\n").ok_or(ChunkError::Truncated)?;
        self.at += end + 2;
        Ok(&remaining[..end])
    }

    fn take(&mut self, size: usize) -> Result<Bytes, ChunkError> {
        let end = self.at.checked_add(size).filter(|end| *end <= self.body.len()).ok_or(ChunkError::Truncated)?;
        let taken = self.body.slice(self.at..end);
        self.at = end;
        Ok(taken)
    }

    fn line_end(&mut self) -> Result<(), ChunkError> {
        match self.remaining() {
            [b'\r', b'\n', ..] => {
                self.at += 2;
                Ok(())
            }
            [] | [b'\r'] => Err(ChunkError::Truncated),
            _ => Err(ChunkError::Boundary),
        }
    }
}

/// Chunks put together; a single one is not copied.
#[derive(Default)]
struct Joined {
    first: Bytes,
    all: Option<BytesMut>,
}

impl Joined {
    fn push(&mut self, chunk: Bytes) {
        if self.first.is_empty() && self.all.is_none() {
            self.first = chunk;
            return;
        }
        let first = &self.first;
        let all = self.all.get_or_insert_with(|| BytesMut::from(&first[..]));
        all.extend_from_slice(&chunk);
    }

    fn into_bytes(self) -> Bytes {
        self.all.map_or(self.first, BytesMut::freeze)
    }
}

/// The chain of signatures, at its last link.
struct Chain<'a> {
    key: &'a ChunkKey<'a>,
    last: String,
}

impl<'a> Chain<'a> {
    fn new(key: &'a ChunkKey<'a>) -> Self {
        Self {
            key,
            last: key.seed.to_owned(),
        }
    }

    fn check_chunk(&mut self, chunk: &[u8], signature: Option<&str>) -> Result<(), ChunkError> {
        let empty = hex::encode(Sha256::digest(b""));
        self.check("AWS4-HMAC-SHA256-PAYLOAD", &format!("{empty}\n{}", sha256_hex(chunk)), signature)
    }

    fn check_trailers(&mut self, trailers: &[(String, String)], signature: Option<&str>) -> Result<(), ChunkError> {
        let text: String = trailers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        self.check("AWS4-HMAC-SHA256-TRAILER", &sha256_hex(text.as_bytes()), signature)
    }

    fn check(&mut self, kind: &str, hashes: &str, signature: Option<&str>) -> Result<(), ChunkError> {
        let ChunkKey { key, date, scope, .. } = self.key;
        let text = format!("{kind}\n{date}\n{scope}\n{}\n{hashes}", self.last);
        let expected = key.sign(text.as_bytes());
        let good = signature.is_some_and(|given| given.as_bytes().ct_eq(expected.as_bytes()).into());
        self.last = expected;
        if good { Ok(()) } else { Err(ChunkError::Signature) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Trailers<'a> = &'a [(&'a str, &'a str)];

    #[track_caller]
    fn check(body: &str, declared: Option<u64>, expected: Result<(&str, Trailers<'_>), ChunkError>) {
        let found = decode(&Bytes::copy_from_slice(body.as_bytes()), None, declared);
        let expected = expected.map(|(body, trailers)| Decoded {
            body: Bytes::copy_from_slice(body.as_bytes()),
            trailers: trailers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        });
        assert_eq!(found, expected, "{body:?}");
    }

    #[test]
    fn framing() {
        check("0\r\n\r\n", None, Ok(("", &[])));
        check("0\r\n", None, Ok(("", &[])));
        check("3\r\nabc\r\n0\r\n\r\n", Some(3), Ok(("abc", &[])));
        check("3;chunk-signature=x\r\nabc\r\n2\r\nde\r\n0;chunk-signature=y\r\n\r\n", None, Ok(("abcde", &[])));
        check(
            "1\r\na\r\n0\r\nX-Amz-Checksum-Crc32: AAA=\r\n\r\n",
            None,
            Ok(("a", &[("x-amz-checksum-crc32", "AAA=")])),
        );
    }

    #[test]
    fn broken_framing() {
        check("", None, Err(ChunkError::Truncated));
        check("3\r\nab", None, Err(ChunkError::Truncated));
        check("3\r\nabc\r\n", None, Err(ChunkError::Truncated));
        check("3\r\nabcd\r\n0\r\n\r\n", None, Err(ChunkError::Boundary));
        check("x\r\n", None, Err(ChunkError::Size));
        check("+1\r\na\r\n0\r\n", None, Err(ChunkError::Size));
        check("ffffffffffffffff\r\na", None, Err(ChunkError::Truncated));
        check("fffffffffffffffff\r\na", None, Err(ChunkError::Size));
        check("0\r\nnonsense\r\n\r\n", None, Err(ChunkError::Trailer));
        check("1\r\na\r\n0\r\n\r\n", Some(2), Err(ChunkError::Length { declared: 2, found: 1 }));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes: Vec<u8>, sized in "[0-9a-f]{0,3}\r\n.*\r\n0\r\n") {
            let _ = decode(&bytes.into(), None, None);
            let _ = decode(&sized.into_bytes().into(), None, None);
        }

        #[test]
        fn what_was_framed_comes_back(chunks: Vec<Vec<u8>>) {
            let mut framed = Vec::new();
            for chunk in chunks.iter().filter(|chunk| !chunk.is_empty()) {
                framed.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
                framed.extend_from_slice(chunk);
                framed.extend_from_slice(b"\r\n");
            }
            framed.extend_from_slice(b"0\r\n\r\n");
            let decoded = decode(&framed.into(), None, None).expect("sound framing");
            proptest::prop_assert_eq!(decoded.body.to_vec(), chunks.concat());
        }
    }
}
