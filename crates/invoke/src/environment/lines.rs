//! A pipe that is read as lines.

use std::io;
use std::os::fd::OwnedFd;

use tokio::net::unix::pipe;

/// A longer line is cut into events of this size.
pub(super) const LINE_BYTES_MAX: usize = 256 * 1024;

/// The reading end of what processes print.
pub(super) struct Lines {
    pipe: Option<pipe::Receiver>,
    /// The beginning of a line whose end is yet to come.
    line: Vec<u8>,
}

impl Lines {
    /// Makes the pipe. The other end is for a process.
    pub(super) fn open() -> io::Result<(Self, OwnedFd)> {
        let (writer, reader) = pipe::pipe()?;
        let lines = Self {
            pipe: Some(reader),
            line: Vec::new(),
        };
        Ok((lines, writer.into_blocking_fd()?))
    }

    #[cfg(test)]
    pub(super) fn is_open(&self) -> bool {
        self.pipe.is_some()
    }

    /// Waits until there is something (or the pipe closed). Never ends once it has.
    pub(super) async fn readable(&self) {
        readable(self.pipe.as_ref()).await;
    }

    /// Reads once. Returns how many bytes.
    pub(super) fn read(&mut self, buffer: &mut [u8], mut take: impl FnMut(Vec<u8>)) -> usize {
        let Some(n) = read_some(&mut self.pipe, buffer) else {
            return 0;
        };
        cut(&mut self.line, &buffer[..n], &mut take);
        n
    }

    /// An unfinished line is one all the same.
    pub(super) fn finish(&mut self, mut take: impl FnMut(Vec<u8>)) {
        if !self.line.is_empty() {
            take(std::mem::take(&mut self.line));
        }
    }

    pub(super) fn close(&mut self) {
        self.pipe = None;
    }
}

/// Takes the lines out of what was printed; `line` is the beginning of one, before and after.
pub(crate) fn cut(line: &mut Vec<u8>, printed: &[u8], mut take: impl FnMut(Vec<u8>)) {
    let mut rest = 0;
    for end in memchr::memchr_iter(b'\n', printed) {
        line.extend_from_slice(&printed[rest..=end]);
        rest = end + 1;
        take(std::mem::take(line));
    }
    line.extend_from_slice(&printed[rest..]);
    while line.len() >= LINE_BYTES_MAX {
        let tail = line.split_off(LINE_BYTES_MAX);
        take(std::mem::replace(line, tail));
    }
}

pub(super) async fn readable(pipe: Option<&pipe::Receiver>) {
    match pipe {
        Some(pipe) if pipe.readable().await.is_ok() => {}
        _ => std::future::pending().await,
    }
}

/// One read; `None` when there is nothing (now, or for good: then the pipe is dropped).
///
/// What the function wrote before it answered must be found here, also when the reactor has not
/// been told of it yet; so the pipe itself is asked when the reactor knows of nothing.
pub(super) fn read_some(pipe: &mut Option<pipe::Receiver>, buffer: &mut [u8]) -> Option<usize> {
    let open = pipe.as_ref()?;
    let read = match open.try_read(buffer) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            rustix::io::read(open, &mut *buffer).map_err(io::Error::from)
        }
        known => known,
    };
    match read {
        Ok(0) => {
            *pipe = None;
            None
        }
        Ok(n) => Some(n),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
        Err(_) => {
            *pipe = None;
            None
        }
    }
}
