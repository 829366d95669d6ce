//! Keeps the snapshot in step with the store when another process changes a function.
//!
//! Changes of this process arrive here, too, after they were shown, and are then old news.

use std::collections::HashSet;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_model::FunctionKey;

use crate::Lambda;
use crate::db::Watch;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::tasks::activation;

/// After a read that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Runs for as long as the control plane lives. `watch` was begun before the functions were
/// loaded, so that no change falls between.
pub(crate) fn start(lambda: &Arc<Lambda>, watch: Watch) {
    let weak = Arc::downgrade(lambda);
    lambda.tasks.spawn(TaskKind::Reconciler, "lambda store follower", async move {
        let mut watch = watch;
        loop {
            let change = watch.next().await;
            let Some(lambda) = Weak::upgrade(&weak) else {
                return;
            };
            match change {
                Some((key, version)) => follow(&lambda, &key, version).await,
                None => watch = resume(&lambda).await,
            }
        }
    });
}

async fn follow(lambda: &Arc<Lambda>, key: &FunctionKey, version: Option<u64>) {
    let shown = lambda.functions.get(key).map(|entry| entry.version);
    let is_news = match (shown, version) {
        (Some(shown), Some(version)) => version > shown,
        (shown, version) => shown.is_some() != version.is_some(),
    };
    if !is_news {
        return;
    }
    // What the store has now counts, not what the change said: it may be overtaken already.
    match lambda.functions.refresh(key).await {
        Ok(Some(entry)) => prepare(lambda, &entry),
        Ok(None) => {}
        Err(error) => tracing::warn!(function = %key.name, %error, "a changed function could not be read"),
    }
}

/// Its files are wanted here. And should the process that began the change be gone, this one ends
/// it; if it is not, one of the two finds that nothing is left to do.
fn prepare(lambda: &Arc<Lambda>, entry: &Entry) {
    if entry.lacks_code() || entry.record.is_in_transition() {
        activation::start(lambda, &entry.key);
    }
}

/// Falling behind, the watch was closed: everything is read again.
async fn resume(lambda: &Arc<Lambda>) -> Watch {
    loop {
        let watch = lambda.db.watch();
        match read_all(lambda).await {
            Ok(()) => return watch,
            Err(error) => {
                tracing::warn!(%error, "the functions could not be read again, trying in {RETRY:?}");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

async fn read_all(lambda: &Arc<Lambda>) -> Result<(), Error> {
    let stored = lambda.db.load().await?;
    let mut keys: HashSet<_> = lambda.functions.snapshot.all().iter().map(|entry| entry.key.clone()).collect();
    keys.extend(stored.into_iter().map(|stored| stored.key));
    for key in keys {
        if let Some(entry) = lambda.functions.refresh(&key).await? {
            prepare(lambda, &entry);
        }
    }
    Ok(())
}
