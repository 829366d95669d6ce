//! Signing: what Hearth's own command line puts on its requests.

use std::collections::BTreeSet;

use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};

use super::canonical::{self, PathRule, Signed};
use super::key::SigningKey;
use super::payload::sha256_hex;
use super::{ALGORITHM, TERMINATOR, time};

/// What to sign with.
#[derive(Clone, Copy)]
pub struct SigningKeys<'a> {
    pub access_key_id: &'a str,
    pub secret_access_key: &'a str,
    pub session_token: Option<&'a str>,
}

/// A request on its way out.
#[derive(Clone, Copy)]
pub struct Outgoing<'a> {
    pub method: &'a Method,
    /// Absolute: `host` is taken from it, with the port unless that is the scheme's own.
    pub url: &'a Uri,
    /// Of these, `content-type` and `x-amz-*` are signed.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: &'a [u8],
}

/// The headers to add to a request so that it is signed (header form): `x-amz-date`,
/// `x-amz-content-sha256`, `x-amz-security-token` when there is a token, and `authorization`.
///
/// Names and values that cannot stand in a header are left out, and so not signed.
#[must_use]
pub fn sign(
    keys: &SigningKeys<'_>,
    region: &str,
    service: &str,
    now_ms: i64,
    request: &Outgoing<'_>,
) -> Vec<(&'static str, String)> {
    let date = time::compact(now_ms.div_euclid(1_000));
    let body_hash = sha256_hex(request.body);
    let mut added = vec![("x-amz-date", date.clone()), ("x-amz-content-sha256", body_hash.clone())];
    if let Some(token) = keys.session_token {
        added.push(("x-amz-security-token", token.to_owned()));
    }
    let headers = signed_headers(request, &added);
    let names = headers.keys().map(HeaderName::as_str).collect::<BTreeSet<_>>();
    let names = names.into_iter().collect::<Vec<_>>().join(";");
    let signed = Signed {
        method: request.method.as_str(),
        path: request.url.path(),
        query: request.url.query().unwrap_or(""),
        headers: &headers,
    };
    let canonical = canonical::request(&signed, PathRule::of(service), &names, &body_hash);
    let scope = format!("{}/{region}/{service}/{TERMINATOR}", &date[..8]);
    let key = SigningKey::derive(keys.secret_access_key, &date[..8], region, service);
    let signature = key.sign(canonical::string_to_sign(&date, &scope, &canonical).as_bytes());
    let credential = keys.access_key_id;
    let authorization =
        format!("{ALGORITHM} Credential={credential}/{scope}, SignedHeaders={names}, Signature={signature}");
    added.push(("authorization", authorization));
    added
}

fn signed_headers(request: &Outgoing<'_>, added: &[(&'static str, String)]) -> HeaderMap {
    let mut kept = HeaderMap::new();
    let mut keep = |name: &str, value: &str| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_str(value)) {
            kept.append(name, value);
        }
    };
    keep("host", &host(request.url));
    for (name, value) in request.headers {
        let name = name.to_ascii_lowercase();
        if name == "content-type" || name.starts_with("x-amz-") {
            keep(&name, value);
        }
    }
    for (name, value) in added {
        keep(name, value);
    }
    kept
}

fn host(url: &Uri) -> String {
    let host = url.host().unwrap_or_default();
    match (url.scheme_str(), url.port_u16()) {
        (_, None) | (Some("http"), Some(80)) | (Some("https"), Some(443)) => host.to_owned(),
        (_, Some(port)) => format!("{host}:{port}"),
    }
}
