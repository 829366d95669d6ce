//! Property: what the `aws-sigv4` crate signs, verifies here; and what was changed after, does not.

use std::time::{Duration, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SignatureLocation, SigningSettings,
    UriPathNormalizationMode, sign as oracle_sign,
};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use hearth_core::Clock;
use http::Request;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use proptest::prelude::*;

use super::{Claims, Content, Outgoing, SignatureError, SigningKeys, Verifier, sign};

#[derive(Clone, Debug)]
struct Case {
    method: &'static str,
    path: String,
    query: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    service: &'static str,
    region: &'static str,
    secret: String,
    token: Option<String>,
    second: u64,
    presigned: bool,
}

fn cases() -> impl Strategy<Value = Case> {
    let segment = "[a-zA-Z0-9._~!$&'()*+,;=:@-]{0,8}|%[2-7][0-9A-E]|\\.|\\.\\.";
    let path = prop::collection::vec(segment, 0..5).prop_map(|parts| format!("/{}", parts.join("/")));
    let pair = "[a-zA-Z0-9._~!$'()*,;:@/?-]{1,6}(=([a-zA-Z0-9._~!$'()*,;:@/?-]|%[2-7][0-9A-E]){0,6})?";
    let query = prop::collection::vec(pair, 0..5).prop_map(|pairs| pairs.join("&"));
    let header = ("x-amz-[a-z]{3,8}|[b-c][a-z]{1,8}", "[!-~]([ -~]{0,16}[!-~])?");
    let headers = prop::collection::btree_map(header.0, header.1, 0..4).prop_map(|map| map.into_iter().collect());
    (
        prop::sample::select(vec!["GET", "POST", "PUT", "DELETE"]),
        path,
        query,
        headers,
        prop::collection::vec(any::<u8>(), 0..64),
        prop::sample::select(vec!["lambda", "s3", "logs"]),
        prop::sample::select(vec!["us-east-1", "eu-central-1"]),
        "[a-zA-Z0-9/+]{20,40}",
        prop::option::of("[a-zA-Z0-9/+=]{10,80}"),
        (1_000_000_000_u64..3_000_000_000, any::<bool>()),
    )
        .prop_map(|(method, path, query, headers, body, service, region, secret, token, (second, presigned))| {
            Case {
                method,
                path: if service == "s3" { encoded(&path) } else { path },
                query,
                headers,
                body,
                service,
                region,
                secret,
                token,
                second,
                presigned,
            }
        })
}

/// A path as clients send it to S3. The oracle takes such a path as it is and S3 decodes and
/// encodes it, so both agree on paths that are encoded in the one canonical way.
fn encoded(path: &str) -> String {
    const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');
    utf8_percent_encode(path, ENCODED).to_string()
}

fn settings(case: &Case) -> SigningSettings {
    let mut settings = SigningSettings::default();
    if case.service == "s3" {
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    if case.presigned {
        settings.signature_location = SignatureLocation::QueryParams;
        settings.expires_in = Some(Duration::from_secs(600));
    }
    settings
}

/// The request as the oracle signs it.
fn signed(case: &Case) -> Option<Request<Bytes>> {
    let mark = if case.query.is_empty() { "" } else { "?" };
    let uri = format!("http://127.0.0.1:4566{}{mark}{}", case.path, case.query);
    let mut request = Request::builder().method(case.method).uri(&uri).header("host", "127.0.0.1:4566");
    for (name, value) in &case.headers {
        request = request.header(name, value);
    }
    let mut request = request.body(Bytes::from(case.body.clone())).ok()?;
    let keys = Credentials::new("AKIDEXAMPLE", &case.secret, case.token.clone(), None, "test").into();
    let params = v4::SigningParams::builder()
        .identity(&keys)
        .region(case.region)
        .name(case.service)
        .time(UNIX_EPOCH + Duration::from_secs(case.second))
        .settings(settings(case))
        .build()
        .expect("complete parameters")
        .into();
    let headers = request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().expect("text")));
    let body = match case.presigned && case.service == "s3" {
        true => SignableBody::UnsignedPayload,
        false => SignableBody::Bytes(&case.body),
    };
    let signable = SignableRequest::new(case.method, uri, headers, body).expect("a signable request");
    let (instructions, _) = oracle_sign(signable, &params).expect("a signature").into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Some(request)
}

fn verify(case: &Case, request: Request<Bytes>, seconds_later: u64) -> Result<Content, SignatureError> {
    let (parts, body) = request.into_parts();
    let claims = Claims::of(&parts.headers, parts.uri.query().unwrap_or(""))?.ok_or(SignatureError::Missing)?;
    let now_ms = i64::try_from((case.second + seconds_later) * 1_000).expect("a time of this age");
    let verifier = Verifier::new(Clock::fixed(now_ms));
    verifier.check(&claims, &parts.headers)?;
    assert_eq!(claims.session_token.as_deref(), case.token.as_deref());
    verifier.verify(&claims, &case.secret, &parts, body)
}

proptest! {
    #[test]
    fn what_the_oracle_signs_verifies(case in cases()) {
        let Some(request) = signed(&case) else { return Ok(()) };
        let content = verify(&case, request, 200);
        prop_assert_eq!(content.map(|content| content.body), Ok(Bytes::from(case.body.clone())));
    }

    #[test]
    fn what_was_changed_after_signing_does_not(case in cases(), what in 0..5) {
        let Some(mut request) = signed(&case) else { return Ok(()) };
        let mut changed = case.clone();
        let covers_body = !(case.presigned && case.service == "s3");
        match what {
            0 => *request.method_mut() = http::Method::PATCH,
            1 => changed.secret.push('x'),
            2 if covers_body => *request.body_mut() = Bytes::from([&case.body[..], b"x"].concat()),
            3 => {
                let uri = request.uri().to_string();
                let mark = if uri.contains('?') { '&' } else { '?' };
                *request.uri_mut() = format!("{uri}{mark}added=1").parse().expect("a URI");
            }
            _ => drop(request.headers_mut().insert("host", "127.0.0.1:4567".parse().expect("a value"))),
        }
        let refusal = verify(&changed, request, 0).expect_err("a changed request");
        prop_assert!(matches!(refusal, SignatureError::Mismatch | SignatureError::PayloadHash), "{:?}", refusal);
    }

    #[test]
    fn old_signatures_are_refused(case in cases()) {
        let Some(request) = signed(&case) else { return Ok(()) };
        let lifetime = if case.presigned { 600 } else { 300 };
        let refusal = verify(&case, request, lifetime + 1).expect_err("an old request");
        prop_assert!(matches!(refusal, SignatureError::Skewed(_)), "{:?}", refusal);
    }

    #[test]
    fn our_own_signatures_verify(case in cases()) {
        let mark = if case.query.is_empty() { "" } else { "?" };
        let uri = format!("http://127.0.0.1:4566{}{mark}{}", case.path, case.query);
        let Ok(url) = uri.parse::<http::Uri>() else { return Ok(()) };
        let headers: Vec<_> = case.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let method = case.method.parse().expect("a method");
        let keys = SigningKeys {
            access_key_id: "AKIDEXAMPLE",
            secret_access_key: &case.secret,
            session_token: case.token.as_deref(),
        };
        let outgoing = Outgoing { method: &method, url: &url, headers: &headers, body: &case.body };
        let now_ms = i64::try_from(case.second * 1_000).expect("a time of this age");
        let added = sign(&keys, case.region, case.service, now_ms, &outgoing);
        let mut request = Request::builder().method(case.method).uri(&uri).header("host", "127.0.0.1:4566");
        for (name, value) in headers.into_iter().chain(added.iter().map(|(name, value)| (*name, value.as_str()))) {
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(case.body.clone())).expect("a request");
        prop_assert!(verify(&case, request, 0).is_ok());
    }
}
