//! Removes packages and unpacked trees that no function refers to.
//!
//! A reconciler: it looks at what is there, on a timer and on a nudge, and may be stopped anywhere.
//! Trees go at once. A stored package goes when nothing has referred to it for a quarter of an
//! hour: a link to it may still be good, an upload of another process under way, or the same code
//! deployed again.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_store::StoreError;
use tokio::sync::Notify;

use crate::Lambda;

const INTERVAL: Duration = Duration::from_secs(60);
const GRACE_MS: i64 = 15 * 60 * 1_000;

/// Wakes the collector.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    nudged: Notify,
}

impl Collector {
    pub(crate) fn nudge(&self) {
        self.nudged.notify_one();
    }
}

/// Runs for as long as the control plane lives.
pub(crate) fn start(lambda: &Arc<Lambda>) {
    let collector = Arc::clone(&lambda.collector);
    let weak = Arc::downgrade(lambda);
    lambda.tasks.spawn(TaskKind::Reconciler, "lambda package collector", async move {
        let mut unreferenced = Unreferenced::default();
        loop {
            tokio::select! {
                () = tokio::time::sleep(INTERVAL) => {}
                () = collector.nudged.notified() => {}
            }
            let Some(lambda) = Weak::upgrade(&weak) else {
                return;
            };
            if let Err(error) = collect(&lambda, &mut unreferenced).await {
                tracing::warn!(%error, "unused packages could not be collected, trying again in {INTERVAL:?}");
            }
        }
    });
}

/// Since when each package was found without a function, in Unix milliseconds.
type Unreferenced = HashMap<String, i64>;

async fn collect(lambda: &Arc<Lambda>, unreferenced: &mut Unreferenced) -> Result<(), StoreError> {
    collect_trees(Arc::clone(lambda)).await;
    let now_ms = lambda.clock.now_ms();
    let stored = lambda.db.list_packages().await?;
    let lonely: Vec<_> = stored.into_iter().filter(|hash| !lambda.functions.snapshot.refers_to(hash)).collect();
    unreferenced.retain(|hash, _| lonely.contains(hash));
    for hash in lonely {
        let since_ms = *unreferenced.entry(hash.clone()).or_insert(now_ms);
        if now_ms - since_ms >= GRACE_MS {
            delete(lambda, &hash).await?;
            unreferenced.remove(&hash);
        }
    }
    Ok(())
}

/// Looks again with the package's stripe held: an upload may have come in between.
async fn delete(lambda: &Lambda, sha256_hex: &str) -> Result<(), StoreError> {
    let _exclusive = lambda.packages.exclusive(sha256_hex).await;
    if !lambda.functions.snapshot.refers_to(sha256_hex) {
        lambda.db.delete_package(sha256_hex).await?;
        tracing::debug!(sha256_hex, "an unused package was deleted");
    }
    Ok(())
}

async fn collect_trees(lambda: Arc<Lambda>) {
    let work = move || {
        let collected = lambda.packages.cache.collect(|sha256_hex| lambda.functions.snapshot.refers_to(sha256_hex));
        if let Err(error) = collected {
            tracing::warn!(%error, "unused package trees could not be collected");
        }
    };
    // It fails only while the runtime stops.
    let _ = tokio::task::spawn_blocking(work).await;
}

#[cfg(test)]
pub(crate) async fn collect_now(lambda: &Arc<Lambda>, unreferenced: &mut HashMap<String, i64>) {
    if let Err(error) = collect(lambda, unreferenced).await {
        unreachable!("{error}");
    }
}
