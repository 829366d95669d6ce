//! What every backend is held to. Tests alone use it.
//!
//! A backend's test makes a [`Subject`] and calls [`check`] with a way to make more; each case
//! gets a fresh one. A case fails by panicking.
#![allow(clippy::unwrap_used, clippy::missing_panics_doc)]

mod blobs;
mod documents;
mod queues;
mod watches;

use std::any::Any;
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use hearth_core::Clock;
use hearth_model::BoxFuture;

use crate::traits::{BlobId, Blobs, Documents, Expect, Key, Queues, Write};

/// Where the folders of stores go whose test is not about the disk: in memory, where the host has a place for that. The many
/// small writes of such a test would else wait for the disk each.
#[must_use]
pub fn folders() -> PathBuf {
    let memory = PathBuf::from("/dev/shm");
    if memory.is_dir() { memory } else { std::env::temp_dir() }
}

/// A fresh, empty store to try things on.
pub struct Subject {
    pub documents: Arc<dyn Documents>,
    pub queues: Arc<dyn Queues>,
    pub blobs: Arc<dyn Blobs>,
    /// The store's clock: a fixed one.
    pub clock: Clock,
    /// Spoils a stored blob behind the store's back.
    pub damage: Box<dyn Fn(BlobId) + Send + Sync>,
    /// Whatever has to live as long as the store (its folder).
    pub keep: Box<dyn Any + Send + Sync>,
}

impl Subject {
    /// A subject out of one value that offers everything.
    pub fn new<S>(store: S, clock: Clock, damage: impl Fn(BlobId) + Send + Sync + 'static) -> Self
    where
        S: Documents + Queues + Blobs,
    {
        let store = Arc::new(store);
        Self {
            documents: Arc::<S>::clone(&store),
            queues: Arc::<S>::clone(&store),
            blobs: store,
            clock,
            damage: Box::new(damage),
            keep: Box::new(()),
        }
    }
}

type Case = fn(Subject) -> BoxFuture<'static, ()>;

macro_rules! cases {
    ($($module:ident :: $name:ident),* $(,)?) => {
        &[$((concat!(stringify!($module), "::", stringify!($name)), |subject| Box::pin($module::$name(subject)))),*]
    };
}

/// Every case with its name.
const CASES: &[(&str, Case)] = cases![
    documents::what_is_put_is_got,
    documents::expectations_hold_or_refuse,
    documents::a_refused_batch_leaves_nothing,
    documents::a_batch_sees_its_own_writes,
    documents::versions_rise_and_are_never_reused,
    documents::scans_are_in_order_and_by_prefix,
    documents::scans_go_on_where_they_stopped,
    documents::collections_do_not_mix,
    documents::any_id_and_any_body_will_do,
    documents::of_many_swappers_one_wins_each_round,
    documents::empty_batches_do_nothing,
    watches::changes_come_in_order,
    watches::refused_batches_are_not_told,
    watches::who_falls_behind_is_closed,
    watches::watchers_who_left_are_forgotten,
    queues::first_due_first_out,
    queues::delays_are_waited_for,
    queues::leases_run_out_and_are_counted,
    queues::a_lease_taken_by_another_is_void,
    queues::an_expired_lease_holds_until_it_is_taken,
    queues::completed_items_are_gone,
    queues::released_items_come_back,
    queues::extended_leases_hold_longer,
    queues::held_from_the_first_moment,
    queues::replaced_items_come_back_with_another_body,
    queues::the_next_due_time_is_told,
    queues::queues_are_found_by_prefix,
    queues::leases_of_the_gone_are_ended,
    queues::queues_do_not_mix,
    queues::work_is_enqueued_with_its_batch_or_not_at_all,
    queues::no_item_goes_to_two_holders,
    queues::absurd_times_do_not_overflow,
    blobs::the_same_bytes_are_one_blob,
    blobs::deleted_blobs_are_gone,
    blobs::damage_is_noticed_and_healed,
    blobs::large_and_empty_blobs_will_do,
];

/// Runs every case on a subject of its own.
pub async fn check<F, M>(make: M)
where
    M: Fn() -> F,
    F: Future<Output = Subject>,
{
    for (name, case) in CASES {
        tracing::info!(name, "conformance case");
        let subject = make().await;
        // In a task of its own, so that a failure can be given its name.
        if let Err(failed) = tokio::task::spawn(case(subject)).await {
            panic!("conformance case {name} failed: {failed}");
        }
    }
}

fn put(collection: &'static str, id: &str, body: &'static str, expect: Expect) -> Write {
    Write::Put {
        key: Key::new(collection, id),
        body: Bytes::from_static(body.as_bytes()),
        expect,
    }
}

fn delete(collection: &'static str, id: &str, expect: Expect) -> Write {
    Write::Delete {
        key: Key::new(collection, id),
        expect,
    }
}

/// The body of a document as text; `None` when it is not there.
async fn body(subject: &Subject, collection: &'static str, id: &str) -> Option<String> {
    let document = subject.documents.get(Key::new(collection, id)).await.unwrap()?;
    Some(String::from_utf8(document.body.to_vec()).unwrap())
}
