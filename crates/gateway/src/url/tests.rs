//! The site over URLs and functions that answer by script.

#![allow(clippy::unwrap_used)]

use std::borrow::Cow;
use std::sync::Mutex;

use futures_util::StreamExt;
use hearth_model::{
    AccountId, AnswerStream, BoxFuture, Cors, FunctionError, FunctionKey, FunctionName, InvokeError, Outcome, Piece,
    Qualifier, Region, StreamEnd, Streamed, ThrottleReason, Version,
};
use hearth_wire::BrokenOff;
use http::request::Parts;
use serde_json::{Value, json};

use super::*;

const FORBIDDEN: &str = "{\"Message\":\"Forbidden. For troubleshooting Function URL authorization issues, see: \
                         https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html\"}";

/// Content type and pieces of a streamed answer.
type Stream = (Option<&'static str>, Vec<Piece>);

/// One URL, `abc`, whose function does as it is told.
#[derive(Clone)]
struct World {
    url: FunctionUrl,
    /// Whom the policies let in.
    admits: fn(Option<&Identity>) -> bool,
    answer: fn() -> Result<Outcome, InvokeError>,
    streamed: Option<fn() -> Stream>,
    seen: Arc<Mutex<Vec<Invocation>>>,
}

fn world() -> World {
    World {
        url: FunctionUrl {
            id: "abc".to_owned(),
            function: FunctionKey {
                account: AccountId::parse("111122223333").unwrap(),
                region: Region::fallback(),
                name: FunctionName::parse("f").unwrap(),
            },
            qualifier: Qualifier::parse("live"),
            auth: UrlAuth::None,
            cors: None,
            streams: false,
        },
        admits: |_| true,
        answer: || ok(r#"{"statusCode":201,"body":"made"}"#),
        streamed: None,
        seen: Arc::default(),
    }
}

fn ok(payload: &'static str) -> Result<Outcome, InvokeError> {
    Ok(Outcome {
        executed_version: Version::Latest,
        payload: Bytes::from_static(payload.as_bytes()),
        error: None,
        log_tail: None,
        trace_header: "Root=1-seen".to_owned(),
    })
}

fn failed() -> Result<Outcome, InvokeError> {
    ok(r#"{"errorMessage":"a secret"}"#).map(|outcome| Outcome {
        error: Some(FunctionError::Unhandled),
        ..outcome
    })
}

impl FunctionUrls for World {
    fn find(&self, id: &str) -> Option<Arc<FunctionUrl>> {
        (id == self.url.id).then(|| Arc::new(self.url.clone()))
    }

    fn admits(&self, url: &FunctionUrl, caller: Option<&Identity>) -> bool {
        assert_eq!(*url, self.url);
        (self.admits)(caller)
    }
}

impl Invoke for World {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>> {
        self.seen.lock().unwrap().push(invocation);
        Box::pin(async { (self.answer)() })
    }

    fn invoke_streamed(&self, invocation: Invocation) -> BoxFuture<'_, Result<Streamed, InvokeError>> {
        self.seen.lock().unwrap().push(invocation);
        Box::pin(async {
            let Some(streamed) = self.streamed else {
                return (self.answer)().map(Streamed::from);
            };
            let (content_type, pieces) = streamed();
            Ok(Streamed {
                executed_version: Version::Latest,
                trace_header: "Root=1-seen".to_owned(),
                content_type: content_type.map(ToOwned::to_owned),
                answer: Box::new(Pieces(pieces.into_iter())),
            })
        })
    }

    fn dry_run(&self, _: &FunctionKey, _: Option<&Qualifier>) -> Result<Version, InvokeError> {
        unreachable!("a URL runs its function")
    }
}

struct Pieces(std::vec::IntoIter<Piece>);

impl AnswerStream for Pieces {
    fn next(&mut self) -> BoxFuture<'_, Piece> {
        let piece = self.0.next().unwrap();
        Box::pin(std::future::ready(piece))
    }
}

impl PrincipalIds for World {
    fn id_of<'a>(&'a self, identity: &'a Identity) -> BoxFuture<'a, String> {
        Box::pin(async move { format!("id of {}", identity.arn) })
    }
}

/// A request that the front door has received.
struct Ask<'a> {
    name: &'a str,
    region: Option<&'a str>,
    method: &'a str,
    uri: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'static [u8],
    /// What the front door made of the signature.
    caller: Result<Option<Caller>, ApiError>,
}

impl Default for Ask<'_> {
    fn default() -> Self {
        Self {
            name: "abc",
            region: Some("us-east-1"),
            method: "GET",
            uri: "/",
            headers: &[],
            body: b"",
            caller: Ok(None),
        }
    }
}

fn parts(ask: &Ask<'_>) -> Parts {
    let mut request = http::Request::builder().method(ask.method).uri(ask.uri);
    for (name, value) in ask.headers {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

async fn ask(world: &World, ask: Ask<'_>) -> Response {
    let world = Arc::new(world.clone());
    let site = mount(Options {
        urls: world.clone(),
        invoke: world.clone(),
        principals: world.clone(),
        clock: Clock::fixed(1_583_348_638_390),
        random: Random::seeded(1),
    })
    .site;
    let parts = parts(&ask);
    let head = SiteHead {
        name: Cow::Borrowed(ask.name),
        region: ask.region.and_then(Region::parse),
        parts: &parts,
    };
    let admission = match site.receive(&head) {
        Reception::Answer(response) => return response,
        Reception::Admit(admission) => admission,
    };
    assert_eq!(admission.terms.signed_for, (world.url.auth == UrlAuth::Iam).then_some("lambda"));
    assert_eq!(admission.terms.body_limit, 6_291_456);
    let request = ask.caller.map(|caller| SiteRequest {
        request_id: "0e7a".to_owned(),
        path: parts.uri.path().to_owned(),
        parts,
        body: Bytes::from_static(ask.body),
        caller,
        peer: Some([127, 0, 0, 1].into()),
        port: Some(4566),
    });
    (admission.answer)(request).await.unwrap()
}

#[track_caller]
fn assert_answer(response: &Response, status: u16, code: Option<&str>, body: &str) {
    assert_eq!(response.status.as_u16(), status, "{:?}", response.body);
    let found = response.headers.get("x-amzn-errortype").map(|code| code.to_str().unwrap());
    assert_eq!((found, std::str::from_utf8(&response.body).unwrap()), (code, body));
}

fn signer() -> Caller {
    Caller {
        account: AccountId::parse("222233334444").unwrap(),
        region: Region::fallback(),
        arn: "arn:aws:iam::222233334444:user/ann".to_owned(),
        access_key_id: Some("AKIA".to_owned()),
    }
}

#[tokio::test]
async fn a_request_becomes_an_invocation_and_its_result_an_answer() {
    let world = world();
    let headers = [("host", "abc.lambda-url.us-east-1.localhost:4566"), ("content-type", "text/plain")];
    let answer = ask(
        &world,
        Ask {
            method: "POST",
            uri: "/a%2Fb?c=d",
            headers: &headers,
            body: b"hi",
            ..Ask::default()
        },
    )
    .await;
    assert_answer(&answer, 201, None, "made");
    assert_eq!(answer.headers["x-amzn-trace-id"], "Root=1-seen");
    let seen = world.seen.lock().unwrap();
    let [invocation] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!((&invocation.function, &invocation.qualifier), (&world.url.function, &world.url.qualifier));
    assert_eq!(invocation.request_id, "0e7a");
    let event: Value = serde_json::from_slice(&invocation.payload).unwrap();
    let context = &event["requestContext"];
    assert_eq!((&event["rawPath"], &event["body"]), (&json!("/a%2Fb"), &json!("hi")));
    assert_eq!((&context["accountId"], &context["time"]), (&json!("anonymous"), &json!("04/Mar/2020:19:03:58 +0000")));
    assert_eq!(context["domainName"], "abc.lambda-url.us-east-1.localhost");
    let trace = event["headers"]["x-amzn-trace-id"].as_str().unwrap();
    assert!(trace.starts_with("Root=1-5e5ffb9e-"), "{trace}");
    assert_eq!(invocation.trace_header.as_deref(), Some(trace));
}

#[tokio::test]
async fn a_trace_is_carried_on() {
    let world = world();
    ask(
        &world,
        Ask {
            headers: &[("x-amzn-trace-id", "Root=1-mine")],
            ..Ask::default()
        },
    )
    .await;
    assert_eq!(world.seen.lock().unwrap()[0].trace_header.as_deref(), Some("Root=1-mine"));
}

#[tokio::test]
async fn an_unknown_url_is_told_so() {
    for (name, region) in [("abd", Some("us-east-1")), ("abc", Some("eu-west-1"))] {
        let answer = ask(
            &world(),
            Ask {
                name,
                region,
                ..Ask::default()
            },
        )
        .await;
        assert_answer(&answer, 403, Some("AccessDeniedException"), r#"{"Message":null}"#);
    }
    let by_path = ask(
        &world(),
        Ask {
            region: None,
            ..Ask::default()
        },
    )
    .await;
    assert_answer(&by_path, 201, None, "made");
}

#[tokio::test]
async fn a_policy_has_to_let_everybody_in() {
    let world = World {
        admits: |caller| caller.is_some(),
        ..world()
    };
    let answer = ask(&world, Ask::default()).await;
    assert_answer(&answer, 403, Some("AccessDeniedException"), FORBIDDEN);
    assert!(world.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn signed_requests_alone_where_they_are_wanted() {
    let mut world = World {
        admits: |caller| caller.is_some_and(|caller| caller.account.as_str() == "222233334444"),
        ..world()
    };
    world.url.auth = UrlAuth::Iam;
    let answer = ask(&world, Ask::default()).await;
    assert_answer(&answer, 403, Some("AccessDeniedException"), FORBIDDEN);
    let stranger = Caller {
        account: AccountId::fallback(),
        ..signer()
    };
    let answer = ask(
        &world,
        Ask {
            caller: Ok(Some(stranger)),
            ..Ask::default()
        },
    )
    .await;
    assert_answer(&answer, 403, Some("AccessDeniedException"), FORBIDDEN);
    let refused = ApiError::user(http::StatusCode::FORBIDDEN, "InvalidSignatureException", "no").untyped();
    let answer = ask(
        &world,
        Ask {
            caller: Err(refused),
            ..Ask::default()
        },
    )
    .await;
    assert_answer(&answer, 403, Some("InvalidSignatureException"), r#"{"message":"no"}"#);
    assert!(world.seen.lock().unwrap().is_empty());
    let answer = ask(
        &world,
        Ask {
            caller: Ok(Some(signer())),
            ..Ask::default()
        },
    )
    .await;
    assert_answer(&answer, 201, None, "made");
    let event: Value = serde_json::from_slice(&world.seen.lock().unwrap()[0].payload).unwrap();
    let iam = &event["requestContext"]["authorizer"]["iam"];
    assert_eq!((&iam["accessKey"], &iam["accountId"]), (&json!("AKIA"), &json!("222233334444")));
    assert_eq!(iam["userId"], "id of arn:aws:iam::222233334444:user/ann");
    assert_eq!(event["requestContext"]["accountId"], "111122223333", "the function's owner");
}

#[tokio::test]
async fn what_keeps_a_function_from_running() {
    for (answer, status, code, body) in [
        (
            (|| Err(InvokeError::Throttled(ThrottleReason::Reserved))) as fn() -> _,
            429,
            "TooManyRequestsException",
            r#"{"Message":"Too Many Requests"}"#,
        ),
        (|| Err(InvokeError::NotFound { arn: "a".to_owned() }), 403, "AccessDeniedException", FORBIDDEN),
        (
            || {
                Err(InvokeError::NotReady {
                    state: "Pending",
                    reason: None,
                })
            },
            503,
            "ServiceUnavailableException",
            r#"{"Message":"The function is currently in the following state: Pending"}"#,
        ),
        (
            || Err(InvokeError::RuntimeUnavailable("install it".to_owned())),
            502,
            "InvalidRuntimeException",
            r#"{"Message":"install it"}"#,
        ),
        (
            || Err(InvokeError::Sandbox("a secret".to_owned())),
            500,
            "ServiceException",
            r#"{"Message":"An internal error occurred; the server's log has the cause.","Type":"Service"}"#,
        ),
        (
            || Err(InvokeError::ShuttingDown),
            503,
            "ServiceUnavailableException",
            r#"{"Message":"Hearth is shutting down; try again when it is back."}"#,
        ),
    ] {
        for streams in [false, true] {
            let mut world = World { answer, ..world() };
            world.url.streams = streams;
            assert_answer(&ask(&world, Ask::default()).await, status, Some(code), body);
        }
    }
}

#[tokio::test]
async fn a_function_that_fails_is_a_bad_gateway() {
    for (answer, streams) in
        [(failed as fn() -> _, false), (|| ok(r#"{"statusCode":"nonsense"}"#), false), (failed, true)]
    {
        let mut world = World { answer, ..world() };
        world.url.streams = streams;
        let found = ask(&world, Ask::default()).await;
        assert_answer(&found, 502, None, "Internal Server Error");
    }
}

#[tokio::test]
async fn an_event_has_a_size() {
    let world = world();
    // Base64 makes it a third longer.
    static LARGE: [u8; 5_000_000] = [0; 5_000_000];
    let answer = ask(
        &world,
        Ask {
            method: "POST",
            body: &LARGE,
            ..Ask::default()
        },
    )
    .await;
    assert_answer(
        &answer,
        413,
        Some("RequestEntityTooLargeException"),
        r#"{"Message":"Request must be smaller than 6291456 bytes for the InvokeFunction operation"}"#,
    );
    assert!(world.seen.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pages_see_refusals_too() {
    let mut world = World { answer: failed, ..world() };
    world.url.cors = Some(Cors {
        allow_origins: vec!["https://a.example".to_owned()],
        allow_methods: vec!["GET".to_owned()],
        ..Cors::default()
    });
    let origin = ("origin", "https://a.example");
    let preflight = [origin, ("access-control-request-method", "GET")];
    let headers = |response: &Response| response.headers.get("access-control-allow-origin").cloned();
    let answer = ask(
        &world,
        Ask {
            method: "OPTIONS",
            headers: &preflight,
            ..Ask::default()
        },
    )
    .await;
    assert_eq!((answer.status.as_u16(), headers(&answer).unwrap()), (200, "https://a.example".parse().unwrap()));
    assert!(world.seen.lock().unwrap().is_empty(), "answered without the function");
    let answer = ask(
        &world,
        Ask {
            headers: &[origin],
            ..Ask::default()
        },
    )
    .await;
    assert_eq!((answer.status.as_u16(), headers(&answer).is_some()), (502, true));
    let shut = World {
        admits: |_| false,
        ..world.clone()
    };
    let answer = ask(
        &shut,
        Ask {
            headers: &[origin],
            ..Ask::default()
        },
    )
    .await;
    assert_eq!((answer.status.as_u16(), headers(&answer).is_some()), (403, true));
    let answer = ask(
        &shut,
        Ask {
            method: "OPTIONS",
            headers: &preflight,
            ..Ask::default()
        },
    )
    .await;
    assert_eq!(answer.status.as_u16(), 200, "a question needs no permission");
    let mut own = World {
        answer: || ok(r#"{"statusCode":204,"headers":{"access-control-allow-origin":"*"}}"#),
        ..world
    };
    own.url.cors = None;
    let answer = ask(
        &own,
        Ask {
            method: "OPTIONS",
            headers: &preflight,
            ..Ask::default()
        },
    )
    .await;
    assert_eq!((answer.status.as_u16(), headers(&answer).unwrap()), (204, "*".parse().unwrap()), "the function's own");
}

fn streaming(streamed: fn() -> Stream) -> World {
    let mut world = World {
        streamed: Some(streamed),
        ..world()
    };
    world.url.streams = true;
    world
}

fn chunk(text: &'static str) -> Piece {
    Piece::Chunk(Bytes::from_static(text.as_bytes()))
}

fn end() -> Piece {
    Piece::End(StreamEnd::default())
}

fn error() -> Piece {
    Piece::End(StreamEnd {
        error: Some((FunctionError::Unhandled, Bytes::from_static(b"{}"))),
        log_tail: None,
    })
}

/// All of the body, in its pieces.
async fn body(response: Response) -> Vec<Result<Bytes, BrokenOff>> {
    let mut pieces = vec![Ok(response.body)];
    if let Some(stream) = response.stream {
        pieces.extend(stream.collect::<Vec<_>>().await);
    }
    pieces.into_iter().filter(|piece| piece.as_ref().map_or(true, |piece| !piece.is_empty())).collect()
}

const INTEGRATION: Option<&str> = Some("application/vnd.awslambda.http-integration-response");

#[tokio::test]
async fn a_stream_with_a_prelude() {
    let world = streaming(|| {
        let prelude = "{\"statusCode\":418,\"headers\":{\"x-a\":\"b\"},\"cookies\":[\"c=1\"]}\0\0\0\0";
        (INTEGRATION, vec![chunk(prelude), chunk("\0\0\0\0one"), chunk("two"), end()])
    });
    let answer = ask(&world, Ask::default()).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["x-a"]), (418, &"b".parse().unwrap()));
    assert_eq!(
        (&answer.headers["set-cookie"], &answer.headers["x-amzn-trace-id"]),
        (&"c=1".parse().unwrap(), &"Root=1-seen".parse().unwrap())
    );
    assert_eq!(body(answer).await, [Ok("one".into()), Ok("two".into())]);
}

#[tokio::test]
async fn a_stream_without_a_prelude_is_not_looked_into() {
    let world = streaming(|| (Some("text/html"), vec![chunk(r#"{"statusCode":418}"#), chunk("more"), end()]));
    let answer = ask(&world, Ask::default()).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &"text/html".parse().unwrap()));
    assert_eq!(body(answer).await, [Ok(r#"{"statusCode":418}"#.into()), Ok("more".into())]);
    // A function that does not stream neither.
    let mut world = world;
    world.streamed = None;
    let answer = ask(&world, Ask::default()).await;
    assert_eq!((answer.status.as_u16(), &answer.headers["content-type"]), (200, &"application/json".parse().unwrap()));
    assert_eq!(body(answer).await, [Ok(r#"{"statusCode":201,"body":"made"}"#.into())]);
    let empty = streaming(|| (None, vec![end()]));
    assert_eq!(body(ask(&empty, Ask::default()).await).await, []);
}

#[tokio::test]
async fn a_stream_that_fails() {
    for pieces in [
        (|| (Some("text/plain"), vec![error()])) as fn() -> _,
        || (INTEGRATION, vec![chunk("{\"statusCode\":200}"), error()]),
        || (INTEGRATION, vec![chunk("{\"statusCode\":200}"), end()]),
        || (INTEGRATION, vec![chunk("nonsense\0\0\0\0\0\0\0\0")]),
    ] {
        let answer = ask(&streaming(pieces), Ask::default()).await;
        assert_answer(&answer, 502, None, "Internal Server Error");
    }
    let late = ask(&streaming(|| (Some("text/plain"), vec![chunk("one"), error()])), Ask::default()).await;
    assert_eq!(late.status.as_u16(), 200);
    assert_eq!(body(late).await, [Ok("one".into()), Err(BrokenOff)], "a client does not take it for the whole");
}
