//! What goes on by itself: following what other processes change, and ending keys whose time is up.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::{TaskKind, Tasks};
use hearth_store::Change;
use tokio::sync::mpsc::Receiver;

use super::record::State;
use super::{Kms, ops};

/// After a read that failed.
const RETRY: Duration = Duration::from_secs(1);
/// Deletions are set for a day, not for a moment; until it is removed, a key whose time is up is
/// treated as gone.
const SWEEP: Duration = Duration::from_secs(600);

/// Runs for as long as `kms` lives. `watch` was begun before the keys were loaded, so that no change
/// falls between.
pub(super) fn start(kms: &Arc<Kms>, tasks: &Tasks, mut watch: Receiver<Change>) {
    let weak = Arc::downgrade(kms);
    tasks.spawn(TaskKind::Reconciler, "kms store follower", async move {
        loop {
            let change = watch.recv().await;
            let Some(kms) = Weak::upgrade(&weak) else { return };
            let _turn = kms.turn.lock().await;
            let done = match change {
                Some(change) => kms.ring.follow(&change.key.id).await,
                None => {
                    // Falling behind, the watch was closed: everything is read again.
                    watch = kms.ring.watch();
                    kms.ring.load().await
                }
            };
            if let Err(error) = done {
                tracing::warn!(%error, "changed keys could not be read, trying again in {RETRY:?}");
                tokio::time::sleep(RETRY).await;
                watch.close();
            }
        }
    });
    let weak = Arc::downgrade(kms);
    tasks.spawn(TaskKind::Reconciler, "kms key deletion", async move {
        while let Some(kms) = Weak::upgrade(&weak) {
            sweep(&kms).await;
            drop(kms);
            tokio::time::sleep(SWEEP).await;
        }
    });
}

/// Removes the keys whose time is up: what they encrypted is lost from here on.
pub(super) async fn sweep(kms: &Kms) {
    let _turn = kms.turn.lock().await;
    for (scope, key) in kms.ring.everywhere() {
        if !matches!(key.record.state, State::PendingDeletion { .. }) || !ops::is_gone(kms, &key) {
            continue;
        }
        match kms.ring.delete_key(&scope, &key).await {
            Ok(()) => tracing::info!(key = %key.arn, "deleted a key whose waiting period is over"),
            Err(error) => tracing::warn!(key = %key.arn, %error, "a key could not be deleted"),
        }
    }
}
