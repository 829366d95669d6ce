//! The states of a runtime as its API sees them.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc, oneshot, watch};

use super::Delivery;
use crate::environment::Said;

/// Names as AWS prints them in its 403 answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    Started,
    InitError,
    /// `restore/next` was called and waits.
    RestoreReady,
    /// The hooks after a restore run.
    Restoring,
    RestoreError,
    /// `next` was called and waits.
    Ready,
    /// An event was delivered.
    Running,
    InvocationResponse,
    InvocationErrorResponse,
    /// An answer is in; the runtime may ask for the next event.
    ResponseSent,
}

impl Phase {
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::InitError => "InitError",
            Self::RestoreReady => "RestoreReady",
            Self::Restoring => "Restoring",
            Self::RestoreError => "RuntimeRestoreErrorState",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InvocationResponse => "InvocationResponse",
            Self::InvocationErrorResponse => "InvocationErrorResponse",
            Self::ResponseSent => "RuntimeResponseSentState",
        }
    }
}

/// Why a call is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    Transition { from: Phase, to: Phase },
    RequestId,
}

pub(super) type Sweep = oneshot::Sender<()>;

/// One process of the environment. Connections of the one before may outlive it by a moment; what
/// they say is void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn(u64);

#[derive(Debug)]
struct Inner {
    turn: Turn,
    phase: Phase,
    current: Option<Arc<Delivery>>,
}

/// What the connections of one environment share with it.
#[derive(Debug)]
pub(super) struct Shared {
    inner: Mutex<Inner>,
    delivered: Notify,
    restored: Notify,
    /// Whether the calls about a restore exist.
    pub(super) snap_start: bool,
    /// How many are open.
    connections: watch::Sender<usize>,
    /// A wish that the listener has nothing left: the sender is dropped when that is so.
    sweep: Mutex<Option<Sweep>>,
    swept: Notify,
    words: mpsc::Sender<(Turn, Said)>,
}

impl Shared {
    pub(super) fn new(words: mpsc::Sender<(Turn, Said)>, snap_start: bool) -> Self {
        Self {
            inner: Mutex::new(Inner {
                turn: Turn(0),
                phase: Phase::Started,
                current: None,
            }),
            delivered: Notify::new(),
            restored: Notify::new(),
            snap_start,
            connections: watch::Sender::new(0),
            sweep: Mutex::new(None),
            swept: Notify::new(),
            words,
        }
    }

    pub(super) fn deliver(&self, delivery: Delivery) {
        self.inner.lock().current = Some(Arc::new(delivery));
        self.delivered.notify_waiters();
    }

    pub(super) fn reset(&self) {
        let mut inner = self.inner.lock();
        inner.turn.0 += 1;
        inner.phase = Phase::Started;
        inner.current = None;
    }

    pub(super) fn is_current(&self, turn: Turn) -> bool {
        self.inner.lock().turn == turn
    }

    /// Counts a connection for as long as the returned value lives.
    pub(super) fn count(self: &Arc<Self>) -> Counted {
        self.connections.send_modify(|count| *count += 1);
        Counted(Arc::clone(self))
    }

    /// Waits until every connection that has been made is counted.
    pub(super) async fn swept(&self) {
        let (sweep, done) = oneshot::channel();
        self.ask_sweep(sweep);
        // Nothing is ever sent: the end is the answer.
        let _ = done.await;
    }

    pub(super) fn ask_sweep(&self, sweep: Sweep) {
        *self.sweep.lock() = Some(sweep);
        self.swept.notify_one();
    }

    /// Waits for such a wish.
    pub(super) async fn sweep(&self) -> Sweep {
        loop {
            if let Some(sweep) = self.sweep.lock().take() {
                return sweep;
            }
            self.swept.notified().await;
        }
    }

    pub(super) fn connections(&self) -> watch::Receiver<usize> {
        self.connections.subscribe()
    }

    /// Tells the environment something.
    pub(super) async fn say(&self, word: Said) {
        let turn = self.inner.lock().turn;
        self.say_in(turn, word).await;
    }

    /// Tells the environment something that it may have to wait to hear.
    pub(super) async fn say_in(&self, turn: Turn, word: Said) {
        // An error means that the environment is gone; so is the runtime, presently.
        let _ = self.words.send((turn, word)).await;
    }

    /// `next`: waits for the event. A second call while one runs gets the same event again.
    pub(super) async fn next(&self) -> Result<Arc<Delivery>, Refusal> {
        if self.begin_next()? {
            self.say(Said::Ready).await;
        }
        loop {
            let delivered = self.delivered.notified();
            tokio::pin!(delivered);
            // Registered before the look, so that no delivery slips between look and wait.
            delivered.as_mut().enable();
            if let Some(delivery) = self.take_delivery() {
                return Ok(delivery);
            }
            delivered.await;
        }
    }

    /// True when the environment has to hear of it.
    fn begin_next(&self) -> Result<bool, Refusal> {
        let mut inner = self.inner.lock();
        match inner.phase {
            Phase::Running | Phase::Ready => Ok(false),
            Phase::Started | Phase::Restoring | Phase::ResponseSent => {
                inner.phase = Phase::Ready;
                inner.current = None;
                Ok(true)
            }
            from @ (Phase::InitError
            | Phase::RestoreReady
            | Phase::RestoreError
            | Phase::InvocationResponse
            | Phase::InvocationErrorResponse) => Err(Refusal::Transition { from, to: Phase::Ready }),
        }
    }

    fn take_delivery(&self) -> Option<Arc<Delivery>> {
        let mut inner = self.inner.lock();
        let delivery = inner.current.clone()?;
        inner.phase = Phase::Running;
        Some(delivery)
    }

    /// `response` or `error` begins: the id is checked before the transition.
    pub(super) fn begin_answer(&self, request_id: &str, to: Phase) -> Result<Turn, Refusal> {
        let mut inner = self.inner.lock();
        let known = inner.current.as_ref().is_some_and(|current| current.request_id == request_id);
        if !known {
            return Err(Refusal::RequestId);
        }
        match inner.phase {
            Phase::Running => {
                inner.phase = to;
                Ok(inner.turn)
            }
            // The answer was given already; its id is void.
            Phase::ResponseSent => Err(Refusal::RequestId),
            from => Err(Refusal::Transition { from, to }),
        }
    }

    /// Whether the caller of the current invocation takes the answer piece by piece.
    pub(super) fn wants_stream(&self, request_id: &str) -> bool {
        let inner = self.inner.lock();
        inner.current.as_ref().is_some_and(|current| current.request_id == request_id && current.as_stream)
    }

    /// The answer is in (or broken off: the invocation is over all the same).
    pub(super) fn end_answer(&self, turn: Turn) {
        let mut inner = self.inner.lock();
        if inner.turn == turn {
            inner.phase = Phase::ResponseSent;
        }
    }

    /// `init/error`.
    pub(super) fn fail_init(&self) -> Result<(), Refusal> {
        self.step(Phase::Started, Phase::InitError)
    }

    /// `restore/next`: waits for the restore.
    pub(super) async fn restore_next(&self) -> Result<(), Refusal> {
        self.step(Phase::Started, Phase::RestoreReady)?;
        self.say(Said::RestoreReady).await;
        self.restored.notified().await;
        Ok(())
    }

    /// The runtime runs on after its `restore/next`.
    pub(super) fn restore(&self) {
        if self.step(Phase::RestoreReady, Phase::Restoring).is_ok() {
            self.restored.notify_one();
        }
    }

    /// `restore/error`.
    pub(super) fn fail_restore(&self) -> Result<(), Refusal> {
        self.step(Phase::Restoring, Phase::RestoreError)
    }

    fn step(&self, from: Phase, to: Phase) -> Result<(), Refusal> {
        let mut inner = self.inner.lock();
        let found = std::mem::replace(&mut inner.phase, to);
        if found == from {
            return Ok(());
        }
        inner.phase = found;
        Err(Refusal::Transition { from: found, to })
    }
}

pub(super) struct Counted(Arc<Shared>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.connections.send_modify(|count| *count -= 1);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn shared() -> (Arc<Shared>, mpsc::Receiver<(Turn, Said)>) {
        let (tx, rx) = mpsc::channel(8);
        (Arc::new(Shared::new(tx, true)), rx)
    }

    fn delivery(id: &str) -> Delivery {
        Delivery {
            request_id: id.into(),
            deadline_ms: 0,
            invoked_arn: String::new(),
            trace_header: String::new(),
            client_context: None,
            cognito_identity: None,
            as_stream: false,
            event: Bytes::new(),
        }
    }

    #[tokio::test]
    async fn an_event_is_delivered_again_until_it_is_answered() {
        let (shared, mut words) = shared();
        shared.deliver(delivery("early"));
        // What was delivered before the first `next` is void: the environment waits for Ready.
        let next = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.next().await.unwrap().request_id.clone() }
        });
        assert!(matches!(words.recv().await, Some((_, Said::Ready))));
        shared.deliver(delivery("one"));
        assert_eq!(next.await.unwrap(), "one");
        assert_eq!(shared.next().await.unwrap().request_id, "one");
        assert_eq!(shared.begin_answer("two", Phase::InvocationResponse), Err(Refusal::RequestId));
        let turn = shared.begin_answer("one", Phase::InvocationResponse).unwrap();
        shared.end_answer(turn);
        assert_eq!(shared.begin_answer("one", Phase::InvocationResponse), Err(Refusal::RequestId));
    }

    /// A connection that outlived its process once ended the next one's answer.
    #[tokio::test]
    async fn what_a_dead_process_says_is_void() {
        let (shared, mut words) = shared();
        let begun = |id: &'static str| {
            let shared = Arc::clone(&shared);
            tokio::spawn(async move {
                shared.next().await.unwrap();
                shared.begin_answer(id, Phase::InvocationResponse).unwrap()
            })
        };
        let old = begun("one");
        words.recv().await.unwrap();
        shared.deliver(delivery("one"));
        let old = old.await.unwrap();
        shared.reset();
        shared.say_in(old, Said::ResponseChunk(Bytes::from_static(b"late"))).await;
        let (turn, _) = words.recv().await.unwrap();
        assert!(!shared.is_current(turn));
        let new = begun("two");
        words.recv().await.unwrap();
        shared.deliver(delivery("two"));
        let new = new.await.unwrap();
        assert!(shared.is_current(new));
        shared.end_answer(old);
        assert_eq!(shared.inner.lock().phase, Phase::InvocationResponse);
        shared.end_answer(new);
        assert_eq!(shared.inner.lock().phase, Phase::ResponseSent);
    }

    #[tokio::test]
    async fn init_error_is_final() {
        let (shared, _words) = shared();
        assert_eq!(shared.fail_init(), Ok(()));
        let refusal = shared.next().await.unwrap_err();
        assert_eq!(
            refusal,
            Refusal::Transition {
                from: Phase::InitError,
                to: Phase::Ready
            }
        );
        shared.reset();
        assert_eq!(shared.fail_init(), Ok(()));
    }

    #[tokio::test]
    async fn a_restore_comes_between_init_and_the_first_event() {
        let (shared, mut words) = shared();
        let restoring = tokio::spawn({
            let shared = Arc::clone(&shared);
            async move { shared.restore_next().await }
        });
        assert!(matches!(words.recv().await, Some((_, Said::RestoreReady))));
        let early = shared.next().await.unwrap_err();
        assert_eq!(
            early,
            Refusal::Transition {
                from: Phase::RestoreReady,
                to: Phase::Ready
            }
        );
        shared.restore();
        assert_eq!(restoring.await.unwrap(), Ok(()));
        assert_eq!(shared.fail_restore(), Ok(()));
        assert!(shared.next().await.is_err());
    }
}
