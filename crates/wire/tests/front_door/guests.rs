//! What comes from inside sandboxes.

use hearth_model::AccountId;
use hearth_wire::server::{Guest, Limits};
use tokio::sync::watch;

use crate::world::{Client, KEY_ID, SECRET, World, signed};

const INVOKE: &str = "/2015-03-31/functions/f/invocations";

fn guest(account: &str) -> (watch::Sender<bool>, Guest) {
    let (running, sees) = watch::channel(true);
    let account = AccountId::parse(account).expect("an account");
    (running, Guest { account, running: sees })
}

async fn send_signed(client: &mut Client, port: u16, key_id: &str, secret: &str) {
    let url = format!("http://127.0.0.1:{port}{INVOKE}");
    let added = signed(&url, (key_id, secret), "lambda", b"{}");
    let headers: Vec<_> = added.iter().map(|(name, value)| (*name, value.as_str())).collect();
    client.send("POST", INVOKE, &headers, b"{}").await;
}

async fn check(account: &str, (key_id, secret): (&str, &str), status: u16, said: &str) {
    let (_running, guest) = guest(account);
    let world = World::inside(guest, Limits::default()).await;
    let mut client = world.connect().await;
    send_signed(&mut client, world.port, key_id, secret).await;
    let answer = client.answer().await.expect("an answer");
    assert_eq!(answer.status, status, "{answer:?}");
    assert!(answer.body.contains(said), "{answer:?}");
}

#[tokio::test]
async fn signatures_are_verified_though_the_server_is_open() {
    check("000000000000", (KEY_ID, SECRET), 200, "Invoke").await;
    check("000000000000", (KEY_ID, "another secret"), 403, "signature we calculated does not match").await;
    check("000000000000", ("test", "test"), 403, "security token included in the request is invalid").await;
    let (_running, guest) = guest("000000000000");
    let world = World::inside(guest, Limits::default()).await;
    let unsigned = world.ask("POST", INVOKE, &[], b"{}").await;
    assert_eq!((unsigned.status, unsigned.header("x-amzn-errortype")), (403, "MissingAuthenticationTokenException"));
}

#[tokio::test]
async fn another_accounts_keys_are_refused() {
    check("111122223333", (KEY_ID, SECRET), 403, "of another account than the function").await;
}

#[tokio::test]
async fn a_frozen_sandbox_is_not_served_until_it_thaws() {
    let (running, guest) = guest("000000000000");
    let world = World::inside(guest, Limits::default()).await;
    let mut client = world.connect().await;
    running.send_replace(false);
    send_signed(&mut client, world.port, KEY_ID, SECRET).await;
    tokio::select! {
        answer = client.answer() => panic!("expected nothing, found {answer:?}"),
        () = tokio::time::sleep(std::time::Duration::from_millis(50)) => {}
    }
    running.send_replace(true);
    assert_eq!(client.answer().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn too_many_connections_of_all_sandboxes_are_told_so() {
    let (_running, guest) = guest("000000000000");
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let world = World::inside(guest, limits).await;
    let mut first = world.connect().await;
    send_signed(&mut first, world.port, KEY_ID, SECRET).await;
    assert_eq!(first.answer().await.expect("an answer").status, 200);
    let mut second = world.connect().await;
    send_signed(&mut second, world.port, KEY_ID, SECRET).await;
    assert_eq!(second.answer().await.expect("an answer").status, 503);
    drop(first);
}
