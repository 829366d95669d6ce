//! What is answered under hosts and paths of its own.

use std::sync::Arc;

use hearth_wire::rest_json::Oversize;
use hearth_wire::server::{Admission, Reception, Site, SiteHead, SiteMount, SiteRequest, Terms};
use hearth_wire::{ApiError, Response};
use http::StatusCode;

use crate::world::{Answer, KEY_ID, SECRET, World, signed};

const LIMIT: usize = 100;

pub(crate) fn mount() -> SiteMount {
    SiteMount {
        label: "lambda-url",
        path: "/_hearth/url/",
        site: Arc::new(Echo),
    }
}

/// Shows what it was given. `signed...` wants a signature, `gone` answers at once.
struct Echo;

impl Site for Echo {
    fn receive(&self, head: &SiteHead<'_>) -> Reception {
        if head.name == "gone" {
            return Reception::Answer(Response::bytes(StatusCode::FORBIDDEN, "text/plain", "gone".into()));
        }
        let name = head.name.clone().into_owned();
        let region = head.region.clone();
        Reception::Admit(Admission {
            terms: Terms {
                body_limit: LIMIT,
                oversize: Oversize::Named("InvokeFunction"),
                signed_for: name.starts_with("signed").then_some("lambda"),
            },
            answer: Box::new(move |request| Box::pin(async move { show(&name, region.is_some(), request?) })),
        })
    }
}

fn show(name: &str, has_region: bool, request: SiteRequest) -> Result<Response, ApiError> {
    let caller = request.caller.as_ref().map_or("nobody", |caller| caller.account.as_str());
    let text = format!(
        "{name} {has_region} {} {} {} {} {} {caller} {}",
        request.parts.method,
        request.host(),
        request.path,
        request.parts.uri.query().unwrap_or("-"),
        request.peer.is_some_and(|peer| peer.is_loopback()),
        String::from_utf8_lossy(&request.body),
    );
    assert_ne!(name, "panics", "a secret cause");
    Ok(Response::bytes(StatusCode::OK, "text/plain", text.into()))
}

#[tokio::test]
async fn a_site_is_found_by_host_and_by_path() {
    let world = World::open().await;
    for (host, uri, expected) in [
        (
            "abc.lambda-url.us-east-1.localhost:4566",
            "/a%2Fb/%F?x=%20",
            "abc true PUT {} /a%2Fb/%F x=%20 true nobody body",
        ),
        ("ABC.lambda-url.us-east-1.LOCALHOST", "/", "abc true PUT {} / - true nobody body"),
        (
            "abc.lambda-url.eu-west-1.on.aws",
            "/2015-03-31/functions/f",
            "abc true PUT {} /2015-03-31/functions/f - true nobody body",
        ),
        (
            "abc.lambda-url.us-east-1.hearth.example",
            "/_hearth/health",
            "abc true PUT {} /_hearth/health - true nobody body",
        ),
        ("127.0.0.1", "/_hearth/url/abc/d/?e", "abc false PUT {} /d/ e true nobody body"),
        ("127.0.0.1", "/_hearth/url/abc", "abc false PUT {} / - true nobody body"),
    ] {
        let answer = world.ask("PUT", uri, &[("host", host)], b"body").await;
        assert_eq!(answer.status, 200, "{host} {uri}: {}", answer.body);
        assert_eq!(answer.body, expected.replace("{}", host.split(':').next().expect("a host")), "{host} {uri}");
        assert_eq!(answer.header("x-amzn-requestid").len(), 36);
        // By its host a page has an origin of its own.
        let is_by_path = host == "127.0.0.1";
        assert_eq!(answer.header("content-security-policy").starts_with("sandbox "), is_by_path, "{host}");
    }
}

#[tokio::test]
async fn pages_come_to_sites_and_not_to_the_api() {
    let world = World::open().await;
    let site = ("host", "abc.lambda-url.us-east-1.localhost");
    let foreign = ("origin", "https://evil.example");
    assert_eq!(world.ask("GET", "/", &[site, foreign], b"").await.status, 200);
    let preflight = [site, foreign, ("access-control-request-method", "PUT")];
    assert!(world.ask("OPTIONS", "/", &preflight, b"").await.body.contains("OPTIONS"), "a site's own to answer");
    // A page of a site is not the API's, and neither is one that has no origin.
    for origin in ["http://abc.lambda-url.us-east-1.localhost", "null"] {
        assert_eq!(world.ask("GET", "/2015-03-31/functions/f", &[("origin", origin)], b"").await.status, 403);
    }
    for (host, uri) in [("abc.lambda-url.us-east-1.evil.example", "/"), ("evil.example", "/_hearth/url/abc/")] {
        let answer = world.ask("GET", uri, &[("host", host)], b"").await;
        assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, "AccessDeniedException"), "{host}");
    }
    let enforced = World::enforce().await;
    let host = ("host", "abc.lambda-url.us-east-1.any.example");
    assert_eq!(enforced.ask("GET", "/", &[host], b"").await.status, 200, "names need not be listed");
}

#[tokio::test]
async fn bodies_have_the_sites_limit() {
    let world = World::open().await;
    let host = ("host", "abc.lambda-url.us-east-1.localhost");
    assert_eq!(world.ask("POST", "/", &[host], &[b'x'; LIMIT]).await.status, 200);
    let answer = world.ask("POST", "/", &[host], &[b'x'; LIMIT + 1]).await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (413, "RequestEntityTooLargeException"));
    assert_eq!(answer.body, r#"{"Message":"Request must be smaller than 100 bytes for the InvokeFunction operation"}"#);
    let gone = ("host", "gone.lambda-url.us-east-1.localhost");
    assert_eq!(world.ask("POST", "/", &[gone], &[b'x'; LIMIT + 1]).await.body, "gone");
}

#[tokio::test]
async fn a_site_that_panics_costs_its_request() {
    let world = World::open().await;
    let answer = world.ask("GET", "/_hearth/url/panics/", &[], b"").await;
    assert_eq!(answer.status, 500);
    assert!(!answer.body.contains("secret"), "{}", answer.body);
}

async fn post_signed(world: &World, host: &str, uri: &str, added: &[(&'static str, String)]) -> Answer {
    let mut headers = vec![("host", host)];
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    world.ask("POST", uri, &headers, b"body").await
}

#[tokio::test]
async fn signatures_are_checked_where_they_are_wanted() {
    let host = "signed.lambda-url.us-east-1.localhost";
    let world = World::enforce().await;
    let unsigned = world.ask("GET", "/", &[("host", host)], b"").await;
    assert!(unsigned.body.contains("nobody"), "the site decides: {}", unsigned.body);
    let url = format!("http://{host}/a?b=c");
    let headers = signed(&url, (KEY_ID, SECRET), "lambda", b"body");
    let answer = post_signed(&world, host, "/a?b=c", &headers).await;
    let expected = format!("signed true POST {host} /a b=c true 000000000000 body");
    assert_eq!((answer.status, answer.body), (200, expected));
    let altered = post_signed(&world, host, "/a?b=d", &headers).await;
    assert_eq!((altered.status, altered.header("x-amzn-errortype")), (403, "InvalidSignatureException"));
    let other = signed(&url, (KEY_ID, SECRET), "s3", b"body");
    let answer = post_signed(&world, host, "/a?b=c", &other).await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("Credential should be scoped to correct service: 'lambda'."), "{}", answer.body);
    // Where no signature is wanted, one for another server is no matter of ours.
    let free = "abc.lambda-url.us-east-1.localhost";
    let bearer = [("host", free), ("authorization", "AWS4-HMAC-SHA256 nonsense")];
    assert_eq!(world.ask("GET", "/", &bearer, b"").await.status, 200);
}
