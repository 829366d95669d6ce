//! Web pages.

use crate::world::World;

const PATH: &str = "/2015-03-31/functions/f";

#[tokio::test]
async fn pages_of_other_origins_and_rebound_names_are_refused() {
    let world = World::open().await;
    for header in [("origin", "https://evil.example"), ("origin", "null"), ("host", "evil.example")] {
        let answer = world.ask("GET", PATH, &[header], b"").await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, "AccessDeniedException"), "{header:?}");
        assert_eq!(answer.header("access-control-allow-origin"), "");
    }
}

#[tokio::test]
async fn an_allowed_origin_gets_its_preflight_and_its_answer() {
    let world = World::open().await;
    let origin = ("origin", "https://app.example");
    let asked = [origin, ("access-control-request-method", "GET"), ("access-control-request-headers", "authorization")];
    let answer = world.ask("OPTIONS", PATH, &asked, b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (204, "https://app.example"));
    assert_eq!(answer.header("access-control-allow-headers"), "authorization");
    let answer = world.ask("GET", PATH, &[origin], b"").await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, "https://app.example"));
}

#[tokio::test]
async fn a_preflight_of_another_origin_is_refused() {
    let world = World::open().await;
    let asked = [("origin", "https://evil.example"), ("access-control-request-method", "GET")];
    assert_eq!(world.ask("OPTIONS", PATH, &asked, b"").await.status, 403);
}

#[tokio::test]
async fn enforce_mode_answers_under_any_name() {
    let world = World::enforce().await;
    assert_eq!(world.ask("GET", "/_hearth/health", &[("host", "hearth.example")], b"").await.status, 200);
}
