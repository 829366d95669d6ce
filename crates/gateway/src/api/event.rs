//! A request as an event.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use serde::Serialize;

/// What of a request does not stand in it.
#[derive(Clone, Debug)]
pub(crate) struct Surroundings<'s> {
    pub(crate) request_id: &'s str,
    /// As sent, without what led here; it begins with a slash.
    pub(crate) path: &'s str,
    /// `anonymous`, or the number of an account.
    pub(crate) account: &'s str,
    pub(crate) api_id: &'s str,
    /// The host, without a port.
    pub(crate) domain: &'s str,
    /// Of a signed request.
    pub(crate) signer: Option<Signer<'s>>,
    pub(crate) peer: Option<IpAddr>,
    /// Where the request arrived.
    pub(crate) port: Option<u16>,
    /// Of one that begins here, where the request has none.
    pub(crate) trace: &'s str,
    /// Unix milliseconds, and the same as `12/Mar/2020:19:03:58 +0000`.
    pub(crate) time_ms: i64,
    pub(crate) time: &'s str,
}

/// Who signed a request.
#[derive(Clone, Debug)]
pub(crate) struct Signer<'s> {
    pub(crate) access_key: &'s str,
    pub(crate) account: &'s str,
    pub(crate) arn: &'s str,
    /// E.g. `AIDA...`.
    pub(crate) id: &'s str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Event<'e> {
    version: &'static str,
    route_key: &'static str,
    raw_path: &'e str,
    raw_query_string: &'e str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cookies: Vec<String>,
    headers: BTreeMap<&'e str, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    query_string_parameters: BTreeMap<String, String>,
    request_context: RequestContext<'e>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Cow<'e, str>>,
    is_base64_encoded: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'e> {
    account_id: &'e str,
    api_id: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    authorizer: Option<Authorizer<'e>>,
    domain_name: &'e str,
    domain_prefix: &'e str,
    http: Http<'e>,
    request_id: &'e str,
    route_key: &'static str,
    stage: &'static str,
    time: &'e str,
    time_epoch: i64,
}

#[derive(Serialize)]
struct Authorizer<'e> {
    iam: Iam<'e>,
}

/// What Hearth has nothing for is null, as on AWS for most callers.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Iam<'e> {
    access_key: &'e str,
    account_id: &'e str,
    caller_id: &'e str,
    cognito_identity: (),
    principal_org_id: (),
    user_arn: &'e str,
    user_id: &'e str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Http<'e> {
    method: &'e str,
    path: &'e str,
    protocol: &'static str,
    source_ip: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_agent: Option<String>,
}

/// Of one connection alone; they mean nothing to a function.
const HOP_BY_HOP: [HeaderName; 9] = [
    header::CONNECTION,
    header::EXPECT,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// The event, as JSON.
pub(crate) fn of(parts: &Parts, body: &Bytes, around: &Surroundings<'_>) -> Result<Vec<u8>, serde_json::Error> {
    let query = parts.uri.query().unwrap_or("");
    let (body, is_base64_encoded) = encode(&parts.headers, body);
    serde_json::to_vec(&Event {
        version: "2.0",
        route_key: "$default",
        raw_path: around.path,
        raw_query_string: query,
        cookies: cookies(&parts.headers),
        headers: headers(&parts.headers, around),
        query_string_parameters: joined(form_urlencoded::parse(query.as_bytes()).into_owned()),
        request_context: RequestContext {
            account_id: around.account,
            api_id: around.api_id,
            authorizer: around.signer.as_ref().map(authorizer),
            domain_name: around.domain,
            domain_prefix: around.api_id,
            http: Http {
                method: parts.method.as_str(),
                path: around.path,
                protocol: if parts.version == http::Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" },
                source_ip: around.peer.map(|peer| peer.to_string()).unwrap_or_default(),
                user_agent: parts.headers.get(header::USER_AGENT).map(text),
            },
            request_id: around.request_id,
            route_key: "$default",
            stage: "$default",
            time: around.time,
            time_epoch: around.time_ms,
        },
        body,
        is_base64_encoded,
    })
}

fn authorizer<'s>(signer: &Signer<'s>) -> Authorizer<'s> {
    Authorizer {
        iam: Iam {
            access_key: signer.access_key,
            account_id: signer.account,
            caller_id: signer.id,
            cognito_identity: (),
            principal_org_id: (),
            user_arn: signer.arn,
            user_id: signer.id,
        },
    }
}

/// Each name once, several values with commas between them.
fn joined<K: Ord>(pairs: impl Iterator<Item = (K, String)>) -> BTreeMap<K, String> {
    let mut found: BTreeMap<K, String> = BTreeMap::new();
    for (name, value) in pairs {
        match found.get_mut(&name) {
            Some(known) => {
                known.push(',');
                known.push_str(&value);
            }
            None => drop(found.insert(name, value)),
        }
    }
    found
}

fn headers<'h>(sent: &'h HeaderMap, around: &Surroundings<'_>) -> BTreeMap<&'h str, String> {
    let kept = sent.iter().filter(|(name, _)| **name != header::COOKIE && !HOP_BY_HOP.contains(name));
    let mut found = joined(kept.map(|(name, value)| (name.as_str(), text(value))));
    found.entry("x-amzn-trace-id").or_insert_with(|| around.trace.to_owned());
    if let Some(peer) = around.peer {
        let way = found.entry("x-forwarded-for").or_default();
        if !way.is_empty() {
            way.push_str(", ");
        }
        way.push_str(&peer.to_string());
    }
    // Hearth speaks no TLS; a proxy before it that does says so.
    found.entry("x-forwarded-proto").or_insert_with(|| "http".to_owned());
    if let Some(port) = around.port {
        found.entry("x-forwarded-port").or_insert_with(|| port.to_string());
    }
    found
}

/// They stand in the event by themselves and no more among the headers.
fn cookies(sent: &HeaderMap) -> Vec<String> {
    let lines = sent.get_all(header::COOKIE).iter().map(text).collect::<Vec<_>>();
    let cookies = lines.iter().flat_map(|line| line.split(';')).map(str::trim).filter(|cookie| !cookie.is_empty());
    cookies.map(ToOwned::to_owned).collect()
}

/// HTTP's headers are Latin-1 where they are not UTF-8.
fn text(value: &HeaderValue) -> String {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().map(|byte| char::from(*byte)).collect(),
    }
}

/// The body as the event carries it, and whether that is base64.
fn encode<'b>(headers: &HeaderMap, body: &'b Bytes) -> (Option<Cow<'b, str>>, bool) {
    if body.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(body).ok().filter(|_| is_text(headers)) {
        Some(text) => (Some(Cow::Borrowed(text)), false),
        None => (Some(Cow::Owned(BASE64_STANDARD.encode(body))), true),
    }
}

/// By its content type; forms are not, on AWS neither.
fn is_text(headers: &HeaderMap) -> bool {
    let header = |name| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_plain = header(header::CONTENT_ENCODING).is_none_or(|encoding| encoding.eq_ignore_ascii_case("identity"));
    let kind = header(header::CONTENT_TYPE).unwrap_or_default().split(';').next().unwrap_or_default();
    let kind = kind.trim().to_ascii_lowercase();
    let named = ["application/json", "application/xml", "application/javascript"];
    is_plain
        && (kind.starts_with("text/")
            || named.contains(&kind.as_str())
            || (kind.starts_with("application/") && (kind.ends_with("+json") || kind.ends_with("+xml"))))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn around<'s>(path: &'s str) -> Surroundings<'s> {
        Surroundings {
            request_id: "0e7a",
            path,
            account: "anonymous",
            api_id: "abc",
            domain: "abc.lambda-url.us-east-1.localhost",
            signer: None,
            peer: Some(IpAddr::from([127, 0, 0, 1])),
            port: Some(4566),
            trace: "Root=1-a-b",
            time_ms: 1_583_348_638_390,
            time: "04/Mar/2020:19:03:58 +0000",
        }
    }

    fn event(method: &str, uri: &str, headers: &[(&str, &[u8])], body: &'static [u8]) -> Value {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        let path = parts.uri.path().to_owned();
        serde_json::from_slice(&of(&parts, &Bytes::from_static(body), &around(&path)).unwrap()).unwrap()
    }

    #[test]
    fn a_whole_event() {
        let headers: &[(&str, &[u8])] = &[
            ("Host", b"abc.lambda-url.us-east-1.localhost:4566"),
            ("X-Two", b"One"),
            ("x-two", b"Two"),
            ("user-agent", b"curl/8"),
            ("cookie", b"a=1; b=2"),
            ("cookie", b"c=3"),
            ("connection", b"close"),
            ("content-type", b"application/json"),
        ];
        let found = event("POST", "/my/pa%2Fth?a=1&a=2&b=%20+x", headers, b"{\"k\":1}");
        let expected = json!({
            "version": "2.0",
            "routeKey": "$default",
            "rawPath": "/my/pa%2Fth",
            "rawQueryString": "a=1&a=2&b=%20+x",
            "cookies": ["a=1", "b=2", "c=3"],
            "headers": {
                "content-type": "application/json",
                "host": "abc.lambda-url.us-east-1.localhost:4566",
                "user-agent": "curl/8",
                "x-amzn-trace-id": "Root=1-a-b",
                "x-forwarded-for": "127.0.0.1",
                "x-forwarded-port": "4566",
                "x-forwarded-proto": "http",
                "x-two": "One,Two",
            },
            "queryStringParameters": {"a": "1,2", "b": "  x"},
            "requestContext": {
                "accountId": "anonymous",
                "apiId": "abc",
                "domainName": "abc.lambda-url.us-east-1.localhost",
                "domainPrefix": "abc",
                "http": {
                    "method": "POST",
                    "path": "/my/pa%2Fth",
                    "protocol": "HTTP/1.1",
                    "sourceIp": "127.0.0.1",
                    "userAgent": "curl/8",
                },
                "requestId": "0e7a",
                "routeKey": "$default",
                "stage": "$default",
                "time": "04/Mar/2020:19:03:58 +0000",
                "timeEpoch": 1_583_348_638_390_i64,
            },
            "body": "{\"k\":1}",
            "isBase64Encoded": false,
        });
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_not_there_is_left_out() {
        let found = event("GET", "/", &[], b"");
        for absent in ["body", "cookies", "queryStringParameters"] {
            assert_eq!(found.get(absent), None);
        }
        assert_eq!((&found["rawQueryString"], &found["isBase64Encoded"]), (&json!(""), &json!(false)));
        assert_eq!(found["requestContext"].get("authorizer"), None);
    }

    #[test]
    fn a_way_through_proxies_is_kept() {
        let headers: &[(&str, &[u8])] =
            &[("x-forwarded-for", b"9.9.9.9"), ("x-forwarded-proto", b"https"), ("x-forwarded-port", b"443")];
        let found = event("GET", "/", headers, b"");
        assert_eq!(found["headers"]["x-forwarded-for"], "9.9.9.9, 127.0.0.1");
        assert_eq!(found["headers"]["x-forwarded-proto"], "https");
        assert_eq!(found["headers"]["x-forwarded-port"], "443");
        assert_eq!(found["requestContext"]["http"]["sourceIp"], "127.0.0.1", "whatever a client says");
    }

    #[test]
    fn a_signer_is_told() {
        let (parts, ()) = http::Request::builder().uri("/").body(()).unwrap().into_parts();
        let signed = Surroundings {
            signer: Some(Signer {
                access_key: "AKIA",
                account: "111122223333",
                arn: "arn:aws:iam::111122223333:user/ann",
                id: "AIDA",
            }),
            ..around("/")
        };
        let found: Value = serde_json::from_slice(&of(&parts, &Bytes::new(), &signed).unwrap()).unwrap();
        let expected = json!({"iam": {
            "accessKey": "AKIA", "accountId": "111122223333", "callerId": "AIDA", "cognitoIdentity": null,
            "principalOrgId": null, "userArn": "arn:aws:iam::111122223333:user/ann", "userId": "AIDA",
        }});
        assert_eq!(found["requestContext"]["authorizer"], expected);
    }

    #[track_caller]
    fn check_body(headers: &[(&str, &[u8])], body: &'static [u8], is_base64: bool) {
        let found = event("POST", "/", headers, body);
        let expected = match is_base64 {
            true => BASE64_STANDARD.encode(body),
            false => String::from_utf8(body.to_vec()).unwrap(),
        };
        assert_eq!((&found["body"], &found["isBase64Encoded"]), (&json!(expected), &json!(is_base64)), "{headers:?}");
    }

    #[test]
    fn bodies_are_text_by_their_type() {
        for kind in [
            "text/plain",
            "text/html; charset=utf-8",
            "application/json",
            "Application/JSON",
            "application/xml",
            "application/javascript",
            "application/problem+json",
            "application/soap+xml; x=y",
        ] {
            check_body(&[("content-type", kind.as_bytes())], "hé".as_bytes(), false);
        }
        for kind in [
            "multipart/form-data; boundary=x",
            "application/x-www-form-urlencoded",
            "application/octet-stream",
            "image/png",
            "",
        ] {
            check_body(&[("content-type", kind.as_bytes())], b"x", true);
        }
        check_body(&[], b"x", true);
        check_body(&[("content-type", b"text/plain")], b"\xff", true);
        check_body(&[("content-type", b"text/plain"), ("content-encoding", b"gzip")], b"x", true);
    }

    #[test]
    fn header_bytes_become_text() {
        let headers: &[(&str, &[u8])] = &[("x-latin", b"h\xe9"), ("x-utf", "hé".as_bytes())];
        let found = event("GET", "/", headers, b"");
        assert_eq!((&found["headers"]["x-latin"], &found["headers"]["x-utf"]), (&json!("hé"), &json!("hé")));
    }
}
