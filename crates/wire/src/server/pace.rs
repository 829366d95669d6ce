//! Cutting off clients that hold a connection and do nothing with it.
//!
//! A connection is idle, sending the head of a request, busy with one, or taking a streamed answer.
//! Its state is kept in two words that the connection's reads, writes and requests update; one timer a connection looks
//! at them from time to time. So a request costs no timer.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, sleep};

use super::limits::Limits;

const IDLE: u8 = 0;
const HEAD: u8 = 1;
const BUSY: u8 = 2;
/// There is something of a streamed answer that the client has to take.
const SENDING: u8 = 3;

/// What a connection is doing, and since when.
#[derive(Debug)]
pub(super) struct Pulse {
    opened: Instant,
    phase: AtomicU8,
    /// Milliseconds after `opened`.
    since_ms: AtomicU64,
}

/// Why a connection was cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cut {
    Idle,
    SlowHead,
}

impl Pulse {
    pub(super) fn new() -> Self {
        Self {
            opened: Instant::now(),
            phase: AtomicU8::new(IDLE),
            since_ms: AtomicU64::new(0),
        }
    }

    fn enter(&self, phase: u8) {
        self.phase.store(phase, Ordering::Relaxed);
        self.since_ms.store(self.elapsed_ms(), Ordering::Relaxed);
    }

    /// A request was read and is being worked on, which has its own limits.
    pub(super) fn busy(&self) {
        self.phase.store(BUSY, Ordering::Relaxed);
    }

    /// A piece of its answer is ready, and more will come.
    pub(super) fn sending(&self) {
        self.enter(SENDING);
    }

    /// Its answer is ready.
    pub(super) fn idle(&self) {
        self.enter(IDLE);
    }

    fn bytes_read(&self) {
        if self.phase.load(Ordering::Relaxed) == IDLE {
            self.enter(HEAD);
        }
    }

    fn bytes_written(&self) {
        let phase = self.phase.load(Ordering::Relaxed);
        if matches!(phase, IDLE | SENDING) {
            self.enter(phase);
        }
    }

    fn elapsed_ms(&self) -> u64 {
        u64::try_from(self.opened.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Time left in the present phase; `None` while busy.
    fn left(&self, limits: &Limits) -> Option<(Duration, Cut)> {
        let (allowed, cut) = match self.phase.load(Ordering::Relaxed) {
            IDLE | SENDING => (limits.idle_time, Cut::Idle),
            HEAD => (limits.header_time, Cut::SlowHead),
            _ => return None,
        };
        let spent_ms = self.elapsed_ms().saturating_sub(self.since_ms.load(Ordering::Relaxed));
        Some((allowed.saturating_sub(Duration::from_millis(spent_ms)), cut))
    }

    /// Ends when the connection has to be cut off.
    pub(super) async fn overdue(&self, limits: &Limits) -> Cut {
        // No look comes later than a head that began right after the last one may take.
        let longest = limits.header_time.min(limits.idle_time).max(Duration::from_millis(1));
        loop {
            let pause = match self.left(limits) {
                Some((Duration::ZERO, cut)) => return cut,
                Some((left, _)) => left.clamp(Duration::from_millis(1), longest),
                None => longest,
            };
            sleep(pause).await;
        }
    }
}

/// A connection's bytes, with its pulse taken.
pub(super) struct Paced<S> {
    stream: S,
    pulse: Arc<Pulse>,
}

impl<S> Paced<S> {
    pub(super) fn new(stream: S, pulse: Arc<Pulse>) -> Self {
        Self { stream, pulse }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Paced<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buf);
        if buf.filled().len() > before {
            self.pulse.bytes_read();
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Paced<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, buf);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.pulse.bytes_written();
        }
        polled
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        if matches!(polled, Poll::Ready(Ok(1..))) {
            self.pulse.bytes_written();
        }
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn limits() -> Limits {
        Limits {
            header_time: Duration::from_secs(10),
            idle_time: Duration::from_secs(60),
            ..Limits::default()
        }
    }

    /// The cut, and after how many seconds it came; at most an hour.
    async fn cut(pulse: &Pulse) -> Option<(Cut, u64)> {
        let start = Instant::now();
        let cut = timeout(Duration::from_secs(3_600), pulse.overdue(&limits())).await.ok()?;
        Some((cut, start.elapsed().as_secs()))
    }

    #[tokio::test(start_paused = true)]
    async fn each_phase_has_its_time() {
        let pulse = Pulse::new();
        assert_eq!(cut(&pulse).await, Some((Cut::Idle, 60)));
        pulse.bytes_read();
        pulse.bytes_read();
        assert_eq!(cut(&pulse).await, Some((Cut::SlowHead, 10)));
        pulse.busy();
        assert_eq!(cut(&pulse).await, None);
        // What a client sends ahead does not excuse it from taking its answer.
        pulse.sending();
        pulse.bytes_read();
        assert_eq!(cut(&pulse).await, Some((Cut::Idle, 60)));
        pulse.idle();
        assert_eq!(cut(&pulse).await, Some((Cut::Idle, 60)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_trickle_does_not_extend_a_head() {
        let pulse = Arc::new(Pulse::new());
        let trickle = Arc::clone(&pulse);
        let writer = async move {
            loop {
                trickle.bytes_read();
                sleep(Duration::from_secs(1)).await;
            }
        };
        let cut = tokio::select! { cut = cut(&pulse) => cut, () = writer => None };
        assert_eq!(cut, Some((Cut::SlowHead, 10)));
    }
}
