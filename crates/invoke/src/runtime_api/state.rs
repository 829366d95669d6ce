//! The states of a runtime as its API sees them.

use std::sync::Arc;

use hearth_core::Shutdown;
use parking_lot::Mutex;
use tokio::sync::{Notify, mpsc};

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

#[derive(Debug)]
struct Inner {
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
    pub(super) closed: Shutdown,
    words: mpsc::Sender<Said>,
}

impl Shared {
    pub(super) fn new(words: mpsc::Sender<Said>, snap_start: bool) -> Self {
        Self {
            inner: Mutex::new(Inner {
                phase: Phase::Started,
                current: None,
            }),
            delivered: Notify::new(),
            restored: Notify::new(),
            snap_start,
            closed: Shutdown::new(),
            words,
        }
    }

    pub(super) fn deliver(&self, delivery: Delivery) {
        self.inner.lock().current = Some(Arc::new(delivery));
        self.delivered.notify_waiters();
    }

    pub(super) fn reset(&self) {
        let mut inner = self.inner.lock();
        inner.phase = Phase::Started;
        inner.current = None;
    }

    /// Tells the environment something.
    pub(super) async fn say(&self, word: Said) {
        // An error means that the environment is gone; so is the runtime, presently.
        let _ = self.words.send(word).await;
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
    pub(super) fn begin_answer(&self, request_id: &str, to: Phase) -> Result<(), Refusal> {
        let mut inner = self.inner.lock();
        let known = inner.current.as_ref().is_some_and(|current| current.request_id == request_id);
        if !known {
            return Err(Refusal::RequestId);
        }
        match inner.phase {
            Phase::Running => {
                inner.phase = to;
                Ok(())
            }
            // The answer was given already; its id is void.
            Phase::ResponseSent => Err(Refusal::RequestId),
            from => Err(Refusal::Transition { from, to }),
        }
    }

    /// The answer is in (or broken off: the invocation is over all the same).
    pub(super) fn end_answer(&self) {
        self.inner.lock().phase = Phase::ResponseSent;
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn shared() -> (Arc<Shared>, mpsc::Receiver<Said>) {
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
        assert!(matches!(words.recv().await, Some(Said::Ready)));
        shared.deliver(delivery("one"));
        assert_eq!(next.await.unwrap(), "one");
        assert_eq!(shared.next().await.unwrap().request_id, "one");
        assert_eq!(shared.begin_answer("two", Phase::InvocationResponse), Err(Refusal::RequestId));
        assert_eq!(shared.begin_answer("one", Phase::InvocationResponse), Ok(()));
        shared.end_answer();
        assert_eq!(shared.begin_answer("one", Phase::InvocationResponse), Err(Refusal::RequestId));
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
        assert!(matches!(words.recv().await, Some(Said::RestoreReady)));
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
