//! Many events: none is lost, none holds up another's, memory has a bound.

use std::sync::atomic::Ordering;

use super::*;

#[tokio::test(start_paused = true)]
async fn more_than_memory_takes_go_through_the_store() {
    let world = World::new(|_, _| succeeds().after(1));
    world.accept_all("f", 0..500).await;
    assert!(world.stored("f").await > 300, "the lane has taken only so many");
    world.pass(3_000).await;
    let runs = world.runs_of("f");
    assert_eq!(runs.len(), 500);
    assert!(runs.values().all(|times| *times == 1));
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_fails_or_is_throttled_holds_up_no_other() {
    let world = World::new(|invocation, _| match invocation.function.name.as_str() {
        "broken" => fails(),
        "full" => throttled(),
        "slow" => succeeds().after(60_000),
        _ => succeeds(),
    });
    for name in ["broken", "full", "slow"] {
        world.accept_all(name, 0..300).await;
    }
    world.pass(100).await;
    let begun = world.clock.now_ms();
    world.accept("well", "r").await.unwrap();
    world.pass(1).await;
    assert_eq!(world.runs("r"), [begun - 1_000_000]);
    world.shutdown.start();
}

#[tokio::test(start_paused = true)]
async fn a_throttled_lane_is_probed_and_not_beaten() {
    let world = World::new(|_, _| throttled());
    world.accept_all("f", 0..600).await;
    world.pass(100_000).await;
    // 1 s, 2 s, 4 s ... and the few places at the beginning.
    let tries: usize = world.runs_of("f").values().sum();
    assert!(tries <= 16, "{tries} tries");
    assert_eq!(world.stored("f").await, 600);
    world.shutdown.start();
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_function_ends_the_wait() {
    let world = World::new(|_, nth| if nth < 6 { throttled() } else { succeeds() });
    world.accept("f", "r").await.unwrap();
    world.pass(40_000).await;
    assert_eq!(world.runs("r").len(), 6, "the next try is at 63 s");
    world.engine.function_changed(&key("other"));
    world.pass(10).await;
    assert_eq!(world.runs("r").len(), 6);
    world.engine.function_changed(&key("f"));
    world.pass(10).await;
    assert_eq!(world.runs("r").len(), 7);
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn as_many_run_as_there_is_room_for() {
    // Room for two.
    let running = Arc::new(Mutex::new(0_u32));
    let counted = Arc::clone(&running);
    let world = World::new(move |_, _| {
        let mut running = counted.lock();
        if *running == 2 {
            return throttled();
        }
        *running += 1;
        let counted = Arc::clone(&counted);
        // The permit comes back when the run is over.
        tokio::task::spawn(async move {
            tokio::time::sleep(Duration::from_millis(10)).await;
            *counted.lock() -= 1;
        });
        succeeds().after(10)
    });
    world.accept_all("f", 0..400).await;
    world.pass(4_000).await;
    assert_eq!(world.runs_of("f").len(), 400, "two at a time, 10 ms each: 2 s");
    let tries: usize = world.runs_of("f").values().sum();
    assert!(tries <= 440, "{tries} tries for 400 runs");
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn slow_functions_get_more_places() {
    let world = World::new(|_, _| succeeds().after(10_000));
    world.accept_all("f", 0..500).await;
    world.pass(60_000).await;
    assert_eq!(world.runs_of("f").len(), 500);
    let most = *world.stage.most_running.lock();
    assert!((100..=500).contains(&most), "{most} at once");
    world.assert_quiet().await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_hours_is_run_once() {
    // Room for four, each for longer than a lease: what waits in memory goes back to the store.
    let running = Arc::new(Mutex::new(0_u32));
    let counted = Arc::clone(&running);
    let world = World::new(move |_, _| {
        let mut running = counted.lock();
        if *running == 4 {
            return throttled();
        }
        *running += 1;
        let counted = Arc::clone(&counted);
        tokio::task::spawn(async move {
            tokio::time::sleep(Duration::from_secs(400)).await;
            *counted.lock() -= 1;
        });
        succeeds().after(400_000)
    });
    world.accept_all("f", 0..40).await;
    world.pass_roughly(6_000_000).await;
    let runs = world.runs_of("f");
    assert_eq!(runs.len(), 40);
    // Beside the runs, what was tried in vain.
    let done = world.stage.done.load(Ordering::Relaxed);
    assert_eq!(done, 40, "{runs:?}");
    world.assert_quiet().await;
}
