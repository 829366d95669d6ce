//! Keeps the keys in memory in step with the store when another process changes a user.
//!
//! Changes of this process arrive here too, after they were shown, and change nothing then.

use std::sync::{Arc, Weak};
use std::time::Duration;

use hearth_core::{TaskKind, Tasks};
use hearth_store::{Change, StoreError};
use tokio::sync::mpsc::Receiver;

use crate::Iam;
use crate::db;
use crate::record::{Own, User, UserOwn};

/// After a read that failed.
const RETRY: Duration = Duration::from_secs(1);

/// Runs for as long as `iam` lives. `watch` was begun before the users were loaded, so that no
/// change falls between.
pub(crate) fn start(iam: &Arc<Iam>, tasks: &Tasks, mut watch: Receiver<Change>) {
    let weak = Arc::downgrade(iam);
    tasks.spawn(TaskKind::Reconciler, "iam store follower", async move {
        loop {
            let change = watch.recv().await;
            let Some(iam) = Weak::upgrade(&weak) else { return };
            let done = match change {
                Some(change) => follow(&iam, &change.key.id).await,
                None => {
                    // Falling behind, the watch was closed: everything is read again.
                    watch = iam.db.watch();
                    iam.load().await
                }
            };
            if let Err(error) = done {
                tracing::warn!(%error, "changed users could not be read, trying again in {RETRY:?}");
                tokio::time::sleep(RETRY).await;
                watch.close();
            }
        }
    });
}

/// What the store has now counts, not what the change said: it may be overtaken already.
async fn follow(iam: &Iam, id: &str) -> Result<(), StoreError> {
    let Some((account, UserOwn::KIND, name)) = db::parse_id(id) else { return Ok(()) };
    let _turn = iam.users.lock().await;
    let user = iam.db.get_any_case::<User>(&account, name).await?;
    iam.directory.show(&account, name, user.as_ref().map(|stored| &stored.record));
    Ok(())
}

#[cfg(test)]
mod tests {
    use hearth_model::{AccessKeys, AccountId, KeyRefusal};

    use crate::ops::{entity, user};
    use crate::record::UserOwn;
    use crate::{Iam, Mode, testing};

    #[tokio::test]
    async fn keys_that_another_process_makes_and_ends_are_known_here() {
        let (store, account) = (testing::store(), AccountId::fallback());
        let ours = Iam::open(testing::options(Mode::Enforce, &store)).await.unwrap();
        let theirs = Iam::open(testing::options(Mode::Enforce, &store)).await.unwrap();
        entity::create::<UserOwn>(&theirs, &account, testing::user("bob")).await.unwrap();
        let (key, secret) = user::create_key(&theirs, &account, "bob").await.unwrap();
        until(|| ours.find(&key.id, None).is_ok()).await;
        let (identity, found) = ours.find(&key.id, None).unwrap();
        assert_eq!((identity.arn.as_str(), found), ("arn:aws:iam::000000000000:user/bob", Some(secret)));
        user::update_key(&theirs, &account, "bob", &key.id, false).await.unwrap();
        until(|| ours.find(&key.id, None) == Err(KeyRefusal::Unknown)).await;
        let later = Iam::open(testing::options(Mode::Enforce, &store)).await.unwrap();
        assert_eq!(later.find(&key.id, None), Err(KeyRefusal::Unknown));
        user::update_key(&theirs, &account, "bob", &key.id, true).await.unwrap();
        until(|| later.find(&key.id, None).is_ok()).await;
    }

    /// The followers are tasks of the same thread: they get their turn at each yield.
    async fn until(holds: impl Fn() -> bool) {
        let wait = async {
            while !holds() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(60), wait).await.unwrap();
    }
}
