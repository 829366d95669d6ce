//! Verifying a request, in two steps: what needs no body, so that a stranger's body is never
//! read, and the signature itself.

use bytes::Bytes;
use hearth_core::Clock;
use http::HeaderMap;
use http::request::Parts;
use subtle::ConstantTimeEq;

use super::canonical::{self, PathRule, Signed};
use super::chunked::{self, ChunkError, ChunkKey, Decoded};
use super::claims::{Claims, Form};
use super::error::SignatureError;
use super::key::KeyCache;
use super::payload::Payload;
use super::{TERMINATOR, time};

/// How far a client's clock may be off.
const SKEW_S: i64 = 5 * 60;
/// A presigned URL lives a week at most.
const EXPIRES_MAX_S: i64 = 7 * 24 * 60 * 60;

/// The body of a request, with its `aws-chunked` framing taken off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    pub body: Bytes,
    /// Header lines that came after the body.
    pub trailers: Vec<(String, String)>,
}

impl Content {
    /// The content of a request whose signature nobody verifies.
    ///
    /// # Errors
    /// A broken `aws-chunked` framing.
    pub fn unverified(headers: &HeaderMap, body: Bytes) -> Result<Self, SignatureError> {
        match Payload::of(headers, "", None, "") {
            Payload::Streaming { .. } => Self::decoded(chunked::decode(&body, None, declared(headers))),
            _ => Ok(Self::plain(body)),
        }
    }

    fn plain(body: Bytes) -> Self {
        Self { body, trailers: Vec::new() }
    }

    fn decoded(result: Result<Decoded, ChunkError>) -> Result<Self, SignatureError> {
        match result {
            Ok(Decoded { body, trailers }) => Ok(Self { body, trailers }),
            Err(ChunkError::Signature) => Err(SignatureError::Mismatch),
            Err(error) => Err(SignatureError::Chunks(error.to_string())),
        }
    }
}

/// Verifies signatures; remembers the keys it derived. One for the whole server.
pub struct Verifier {
    clock: Clock,
    keys: KeyCache,
}

impl Verifier {
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            keys: KeyCache::default(),
        }
    }

    /// The scope, the date and the list of signed headers: all that can be refused before the
    /// body is read.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self, claims: &Claims<'_>, headers: &HeaderMap) -> Result<(), SignatureError> {
        let scope = claims.scope();
        if scope.terminator != TERMINATOR {
            return Err(SignatureError::Invalid(format!(
                "Credential should be scoped with a valid terminator: '{TERMINATOR}', not '{}'.",
                scope.terminator
            )));
        }
        self.check_date(claims)?;
        check_signed_headers(&claims.signed_headers, headers)
    }

    fn check_date(&self, claims: &Claims<'_>) -> Result<(), SignatureError> {
        let Some(text) = claims.date.as_deref() else {
            return Err(SignatureError::Incomplete(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.".to_owned(),
            ));
        };
        let Some(signed_s) = time::parse(text) else {
            return Err(SignatureError::Incomplete(format!(
                "Date must be in ISO-8601 'basic format'. Got '{text}'. See http://en.wikipedia.org/wiki/ISO_8601"
            )));
        };
        let compact = time::compact(signed_s);
        let scope_date = claims.scope().date;
        if scope_date != &compact[..8] {
            return Err(SignatureError::Invalid(format!(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
                 '{scope_date}' != '{}', from '{compact}'.",
                &compact[..8]
            )));
        }
        let lifetime_s = match claims.form {
            Form::Header => SKEW_S,
            Form::Presigned => lifetime(claims.expires.as_deref())?,
        };
        self.check_age(signed_s, lifetime_s, claims.form)
    }

    fn check_age(&self, signed_s: i64, lifetime_s: i64, form: Form) -> Result<(), SignatureError> {
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let at = time::compact;
        if signed_s > now_s + SKEW_S {
            return Err(SignatureError::Skewed(format!(
                "Signature not yet current: {} is still later than {} ({} + 5 min.)",
                at(signed_s),
                at(now_s + SKEW_S),
                at(now_s)
            )));
        }
        if signed_s + lifetime_s >= now_s {
            return Ok(());
        }
        Err(SignatureError::Skewed(match form {
            Form::Header => format!(
                "Signature expired: {} is now earlier than {} ({} - 5 min.)",
                at(signed_s),
                at(now_s - SKEW_S),
                at(now_s)
            ),
            Form::Presigned => {
                format!("Signature expired: {} is now earlier than {}", at(signed_s + lifetime_s), at(now_s))
            }
        }))
    }

    /// The signature, and the body's hash or chunks. [`Verifier::check`] comes before.
    ///
    /// # Errors
    /// A signature that is not the request's, a body that is not the signed one, a broken framing.
    pub fn verify(
        &self,
        claims: &Claims<'_>,
        secret: &str,
        parts: &Parts,
        body: Bytes,
    ) -> Result<Content, SignatureError> {
        let signed = Signed {
            method: parts.method.as_str(),
            path: parts.uri.path(),
            query: parts.uri.query().unwrap_or(""),
            headers: &parts.headers,
        };
        self.verify_signed(claims, secret, &signed, body)
    }

    pub(super) fn verify_signed(
        &self,
        claims: &Claims<'_>,
        secret: &str,
        signed: &Signed<'_>,
        body: Bytes,
    ) -> Result<Content, SignatureError> {
        let scope = claims.scope();
        let key = self.keys.key(&scope, secret);
        let payload = Payload::of(signed.headers, signed.query, Some(claims.form), scope.service);
        let rule = PathRule::of(scope.service);
        let request = canonical::request(signed, rule, &claims.signed_headers, &payload.hash(&body));
        // `Date` in RFC 2822 form stands in the string to sign in its compact form.
        let date = claims.date.as_deref().and_then(time::parse).map(time::compact).unwrap_or_default();
        let expected = key.sign(canonical::string_to_sign(&date, claims.scope_text(), &request).as_bytes());
        if !bool::from(expected.as_bytes().ct_eq(claims.signature.as_bytes())) {
            tracing::debug!(canonical_request = %String::from_utf8_lossy(&request), "a signature does not match");
            return Err(SignatureError::Mismatch);
        }
        if !payload.is_of(&body) {
            return Err(SignatureError::PayloadHash);
        }
        let Payload::Streaming { signed: with_key, .. } = payload else {
            return Ok(Content::plain(body));
        };
        let chunk_key = ChunkKey {
            key: &key,
            date: &date,
            scope: claims.scope_text(),
            seed: &expected,
        };
        Content::decoded(chunked::decode(&body, with_key.then_some(&chunk_key), declared(signed.headers)))
    }
}

fn lifetime(expires: Option<&str>) -> Result<i64, SignatureError> {
    let Some(text) = expires else {
        return Err(SignatureError::Incomplete(
            "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters."
                .to_owned(),
        ));
    };
    match text.parse::<i64>() {
        Ok(expires_s @ 0..=EXPIRES_MAX_S) => Ok(expires_s),
        Ok(expires_s) if expires_s > EXPIRES_MAX_S => Err(SignatureError::Incomplete(
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than 604800 seconds".to_owned(),
        )),
        _ => Err(SignatureError::Incomplete("X-Amz-Expires should be a non-negative number".to_owned())),
    }
}

/// A header that CloudFront adds on the way, after the client has signed.
const ADDED_ON_THE_WAY: &str = "x-amz-cf-id";

/// The host keeps a signature from being replayed elsewhere, the `x-amz-*` headers mean something
/// to services: both must be signed.
fn check_signed_headers(names: &str, headers: &HeaderMap) -> Result<(), SignatureError> {
    let is_signed = |name: &str| names.split(';').any(|signed| signed == name);
    if !is_signed("host") && !is_signed(":authority") {
        return Err(SignatureError::Invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let unsigned = headers
        .keys()
        .map(http::HeaderName::as_str)
        .filter(|name| name.starts_with("x-amz-") && *name != ADDED_ON_THE_WAY);
    let unsigned: Vec<&str> = unsigned.filter(|name| !is_signed(name)).collect();
    if unsigned.is_empty() {
        return Ok(());
    }
    Err(SignatureError::Invalid(format!(
        "There were headers present in the request which were not signed: {}",
        unsigned.join(", ")
    )))
}

fn declared(headers: &HeaderMap) -> Option<u64> {
    headers.get("x-amz-decoded-content-length")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(query: &str, headers: &[(&str, &str)], expected: &str) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(http::HeaderName::try_from(*name).expect("a name"), value.parse().expect("a value"));
        }
        let claims = Claims::of(&map, query).expect("well-formed").expect("present");
        let refusal = Verifier::new(Clock::fixed(1_369_353_600_000)).check(&claims, &map);
        assert_eq!(refusal.map_err(|error| error.to_string()), Err(expected.to_owned()));
    }

    fn authorization(scope: &str, signed: &str) -> String {
        format!("AWS4-HMAC-SHA256 Credential=K/{scope}, SignedHeaders={signed}, Signature=0")
    }

    #[test]
    fn contradictions_in_the_header_form() {
        let date = ("x-amz-date", "20130524T000000Z");
        let scope = "20130524/us-east-1/lambda/aws4_request";
        let good = authorization(scope, "host;x-amz-date");
        check(
            "",
            &[date, ("authorization", &good.replace("aws4_request", "aws5"))],
            "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5'.",
        );
        check(
            "",
            &[("authorization", &good)],
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        );
        check(
            "",
            &[("x-amz-date", "yesterday"), ("authorization", &good)],
            "Date must be in ISO-8601 'basic format'. Got 'yesterday'. See http://en.wikipedia.org/wiki/ISO_8601",
        );
        check(
            "",
            &[date, ("authorization", &good.replace("20130524", "20130523"))],
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: \
             '20130523' != '20130524', from '20130524T000000Z'.",
        );
        check(
            "",
            &[date, ("authorization", &authorization(scope, "x-amz-date"))],
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        );
    }

    #[test]
    fn lifetimes_of_presigned_urls() {
        let url = |expires: &str| {
            format!(
                "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K/20130524/us-east-1/s3/aws4_request\
                 &X-Amz-Date=20130524T000000Z&X-Amz-SignedHeaders=host&X-Amz-Signature=0{expires}"
            )
        };
        check(
            &url(""),
            &[],
            "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the query-string parameters.",
        );
        for bad in ["-1", "1.5", "x", "99999999999999999999"] {
            check(&url(&format!("&X-Amz-Expires={bad}")), &[], "X-Amz-Expires should be a non-negative number");
        }
        check(
            &url("&X-Amz-Expires=604801"),
            &[],
            "X-Amz-Expires must be less than a week (in seconds); that is, the given X-Amz-Expires must be less than \
             604800 seconds",
        );
    }

    proptest! {
        #[test]
        fn arbitrary_claims_never_panic(scope in "[ -+./-~]{0,40}", signed in "[ -+.-~]{0,20}", date in "[ -~]{0,20}", body: Vec<u8>) {
            let mut headers = HeaderMap::new();
            headers.insert("authorization", authorization(&scope, &signed).parse().expect("printable"));
            headers.insert("x-amz-date", date.parse().expect("printable"));
            headers.insert("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD".parse().expect("printable"));
            if let Ok(Some(claims)) = Claims::of(&headers, "") {
                let verifier = Verifier::new(Clock::fixed(0));
                let _ = verifier.check(&claims, &headers);
                let request = Signed { method: "GET", path: "/", query: "", headers: &headers };
                prop_assert!(verifier.verify_signed(&claims, "secret", &request, body.into()).is_err());
            }
        }
    }
}
