//! A function that prints without end slows itself, and nobody else.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use common::{event, messages, open, stream};

/// As much as the whole group may have in flight, several times over.
const FLOOD_STREAMS: usize = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_get_through_a_flood() {
    let dir = tempfile::tempdir().unwrap();
    let observe = Arc::new(open(dir.path()));
    let flooded = Arc::new(AtomicU64::new(0));
    let floods: Vec<_> = (0..FLOOD_STREAMS)
        .map(|number| {
            let (sink, flooded) = (observe.sink(), Arc::clone(&flooded));
            tokio::spawn(async move {
                let stream = stream("flood", &number.to_string());
                loop {
                    let lines = (0..100).map(|at| event(at, "x".repeat(1000))).collect();
                    sink.append(Arc::clone(&stream), lines).await;
                    flooded.fetch_add(100, Ordering::Relaxed);
                }
            })
        })
        .collect();
    let sink = observe.sink();
    for number in 0..100 {
        sink.append(stream("calm", "s"), vec![event(number, number.to_string())]).await;
        // A reader, too, gets what it asks for while the flood goes on.
        if number % 25 == 24 {
            assert_eq!(messages(&observe, "calm", "s").await.len() as i64, number + 1);
        }
    }
    assert!(floods.iter().all(|flood| !flood.is_finished()), "the flood goes on all the while");
    // Their end is waited for while the log store is open: after its close no append waits, and what never waits is never
    // aborted.
    for flood in floods {
        flood.abort();
        assert!(flood.await.is_err_and(|end| end.is_cancelled()));
    }
    let expected: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    assert_eq!(messages(&observe, "calm", "s").await, expected);
    assert!(flooded.load(Ordering::Relaxed) > 0, "and is written as fast as there is room");
}
