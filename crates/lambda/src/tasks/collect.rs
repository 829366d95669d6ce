//! Removes packages that no function and no layer refers to, and unpacked trees that no function needs.
//!
//! A reconciler: it looks at what is there, on a nudge and on a timer, and may be stopped anywhere.
//! Trees go at once, or when the last environment lets go of them. A stored package goes when
//! nothing has referred to it for a quarter of an hour: a link to it may still be good, an upload
//! of another process under way, or the same code deployed again. With nothing to do it rests.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_store::StoreError;
use tokio::sync::Notify;

use crate::Lambda;
use crate::db::layers::LayerScope;
use crate::package::CodeCache;

/// From a nudge to the look, so that a hundred deletions cost one.
const SETTLING: Duration = Duration::from_secs(1);
/// Between looks while something waits to be removed.
const BUSY: Duration = Duration::from_secs(60);
/// Between looks otherwise: uploads that ended without a function are rare.
const RESTING: Duration = Duration::from_secs(60 * 60);
const GRACE_MS: i64 = 15 * 60 * 1_000;

/// Wakes the collector.
#[derive(Debug, Default)]
pub(crate) struct Collector {
    nudged: Notify,
}

impl Collector {
    /// Something may be unused now.
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
        // A first look soon after the start: a crash may have left something.
        let mut rest = BUSY;
        loop {
            tokio::select! {
                () = tokio::time::sleep(rest) => {}
                () = collector.nudged.notified() => tokio::time::sleep(SETTLING).await,
            }
            let Some(lambda) = Weak::upgrade(&weak) else {
                return;
            };
            rest = match collect(&lambda, &mut unreferenced).await {
                Ok(Remaining::Nothing) => RESTING,
                Ok(Remaining::Some) => BUSY,
                Err(error) => {
                    tracing::warn!(%error, "unused packages could not be collected, trying again in {BUSY:?}");
                    BUSY
                }
            };
        }
    });
}

/// Whether something unused is left for a later look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Remaining {
    Nothing,
    Some,
}

/// Since when each package was found without a function, in Unix milliseconds.
pub(crate) type Unreferenced = HashMap<String, i64>;

pub(crate) async fn collect(lambda: &Arc<Lambda>, unreferenced: &mut Unreferenced) -> Result<Remaining, StoreError> {
    let mut referenced = lambda.functions.snapshot.packages();
    referenced.extend(of_layers(lambda).await?);
    let now_ms = lambda.clock.now_ms();
    let stored = lambda.db.list_packages().await?;
    let lonely: HashSet<_> = stored.into_iter().filter(|hash| !referenced.contains(hash)).collect();
    unreferenced.retain(|hash, _| lonely.contains(hash));
    // A function or layer that cannot be read may refer to any of them.
    let lonely = if lambda.db.has_unread() { HashSet::new() } else { lonely };
    for hash in lonely {
        let since_ms = *unreferenced.entry(hash.clone()).or_insert(now_ms);
        if now_ms - since_ms >= GRACE_MS {
            delete(lambda, &hash).await?;
            unreferenced.remove(&hash);
        }
    }
    let (trees, images) = lambda.functions.snapshot.trees();
    let trees = collect_trees(lambda.packages.cache.clone(), trees).await;
    // A function that cannot be read may be any of them, and they are not made again at will.
    let images = match lambda.db.has_unread() {
        true => Remaining::Nothing,
        false => collect_trees(lambda.packages.trees_of_images.clone(), images).await,
    };
    let is_done = unreferenced.is_empty() && trees == Remaining::Nothing && images == Remaining::Nothing;
    Ok(if is_done { Remaining::Nothing } else { Remaining::Some })
}

/// Looks again with the package's stripe held: an upload may have come in between.
async fn delete(lambda: &Lambda, sha256_hex: &str) -> Result<(), StoreError> {
    let _exclusive = lambda.packages.exclusive(sha256_hex).await;
    let is_used = lambda.functions.snapshot.refers_to(sha256_hex) || of_layers(lambda).await?.contains(sha256_hex);
    if !is_used && !lambda.db.has_unread() {
        lambda.db.delete_package(sha256_hex).await?;
        tracing::debug!(sha256_hex, "an unused package was deleted");
    }
    Ok(())
}

/// The hashes of all packages that layer versions refer to.
async fn of_layers(lambda: &Lambda) -> Result<HashSet<String>, StoreError> {
    let versions = lambda.db.layer_versions(LayerScope::Everyone).await?;
    Ok(versions.into_iter().map(|version| version.record.package.sha256_hex).collect())
}

/// A function that begins to refer to a tree meanwhile finds it, or unpacks it again.
async fn collect_trees(cache: CodeCache, referenced: HashSet<String>) -> Remaining {
    let work = move || {
        let collected = cache.collect(|sha256_hex| referenced.contains(sha256_hex));
        match collected {
            // More trees than those in use: environments hold old ones still.
            Ok(collected) if collected.kept > referenced.len() => Remaining::Some,
            Ok(_) => Remaining::Nothing,
            Err(error) => {
                tracing::warn!(%error, "unused package trees could not be collected");
                Remaining::Some
            }
        }
    };
    // It fails only while the runtime stops.
    tokio::task::spawn_blocking(work).await.unwrap_or(Remaining::Some)
}
