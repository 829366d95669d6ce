//! The way of an answer to whoever waits for it: whole, or piece by piece.
//!
//! A function may stream whoever calls it, and may be asked for a stream and not stream; the two
//! meet in [`Reply::begin`]. Between the runtime and the caller lie a few pieces and no more: a
//! caller that takes none stops the runtime, until the function's timeout.

use bytes::{Bytes, BytesMut};
use hearth_model::{AnswerStream, BoxFuture, FunctionError, InvokeError, Outcome, Piece, StreamEnd, Streamed, Version};
use tokio::sync::{mpsc, oneshot};

use crate::RESPONSE_BYTES_MAX;
use crate::payload::{document, response_too_large};

/// The largest streamed answer, in bytes: 200 MiB.
/// Source: fact sheet "Lambda execution-environment contract", section 1.4.
pub(crate) const STREAM_BYTES_MAX: usize = 200 * 1024 * 1024;

/// Pieces that wait for the caller. Each is what one read of the runtime brought.
const PIECES_MAX: usize = 4;

type Waiting<T> = oneshot::Sender<Result<T, InvokeError>>;

/// Who waits for an answer.
pub(crate) enum Reply {
    Whole(Waiting<Outcome>),
    Streamed(Waiting<Streamed>),
    /// Of an answer that has begun: its end.
    Begun(oneshot::Sender<StreamEnd>),
}

impl Reply {
    /// The answer, or the end of one that has begun. A caller that has gone is no defect.
    pub(crate) fn send(self, answer: Result<Outcome, InvokeError>) {
        match self {
            Self::Whole(waiting) => drop(waiting.send(answer)),
            Self::Streamed(waiting) => drop(waiting.send(answer.map(Streamed::from))),
            Self::Begun(waiting) => drop(waiting.send(end(answer))),
        }
    }

    /// Whether it is taken piece by piece.
    pub(crate) fn is_streamed(&self) -> bool {
        matches!(self, Self::Streamed(_))
    }

    /// The function began to stream. Tells so a caller who wants it piece by piece.
    pub(crate) fn begin(&mut self, version: Version, trace_header: &str, content_type: String) -> Outlet {
        let (ended, end) = oneshot::channel();
        match std::mem::replace(self, Self::Begun(ended)) {
            Self::Streamed(waiting) => {
                let (chunks, taken) = mpsc::channel(PIECES_MAX);
                // An error means that the caller has gone, which the first piece will find.
                let _ = waiting.send(Ok(Streamed {
                    executed_version: version,
                    trace_header: trace_header.to_owned(),
                    content_type: Some(content_type).filter(|text| !text.is_empty()),
                    answer: Box::new(Pieces { chunks: taken, end }),
                }));
                Outlet::new(Way::Pass(chunks), STREAM_BYTES_MAX)
            }
            whole => {
                *self = whole;
                Outlet::new(Way::Gather(BytesMut::new()), RESPONSE_BYTES_MAX)
            }
        }
    }
}

impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Whole(_) => "Whole",
            Self::Streamed(_) => "Streamed",
            Self::Begun(_) => "Begun",
        })
    }
}

fn end(answer: Result<Outcome, InvokeError>) -> StreamEnd {
    match answer {
        Ok(outcome) => StreamEnd {
            error: outcome.error.map(|error| (error, outcome.payload)),
            log_tail: outcome.log_tail,
        },
        // The status is out, so this can only be said here.
        Err(error) => broken(&error.to_string()),
    }
}

fn broken(cause: &str) -> StreamEnd {
    StreamEnd {
        error: Some((FunctionError::Unhandled, document("ServiceException", cause))),
        log_tail: None,
    }
}

/// The caller's side of a streamed answer.
struct Pieces {
    chunks: mpsc::Receiver<Bytes>,
    end: oneshot::Receiver<StreamEnd>,
}

impl AnswerStream for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Piece> {
        Box::pin(async {
            match self.chunks.recv().await {
                Some(chunk) => Piece::Chunk(chunk),
                // Without an end only when the environment's task panicked.
                None => Piece::End((&mut self.end).await.unwrap_or_else(|_| broken("the answer broke off"))),
            }
        })
    }
}

/// The environment's side of a streamed answer.
pub(crate) struct Outlet {
    way: Way,
    /// A piece that the caller has no room for yet.
    blocked: Option<Bytes>,
    produced: usize,
    limit: usize,
}

enum Way {
    Pass(mpsc::Sender<Bytes>),
    Gather(BytesMut),
    /// Nobody wants it, or nobody gets it.
    Drop,
}

impl Outlet {
    fn new(way: Way, limit: usize) -> Self {
        Self {
            way,
            blocked: None,
            produced: 0,
            limit,
        }
    }

    /// Takes a piece from the runtime; not while [`Outlet::is_blocked`].
    pub(crate) fn take(&mut self, chunk: Bytes) {
        self.produced = self.produced.saturating_add(chunk.len());
        if self.is_too_large() {
            // The rest is read and dropped: the runtime has to come to its end to be used again.
            self.way = Way::Drop;
        }
        match &mut self.way {
            Way::Drop => {}
            Way::Gather(whole) => whole.extend_from_slice(&chunk),
            Way::Pass(chunks) => match chunks.try_send(chunk) {
                Ok(()) => {}
                Err(mpsc::error::TrySendError::Full(chunk)) => self.blocked = Some(chunk),
                Err(mpsc::error::TrySendError::Closed(_)) => self.way = Way::Drop,
            },
        }
    }

    pub(crate) const fn is_blocked(&self) -> bool {
        self.blocked.is_some()
    }

    /// Waits until the caller has room for what is blocked, or has gone. Cancel-safe.
    pub(crate) async fn unblock(&mut self) {
        let Way::Pass(chunks) = &self.way else {
            self.blocked = None;
            return;
        };
        let has_left = match chunks.reserve().await {
            Ok(room) => {
                if let Some(chunk) = self.blocked.take() {
                    room.send(chunk);
                }
                false
            }
            Err(_) => true,
        };
        if has_left {
            self.blocked = None;
            self.way = Way::Drop;
        }
    }

    /// Bytes that the runtime gave.
    pub(crate) const fn produced(&self) -> usize {
        self.produced
    }

    const fn is_too_large(&self) -> bool {
        self.produced > self.limit
    }

    /// What was gathered for a caller who wants it whole, empty for others; or the document that
    /// says that it is too much.
    pub(crate) fn finish(&mut self) -> Result<Bytes, Bytes> {
        if self.is_too_large() {
            return Err(response_too_large(self.limit));
        }
        match std::mem::replace(&mut self.way, Way::Drop) {
            Way::Gather(whole) => Ok(whole.freeze()),
            Way::Pass(_) | Way::Drop => Ok(Bytes::new()),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn outcome(payload: &'static str, error: Option<FunctionError>) -> Outcome {
        Outcome {
            executed_version: Version::Latest,
            payload: Bytes::from_static(payload.as_bytes()),
            error,
            log_tail: Some(b"tail".to_vec()),
            trace_header: String::new(),
        }
    }

    /// A caller who wants pieces, and the function's side of it.
    async fn begun() -> (Reply, Outlet, Streamed) {
        let (waiting, streamed) = oneshot::channel();
        let mut reply = Reply::Streamed(waiting);
        let outlet = reply.begin(Version::Latest, "Root=1", "text/plain".to_owned());
        (reply, outlet, streamed.await.unwrap().unwrap())
    }

    async fn check_chunk(streamed: &mut Streamed, expected: &[u8]) {
        match streamed.answer.next().await {
            Piece::Chunk(chunk) => assert_eq!(&chunk[..], expected),
            Piece::End(end) => panic!("expected {expected:?}, found the end {end:?}"),
        }
    }

    async fn end_of(streamed: &mut Streamed) -> (Option<String>, Option<Vec<u8>>) {
        match streamed.answer.next().await {
            Piece::Chunk(chunk) => panic!("expected the end, found {chunk:?}"),
            Piece::End(end) => {
                (end.error.map(|(_, document)| String::from_utf8(document.to_vec()).unwrap()), end.log_tail)
            }
        }
    }

    #[tokio::test]
    async fn pieces_arrive_while_the_answer_is_made_and_its_end_comes_last() {
        let (reply, mut outlet, mut streamed) = begun().await;
        assert_eq!(streamed.content_type.as_deref(), Some("text/plain"));
        outlet.take(Bytes::from_static(b"one"));
        check_chunk(&mut streamed, b"one").await;
        outlet.take(Bytes::from_static(b"two"));
        assert_eq!((outlet.produced(), outlet.finish()), (6, Ok(Bytes::new())));
        reply.send(Ok(outcome("{}", Some(FunctionError::Unhandled))));
        check_chunk(&mut streamed, b"two").await;
        assert_eq!(end_of(&mut streamed).await, (Some("{}".to_owned()), Some(b"tail".to_vec())));
    }

    #[tokio::test]
    async fn a_caller_that_takes_nothing_blocks_the_outlet_and_one_that_leaves_frees_it() {
        let (_reply, mut outlet, mut streamed) = begun().await;
        while !outlet.is_blocked() {
            outlet.take(Bytes::from_static(b"x"));
        }
        assert_eq!(outlet.produced(), PIECES_MAX + 1);
        check_chunk(&mut streamed, b"x").await;
        outlet.unblock().await;
        assert!(!outlet.is_blocked());
        outlet.take(Bytes::from_static(b"y"));
        assert!(outlet.is_blocked());
        drop(streamed);
        outlet.unblock().await;
        for _ in 0..100 {
            outlet.take(Bytes::from_static(b"z"));
        }
        assert!(!outlet.is_blocked());
    }

    #[tokio::test]
    async fn a_caller_who_wants_it_whole_gets_it_whole() {
        let (waiting, answer) = oneshot::channel();
        let mut reply = Reply::Whole(waiting);
        let mut outlet = reply.begin(Version::Latest, "", String::new());
        outlet.take(Bytes::from_static(b"one"));
        outlet.take(Bytes::from_static(b"two"));
        assert_eq!(outlet.finish(), Ok(Bytes::from_static(b"onetwo")));
        reply.send(Ok(outcome("onetwo", None)));
        assert_eq!(answer.await.unwrap().unwrap().payload, "onetwo");
    }

    #[tokio::test]
    async fn both_kinds_have_their_limit() {
        let piece = Bytes::from(vec![0; 1024 * 1024]);
        let (waiting, _answer) = oneshot::channel();
        let mut whole = Reply::Whole(waiting).begin(Version::Latest, "", String::new());
        for _ in 0..7 {
            whole.take(piece.clone());
        }
        let refused = whole.finish().unwrap_err();
        assert!(String::from_utf8_lossy(&refused).contains("(6291556 bytes)"), "{refused:?}");

        let (_reply, mut outlet, mut streamed) = begun().await;
        for _ in 0..200 {
            outlet.take(piece.clone());
            check_chunk(&mut streamed, &piece).await;
        }
        outlet.take(Bytes::from_static(b"x"));
        let refused = outlet.finish().unwrap_err();
        assert!(String::from_utf8_lossy(&refused).contains("(209715200 bytes)"), "{refused:?}");
    }

    #[tokio::test]
    async fn an_end_without_an_answer_is_an_error_all_the_same() {
        let (reply, outlet, mut streamed) = begun().await;
        drop(outlet);
        reply.send(Err(InvokeError::ShuttingDown));
        let (error, _) = end_of(&mut streamed).await;
        assert_eq!(
            error.as_deref(),
            Some(r#"{"errorType":"ServiceException","errorMessage":"the server is shutting down"}"#)
        );
        let (reply, outlet, mut streamed) = begun().await;
        drop((reply, outlet));
        assert!(end_of(&mut streamed).await.0.unwrap().contains("broke off"));
    }
}
