//! Good input to begin with.

fn frame(kind: u8, payload: &[&[u8]]) -> Vec<u8> {
    let payload = payload.concat();
    let length = u32::try_from(payload.len() + 1).unwrap_or(u32::MAX);
    [length.to_be_bytes().as_slice(), &[kind], &payload].concat()
}

/// A short string: its length and its bytes.
fn short(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [length.to_be_bytes().as_slice(), text.as_bytes()].concat()
}

/// In pieces of 7 bytes, and of 255.
fn in_pieces(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    [7, 255].map(|size| [vec![size], frames.concat()].concat()).to_vec()
}

pub(crate) fn channel() -> Vec<Vec<u8>> {
    let id = short("8a2d5a5e-0000-4000-8000-000000000000");
    in_pieces(&[
        frame(24, &[]),
        frame(25, &[]),
        frame(16, &[]),
        frame(18, &[&id, b"{\"a\":1}"]),
        frame(19, &[&id, &short("Runtime.Unknown"), b"{}"]),
        frame(21, &[&id, &short("text/plain")]),
        frame(22, &[&[b'x'; 3_000]]),
        frame(23, &[&short(""), b""]),
        frame(17, &[&short("Runtime.ImportModuleError"), b"{}"]),
        frame(26, &[&short("Runtime.AfterRestoreError"), b"{}"]),
        frame(20, &[&id, &short("Runtime.ExitError"), b"{}"]),
    ])
}

pub(crate) fn log_frames() -> Vec<Vec<u8>> {
    let record = |kind: u32, message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
        let parts: [&[u8]; 4] =
            [&kind.to_be_bytes(), &length.to_be_bytes(), &1_700_000_000_000_000_u64.to_be_bytes(), message];
        parts.concat()
    };
    in_pieces(&[
        record(0xa55a_0003, b"plain\nof two lines"),
        record(0xa55a_000f, b"with a level"),
        record(0xa55a_0002, b"{\"level\":\"INFO\"}"),
        record(0xa55a_0003, &[b'x'; 5_000]),
    ])
}

pub(crate) fn log_lines() -> Vec<Vec<u8>> {
    in_pieces(&[
        b"one\ntwo\r\nthree\n\n".to_vec(),
        b"{\"level\":\"ERROR\",\"timestamp\":\"2026-01-01T00:00:00Z\",\"message\":\"m\"}\n".to_vec(),
        b"{\"level\":7}\n{\"level\":\n\xff\xfe\n".to_vec(),
        vec![b'y'; 2_000],
    ])
}

pub(crate) fn runtime_api() -> Vec<Vec<u8>> {
    let request = |head: &str, body: &str| {
        format!("{head}\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
    };
    let id = "8a2d5a5e-0000-4000-8000-000000000000";
    let runtime = "/2018-06-01/runtime";
    let extension = "/2020-01-01/extension";
    let subscription = r#"{"schemaVersion":"2022-12-13","types":["platform","function"],"buffering":{"maxItems":1000,"maxBytes":262144,"timeoutMs":100},"destination":{"protocol":"HTTP","URI":"http://sandbox.localdomain:8080/x"}}"#;
    vec![
        request(&format!("GET {runtime}/invocation/next HTTP/1.1"), ""),
        request(&format!("POST {runtime}/invocation/{id}/response HTTP/1.1"), "{}"),
        request(
            &format!("POST {runtime}/invocation/{id}/error HTTP/1.1\r\nLambda-Runtime-Function-Error-Type: Runtime.X"),
            r#"{"errorMessage":"m","errorType":"t","stackTrace":[]}"#,
        ),
        request(
            &format!(
                "POST {runtime}/invocation/{id}/error HTTP/1.1\r\nContent-Type: \
                 application/vnd.aws.lambda.error.cause+json"
            ),
            r#"{"errorMessage":"m","errorType":"t","errorCause":{}}"#,
        ),
        format!(
            "POST {runtime}/invocation/{id}/response HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: \
             chunked\r\nLambda-Runtime-Function-Response-Mode: streaming\r\nTrailer: \
             Lambda-Runtime-Function-Error-Type, \
             Lambda-Runtime-Function-Error-Body\r\n\r\n3\r\nabc\r\n0\r\nLambda-Runtime-Function-Error-Type: \
             X\r\nLambda-Runtime-Function-Error-Body: e30=\r\n\r\n"
        )
        .into_bytes(),
        request(&format!("POST {runtime}/init/error HTTP/1.1"), "{}"),
        request(&format!("GET {runtime}/restore/next HTTP/1.1"), ""),
        request(
            &format!("POST {extension}/register HTTP/1.1\r\nLambda-Extension-Name: e"),
            r#"{"events":["INVOKE","SHUTDOWN"]}"#,
        ),
        request(&format!("GET {extension}/event/next HTTP/1.1\r\nLambda-Extension-Identifier: {id}"), ""),
        request(&format!("PUT /2022-07-01/telemetry HTTP/1.1\r\nLambda-Extension-Identifier: {id}"), subscription),
        request(&format!("PUT /2020-08-15/logs HTTP/1.1\r\nLambda-Extension-Identifier: {id}"), subscription),
    ]
}

/// The encoding of messages between server, helper and sandboxes is compact: small numbers are
/// good beginnings.
pub(crate) fn messages() -> Vec<Vec<u8>> {
    (0..16).map(|kind| vec![kind, 0, kind, 1, 2, 3, 0, 0, kind, 255, 1, 1]).collect()
}
