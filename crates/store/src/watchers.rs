//! Who is told of changes. Shared by the backends that live in this process.

use std::collections::HashMap;

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::traits::{Change, WATCH_CAPACITY};

#[derive(Debug, Default)]
pub(crate) struct Watchers {
    by_collection: Mutex<Senders>,
}

/// By collection; `None` once the store is closed.
#[derive(Debug)]
struct Senders(Option<HashMap<&'static str, Vec<mpsc::Sender<Change>>>>);

impl Default for Senders {
    fn default() -> Self {
        Self(Some(HashMap::new()))
    }
}

impl Watchers {
    pub(crate) fn add(&self, collection: &'static str) -> mpsc::Receiver<Change> {
        let (sender, receiver) = mpsc::channel(WATCH_CAPACITY);
        if let Senders(Some(by_collection)) = &mut *self.by_collection.lock() {
            let senders = by_collection.entry(collection).or_default();
            senders.retain(|sender| !sender.is_closed());
            senders.push(sender);
        }
        receiver
    }

    /// Tells everyone who watches. Never waits: who has no room left is closed.
    pub(crate) fn publish(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        let Senders(Some(by_collection)) = &mut *self.by_collection.lock() else {
            return;
        };
        for change in changes {
            if let Some(senders) = by_collection.get_mut(change.key.collection) {
                senders.retain(|sender| sender.try_send(change.clone()).is_ok());
            }
        }
    }

    /// Closes every watcher, those to come too: nothing will change any more.
    pub(crate) fn close(&self) {
        *self.by_collection.lock() = Senders(None);
    }
}
