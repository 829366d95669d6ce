//! What a streamed answer begins with when its function speaks HTTP: status, headers and cookies as
//! JSON, then eight NUL bytes, then the body.
//!
//! Source: fact sheet "Lambda invocation", section 6.

use bytes::{Bytes, BytesMut};
use hearth_wire::Response;
use memchr::memmem;

use super::Malformed;
use super::answer::{self, Said};

/// The content type of an answer that begins so.
pub(crate) const CONTENT_TYPE: &str = "application/vnd.awslambda.http-integration-response";

const END: [u8; 8] = [0; 8];
/// More than any client takes of headers.
const BYTES_MAX: usize = 256 * 1024;

/// The beginning of a streamed answer, as far as it has come.
#[derive(Debug, Default)]
pub(crate) struct Prelude {
    gathered: BytesMut,
}

impl Prelude {
    /// Takes the next piece. Once all of the prelude is there: the answer's head, with what came of
    /// the body as its `body`.
    pub(crate) fn push(&mut self, piece: &Bytes) -> Result<Option<Response>, Malformed> {
        // The end may stand across two pieces.
        let from = self.gathered.len().saturating_sub(END.len() - 1);
        self.gathered.extend_from_slice(piece);
        let Some(end) = memmem::find(&self.gathered[from..], &END).map(|at| from + at) else {
            if self.gathered.len() > BYTES_MAX {
                return Err(Malformed(format!("expected 8 NUL bytes within the first {BYTES_MAX} bytes, found none")));
            }
            return Ok(None);
        };
        let mut gathered = std::mem::take(&mut self.gathered).freeze();
        let said: Said = serde_json::from_slice(&gathered[..end])
            .map_err(|e| Malformed(format!("expected JSON before the 8 NUL bytes: {e}")))?;
        let mut response = answer::head(said, "application/octet-stream")?;
        response.body = gathered.split_off(end + END.len());
        Ok(Some(response))
    }

    /// The answer ended too early.
    pub(crate) fn broken(&self) -> Malformed {
        Malformed(format!(
            "expected 8 NUL bytes after the answer's head, found the end after {} bytes",
            self.gathered.len()
        ))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const WHOLE: &[u8] =
        b"{\"statusCode\":201,\"headers\":{\"x-a\":\"b\"},\"cookies\":[\"c=1\"]}\0\0\0\0\0\0\0\0rest\0\0";

    #[test]
    fn it_is_found_wherever_pieces_end() {
        for at in 0..=WHOLE.len() {
            let mut prelude = Prelude::default();
            let first = prelude.push(&Bytes::copy_from_slice(&WHOLE[..at])).unwrap();
            let (found, later): (_, &[u8]) = match first {
                Some(found) => (found, &WHOLE[at..]),
                None => (prelude.push(&Bytes::copy_from_slice(&WHOLE[at..])).unwrap().unwrap(), b""),
            };
            assert_eq!((found.status.as_u16(), &found.headers["x-a"]), (201, &"b".parse().unwrap()));
            assert_eq!(found.headers["set-cookie"], "c=1");
            assert_eq!(found.headers["content-type"], "application/octet-stream");
            assert_eq!([&found.body[..], later].concat(), b"rest\0\0", "{at}");
        }
    }

    #[test]
    fn byte_by_byte() {
        let mut prelude = Prelude::default();
        let found = WHOLE.iter().find_map(|byte| prelude.push(&Bytes::copy_from_slice(&[*byte])).unwrap());
        assert_eq!(found.unwrap().body, "");
    }

    #[test]
    fn an_empty_object_will_do() {
        let found = Prelude::default().push(&Bytes::from_static(b"{}\0\0\0\0\0\0\0\0")).unwrap().unwrap();
        assert_eq!(found.status.as_u16(), 200);
    }

    #[test]
    fn what_cannot_be() {
        assert!(Prelude::default().push(&Bytes::from_static(b"<p>\0\0\0\0\0\0\0\0")).is_err());
        assert!(Prelude::default().push(&Bytes::from_static(b"{\"statusCode\":1}\0\0\0\0\0\0\0\0")).is_err());
        assert!(Prelude::default().push(&Bytes::from(vec![b'x'; BYTES_MAX + 1])).is_err());
    }
}
