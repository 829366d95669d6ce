//! Answers that are sent while they are made.

use std::sync::atomic::Ordering;
use std::time::Duration;

use hearth_wire::server::Limits;
use hearth_wire::sigv4::Mode;

use crate::world::{Client, World};

const STREAM: &str = "/2015-03-31/stream";

async fn begin(world: &World, query: &str, headers: &[(&str, &str)]) -> Client {
    let mut client = world.connect().await;
    client.send("POST", &format!("{STREAM}{query}"), headers, b"").await;
    client
}

async fn head_and_first(client: &mut Client) {
    let head = client.answer().await.expect("a head");
    assert_eq!((head.status, head.header("transfer-encoding")), (200, "chunked"));
    assert_eq!(client.piece().await.as_deref(), Some("first"));
}

#[tokio::test]
async fn pieces_are_sent_as_they_come_and_the_connection_lives_on() {
    let world = World::open().await;
    let mut client = begin(&world, "?pieces=2", &[("origin", "https://app.example")]).await;
    let head = client.answer().await.expect("a head");
    assert_eq!(head.header("access-control-allow-origin"), "https://app.example");
    assert_eq!(head.header("x-amzn-requestid").len(), 36);
    assert_eq!(client.piece().await.as_deref(), Some("first"));
    for piece in ["piece 1", "piece 2", ""] {
        // Asked for only when the one before was sent: it cannot have been made earlier.
        world.seen.entered.notified().await;
        world.seen.release.notify_one();
        assert_eq!(client.piece().await.as_deref(), Some(piece));
    }
    client.send("GET", "/_hearth/health", &[], b"").await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(200));
}

#[tokio::test]
async fn head_sends_no_body_and_makes_none() {
    let world = World::open().await;
    let mut client = world.connect().await;
    client.send("HEAD", STREAM, &[], b"").await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(200));
    world.seen.release.notified().await;
    assert!(world.seen.dropped.load(Ordering::SeqCst));
    client.send("GET", "/_hearth/health", &[], b"").await;
    assert_eq!(client.answer().await.map(|answer| answer.body), Some("/_hearth/health".to_owned()));
}

#[tokio::test]
async fn a_client_that_leaves_drops_the_stream() {
    let world = World::open().await;
    let mut client = begin(&world, "", &[]).await;
    head_and_first(&mut client).await;
    world.seen.entered.notified().await;
    drop(client);
    world.seen.release.notified().await;
    assert!(world.seen.dropped.load(Ordering::SeqCst));
}

#[tokio::test]
async fn a_panic_breaks_the_answer_off_and_harms_nobody_else() {
    let world = World::open().await;
    let mut client = begin(&world, "?panic", &[]).await;
    head_and_first(&mut client).await;
    world.seen.release.notify_one();
    assert_eq!(client.piece().await, None);
    assert_eq!(world.ask("GET", "/_hearth/health", &[], b"").await.status, 200);
}

fn short() -> Limits {
    Limits {
        idle_time: Duration::from_millis(100),
        header_time: Duration::from_millis(100),
        ..Limits::default()
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_cut_off() {
    let world = World::with(Mode::Open, short()).await;
    let client = begin(&world, "?flood", &[]).await;
    world.seen.release.notified().await;
    assert!(world.seen.dropped.load(Ordering::SeqCst));
    drop(client);
}

#[tokio::test]
async fn a_stream_may_be_silent_for_longer_than_a_connection_may() {
    let world = World::with(Mode::Open, short()).await;
    let mut client = begin(&world, "?pieces=1", &[]).await;
    head_and_first(&mut client).await;
    // What is sent ahead is no head that is late.
    client.raw(b"GET ").await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.seen.release.notify_one();
    assert_eq!(client.piece().await.as_deref(), Some("piece 1"));
}

#[tokio::test]
async fn the_end_waits_for_a_stream_up_to_its_deadline() {
    let world = World::open().await;
    let mut client = begin(&world, "?pieces=1", &[]).await;
    head_and_first(&mut client).await;
    world.shutdown.start();
    world.seen.release.notify_one();
    assert_eq!(client.piece().await.as_deref(), Some("piece 1"));
    world.seen.release.notify_one();
    assert_eq!(client.piece().await.as_deref(), Some(""));
    client.closed().await;
    assert!(world.tasks.drain(Duration::from_secs(5)).await);

    let world = World::open().await;
    let mut client = begin(&world, "", &[]).await;
    head_and_first(&mut client).await;
    world.shutdown.start();
    assert!(!world.tasks.drain(Duration::from_millis(50)).await);
}

#[tokio::test]
async fn a_body_that_cannot_be_made_is_broken_off() {
    let world = World::open().await;
    let mut client = begin(&world, "?broken=1", &[]).await;
    head_and_first(&mut client).await;
    world.seen.release.notify_one();
    assert_eq!(client.piece().await, None, "no end that a client could take for the whole");
}
