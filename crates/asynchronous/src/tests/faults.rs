//! The store fails or the server dies at every step there is: each event that was accepted is run.

use hearth_store::faults::{Call, Fault};

use super::*;

#[tokio::test(start_paused = true)]
async fn an_event_that_was_not_written_is_refused() {
    let world = World::new(|_, _| succeeds());
    world.faults.plan(Call::EnqueueHeld, 1, Fault::FailBefore);
    assert!(matches!(world.accept("f", "r").await, Err(InvokeError::NotWritten(_))));
    world.pass(2_000).await;
    assert!(world.runs("r").is_empty());
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn an_event_that_was_written_all_the_same_is_run_once_its_lease_ends() {
    let world = World::new(|_, _| succeeds());
    world.faults.plan(Call::EnqueueHeld, 1, Fault::FailAfter);
    assert!(world.accept("f", "r").await.is_err());
    world.pass(301_000).await;
    assert_eq!(world.runs("r").len(), 1);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_for_a_while_loses_nothing() {
    for call in [Call::Complete, Call::Replace, Call::Release, Call::Lease, Call::NextDue, Call::Enqueue, Call::Any] {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            let world = World::new(|invocation, nth| match (invocation.request_id.as_str(), nth) {
                ("f-1", 0) => fails(),
                ("f-2", 0) => throttled(),
                _ => succeeds(),
            });
            let mut accepted = Vec::new();
            for id in 0..150 {
                if id == 50 {
                    for nth in 1..=3 {
                        world.faults.plan(call, nth, fault);
                    }
                }
                let id = format!("f-{id}");
                if world.accept("f", &id).await.is_ok() {
                    accepted.push(id);
                }
            }
            world.pass_roughly(400_000).await;
            assert!(accepted.len() >= 147, "{call:?} {fault:?}");
            for id in accepted {
                assert!(!world.runs(&id).is_empty(), "{call:?} {fault:?}: {id} is lost");
            }
            world.assert_quiet().await;
        }
    }
}

/// Every call of the store in turn is the last one before the server dies.
#[tokio::test(start_paused = true)]
async fn an_accepted_event_outlives_a_crash_at_any_step() {
    for crash in 1..45 {
        for fault in [Fault::CrashBefore, Fault::CrashAfter] {
            let script = |invocation: &Invocation, nth: usize| match (invocation.request_id.as_str(), nth) {
                ("f-1", 0) => fails(),
                ("f-2", 0) => throttled(),
                _ => succeeds(),
            };
            let world = World::new(script);
            world.faults.plan(Call::Any, crash, fault);
            let mut accepted = Vec::new();
            for id in 0..8 {
                let id = format!("f-{id}");
                if world.accept("f", &id).await.is_ok() {
                    accepted.push(id);
                }
            }
            world.pass_roughly(70_000).await;
            // The dead server's tasks do nothing any more.
            world.shutdown.start();
            world.pass(10).await;
            let again = World::over(world.store.clone(), world.clock.clone(), script);
            again.engine.begin().await.unwrap();
            again.pass_roughly(200_000).await;
            for id in accepted {
                let runs = world.runs(&id).len() + again.runs(&id).len();
                assert!(runs > 0, "{id} is lost after a crash at call {crash} ({fault:?})");
            }
            again.assert_quiet().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_the_rest_for_the_next_start() {
    let world = World::new(|_, _| succeeds().after(100));
    world.accept_all("f", 0..50).await;
    world.pass(10).await;
    let begun = world.stage.runs.lock().len();
    world.shutdown.start();
    world.accept("f", "late").await.unwrap();
    assert!(world.tasks.drain(Duration::from_millis(200)).await, "what runs is awaited, and no more");
    assert_eq!(world.stage.runs.lock().len(), begun);
    assert_eq!(world.stored("f").await, 51 - begun as u64);
    let again = World::over(world.store.clone(), world.clock.clone(), |_, _| succeeds());
    again.engine.begin().await.unwrap();
    again.pass(10).await;
    assert_eq!(again.runs_of("f").len(), 51 - begun);
    again.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_left_alone() {
    let world = World::new(|_, _| succeeds());
    let queue = Queue("event/000000000000/us-east-1/f/".to_owned());
    world.store.enqueue(queue, Bytes::from_static(b"nonsense"), 0).await.unwrap();
    world.store.enqueue(Queue("event/else".to_owned()), Bytes::new(), 0).await.unwrap();
    world.engine.begin().await.unwrap();
    world.accept("f", "r").await.unwrap();
    world.pass(10).await;
    assert_eq!(world.runs("r").len(), 1);
    assert_eq!(world.stored("f").await, 1);
    world.shutdown.start();
}
