//! AWS's published signing examples, as data: the request, and the signature that AWS prints.
//!
//! Sources: IAM user guide (the `ListUsers` request), the SigV4 test suite (service `service`),
//! S3 API reference ("Authenticating requests: using the Authorization header", "using query
//! parameters", "transferring payload in multiple chunks", "... with trailing headers").

use bytes::Bytes;
use hearth_core::Clock;
use http::{HeaderMap, HeaderName};

use super::canonical::Signed;
use super::{Claims, Content, SignatureError, Verifier};

/// A day after the S3 examples' time; within the life of the presigned one.
const S3_NOW_MS: i64 = 1_369_353_600_000;
const S3_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const SUITE_NOW_MS: i64 = 1_440_938_160_000;
const SUITE_SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

struct Example {
    secret: &'static str,
    now_ms: i64,
    method: &'static str,
    uri: &'static str,
    headers: Vec<(&'static str, &'static str)>,
    authorization: Option<String>,
    body: Vec<u8>,
}

impl Example {
    fn verify(&self) -> Result<Content, SignatureError> {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            headers.append(HeaderName::from_bytes(name.as_bytes()).expect("a name"), value.parse().expect("a value"));
        }
        if let Some(authorization) = &self.authorization {
            headers.insert("authorization", authorization.parse().expect("a value"));
        }
        let (path, query) = self.uri.split_once('?').unwrap_or((self.uri, ""));
        let claims = Claims::of(&headers, query)?.ok_or(SignatureError::Missing)?;
        let verifier = Verifier::new(Clock::fixed(self.now_ms));
        verifier.check(&claims, &headers)?;
        let signed = Signed {
            method: self.method,
            path,
            query,
            headers: &headers,
        };
        verifier.verify_signed(&claims, self.secret, &signed, Bytes::from(self.body.clone()))
    }
}

fn s3(
    method: &'static str,
    uri: &'static str,
    headers: &[(&'static str, &'static str)],
    signed: &str,
    signature: &str,
) -> Example {
    Example {
        secret: S3_SECRET,
        now_ms: S3_NOW_MS,
        method,
        uri,
        headers: headers.to_vec(),
        authorization: Some(format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, \
             SignedHeaders={signed}, Signature={signature}"
        )),
        body: Vec::new(),
    }
}

fn suite(
    method: &'static str,
    uri: &'static str,
    headers: &[(&'static str, &'static str)],
    signed: &str,
    signature: &str,
) -> Example {
    Example {
        secret: SUITE_SECRET,
        now_ms: SUITE_NOW_MS,
        method,
        uri,
        headers: [headers, &[("host", "example.amazonaws.com"), ("x-amz-date", "20150830T123600Z")]].concat(),
        authorization: Some(format!(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, \
             SignedHeaders={signed}, Signature={signature}"
        )),
        body: Vec::new(),
    }
}

/// The example verifies, and one changed bit of its signature does not.
#[track_caller]
fn check(example: &Example) -> Content {
    let content = example.verify().expect("AWS's own signature");
    let mut changed = Example {
        headers: example.headers.clone(),
        authorization: example.authorization.clone(),
        body: example.body.clone(),
        ..*example
    };
    if let Some(authorization) = &mut changed.authorization {
        let last = authorization.pop().expect("a digit");
        authorization.push(if last == '0' { '1' } else { '0' });
        assert_eq!(changed.verify(), Err(SignatureError::Mismatch));
    }
    content
}

#[test]
fn the_guides_list_users_request() {
    check(&Example {
        secret: SUITE_SECRET,
        now_ms: SUITE_NOW_MS,
        method: "GET",
        uri: "/?Action=ListUsers&Version=2010-05-08",
        headers: vec![
            ("host", "iam.amazonaws.com"),
            ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
            ("x-amz-date", "20150830T123600Z"),
        ],
        authorization: Some(
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date, \
             Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
                .to_owned(),
        ),
        body: Vec::new(),
    });
}

#[test]
fn the_suites_vanilla_requests() {
    let plain = "host;x-amz-date";
    check(&suite("GET", "/", &[], plain, "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"));
    check(&suite("POST", "/", &[], plain, "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"));
    check(&suite(
        "GET",
        "/?Param2=value2&Param1=value1",
        &[],
        plain,
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ));
}

#[test]
fn s3_get_object_with_a_range() {
    check(&s3(
        "GET",
        "/test.txt",
        &[
            ("host", "examplebucket.s3.amazonaws.com"),
            ("range", "bytes=0-9"),
            ("x-amz-content-sha256", EMPTY),
            ("x-amz-date", "20130524T000000Z"),
        ],
        "host;range;x-amz-content-sha256;x-amz-date",
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    ));
}

fn put_object() -> Example {
    let mut example = s3(
        "PUT",
        "/test$file.text",
        &[
            ("host", "examplebucket.s3.amazonaws.com"),
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
        ],
        "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    example.body = b"Welcome to Amazon S3.".to_vec();
    example
}

#[test]
fn s3_put_object() {
    check(&put_object());
    let mut other_body = put_object();
    other_body.body = b"Welcome to Amazon S4.".to_vec();
    assert_eq!(other_body.verify(), Err(SignatureError::PayloadHash));
}

#[test]
fn s3_queries() {
    let headers = [
        ("host", "examplebucket.s3.amazonaws.com"),
        ("x-amz-date", "20130524T000000Z"),
        ("x-amz-content-sha256", EMPTY),
    ];
    let signed = "host;x-amz-content-sha256;x-amz-date";
    check(&s3(
        "GET",
        "/?lifecycle",
        &headers,
        signed,
        "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543",
    ));
    check(&s3(
        "GET",
        "/?max-keys=2&prefix=J",
        &headers,
        signed,
        "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
    ));
}

fn presigned(now_ms: i64) -> Example {
    Example {
        secret: S3_SECRET,
        now_ms,
        method: "GET",
        uri: "/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256\
              &X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request\
              &X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host\
              &X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404",
        headers: vec![("host", "examplebucket.s3.amazonaws.com")],
        authorization: None,
        body: Vec::new(),
    }
}

#[test]
fn s3_presigned_url_and_its_end() {
    const DAY_MS: i64 = 86_400_000;
    check(&presigned(S3_NOW_MS));
    check(&presigned(S3_NOW_MS + DAY_MS));
    let expired = presigned(S3_NOW_MS + DAY_MS + 1_000).verify();
    assert_eq!(
        expired,
        Err(SignatureError::Skewed(
            "Signature expired: 20130525T000000Z is now earlier than 20130525T000001Z".to_owned()
        ))
    );
}

/// 66,560 times `a`, in chunks of 64 KiB and 1 KiB; `signatures` are those of the chunks, the last
/// one empty.
fn chunks(signatures: [&str; 3], trailer: &str) -> Vec<u8> {
    let mut body = Vec::new();
    for (size, signature) in [65_536, 1_024, 0].into_iter().zip(signatures) {
        body.extend_from_slice(format!("{size:x};chunk-signature={signature}\r\n").as_bytes());
        body.resize(body.len() + size, b'a');
        if size > 0 {
            body.extend_from_slice(b"\r\n");
        }
    }
    body.extend_from_slice(trailer.as_bytes());
    body.extend_from_slice(b"\r\n");
    body
}

fn chunked() -> Example {
    let mut example = s3(
        "PUT",
        "/examplebucket/chunkObject.txt",
        &[
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("content-length", "66824"),
        ],
        "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;\
         x-amz-storage-class",
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    example.body = chunks(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "",
    );
    example
}

#[test]
fn s3_signed_chunks() {
    assert_eq!(chunked().body.len(), 66_824);
    let content = check(&chunked());
    assert!(content.body.len() == 66_560 && content.body.iter().all(|&byte| byte == b'a'));

    let mut altered = chunked();
    altered.body[70_00] = b'b';
    assert_eq!(altered.verify(), Err(SignatureError::Mismatch));

    let mut cut = chunked();
    cut.body.truncate(cut.body.len() - 86);
    assert!(matches!(cut.verify(), Err(SignatureError::Chunks(_))));
}

fn chunked_with_trailer(checksum: &str) -> Example {
    let mut example = s3(
        "PUT",
        "/examplebucket/chunkObject.txt",
        &[
            ("host", "s3.amazonaws.com"),
            ("x-amz-date", "20130524T000000Z"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
            ("content-encoding", "aws-chunked"),
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-trailer", "x-amz-checksum-crc32c"),
        ],
        "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;\
         x-amz-trailer",
        "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
    );
    let trailer = format!(
        "x-amz-checksum-crc32c:{checksum}\r\n\
         x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
    );
    example.body = chunks(
        [
            "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
            "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
            "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
        ],
        &trailer,
    );
    example
}

#[test]
fn s3_signed_chunks_with_a_trailer() {
    let content = check(&chunked_with_trailer("sOO8/Q=="));
    assert_eq!(content.trailers, [("x-amz-checksum-crc32c".to_owned(), "sOO8/Q==".to_owned())]);
    assert_eq!(chunked_with_trailer("AAAA/Q==").verify(), Err(SignatureError::Mismatch));
}
