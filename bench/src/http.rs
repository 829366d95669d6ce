//! A client that costs little: one blocking connection, requests made once, answers read by their
//! length. What it takes itself is part of every figure, the same part for every peer.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

/// Status and body.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Connection {
    pub(crate) fn open(address: &str) -> io::Result<Self> {
        Self::open_for(address, Duration::from_secs(120))
    }

    /// For answers that may take as long as a function may.
    pub(crate) fn open_patient(address: &str) -> io::Result<Self> {
        Self::open_for(address, Duration::from_secs(900))
    }

    fn open_for(address: &str, patience: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(16 * 1024),
        })
    }

    /// Sends a finished request and reads the answer whole.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Answer> {
        self.stream.write_all(request)?;
        self.buffer.clear();
        let head_end = self.read_head()?;
        let head = String::from_utf8_lossy(&self.buffer[..head_end]).to_ascii_lowercase();
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = if head.contains("transfer-encoding: chunked") {
            self.read_chunks(head_end)?
        } else {
            let length = header(&head, "content-length:").unwrap_or(0);
            while self.buffer.len() < head_end + length {
                self.fill()?;
            }
            self.buffer[head_end..head_end + length].to_vec()
        };
        Ok(Answer { status, body })
    }

    fn read_head(&mut self) -> io::Result<usize> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                return Ok(at + 4);
            }
            self.fill()?;
        }
    }

    fn read_chunks(&mut self, mut at: usize) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let line_end = loop {
                match find(&self.buffer[at..], b"\r\n") {
                    Some(end) => break at + end,
                    None => self.fill()?,
                }
            };
            let size = String::from_utf8_lossy(&self.buffer[at..line_end]).trim().to_owned();
            let size = usize::from_str_radix(&size, 16).map_err(|_| io::Error::other("bad chunk size"))?;
            let start = line_end + 2;
            while self.buffer.len() < start + size + 2 {
                self.fill()?;
            }
            if size == 0 {
                return Ok(body);
            }
            body.extend_from_slice(&self.buffer[start..start + size]);
            at = start + size + 2;
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut chunk = [0; 16 * 1024];
        match self.stream.read(&mut chunk)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the server closed the connection")),
            n => {
                self.buffer.extend_from_slice(&chunk[..n]);
                Ok(())
            }
        }
    }
}

fn header(head: &str, name: &str) -> Option<usize> {
    head.lines().find_map(|line| line.strip_prefix(name)).and_then(|value| value.trim().parse().ok())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// A request as bytes. The signature is a shape only: a server in `open` mode does not verify it.
pub(crate) fn request(method: &str, path: &str, host: &str, body: &[u8]) -> Vec<u8> {
    request_with("", method, path, host, body)
}

/// The same with further headers, each with its line end.
pub(crate) fn request_with(headers: &str, method: &str, path: &str, host: &str, body: &[u8]) -> Vec<u8> {
    let mut request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{headers}Content-Type: application/json\r\nX-Amz-Date: \
         20260101T000000Z\r\nAuthorization: AWS4-HMAC-SHA256 \
         Credential=test/20260101/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, \
         Signature={:064}\r\nContent-Length: {}\r\n\r\n",
        0,
        body.len()
    )
    .into_bytes();
    request.extend_from_slice(body);
    request
}
