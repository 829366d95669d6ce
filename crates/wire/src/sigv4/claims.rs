//! What a request claims about its signer, as it stands in the header or the query.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use percent_encoding::percent_decode_str;

use super::ALGORITHM;
use super::error::SignatureError;

/// Where the signature was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The `Authorization` header.
    Header,
    /// `X-Amz-*` query parameters: a presigned URL.
    Presigned,
}

/// A signature and what it says of itself, well-formed and not yet believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims<'a> {
    pub form: Form,
    credential: Cow<'a, str>,
    /// Lower-case names joined by `;`, as sent.
    pub signed_headers: Cow<'a, str>,
    /// As sent: 64 hexadecimal digits when it is any good.
    pub signature: Cow<'a, str>,
    /// `X-Amz-Date` in the place of its form, else the `Date` header.
    pub date: Option<Cow<'a, str>>,
    /// `X-Amz-Expires`, seconds, presigned form alone.
    pub expires: Option<Cow<'a, str>>,
    pub session_token: Option<Cow<'a, str>>,
}

/// The parts of a credential: `AKID/20130524/us-east-1/s3/aws4_request`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope<'a> {
    pub access_key_id: &'a str,
    /// `YYYYMMDD`.
    pub date: &'a str,
    pub region: &'a str,
    pub service: &'a str,
    pub terminator: &'a str,
}

impl<'a> Claims<'a> {
    /// Reads the claims of a request. `None` when it carries no SigV4 signature: no
    /// `Authorization`, or one of another scheme.
    ///
    /// # Errors
    /// The defect of a signature that is there.
    pub fn of(headers: &'a HeaderMap, query: &'a str) -> Result<Option<Self>, SignatureError> {
        let header = header_text(headers, &AUTHORIZATION).filter(|value| value.starts_with(ALGORITHM));
        let presigned = is_presigned(query);
        match (header, presigned) {
            (Some(_), true) => Err(SignatureError::TwoForms),
            (Some(value), false) => Self::from_header(value, headers).map(Some),
            (None, true) => Self::from_query(query).map(Some),
            (None, false) => Ok(None),
        }
    }

    /// Why [`Claims::of`] found nothing, for where a signature is demanded.
    #[must_use]
    pub fn absence(headers: &HeaderMap) -> SignatureError {
        match header_text(headers, &AUTHORIZATION) {
            // The rest of another scheme's header is a secret of that scheme.
            Some(other) => missing_from_header(other.split(' ').next().unwrap_or_default(), [None; 3]),
            None => SignatureError::Missing,
        }
    }

    fn from_header(value: &'a str, headers: &'a HeaderMap) -> Result<Self, SignatureError> {
        let (mut credential, mut signed_headers, mut signature) = (None, None, None);
        for part in value[ALGORITHM.len()..].split([',', ' ']).filter(|part| !part.is_empty()) {
            let Some((name, content)) = part.split_once('=') else {
                return Err(SignatureError::Incomplete(format!(
                    "'{part}' not a valid key=value pair (missing equal-sign) in Authorization header: '{value}'."
                )));
            };
            match name {
                "Credential" => credential = Some(content),
                "SignedHeaders" => signed_headers = Some(content),
                "Signature" => signature = Some(content),
                _ => {}
            }
        }
        let (Some(credential), Some(signed_headers), Some(signature)) =
            (filled(credential), filled(signed_headers), filled(signature))
        else {
            return Err(missing_from_header(value, [credential, signature, signed_headers]));
        };
        Self {
            form: Form::Header,
            credential: credential.into(),
            signed_headers: signed_headers.into(),
            signature: signature.into(),
            date: text(headers, "x-amz-date").or_else(|| text(headers, "date")).map(Cow::Borrowed),
            expires: None,
            session_token: text(headers, "x-amz-security-token").map(Cow::Borrowed),
        }
        .checked()
    }

    fn from_query(query: &'a str) -> Result<Self, SignatureError> {
        let find = |wanted: &str| {
            let value = pairs(query).find(|(name, _)| name == wanted).map(|(_, value)| value);
            value.filter(|value| !value.is_empty())
        };
        let required = |name: &'static str| {
            find(name).ok_or_else(|| {
                SignatureError::Incomplete(format!(
                    "AWS query-string parameters must include '{name}'. Re-examine the query-string parameters."
                ))
            })
        };
        let algorithm = required("X-Amz-Algorithm")?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(algorithm.into_owned()));
        }
        Self {
            form: Form::Presigned,
            credential: required("X-Amz-Credential")?,
            signature: required("X-Amz-Signature")?,
            signed_headers: required("X-Amz-SignedHeaders")?,
            date: Some(required("X-Amz-Date")?),
            expires: find("X-Amz-Expires"),
            session_token: find("X-Amz-Security-Token"),
        }
        .checked()
    }

    fn checked(self) -> Result<Self, SignatureError> {
        if self.credential.split('/').count() == 5 {
            return Ok(self);
        }
        Err(SignatureError::Incomplete(format!(
            "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '{}'",
            self.credential
        )))
    }

    /// The credential's parts.
    #[must_use]
    pub fn scope(&self) -> Scope<'_> {
        let mut parts = self.credential.split('/');
        // `checked` has counted five.
        let mut next = || parts.next().unwrap_or_default();
        Scope {
            access_key_id: next(),
            date: next(),
            region: next(),
            service: next(),
            terminator: next(),
        }
    }

    /// The scope without the key, as it stands in strings to sign.
    pub(super) fn scope_text(&self) -> &str {
        self.credential.split_once('/').map_or("", |(_, scope)| scope)
    }
}

fn header_text<'a>(headers: &'a HeaderMap, name: &http::HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn filled(value: Option<&str>) -> Option<&str> {
    value.filter(|value| !value.is_empty())
}

fn missing_from_header(value: &str, found: [Option<&str>; 3]) -> SignatureError {
    let names = ["Credential", "Signature", "SignedHeaders"];
    let absent = names.iter().zip(found).filter(|(_, found)| filled(*found).is_none());
    let mut text: String =
        absent.map(|(name, _)| format!("Authorization header requires '{name}' parameter. ")).collect();
    text.push_str("Authorization=");
    text.push_str(value);
    SignatureError::Incomplete(text)
}

/// Cheap for the common query, which has no such parameter.
fn is_presigned(query: &str) -> bool {
    memchr::memmem::find(query.as_bytes(), b"X-Amz-").is_some()
        && pairs(query).any(|(name, _)| matches!(&*name, "X-Amz-Algorithm" | "X-Amz-Credential" | "X-Amz-Signature"))
}

/// Names and values of a query, percent-decoded; `+` stands for itself, as in SigV4.
pub(super) fn pairs(query: &str) -> impl Iterator<Item = (Cow<'_, str>, Cow<'_, str>)> {
    let decode = |part| percent_decode_str(part).decode_utf8_lossy();
    query.split('&').filter(|pair| !pair.is_empty()).map(move |pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(authorization: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("authorization", authorization.parse().expect("a header value"));
        headers.insert("x-amz-date", "20130524T000000Z".parse().expect("a header value"));
        headers
    }

    #[track_caller]
    fn check_header(authorization: &str, expected: Result<Option<(&str, &str, &str)>, &str>) {
        let headers = headers(authorization);
        let found = Claims::of(&headers, "").map_err(|error| error.to_string());
        let found = found.as_ref().map(|claims| {
            claims.as_ref().map(|claims| (claims.scope().service, &*claims.signed_headers, &*claims.signature))
        });
        assert_eq!(found.map_err(String::as_str), expected);
    }

    #[test]
    fn separators_are_commas_and_spaces_in_any_mix() {
        let expected = Ok(Some(("lambda", "host;x-amz-date", "ab")));
        for authorization in [
            "AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/lambda/aws4_request, SignedHeaders=host;x-amz-date, Signature=ab",
            "AWS4-HMAC-SHA256 Credential=K/20130524/us-east-1/lambda/aws4_request,SignedHeaders=host;x-amz-date,Signature=ab",
            "AWS4-HMAC-SHA256  Signature=ab Credential=K/20130524/us-east-1/lambda/aws4_request SignedHeaders=host;x-amz-date,",
        ] {
            check_header(authorization, expected);
        }
    }

    #[test]
    fn other_schemes_are_no_signature() {
        for other in ["Bearer abc", "Basic abc", "AWS AKID:sig", ""] {
            check_header(other, Ok(None));
        }
    }

    #[test]
    fn an_absence_names_the_other_scheme_and_not_its_secret() {
        assert_eq!(Claims::absence(&HeaderMap::new()), SignatureError::Missing);
        let text = Claims::absence(&headers("Bearer abc")).to_string();
        assert!(text.ends_with("Authorization=Bearer"), "{text}");
    }

    #[test]
    fn defects_read_as_on_aws() {
        check_header(
            "AWS4-HMAC-SHA256 Credential=a/b/c/d/e",
            Err("Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' \
                 parameter. Authorization=AWS4-HMAC-SHA256 Credential=a/b/c/d/e"),
        );
        check_header(
            "AWS4-HMAC-SHA256 Credential= a/b/c/d/e",
            Err("'a/b/c/d/e' not a valid key=value pair (missing equal-sign) in Authorization header: \
                 'AWS4-HMAC-SHA256 Credential= a/b/c/d/e'."),
        );
        check_header(
            "AWS4-HMAC-SHA256 Credential=a/b/c/d, SignedHeaders=host, Signature=1",
            Err("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, \
                 got 'a/b/c/d'"),
        );
    }

    #[test]
    fn presigned_claims_are_decoded() {
        let query = "a=b&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=K%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
                     &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host%3Brange&X-Amz-Signature=ab\
                     &X-Amz-Security-Token=t%2B";
        let headers = HeaderMap::new();
        let claims = Claims::of(&headers, query).expect("well-formed").expect("present");
        assert_eq!(claims.form, Form::Presigned);
        assert_eq!(
            claims.scope(),
            Scope {
                access_key_id: "K",
                date: "20130524",
                region: "us-east-1",
                service: "s3",
                terminator: "aws4_request"
            }
        );
        assert_eq!(&*claims.signed_headers, "host;range");
        assert_eq!(claims.session_token.as_deref(), Some("t+"));
        assert_eq!(claims.expires.as_deref(), Some("86400"));
    }

    #[test]
    fn two_forms_at_once_are_refused() {
        let headers = headers("AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=1");
        assert_eq!(Claims::of(&headers, "X-Amz-Signature=1"), Err(SignatureError::TwoForms));
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(header in "[ -~]*", query in ".*") {
            let _ = Claims::of(&headers(&header), &query);
            let _ = Claims::of(&headers(&format!("AWS4-HMAC-SHA256 {header}")), "");
            let _ = Claims::of(&HeaderMap::new(), &format!("X-Amz-Algorithm=AWS4-HMAC-SHA256&{query}"));
        }
    }
}
