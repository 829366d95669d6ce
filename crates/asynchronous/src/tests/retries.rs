//! One event: when it runs, when it runs again, and what is told of it.

use super::*;

#[tokio::test(start_paused = true)]
async fn an_event_runs_at_once_and_leaves_nothing() {
    let world = World::new(|_, _| succeeds());
    let accepted = world.accept("f", "r").await.unwrap();
    assert!(accepted.trace_header.starts_with("Root=1-"), "{}", accepted.trace_header);
    world.pass(1).await;
    assert_eq!(world.runs("r").len(), 1);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_refused() {
    let world = World::new(|_, _| succeeds());
    assert!(matches!(world.accept("absent", "r").await, Err(InvokeError::NotFound { .. })));
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn failures_are_tried_again_after_one_minute_and_two() {
    let world = World::new(|_, _| fails());
    world.send_to_all();
    world.accept("f", "r").await.unwrap();
    world.pass(200_000).await;
    let runs = world.runs("r");
    assert_eq!(runs.len(), 3);
    assert!((60_000..60_300).contains(&runs[1]), "{runs:?}");
    assert!((120_000..120_300).contains(&(runs[2] - runs[1])), "{runs:?}");
    let sent = world.sent();
    assert_eq!(sent, [("failure".into(), "RetriesExhausted".into()), ("letter".into(), String::new())]);
    let record: Value = serde_json::from_slice(&world.stage.sent.lock()[0].body).unwrap();
    assert_eq!(record["requestContext"]["requestId"], "r");
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_succeeds_is_a_success() {
    let world = World::new(|_, nth| if nth == 0 { fails() } else { succeeds() });
    world.send_to_all();
    world.accept("f", "r").await.unwrap();
    world.pass(61_000).await;
    assert_eq!(world.sent(), [("success".to_owned(), "Success".to_owned())]);
    let sent = world.stage.sent.lock()[0].clone();
    assert_eq!(sent.trace_header.as_deref(), Some("Root=1;Lineage=1"), "what follows belongs to the chain");
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn the_policy_is_the_one_of_the_run() {
    let world = World::new(|_, _| fails());
    world.accept("f", "r").await.unwrap();
    world.pass(10).await;
    world.send_to_all();
    world.stage.policy.lock().retries_max = 1;
    world.pass(70_000).await;
    assert_eq!(world.runs("r").len(), 2);
    assert_eq!(world.sent()[0].1, "RetriesExhausted");
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn throttles_are_waited_out_longer_and_longer_and_count_as_nothing() {
    let world = World::new(|_, nth| if nth < 5 { throttled() } else { fails() });
    world.send_to_all();
    world.accept("f", "r").await.unwrap();
    world.pass(300_000).await;
    let runs = world.runs("r");
    let seconds: Vec<i64> = runs.windows(2).map(|pair| (pair[1] - pair[0] + 500) / 1_000).collect();
    assert_eq!(seconds, [1, 2, 4, 8, 16, 60, 120]);
    let record: Value = serde_json::from_slice(&world.stage.sent.lock()[0].body).unwrap();
    assert_eq!(record["requestContext"]["approximateInvokeCount"], 3);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_throttled_event_is_given_up_at_its_age() {
    let world = World::new(|_, _| throttled());
    world.send_to_all();
    world.stage.policy.lock().age_max_s = 60;
    world.accept("f", "r").await.unwrap();
    world.pass(59_000).await;
    assert!(world.sent().is_empty());
    world.pass(3_000).await;
    assert_eq!(world.sent()[0], ("failure".to_owned(), "EventAgeExceeded".to_owned()));
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_switched_off_is_not_run() {
    let world = World::new(|_, _| succeeds());
    world.send_to_all();
    *world.stage.reserved.lock() = Some(0);
    world.accept("f", "r").await.unwrap();
    world.pass(1).await;
    assert!(world.runs("r").is_empty());
    assert_eq!(world.sent()[0], ("failure".to_owned(), "ZeroReservedConcurrency".to_owned()));
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn loops_and_lost_functions_end_events() {
    let world = World::new(|invocation, _| match invocation.request_id.as_str() {
        "loop" => refuses(InvokeError::Recursive),
        _ => refuses(InvokeError::NotFound { arn: String::new() }),
    });
    world.send_to_all();
    world.accept("f", "loop").await.unwrap();
    world.accept("f", "lost").await.unwrap();
    world.pass(1).await;
    assert_eq!(
        world.sent(),
        [("failure".to_owned(), "RecursiveInvocation".to_owned()), ("letter".to_owned(), String::new())]
    );
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn failures_of_the_host_hold_up_one_event_and_count_as_nothing() {
    let world = World::new(|invocation, nth| match (invocation.request_id.as_str(), nth) {
        ("ill", 0 | 1) => refuses(InvokeError::Sandbox("no memory".to_owned())),
        _ => succeeds(),
    });
    world.accept("f", "ill").await.unwrap();
    world.accept("f", "well").await.unwrap();
    world.pass(1).await;
    assert_eq!((world.runs("ill").len(), world.runs("well").len()), (1, 1));
    world.pass(4_000).await;
    assert_eq!(world.runs("ill").len(), 3);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn destinations_that_fail_are_asked_again_and_those_that_refuse_are_not() {
    let world = World::new(|_, _| succeeds());
    world.send_to_all();
    *world.stage.dispatch_failures.lock() = vec![DispatchError::Failed("busy".to_owned())];
    world.accept("f", "r").await.unwrap();
    world.pass(1_100).await;
    assert_eq!(world.sent().len(), 1);
    *world.stage.dispatch_failures.lock() = vec![DispatchError::Refused("gone".to_owned())];
    world.accept("f", "s").await.unwrap();
    world.pass(1_100).await;
    assert_eq!((world.sent().len(), world.runs("s").len()), (1, 1));
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_run_is_held_on_to() {
    let world = World::new(|_, _| succeeds().after(900_000));
    world.accept("f", "r").await.unwrap();
    world.pass(901_000).await;
    assert_eq!(world.runs("r").len(), 1, "no lease ran out");
    world.assert_quiet().await;
}
