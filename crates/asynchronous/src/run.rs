//! One run of one event.

use std::sync::Arc;
use std::time::Duration;

use hearth_model::EventPolicy;
use tokio::time::Instant;

use crate::door::Held;
use crate::engine::Shared;
use crate::key::LaneKey;
use crate::verdict::{self, Verdict};

/// An event after a run, or after one that did not take place.
pub(crate) struct Ran {
    pub(crate) held: Held,
    pub(crate) policy: EventPolicy,
    pub(crate) verdict: Verdict,
    pub(crate) took: Duration,
}

/// Runs an event, and holds on to it as long as that takes.
pub(crate) async fn run(shared: Arc<Shared>, key: Arc<LaneKey>, mut held: Held, policy: EventPolicy) -> Ran {
    let began = Instant::now();
    let result = {
        let mut call = shared.invoke.invoke(held.event.invocation(&key));
        loop {
            tokio::select! {
                biased;
                result = &mut call => break result,
                () = tokio::time::sleep(shared.timing.lease / 2) => hold_on(&shared, &held).await,
            }
        }
    };
    let verdict = verdict::after(&mut held.event, result, &policy, &shared.timing, shared.clock.now_ms());
    Ran {
        held,
        policy,
        verdict,
        took: began.elapsed(),
    }
}

async fn hold_on(shared: &Shared, held: &Held) {
    let request_id = &held.event.head.request_id;
    match shared.queues.extend(held.lease.clone(), shared.timing.lease_ms()).await {
        Ok(true) => {}
        // It runs on: at least once is what was promised.
        Ok(false) => tracing::warn!(request_id, "an event that still runs was taken by another server"),
        Err(error) => tracing::warn!(request_id, %error, "failed to hold on to an event that runs"),
    }
}
