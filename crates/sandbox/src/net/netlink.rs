//! Just enough netlink: messages with nested attributes, sent and acknowledged.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send, socket_with};

use crate::error::Errno;

pub(super) const REQUEST: u16 = 1;
pub(super) const ACK: u16 = 4;
/// For creating: fail if it exists.
pub(super) const EXCLUSIVE: u16 = 0x200;
pub(super) const CREATE: u16 = 0x400;
pub(super) const APPEND: u16 = 0x800;

const HEADER: usize = 16;
const ERROR: u16 = 2;
const NESTED: u16 = 0x8000;

/// One message, or several behind each other.
#[derive(Debug, Default)]
pub(super) struct Message {
    bytes: Vec<u8>,
    /// Where the message that is being written begins.
    start: usize,
}

impl Message {
    /// Begins a message with its fixed part (`ifinfomsg`, `nfgenmsg` ...).
    pub(super) fn begin(&mut self, kind: u16, flags: u16, sequence: u32, fixed: &[u8]) {
        self.start = self.bytes.len();
        self.bytes.extend(0u32.to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.bytes.extend(flags.to_ne_bytes());
        self.bytes.extend(sequence.to_ne_bytes());
        self.bytes.extend(0u32.to_ne_bytes());
        self.raw(fixed);
    }

    /// Ends the message: its length is known now.
    pub(super) fn end(&mut self) {
        let length = (self.bytes.len() - self.start) as u32;
        self.bytes[self.start..self.start + 4].copy_from_slice(&length.to_ne_bytes());
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
    }

    pub(super) fn attribute(&mut self, kind: u16, value: &[u8]) {
        self.bytes.extend((value.len() as u16 + 4).to_ne_bytes());
        self.bytes.extend(kind.to_ne_bytes());
        self.raw(value);
    }

    pub(super) fn text(&mut self, kind: u16, value: &str) {
        self.attribute(kind, &[value.as_bytes(), &[0]].concat());
    }

    /// An attribute that holds attributes.
    pub(super) fn nested(&mut self, kind: u16, fill: impl FnOnce(&mut Self)) {
        let at = self.bytes.len();
        self.bytes.extend(0u16.to_ne_bytes());
        self.bytes.extend((kind | NESTED).to_ne_bytes());
        fill(self);
        let length = (self.bytes.len() - at) as u16;
        self.bytes[at..at + 2].copy_from_slice(&length.to_ne_bytes());
    }
}

/// A conversation with the kernel about the network namespace in which it was opened.
#[derive(Debug)]
pub(crate) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    pub(super) fn route() -> Result<Self, Errno> {
        // Protocol 0.
        Self::open(None)
    }

    pub(super) fn netfilter() -> Result<Self, Errno> {
        Self::open(Some(netlink::NETFILTER))
    }

    fn open(protocol: Option<rustix::net::Protocol>) -> Result<Self, Errno> {
        let fd = socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, protocol)?;
        Ok(Self { fd })
    }

    /// Sends, and waits for the acknowledgement of the message with this sequence number, or for the first error.
    pub(super) fn ask(&self, message: &Message, last: u32) -> Result<(), Errno> {
        send(&self.fd, &message.bytes, SendFlags::empty())?;
        loop {
            let answer = self.receive()?;
            for (kind, sequence, body) in messages(&answer) {
                if kind != ERROR {
                    continue;
                }
                let code = body.get(..4).map_or(0, |code| i32::from_ne_bytes([code[0], code[1], code[2], code[3]]));
                if code != 0 {
                    return Err(Errno(-code));
                }
                if sequence == last {
                    return Ok(());
                }
            }
        }
    }

    /// Sends, and returns the body of the first answer.
    pub(super) fn get(&self, message: &Message) -> Result<Vec<u8>, Errno> {
        send(&self.fd, &message.bytes, SendFlags::empty())?;
        let answer = self.receive()?;
        let (kind, _, body) = messages(&answer).next().ok_or(Errno(libc::EPROTO))?;
        match (kind, body) {
            (ERROR, [a, b, c, d, ..]) => Err(Errno(-i32::from_ne_bytes([*a, *b, *c, *d]))),
            (_, body) => Ok(body.to_vec()),
        }
    }

    fn receive(&self) -> Result<Vec<u8>, Errno> {
        let mut buffer = vec![0; 32 << 10];
        let (length, _) = recv(&self.fd, &mut buffer, RecvFlags::empty())?;
        buffer.truncate(length);
        Ok(buffer)
    }
}

/// The messages in a datagram: kind, sequence number, body.
fn messages(datagram: &[u8]) -> impl Iterator<Item = (u16, u32, &[u8])> {
    let mut rest = datagram;
    std::iter::from_fn(move || {
        let head = rest.get(..HEADER)?;
        let length = u32::from_ne_bytes([head[0], head[1], head[2], head[3]]) as usize;
        let body = rest.get(HEADER..length)?;
        let kind = u16::from_ne_bytes([head[4], head[5]]);
        let sequence = u32::from_ne_bytes([head[8], head[9], head[10], head[11]]);
        rest = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        Some((kind, sequence, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_filled_in_and_parts_aligned() {
        let mut message = Message::default();
        message.begin(16, REQUEST, 7, &[1, 2, 3, 4]);
        message.nested(1, |inner| inner.text(2, "lo"));
        message.end();
        // Header 16, fixed 4, nested header 4, attribute header 4, "lo\0" and one byte of padding.
        assert_eq!(message.bytes.len(), 32);
        let (kind, sequence, body) = messages(&message.bytes).next().unwrap();
        assert_eq!((kind, sequence, body.len()), (16, 7, 16));
        assert_eq!(body[4..8], [12, 0, 1, 0x80]);
    }

    #[test]
    fn cut_messages_end_the_walk() {
        for garbage in [&[][..], &[255; 16], &[16, 0, 0, 0, 1], &[4; 40]] {
            let _ = messages(garbage).count();
        }
    }
}
