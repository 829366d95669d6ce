//! Reading a request's body: bounded in size, in time, and in what all bodies take together.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use http_body::Body;
use http_body_util::BodyExt;
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use super::limits::Limits;

/// Bodies up to this size are not counted: all connections together hold a bounded sum of them.
const UNCOUNTED_BYTES: usize = 256 * 1024;
/// The unit in which large bodies are counted.
const SHARE_BYTES: usize = 64 * 1024;

/// Why a body could not be read.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum BodyError {
    #[error("the body is larger than {limit} bytes")]
    TooLarge { limit: usize },
    #[error("the request's body did not arrive in time; send it faster, or in smaller parts")]
    Slow,
    #[error("the server holds as many bytes of requests as it may; try again")]
    Full,
    #[error("the request's body broke off: {0}")]
    Broken(String),
}

/// The memory that large bodies share.
#[derive(Clone, Debug)]
pub(super) struct BodyMemory {
    shares: Arc<Semaphore>,
    total: usize,
}

impl BodyMemory {
    pub(super) fn new(limits: &Limits) -> Self {
        let total = limits.body_memory_bytes.div_ceil(SHARE_BYTES).clamp(1, Semaphore::MAX_PERMITS);
        Self {
            shares: Arc::new(Semaphore::new(total)),
            total,
        }
    }

    /// Waits for room. All of it is taken at once: bodies that each held a part and waited for the
    /// rest would block each other. A body larger than the whole memory takes the whole.
    async fn take(&self, bytes: usize, patience: Duration) -> Result<Option<OwnedSemaphorePermit>, BodyError> {
        if bytes <= UNCOUNTED_BYTES {
            return Ok(None);
        }
        let shares = u32::try_from(bytes.div_ceil(SHARE_BYTES).min(self.total)).unwrap_or(u32::MAX);
        let taken = timeout(patience, Arc::clone(&self.shares).acquire_many_owned(shares)).await;
        taken.ok().and_then(Result::ok).map(Some).ok_or(BodyError::Full)
    }
}

/// A large body with its share of the memory: given back when the last part of it is dropped,
/// wherever it went.
struct Shared {
    bytes: Bytes,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn held(bytes: Bytes, share: Option<OwnedSemaphorePermit>) -> Bytes {
    match share {
        Some(share) => Bytes::from_owner(Shared { bytes, _share: share }),
        None => bytes,
    }
}

/// A body that has yet to be read.
pub(super) struct Intake<'a, B> {
    body: B,
    limits: &'a Limits,
    memory: &'a BodyMemory,
    /// The client sends the body only when told to (`Expect: 100-continue`), and was not told yet.
    withheld: bool,
    given_up: bool,
    started: Instant,
    received: u64,
}

impl<'a, B> Intake<'a, B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    pub(super) fn new(body: B, expects_continue: bool, limits: &'a Limits, memory: &'a BodyMemory) -> Self {
        Self {
            body,
            limits,
            memory,
            withheld: expects_continue,
            given_up: false,
            started: Instant::now(),
            received: 0,
        }
    }

    /// Reads all of it. A body that came in one piece, as small ones do, is not copied.
    pub(super) async fn read(&mut self, limit: usize) -> Result<Bytes, BodyError> {
        let declared = self.body.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        if declared.is_some_and(|declared| declared > limit) {
            return Err(BodyError::TooLarge { limit });
        }
        let most = declared.unwrap_or(limit);
        let share = self.memory.take(most, self.limits.body_time).await?;
        self.withheld = false;
        let Some(first) = self.next().await? else {
            return Ok(Bytes::new());
        };
        if first.len() > limit {
            return Err(BodyError::TooLarge { limit });
        }
        if self.body.is_end_stream() {
            return Ok(held(first, share));
        }
        let mut all = BytesMut::with_capacity(declared.unwrap_or(first.len() * 2));
        all.extend_from_slice(&first);
        while let Some(more) = self.next().await? {
            if all.len() + more.len() > limit {
                return Err(BodyError::TooLarge { limit });
            }
            all.extend_from_slice(&more);
        }
        Ok(held(all.freeze(), share))
    }

    /// Reads on without keeping anything, so that a client that is still sending gets to read its
    /// refusal instead of a broken connection.
    pub(super) async fn discard(&mut self) {
        if self.withheld || self.given_up {
            return;
        }
        let end = self.received + self.limits.discard_bytes;
        while self.received < end && !self.body.is_end_stream() {
            if !matches!(self.next().await, Ok(Some(_))) {
                return;
            }
        }
    }

    /// The next piece; `None` at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        loop {
            let frame = match self.body.frame().now_or_never() {
                Some(frame) => frame,
                None => {
                    let deadline = self.deadline();
                    let frame = timeout_at(deadline, self.body.frame()).await;
                    frame.inspect_err(|_| self.given_up = true).map_err(|_| BodyError::Slow)?
                }
            };
            let Some(frame) = frame else {
                return Ok(None);
            };
            let frame = frame.map_err(|error| {
                self.given_up = true;
                BodyError::Broken(error.to_string())
            })?;
            // Trailers of HTTP itself carry nothing that any AWS client sends.
            if let Ok(data) = frame.into_data() {
                self.received += data.len() as u64;
                return Ok(Some(data));
            }
        }
    }

    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.received / self.limits.body_bytes_per_s.max(1));
        self.started + self.limits.body_time + earned
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use futures_util::stream;
    use http_body::Frame;
    use http_body_util::{Full, StreamBody};

    use super::*;

    fn limits() -> Limits {
        Limits {
            body_time: Duration::from_secs(10),
            body_bytes_per_s: 100,
            body_memory_bytes: 1024 * 1024,
            ..Limits::default()
        }
    }

    /// A body of `pieces` that arrive a second apart.
    fn slow(pieces: Vec<&'static [u8]>) -> impl Body<Data = Bytes, Error = Infallible> + Unpin {
        let pieces = stream::unfold(pieces.into_iter(), |mut pieces| async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let piece = pieces.next()?;
            Some((Ok(Frame::data(Bytes::from_static(piece))), pieces))
        });
        StreamBody::new(Box::pin(pieces))
    }

    async fn read<B>(body: B, limit: usize) -> Result<Bytes, BodyError>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let limits = limits();
        let memory = BodyMemory::new(&limits);
        Intake::new(body, false, &limits, &memory).read(limit).await
    }

    #[tokio::test(start_paused = true)]
    async fn sizes() {
        let whole = Bytes::from_static(b"abc");
        let read_whole = read(Full::new(whole.clone()), 3).await.expect("within the limit");
        assert_eq!(read_whole.as_ptr(), whole.as_ptr(), "a body in one piece is not copied");
        assert_eq!(read(Full::new(whole), 2).await, Err(BodyError::TooLarge { limit: 2 }));
        assert_eq!(read(slow(vec![b"ab", b"cd"]), 4).await, Ok(Bytes::from_static(b"abcd")));
        assert_eq!(read(slow(vec![b"ab", b"cd"]), 3).await, Err(BodyError::TooLarge { limit: 3 }));
        assert_eq!(read(slow(vec![]), 3).await, Ok(Bytes::new()));
    }

    #[tokio::test(start_paused = true)]
    async fn time_is_earned_by_bytes() {
        assert_eq!(read(slow(vec![b"a"; 20]), 1_000).await, Err(BodyError::Slow));
        assert_eq!(read(slow(vec![&[b'a'; 100]; 20]), 10_000).await.map(|bytes| bytes.len()), Ok(2_000));
    }

    #[tokio::test(start_paused = true)]
    async fn large_bodies_share_memory() {
        let limits = limits();
        let memory = BodyMemory::new(&limits);
        let large = || Full::new(Bytes::from(vec![0; 600 * 1024]));
        let first = Intake::new(large(), false, &limits, &memory).read(1_000_000).await.expect("room");
        let second = Intake::new(large(), false, &limits, &memory).read(1_000_000).await;
        assert_eq!(second, Err(BodyError::Full));
        let part = first.slice(5..9);
        drop(first);
        let third = Intake::new(large(), false, &limits, &memory).read(1_000_000).await;
        assert_eq!(third, Err(BodyError::Full), "a part holds the whole");
        drop(part);
        assert!(Intake::new(large(), false, &limits, &memory).read(1_000_000).await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_body_is_read_on_unless_it_is_withheld() {
        let limits = limits();
        let memory = BodyMemory::new(&limits);
        let mut intake = Intake::new(slow(vec![b"a"; 5]), false, &limits, &memory);
        intake.discard().await;
        assert_eq!(intake.received, 5);
        let mut withheld = Intake::new(slow(vec![b"a"; 5]), true, &limits, &memory);
        withheld.discard().await;
        assert_eq!(withheld.received, 0);
    }
}
