//! Enforce mode.

use hearth_wire::sigv4::{Outgoing, SigningKeys, sign};
use http::{Method, Uri};

use crate::world::{Answer, KEY_ID, NOW_MS, SECRET, World};

const INVOKE: &str = "/2015-03-31/functions/f/invocations";

/// A request, and what is done to it after signing.
struct Case<'a> {
    uri: &'a str,
    service: &'a str,
    key_id: &'a str,
    secret: &'a str,
    token: Option<&'a str>,
    now_ms: i64,
    headers: Vec<(&'a str, &'a str)>,
    /// Sent beside the signed headers.
    unsigned: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
    sent_body: Option<&'a [u8]>,
}

impl Default for Case<'_> {
    fn default() -> Self {
        Self {
            uri: INVOKE,
            service: "lambda",
            key_id: KEY_ID,
            secret: SECRET,
            token: None,
            now_ms: NOW_MS,
            headers: Vec::new(),
            unsigned: Vec::new(),
            body: b"{}",
            sent_body: None,
        }
    }
}

async fn ask(world: &World, case: Case<'_>) -> Answer {
    let url: Uri = format!("http://127.0.0.1:{}{}", world.port, case.uri).parse().expect("a URL");
    let keys = SigningKeys {
        access_key_id: case.key_id,
        secret_access_key: case.secret,
        session_token: case.token,
    };
    let outgoing = Outgoing {
        method: &Method::POST,
        url: &url,
        headers: &case.headers,
        body: case.body,
    };
    let added = sign(&keys, "us-east-1", case.service, case.now_ms, &outgoing);
    let mut headers = case.headers;
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_str())));
    headers.extend(case.unsigned);
    world.ask("POST", case.uri, &headers, case.sent_body.unwrap_or(case.body)).await
}

#[track_caller]
fn assert_refused(answer: &Answer, code: &str, text: &str) {
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (403, code), "{}", answer.body);
    assert!(answer.body.contains(text), "{}", answer.body);
}

#[tokio::test]
async fn a_good_signature_is_admitted() {
    let world = World::enforce().await;
    let answer = ask(&world, Case::default()).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let with_token = ask(
        &world,
        Case {
            token: Some("token"),
            ..Case::default()
        },
    )
    .await;
    assert_eq!(with_token.status, 200, "{}", with_token.body);
    let arn =
        "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3Af/invocations?Qualifier=1";
    assert_eq!(ask(&world, Case { uri: arn, ..Case::default() }).await.status, 200);
}

#[tokio::test]
async fn refusals() {
    let world = World::enforce().await;
    assert_refused(
        &world.ask("POST", INVOKE, &[], b"{}").await,
        "MissingAuthenticationTokenException",
        "Missing Authentication Token",
    );
    assert_refused(
        &world.ask("POST", INVOKE, &[("authorization", "Bearer x")], b"{}").await,
        "IncompleteSignatureException",
        "Authorization header requires 'Credential' parameter.",
    );
    let mismatch = "The request signature we calculated does not match the signature you provided.";
    let wrong_secret = ask(
        &world,
        Case {
            secret: "wrong",
            ..Case::default()
        },
    )
    .await;
    assert_refused(&wrong_secret, "InvalidSignatureException", mismatch);
    let unknown = ask(
        &world,
        Case {
            key_id: "AKIDUNKNOWN",
            ..Case::default()
        },
    )
    .await;
    let invalid = "The security token included in the request is invalid.";
    assert_refused(&unknown, "UnrecognizedClientException", invalid);
    let bad_token = ask(
        &world,
        Case {
            token: Some("other"),
            ..Case::default()
        },
    )
    .await;
    assert_refused(&bad_token, "UnrecognizedClientException", invalid);
    let expired = ask(
        &world,
        Case {
            token: Some("expired"),
            ..Case::default()
        },
    )
    .await;
    assert_refused(&expired, "ExpiredTokenException", "The security token included in the request is expired");
    let other_body = ask(
        &world,
        Case {
            sent_body: Some(b"[]"),
            ..Case::default()
        },
    )
    .await;
    assert_refused(&other_body, "InvalidSignatureException", "x-amz-content-sha256");
}

#[tokio::test]
async fn clocks_may_be_off_by_five_minutes() {
    let world = World::enforce().await;
    for off_ms in [-300_000, 300_000] {
        let answer = ask(
            &world,
            Case {
                now_ms: NOW_MS + off_ms,
                ..Case::default()
            },
        )
        .await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let old = ask(
        &world,
        Case {
            now_ms: NOW_MS - 301_000,
            ..Case::default()
        },
    )
    .await;
    assert_refused(
        &old,
        "InvalidSignatureException",
        "Signature expired: 20130523T235459Z is now earlier than 20130523T235500Z (20130524T000000Z - 5 min.)",
    );
    let early = ask(
        &world,
        Case {
            now_ms: NOW_MS + 301_000,
            ..Case::default()
        },
    )
    .await;
    assert_refused(
        &early,
        "InvalidSignatureException",
        "Signature not yet current: 20130524T000501Z is still later than 20130524T000500Z (20130524T000000Z + 5 min.)",
    );
}

#[tokio::test]
async fn headers_with_a_meaning_must_be_signed() {
    let world = World::enforce().await;
    let added = ask(
        &world,
        Case {
            unsigned: vec![("x-amz-invocation-type", "Event")],
            ..Case::default()
        },
    )
    .await;
    assert_refused(&added, "InvalidSignatureException", "not signed: x-amz-invocation-type");
}

#[tokio::test]
async fn json_services_answer_400() {
    let world = World::enforce().await;
    let target = ("x-amz-target", "Logs_20140328.GetLogEvents");
    let answer = world.ask("POST", "/", &[target], b"{}").await;
    assert_eq!(answer.status, 400);
    assert!(answer.body.starts_with(r#"{"__type":"MissingAuthenticationTokenException""#), "{}", answer.body);
    let signed = Case {
        uri: "/",
        service: "logs",
        headers: vec![target],
        ..Case::default()
    };
    assert_eq!(ask(&world, signed).await.status, 200);
}

#[tokio::test]
async fn a_strangers_body_is_not_kept_waiting_for() {
    let world = World::enforce().await;
    let mut client = world.connect().await;
    let head =
        format!("POST {INVOKE} HTTP/1.1\r\nhost: localhost\r\nexpect: 100-continue\r\ncontent-length: 60000\r\n\r\n");
    client.raw(head.as_bytes()).await;
    assert_eq!(client.answer().await.map(|answer| answer.status), Some(403));
}

#[tokio::test]
async fn an_aws_chunked_body_is_unframed_in_open_mode_too() {
    let world = World::open().await;
    let headers =
        [("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"), ("x-amz-decoded-content-length", "3")];
    // Of the trailer, checksums alone are taken.
    let body = b"3\r\nabc\r\n0\r\nx-amz-checksum-crc32:NSRBwg==\r\nhost:evil.example\r\n\r\n";
    let answer = world.ask("POST", INVOKE, &headers, body).await;
    assert!(answer.body.ends_with(" 3 [] NSRBwg=="), "{}", answer.body);
    let answer = world.ask("POST", INVOKE, &headers, b"3\r\nabc\r\n").await;
    assert_eq!((answer.status, answer.header("x-amzn-errortype")), (400, "SerializationException"));
}

/// A presigned URL as the SDK for Rust makes it.
fn presigned(world: &World, uri: &str, expires_s: u64) -> String {
    use std::time::{Duration, UNIX_EPOCH};

    use aws_credential_types::Credentials;
    use aws_sigv4::http_request::{SignableBody, SignableRequest, SignatureLocation, SigningSettings, sign};
    use aws_sigv4::sign::v4::SigningParams;

    let mut settings = SigningSettings::default();
    settings.signature_location = SignatureLocation::QueryParams;
    settings.expires_in = Some(Duration::from_secs(expires_s));
    let keys = Credentials::new(KEY_ID, SECRET, Some("token".to_owned()), None, "test").into();
    let params = SigningParams::builder().identity(&keys).region("us-east-1").name("lambda").settings(settings);
    let params = params.time(UNIX_EPOCH + Duration::from_millis(NOW_MS.unsigned_abs()));
    let params = params.build().expect("complete parameters").into();
    let host = format!("127.0.0.1:{}", world.port);
    let url = format!("http://{host}{uri}");
    let headers = [("host", host.as_str())].into_iter();
    let request = SignableRequest::new("GET", &url, headers, SignableBody::Bytes(b"")).expect("a signable request");
    let (instructions, _) = sign(request, &params).expect("a signature").into_parts();
    let mut request = http::Request::get(&url).body(()).expect("a request");
    instructions.apply_to_request_http1x(&mut request);
    request.uri().path_and_query().expect("a path").to_string()
}

#[tokio::test]
async fn a_presigned_url_is_admitted_as_long_as_it_lives() {
    let world = World::enforce().await;
    let good = presigned(&world, "/2015-03-31/functions/f", 60);
    let answer = world.ask("GET", &good, &[], b"").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let changed = good.replace("functions/f", "functions/g");
    let refused = world.ask("GET", &changed, &[], b"").await;
    assert_refused(&refused, "InvalidSignatureException", "does not match the signature you provided");
    let endless = presigned(&world, "/2015-03-31/functions/f", 604_801);
    let refused = world.ask("GET", &endless, &[], b"").await;
    assert_refused(&refused, "IncompleteSignatureException", "less than a week");
}
