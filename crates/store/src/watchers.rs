//! Who is told of changes. Shared by the backends that live in this process.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::traits::{Change, WATCH_CAPACITY};

#[derive(Debug, Default)]
pub(crate) struct Watchers {
    by_collection: Mutex<HashMap<&'static str, Vec<mpsc::Sender<Change>>>>,
}

impl Watchers {
    pub(crate) fn add(&self, collection: &'static str) -> mpsc::Receiver<Change> {
        let (sender, receiver) = mpsc::channel(WATCH_CAPACITY);
        let mut by_collection = self.by_collection.lock();
        let senders = by_collection.entry(collection).or_default();
        senders.retain(|sender| !sender.is_closed());
        senders.push(sender);
        receiver
    }

    /// Tells everyone who watches. Never waits: who has no room left is closed.
    pub(crate) fn publish(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let mut by_collection = self.by_collection.lock();
        for change in changes {
            if let Some(senders) = by_collection.get_mut(change.key.collection) {
                senders.retain(|sender| sender.try_send(change.clone()).is_ok());
            }
        }
    }

    /// Closes every watcher: the store is closing.
    pub(crate) fn close(&self) {
        self.by_collection.lock().clear();
    }
}
