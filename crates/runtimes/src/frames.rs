//! What both decoders share: a buffer that sockets read into, and from which frames are taken without a copy where
//! that pays.

use bytes::{Buf, Bytes, BytesMut};

/// Room for one read.
const READ_CHUNK: usize = 64 * 1024;

/// Payloads up to this size are copied out, so that a few bytes never keep a whole read buffer alive.
const COPY_LIMIT: usize = 4 * 1024;

#[derive(Debug, Default)]
pub(crate) struct Inbox {
    bytes: BytesMut,
}

impl Inbox {
    /// The buffer to read into, with room for at least one read.
    pub(crate) fn buffer(&mut self) -> &mut BytesMut {
        self.bytes.reserve(READ_CHUNK);
        &mut self.bytes
    }

    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    pub(crate) fn peek(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for a frame of `size` bytes in one piece.
    pub(crate) fn expect(&mut self, size: usize) {
        self.bytes.reserve(size.saturating_sub(self.bytes.len()));
    }

    pub(crate) fn skip(&mut self, count: usize) {
        self.bytes.advance(count);
    }

    /// Takes `count` bytes off the front. The caller has checked that they are there.
    pub(crate) fn take(&mut self, count: usize) -> Bytes {
        if count <= COPY_LIMIT {
            let taken = Bytes::copy_from_slice(&self.bytes[..count]);
            self.bytes.advance(count);
            taken
        } else {
            self.bytes.split_to(count).freeze()
        }
    }
}
