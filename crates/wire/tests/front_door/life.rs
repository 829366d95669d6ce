//! Connections: reuse, pipelining, clients that leave, the end of the server.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::world::World;

#[tokio::test]
async fn requests_can_be_pipelined() {
    let world = World::open().await;
    let mut client = world.connect().await;
    let one = "GET /2015-03-31/functions/a HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let two = one.replace("functions/a", "functions/b");
    client.raw(format!("{one}{two}").as_bytes()).await;
    for name in ["a", "b"] {
        let answer = client.answer().await.expect("an answer");
        assert!(answer.body.starts_with(&format!("GetFunction [FunctionName={name}]")), "{}", answer.body);
    }
}

#[tokio::test]
async fn a_client_that_leaves_drops_its_handler() {
    let world = World::open().await;
    let mut client = world.connect().await;
    client.send("POST", "/2015-03-31/wait", &[], b"").await;
    world.seen.entered.notified().await;
    drop(client);
    world.seen.release.notified().await;
    assert!(world.seen.dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn the_end_waits_for_the_request_at_hand_and_closes_idle_connections() {
    let world = World::open().await;
    let mut idle = world.connect().await;
    idle.send("GET", "/_hearth/health", &[], b"").await;
    assert!(idle.answer().await.is_some());
    let mut at_work = world.connect().await;
    at_work.send("POST", "/2015-03-31/wait", &[], b"").await;
    world.seen.entered.notified().await;

    world.shutdown.start();
    idle.closed().await;
    assert_eq!(world.tasks.awaited_count(), 1);
    world.seen.release.notify_one();
    let answer = at_work.answer().await.expect("an answer");
    assert_eq!((answer.status, answer.header("connection")), (200, "close"));
    at_work.closed().await;
    assert!(world.tasks.drain(Duration::from_secs(5)).await);
}
