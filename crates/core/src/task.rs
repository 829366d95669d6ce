//! Background work by kind: no anonymous task.
//!
//! Every spawn names its kind, and the kind says what shutdown does to the task and what its
//! failure means. [`Tasks::drain`] is how a server stops: work that must finish gets its time,
//! the rest is dropped.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use crate::shutdown::Shutdown;

/// What a background task is for, and so how it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TaskKind {
    /// Accepts connections. Dropped at shutdown.
    Listener,
    /// Serves one connection. Gets the drain time to finish its request.
    Connection,
    /// Owns one execution environment. Gets the drain time; its sandbox dies with it.
    Environment,
    /// Finishes a change a client was told of (activation of a function). Gets the drain time;
    /// repeated at the next start when it did not finish.
    Activation,
    /// Takes, runs and settles asynchronous events. Begins nothing more at shutdown and gets the
    /// drain time for what it holds; the rest is on disk.
    Delivery,
    /// Brings state towards a goal, on a timer and on a nudge. Dropped at shutdown: idempotent.
    Reconciler,
    /// Writes batches (logs, metrics). Gets the drain time to flush.
    Writer,
    /// Serves the processes inside one execution environment. Ends with that, which needs it to
    /// the last: it is neither dropped nor waited for.
    EnvironmentApi,
}

impl TaskKind {
    /// True for work that the drain waits for.
    #[must_use]
    pub const fn is_awaited(self) -> bool {
        match self {
            Self::Connection | Self::Environment | Self::Activation | Self::Delivery | Self::Writer => true,
            Self::Listener | Self::Reconciler | Self::EnvironmentApi => false,
        }
    }

    /// True for work that shutdown drops at once.
    #[must_use]
    pub const fn is_dropped(self) -> bool {
        matches!(self, Self::Listener | Self::Reconciler)
    }
}

/// Spawns tasks and waits for those that must finish. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    awaited: TaskTracker,
    dropped: Shutdown,
}

impl Tasks {
    /// An empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs `work` in the background. A panic is logged with the kind and the owner's name by the
    /// panic hook of [`crate::telemetry`]; it ends this task alone.
    pub fn spawn<F>(&self, kind: TaskKind, owner: &'static str, work: F) -> JoinHandle<()>
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tracing::trace!(?kind, owner, "task starts");
        if kind.is_awaited() {
            return tokio::spawn(self.awaited.track_future(work));
        }
        if !kind.is_dropped() {
            return tokio::spawn(work);
        }
        let stop = self.dropped.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = stop.started() => {}
                () = work => {}
            }
        })
    }

    /// Ends: drops what may be dropped, waits up to `deadline` for the rest. True when all of it
    /// finished in time.
    pub async fn drain(&self, deadline: Duration) -> bool {
        self.dropped.start();
        self.awaited.close();
        tokio::time::timeout(deadline, self.awaited.wait()).await.is_ok()
    }

    /// How many awaited tasks live.
    #[must_use]
    pub fn awaited_count(&self) -> usize {
        self.awaited.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn drain_waits_for_connections_and_drops_reconcilers() {
        let tasks = Tasks::new();
        tasks.spawn(TaskKind::Reconciler, "test", std::future::pending());
        let done = tasks.spawn(TaskKind::Connection, "test", async {
            tokio::time::sleep(Duration::from_secs(1)).await;
        });
        assert!(tasks.drain(Duration::from_secs(2)).await);
        assert!(done.is_finished());
    }

    /// A function that was at work when the server was told to stop could not answer any more.
    #[tokio::test(start_paused = true)]
    async fn what_serves_an_environment_outlives_the_drains_beginning() {
        let tasks = Tasks::new();
        let (tx, rx) = tokio::sync::oneshot::channel();
        tasks.spawn(TaskKind::EnvironmentApi, "test", async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let _ = tx.send(());
        });
        assert!(tasks.drain(Duration::ZERO).await);
        assert!(rx.await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn drain_gives_up_at_the_deadline() {
        let tasks = Tasks::new();
        tasks.spawn(TaskKind::Connection, "test", std::future::pending());
        assert!(!tasks.drain(Duration::from_secs(2)).await);
        assert_eq!(tasks.awaited_count(), 1);
    }
}
