//! Clients that send too much, too slowly, or not at all.

use std::time::Duration;

use hearth_wire::server::Limits;
use hearth_wire::sigv4::Mode;

use crate::world::{INVOKE_LIMIT, World};

const INVOKE: &str = "/2015-03-31/functions/f/invocations";

#[tokio::test]
async fn a_body_up_to_the_limit_is_taken_and_one_beyond_it_refused_as_lambda_does() {
    let world = World::open().await;
    assert_eq!(world.ask("POST", INVOKE, &[], &vec![b'x'; INVOKE_LIMIT]).await.status, 200);
    // Far beyond what socket buffers hold: the client gets to read the answer all the same.
    for size in [INVOKE_LIMIT + 1, 8 * 1024 * 1024] {
        let answer = world.ask("POST", INVOKE, &[], &vec![b'x'; size]).await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (413, "RequestEntityTooLargeException"));
        assert_eq!(
            answer.body,
            r#"{"Message":"Request must be smaller than 65536 bytes for the InvokeFunction operation"}"#
        );
    }
}

#[tokio::test]
async fn a_chunked_body_is_bounded_too() {
    let world = World::open().await;
    let mut client = world.connect().await;
    let head = format!("POST {INVOKE} HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n\r\n");
    client.raw(head.as_bytes()).await;
    let chunk = [b"8000\r\n".as_slice(), &[b'x'; 0x8000], b"\r\n"].concat();
    for _ in 0..3 {
        client.raw(&chunk).await;
    }
    client.raw(b"0\r\n\r\n").await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(413));
}

#[tokio::test]
async fn expect_continue_is_answered_before_the_body() {
    let world = World::open().await;
    let mut client = world.connect().await;
    let head = |length| {
        format!("POST {INVOKE} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: {length}\r\n\r\n")
    };
    client.raw(head(2).as_bytes()).await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(100));
    client.raw(b"{}").await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(200));
    // A refusal needs no body to be sent.
    client.raw(head(10_000_000).as_bytes()).await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(413));
}

#[tokio::test]
async fn header_floods_are_refused() {
    let world = World::open().await;
    let many: String = (0..200).map(|at| format!("h{at}: v\r\n")).collect();
    let large = format!("h: {}\r\n", "v".repeat(100 * 1024));
    for headers in [many, large] {
        let mut client = world.connect().await;
        client.raw(format!("GET / HTTP/1.1\r\nhost: localhost\r\n{headers}\r\n").as_bytes()).await;
        assert_eq!(client.answer().await.map(|answer| answer.status), Some(431));
    }
}

fn short() -> Limits {
    let short = Duration::from_millis(100);
    Limits {
        header_time: short,
        idle_time: short,
        body_time: short,
        ..Limits::default()
    }
}

#[tokio::test]
async fn idle_connections_and_slow_heads_are_cut_off() {
    let world = World::with(Mode::Open, short()).await;
    world.connect().await.closed().await;
    let mut slow = world.connect().await;
    slow.raw(b"GET / HTTP/1.1\r\n").await;
    slow.closed().await;
    let mut kept = world.connect().await;
    kept.send("GET", "/_hearth/health", &[], b"").await;
    assert_eq!(kept.answer().await.map(|answer| answer.status), Some(200));
    kept.closed().await;
}

#[tokio::test]
async fn a_slow_body_is_a_408() {
    let world = World::with(Mode::Open, short()).await;
    let mut client = world.connect().await;
    client.raw(format!("POST {INVOKE} HTTP/1.1\r\nhost: localhost\r\ncontent-length: 10\r\n\r\nabc").as_bytes()).await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(408));
    client.closed().await;
}

#[tokio::test]
async fn a_handler_may_take_longer_than_any_of_these() {
    let world = World::with(Mode::Open, short()).await;
    let mut client = world.connect().await;
    client.send("POST", "/2015-03-31/wait", &[], b"").await;
    world.seen.entered.notified().await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    world.seen.release.notify_one();
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(200));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so() {
    let world = World::with(
        Mode::Open,
        Limits {
            connections: 1,
            ..Limits::default()
        },
    )
    .await;
    let mut first = world.connect().await;
    first.send("GET", "/_hearth/health", &[], b"").await;
    assert_eq!(first.answer().await.map(|answer| answer.status), Some(200));
    let answer = world.ask("GET", "/_hearth/health", &[], b"").await;
    assert_eq!((answer.status, answer.header("connection")), (503, "close"));
    drop(first);
    loop {
        // The place is free once the server has seen the first one go.
        if world.ask("GET", "/_hearth/health", &[], b"").await.status == 200 {
            break;
        }
    }
}

mod noise {
    use proptest::prelude::*;

    use super::World;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn arbitrary_bytes_do_not_harm_the_server(bytes: Vec<u8>, head in "[ -~\r\n]{0,200}") {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            let status = runtime.block_on(async {
                let world = World::open().await;
                let mut client = world.connect().await;
                client.raw(&bytes).await;
                let mut other = world.connect().await;
                other.raw(format!("GET /{head} HTTP/1.1\r\n\r\n").as_bytes()).await;
                world.ask("GET", "/_hearth/health", &[], b"").await.status
            });
            prop_assert_eq!(status, 200);
        }
    }
}
