//! Makes verdicts come true, in the store and at destinations.
//!
//! The store is asked until it does as asked or the server stops: then the event stays held, and is
//! run again after the next start. It may run once too often so, and never too seldom.

use std::sync::Arc;
use std::time::Duration;

use hearth_model::{BoxFuture, Dispatch, DispatchError, EventPolicy};
use hearth_store::{Lease, StoreError};

use crate::api::record;
use crate::door::Held;
use crate::engine::Shared;
use crate::key::LaneKey;
use crate::verdict::{Condition, Fate};

/// A destination that fails so often in a row does not get this one.
const DISPATCHES_MAX: u32 = 6;

/// Where an event is now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    Gone,
    /// In the store, due in so long.
    Stored(Duration),
}

/// Tells the destinations of an event that has come to its end, and forgets it.
pub(crate) async fn end(
    shared: Arc<Shared>,
    key: Arc<LaneKey>,
    held: Held,
    policy: EventPolicy,
    fate: Fate,
) -> Settled {
    let request_id = &held.event.head.request_id;
    if !matches!(fate.condition, Condition::Success) {
        let (function, attempts) = (key.arn(), held.event.head.attempts);
        tracing::warn!(function, request_id, condition = ?fate.condition, attempts, "an event was given up");
    }
    for dispatch in record::dispatches(&key, &held.event, &fate, &policy, &shared.clock) {
        if !deliver(&shared, dispatch).await {
            return Settled::Stored(shared.timing.lease);
        }
    }
    forget(shared, held.lease).await
}

/// Removes an event.
pub(crate) async fn forget(shared: Arc<Shared>, lease: Lease) -> Settled {
    match insist(&shared, || shared.queues.complete(lease.clone())).await {
        Some(_) => Settled::Gone,
        None => Settled::Stored(shared.timing.lease),
    }
}

/// Gives an event back for another run, with what is known of it now.
pub(crate) async fn again(shared: Arc<Shared>, held: Held, delay: Duration) -> Settled {
    let body = held.event.encode();
    let replaced =
        insist(&shared, || shared.queues.replace(held.lease.clone(), body.clone(), milliseconds(delay))).await;
    Settled::Stored(if replaced.is_some() { delay } else { shared.timing.lease })
}

/// Gives an event back as it was taken.
pub(crate) async fn release(shared: Arc<Shared>, lease: Lease, delay: Duration) -> Settled {
    let released = insist(&shared, || shared.queues.release(lease.clone(), milliseconds(delay))).await;
    Settled::Stored(if released.is_some() { delay } else { shared.timing.lease })
}

/// Asks the store until it has done it. `None` when the server stops first.
async fn insist<'s, T>(shared: &Shared, ask: impl Fn() -> BoxFuture<'s, Result<T, StoreError>>) -> Option<T> {
    let mut failures = 0;
    loop {
        match ask().await {
            Ok(done) => return Some(done),
            Err(StoreError::Closed) => return None,
            Err(error) => {
                failures += 1;
                tracing::error!(%error, failures, "the store failed over an event; it is asked again");
            }
        }
        if !rest(shared, failures).await {
            return None;
        }
    }
}

/// `false` when the server stops before it is decided whether the destination has it.
async fn deliver(shared: &Shared, dispatch: Dispatch) -> bool {
    let mut failures = 0;
    loop {
        let (target, request_id) = (&dispatch.target, &dispatch.request_id);
        match shared.destinations.dispatch(dispatch.clone()).await {
            Ok(()) => return true,
            Err(DispatchError::Refused(cause)) => {
                tracing::warn!(target, request_id, cause, "a destination did not take the record of an event");
                return true;
            }
            Err(DispatchError::Failed(cause)) => {
                failures += 1;
                tracing::warn!(target, request_id, cause, failures, "a destination failed");
            }
        }
        if failures >= DISPATCHES_MAX {
            return true;
        }
        if !rest(shared, failures).await {
            return false;
        }
    }
}

/// `false` when the server stops.
async fn rest(shared: &Shared, failures: u32) -> bool {
    tokio::select! {
        biased;
        () = shared.shutdown.started() => false,
        () = tokio::time::sleep(shared.timing.backoff(failures)) => true,
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
