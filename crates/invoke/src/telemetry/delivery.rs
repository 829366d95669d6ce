//! The task that brings one subscriber its records.
//!
//! It sleeps while the sandbox is frozen, whatever is due: a frozen environment costs nothing, and
//! nobody inside could answer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::{Clock, Shutdown};
use tokio::sync::watch;
use tokio::time::Instant;

use super::queue::Queue;
use super::send::{Connect, Sender};

/// A delivery is tried so often, then its records count as lost.
const ATTEMPTS: u32 = 5;

/// How long one may take, thawed.
const ATTEMPT: Duration = Duration::from_secs(3);

/// The pause after the first failure; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Delivery {
    pub(super) subscriber: String,
    pub(super) queue: Arc<Queue>,
    pub(super) sender: Sender,
    pub(super) way: Arc<dyn Connect>,
    pub(super) thawed: watch::Receiver<bool>,
    /// The environment, or this subscription, is no more.
    pub(super) closed: Shutdown,
    pub(super) clock: Clock,
}

impl Delivery {
    pub(super) async fn run(self) {
        let closed = self.closed.clone();
        tokio::select! {
            () = closed.started() => {}
            () = self.deliver() => {}
        }
    }

    /// Ends when the environment has.
    async fn deliver(mut self) {
        loop {
            let queue = Arc::clone(&self.queue);
            if while_thawed(&mut self.thawed, None, queue.due()).await.is_none() {
                return;
            }
            let batch = queue.take(self.clock.now_ms());
            if !batch.is_empty() && !self.bring(&batch).await {
                queue.drop_batch(&batch);
            }
            queue.settle();
        }
    }

    /// Whether it arrived.
    async fn bring(&mut self, batch: &[Vec<u8>]) -> bool {
        let mut pause = PAUSE;
        for attempt in 1..=ATTEMPTS {
            let sent = self.sender.send(batch, self.way.as_ref());
            match while_thawed(&mut self.thawed, Some(ATTEMPT), sent).await {
                Some(Ok(())) => return true,
                Some(Err(error)) => {
                    tracing::debug!(subscriber = %self.subscriber, attempt, %error, "telemetry was not taken");
                }
                None => tracing::debug!(subscriber = %self.subscriber, attempt, "telemetry was not taken in time"),
            }
            if attempt < ATTEMPTS {
                while_thawed(&mut self.thawed, Some(pause), std::future::pending::<()>()).await;
                pause *= 2;
            }
        }
        false
    }
}

/// Runs `work`, counting `limit` only while the sandbox is thawed, and not starting before it is.
/// `None`: the time is up, or the environment is gone.
async fn while_thawed<T>(
    thawed: &mut watch::Receiver<bool>,
    limit: Option<Duration>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::pin!(work);
    let mut left = limit;
    loop {
        thawed.wait_for(|thawed| *thawed).await.ok()?;
        let began = Instant::now();
        let time_up = async {
            match left {
                Some(left) => tokio::time::sleep(left).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            done = &mut work => return Some(done),
            () = time_up => return None,
            frozen = thawed.wait_for(|thawed| !*thawed) => drop(frozen.ok()?),
        }
        left = left.map(|left| left.saturating_sub(began.elapsed()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn frozen_time_does_not_count() {
        let (tx, mut thawed) = watch::channel(true);
        let began = Instant::now();
        let freezer = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            tx.send_replace(false);
            tokio::time::sleep(Duration::from_secs(100)).await;
            tx.send_replace(true);
            tx.closed().await;
        });
        let limit = Some(Duration::from_secs(3));
        assert_eq!(while_thawed(&mut thawed, limit, std::future::pending::<()>()).await, None);
        assert_eq!(began.elapsed(), Duration::from_secs(103));
        drop(thawed);
        freezer.await.unwrap();
    }
}
