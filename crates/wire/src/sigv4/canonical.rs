//! The canonical request and the string to sign.
//!
//! Source: "Create a signed AWS API request", steps 1 to 3.

use std::borrow::Cow;
use std::fmt::Write as _;

use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, percent_encode, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::ALGORITHM;

/// What is encoded in names and values: all but unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// In paths the slash stands for itself.
const ENCODED_PATH: &AsciiSet = &ENCODED.remove(b'/');

/// How a service reads the path of a request that it verifies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PathRule {
    /// Dot segments and doubled slashes are removed and the path, encoded as it is on the wire,
    /// is encoded once more.
    Normalised,
    /// S3: the path is taken as it is, encoded once.
    Plain,
}

impl PathRule {
    pub(super) fn of(service: &str) -> Self {
        if matches!(service, "s3" | "s3express" | "s3-object-lambda") { Self::Plain } else { Self::Normalised }
    }
}

/// The parts of a request that are signed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signed<'a> {
    pub(super) method: &'a str,
    /// As on the wire.
    pub(super) path: &'a str,
    /// As on the wire, without the question mark.
    pub(super) query: &'a str,
    pub(super) headers: &'a HeaderMap,
}

/// Builds the canonical request. `names` are the signed headers, joined by `;`.
pub(super) fn request(signed: &Signed<'_>, rule: PathRule, names: &str, payload_hash: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(signed.method.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(path(signed.path, rule).as_bytes());
    out.push(b'\n');
    out.extend_from_slice(query(signed.query).as_bytes());
    out.push(b'\n');
    for name in names.split(';') {
        header(&mut out, signed.headers, name);
    }
    out.push(b'\n');
    out.extend_from_slice(names.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload_hash.as_bytes());
    out
}

/// The string whose keyed hash is the signature. `scope` is `date/region/service/aws4_request`.
pub(super) fn string_to_sign(date: &str, scope: &str, canonical_request: &[u8]) -> String {
    let mut out = String::with_capacity(160);
    let _ = write!(out, "{ALGORITHM}\n{date}\n{scope}\n{}", hex::encode(Sha256::digest(canonical_request)));
    out
}

fn path(raw: &str, rule: PathRule) -> String {
    match rule {
        PathRule::Plain => percent_encode(&percent_decode_str(raw).collect::<Vec<u8>>(), ENCODED_PATH).to_string(),
        PathRule::Normalised => utf8_percent_encode(&normalised(raw), ENCODED_PATH).to_string(),
    }
}

/// Removes dot segments and doubled slashes. A trailing slash is kept.
fn normalised(raw: &str) -> Cow<'_, str> {
    let is_plain = raw.starts_with('/') && !raw.contains("//") && !raw.contains("/.");
    if is_plain {
        return Cow::Borrowed(raw);
    }
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let ends_in_folder = raw.ends_with('/') || raw.ends_with("/.") || raw.ends_with("/..");
    let tail = if ends_in_folder && !kept.is_empty() { "/" } else { "" };
    Cow::Owned(format!("/{}{tail}", kept.join("/")))
}

/// Sorted by encoded name, then by encoded value; the signature itself is not part of it.
fn query(raw: &str) -> String {
    if raw.is_empty() {
        return String::new();
    }
    let encode = |part: &str| percent_encode(&percent_decode_str(part).collect::<Vec<u8>>(), ENCODED).to_string();
    let split = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (encode(name), encode(value))
    };
    let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(split);
    let mut pairs: Vec<(String, String)> = pairs.filter(|(name, _)| name != "X-Amz-Signature").collect();
    pairs.sort_unstable();
    let mut out = String::with_capacity(raw.len() + 16);
    for (name, value) in pairs {
        let separator = if out.is_empty() { "" } else { "&" };
        let _ = write!(out, "{separator}{name}={value}");
    }
    out
}

/// `name:value,value\n`, each value trimmed and its runs of spaces made one.
fn header(out: &mut Vec<u8>, headers: &HeaderMap, name: &str) {
    out.extend_from_slice(name.as_bytes());
    out.push(b':');
    for (at, value) in headers.get_all(name).iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let words = value.as_bytes().split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        for (at, word) in words.enumerate() {
            if at > 0 {
                out.push(b' ');
            }
            out.extend_from_slice(word);
        }
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_path(raw: &str, normalised: &str, plain: &str) {
        assert_eq!(path(raw, PathRule::Normalised), normalised, "{raw}");
        assert_eq!(path(raw, PathRule::Plain), plain, "{raw}");
    }

    // The path cases of AWS's signing test suite, and Lambda's own.
    #[test]
    fn paths() {
        check_path("/", "/", "/");
        check_path("/example/..", "/", "/example/..");
        check_path("/example1/example2/../..", "/", "/example1/example2/../..");
        check_path("//", "/", "//");
        check_path("//example//", "/example/", "//example//");
        check_path("/./", "/", "/./");
        check_path("/./example", "/example", "/./example");
        check_path("/example space/", "/example%20space/", "/example%20space/");
        check_path("/\u{1234}", "/%E1%88%B4", "/%E1%88%B4");
        check_path("/test$file.text", "/test%24file.text", "/test%24file.text");
        check_path("/a%3Ab/c", "/a%253Ab/c", "/a%3Ab/c");
        check_path("/a.b/..c", "/a.b/..c", "/a.b/..c");
    }

    #[track_caller]
    fn check_query(raw: &str, expected: &str) {
        assert_eq!(query(raw), expected, "{raw}");
    }

    #[test]
    fn queries() {
        check_query("", "");
        check_query("Param1=value1", "Param1=value1");
        check_query("Param2=b&Param1=a", "Param1=a&Param2=b");
        check_query("Param1=value2&Param1=Value1", "Param1=Value1&Param1=value2");
        check_query("lifecycle", "lifecycle=");
        check_query("a=%2f+b&X-Amz-Signature=1&", "a=%2F%2Bb");
        check_query("\u{1234}=bar", "%E1%88%B4=bar");
    }

    #[test]
    fn header_values_are_trimmed_and_joined() {
        let mut headers = HeaderMap::new();
        headers.append("my-header1", "  a   b   c  ".parse().expect("a value"));
        headers.append("my-header1", "d".parse().expect("a value"));
        let mut out = Vec::new();
        header(&mut out, &headers, "my-header1");
        assert_eq!(out, b"my-header1:a b c,d\n");
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            path(&text, PathRule::Normalised);
            path(&text, PathRule::Plain);
            query(&text);
        }

        #[test]
        fn the_order_of_query_parameters_does_not_matter(mut pairs in proptest::collection::vec("[a-c]{1,2}=[a-c]{0,2}", 0..6)) {
            let one = query(&pairs.join("&"));
            pairs.reverse();
            proptest::prop_assert_eq!(one, query(&pairs.join("&")));
        }
    }
}
