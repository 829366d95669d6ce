use proptest::prelude::*;

use super::*;

const ID: &str = "8f5c7d1e-0000-4000-8000-000000000001";

fn short(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes()[..], text.as_bytes()].concat()
}

fn frame(kind: u8, parts: &[&[u8]]) -> Vec<u8> {
    let payload = parts.concat();
    [&(1 + payload.len() as u32).to_be_bytes()[..], &[kind], &payload].concat()
}

fn response(body: &[u8]) -> Vec<u8> {
    frame(kind::RESPONSE, &[&short(ID), body])
}

/// Feeds `bytes` in pieces of `step`, and collects what comes out until the end or an error.
#[track_caller]
fn check(bytes: &[u8], step: usize, expected: &[FromRuntime], error: Option<&DecodeError>) {
    let mut decoder = Decoder::new(4096, 1000);
    let mut seen = Vec::new();
    let mut failed = None;
    for piece in bytes.chunks(step) {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(message)) => seen.push(message),
                Ok(None) => break,
                Err(problem) => {
                    failed = Some(problem);
                    break;
                }
            }
        }
    }
    assert_eq!(seen, expected, "in steps of {step}");
    assert_eq!(failed.as_ref(), error, "in steps of {step}");
}

#[track_caller]
fn check_all_steps(bytes: &[u8], expected: &[FromRuntime], error: Option<&DecodeError>) {
    for step in [1, 2, 3, 5, 7, 64, bytes.len().max(1)] {
        check(bytes, step, expected, error);
    }
}

#[test]
fn every_kind_is_read_whatever_the_split() {
    let bytes = [
        frame(kind::READY, &[]),
        response(b"{\"a\":1}"),
        frame(kind::ERROR, &[&short(ID), &short("ValueError"), b"{}"]),
        response(b""),
        frame(kind::LAST_ERROR, &[&short(ID), &short("Runtime.UnhandledPromiseRejection"), b"{}"]),
        frame(kind::INIT_ERROR, &[&short("Runtime.ImportModuleError"), b"{\"errorMessage\":\"x\"}"]),
        frame(kind::PARKED, &[]),
        frame(kind::RESTORE_READY, &[]),
        frame(kind::RESTORE_ERROR, &[&short("Runtime.AfterRestoreError"), b"{}"]),
        frame(kind::RESPONSE_BEGIN, &[&short(ID), &short("text/html")]),
        frame(kind::RESPONSE_END, &[&short(""), b""]),
        frame(kind::RESPONSE_BEGIN, &[&short(ID), &short("")]),
        frame(kind::RESPONSE_END, &[&short("Error"), b"{\"errorType\":\"Error\"}"]),
    ]
    .concat();
    let expected = [
        FromRuntime::Ready,
        FromRuntime::Response {
            request_id: ID.into(),
            body: Bytes::from_static(b"{\"a\":1}"),
        },
        FromRuntime::Error {
            request_id: ID.into(),
            error_type: "ValueError".into(),
            body: Bytes::from_static(b"{}"),
        },
        FromRuntime::Response {
            request_id: ID.into(),
            body: Bytes::new(),
        },
        FromRuntime::LastError {
            request_id: ID.into(),
            error_type: "Runtime.UnhandledPromiseRejection".into(),
            body: Bytes::from_static(b"{}"),
        },
        FromRuntime::InitError {
            error_type: "Runtime.ImportModuleError".into(),
            body: Bytes::from_static(b"{\"errorMessage\":\"x\"}"),
        },
        FromRuntime::Parked,
        FromRuntime::RestoreReady,
        FromRuntime::RestoreError {
            error_type: "Runtime.AfterRestoreError".into(),
            body: Bytes::from_static(b"{}"),
        },
        FromRuntime::ResponseBegin {
            request_id: ID.into(),
            content_type: "text/html".into(),
        },
        FromRuntime::ResponseEnd {
            error_type: String::new(),
            body: Bytes::new(),
        },
        FromRuntime::ResponseBegin {
            request_id: ID.into(),
            content_type: String::new(),
        },
        FromRuntime::ResponseEnd {
            error_type: "Error".into(),
            body: Bytes::from_static(b"{\"errorType\":\"Error\"}"),
        },
    ];
    check_all_steps(&bytes, &expected, None);
}

/// The bytes of all pieces up to the end of `bytes`, joined; what is no piece is not expected.
fn streamed(bytes: &[u8], step: usize) -> Vec<u8> {
    let mut decoder = Decoder::new(4096, 1000);
    let mut joined = Vec::new();
    for piece in bytes.chunks(step) {
        decoder.feed(piece);
        while let Some(message) = decoder.next().unwrap_or_else(|error| panic!("{error}")) {
            match message {
                FromRuntime::ResponseChunk { body } => {
                    assert!(!body.is_empty());
                    joined.extend_from_slice(&body);
                }
                other => panic!("expected a piece, found {other:?}"),
            }
        }
        // A length and a kind at most: pieces are handed out, never gathered.
        assert!(decoder.inbox.peek().len() < 5);
    }
    joined
}

#[test]
fn a_streamed_chunk_is_handed_out_as_it_arrives() {
    let mut decoder = Decoder::new(4096, 1000);
    // Longer than a body may be: nothing of it is kept, so nothing is too long.
    let bytes = frame(kind::RESPONSE_CHUNK, &[&[b'x'; 3000]]);
    let piece = |count: usize| {
        Ok(Some(FromRuntime::ResponseChunk {
            body: vec![b'x'; count].into(),
        }))
    };
    decoder.feed(&bytes[..5]);
    assert_eq!(decoder.next(), Ok(None));
    decoder.feed(&bytes[5..7]);
    assert_eq!(decoder.next(), piece(2));
    assert_eq!(decoder.next(), Ok(None));
    decoder.feed(&bytes[7..]);
    decoder.feed(&frame(kind::RESPONSE_CHUNK, &[b"x"]));
    assert_eq!(decoder.next(), piece(2998));
    assert_eq!(decoder.next(), piece(1));
    assert_eq!(decoder.next(), Ok(None));
}

#[test]
fn a_body_at_the_limit_is_kept_and_one_beyond_is_dropped() {
    let kept = vec![b'x'; 1000];
    let expected = [FromRuntime::Response {
        request_id: ID.into(),
        body: kept.clone().into(),
    }];
    check_all_steps(&response(&kept), &expected, None);

    let bytes = [response(&[b'x'; 1001]), response(b"next")].concat();
    let expected = [
        FromRuntime::Oversized {
            request_id: ID.into(),
            size: 1001,
        },
        FromRuntime::Response {
            request_id: ID.into(),
            body: Bytes::from_static(b"next"),
        },
    ];
    check_all_steps(&bytes, &expected, None);

    let error = frame(kind::ERROR, &[&short(ID), &short("E"), &[b'x'; 2000]]);
    check_all_steps(
        &error,
        &[FromRuntime::Oversized {
            request_id: ID.into(),
            size: 2000,
        }],
        None,
    );
}

#[test]
fn what_no_runtime_of_ours_sends_ends_the_channel() {
    let cases: [(Vec<u8>, DecodeError); 14] = [
        (vec![0, 0, 0, 0, 16], DecodeError::Empty),
        (
            vec![0xff; 8],
            DecodeError::TooLong {
                length: u32::MAX as usize,
                max: 4096,
            },
        ),
        (frame(7, &[b"x"]), DecodeError::UnknownKind { kind: 7 }),
        (frame(kind::INVOKE, &[&[0; 20]]), DecodeError::UnknownKind { kind: kind::INVOKE }),
        (frame(kind::RESPONSE, &[&[0, 9, b'x']]), DecodeError::Truncated { kind: kind::RESPONSE }),
        (frame(kind::ERROR, &[&short(ID)]), DecodeError::Truncated { kind: kind::ERROR }),
        (frame(kind::RESPONSE, &[&[0, 1, 0xff], b"{}"]), DecodeError::NotText),
        (frame(kind::INIT_ERROR, &[&short("E"), &[b'x'; 2000]]), DecodeError::TooLong { length: 2004, max: 1000 }),
        (frame(kind::RESPONSE_END, &[&short("E"), &[b'x'; 2000]]), DecodeError::TooLong { length: 2004, max: 1000 }),
        (frame(kind::PARKED, &[&[b'x'; 2000]]), DecodeError::TooLong { length: 2001, max: 1000 }),
        (frame(kind::RESPONSE_CHUNK, &[]), DecodeError::Truncated { kind: kind::RESPONSE_CHUNK }),
        (frame(kind::RESPONSE_CHUNK, &[&[b'x'; 5000]]), DecodeError::TooLong { length: 5001, max: 4096 }),
        (frame(kind::RESPONSE_BEGIN, &[&short(ID)]), DecodeError::Truncated { kind: kind::RESPONSE_BEGIN }),
        (frame(kind::SPECIALISE, &[b"{}"]), DecodeError::UnknownKind { kind: kind::SPECIALISE }),
    ];
    for (bytes, error) in cases {
        check(&bytes, bytes.len(), &[], Some(&error));
        check(&bytes, 1, &[], Some(&error));
    }
}

#[test]
fn a_broken_channel_stays_broken() {
    let mut decoder = Decoder::default();
    decoder.feed(&frame(7, &[]));
    assert_eq!(decoder.next(), Err(DecodeError::UnknownKind { kind: 7 }));
    decoder.feed(&frame(kind::READY, &[]));
    assert_eq!(decoder.next(), Err(DecodeError::UnknownKind { kind: 7 }));
}

#[test]
fn an_invoke_frame_has_the_specified_bytes() {
    let invocation = Invocation {
        deadline_ms: 0x0102_0304_0506_0708,
        request_id: "id",
        invoked_arn: "arn",
        tenant_id: "é",
        ..Invocation::default()
    };
    let mut out = vec![0xaa];
    invoke_head(&invocation, 3, &mut out).unwrap_or_else(|error| panic!("{error}"));
    let expected = [
        &[0xaa, 0, 0, 0, 9 + 12 + 2 + 3 + 2 + 3][..],
        &[1, 1, 2, 3, 4, 5, 6, 7, 8],
        &short("id"),
        &short("arn"),
        &short(""),
        &short(""),
        &short(""),
        &short("é"),
    ]
    .concat();
    assert_eq!(out, expected);
}

#[test]
fn what_no_frame_can_hold_is_refused() {
    let long = "x".repeat(65_536);
    let invocation = Invocation {
        client_context: &long,
        ..Invocation::default()
    };
    let mut out = Vec::new();
    assert_eq!(
        invoke_head(&invocation, 0, &mut out),
        Err(EncodeError::FieldTooLong {
            field: "client context",
            length: 65_536
        })
    );
    assert_eq!(
        invoke_head(&Invocation::default(), u32::MAX as usize, &mut out),
        Err(EncodeError::EventTooLong { length: u32::MAX as usize })
    );
    assert!(out.is_empty());
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn environments_are_frames_of_json() {
    let environment = variables(&[("B", "2"), ("A", "é\"\n\\")]);
    let json = "{\"environment\":{\"B\":\"2\",\"A\":\"é\\\"\\n\\\\\"}}".as_bytes();
    assert_eq!(specialise_frame(&environment), Ok(frame(kind::SPECIALISE, &[json])));
    assert_eq!(restore_frame(&environment), Ok(frame(kind::RESTORE, &[json])));
    assert_eq!(restore_frame(&[]), Ok(frame(kind::RESTORE, &[b"{\"environment\":{}}"])));
}

#[test]
fn what_no_process_can_be_given_is_no_variable() {
    for (name, value) in [("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y")] {
        let expected = Err(EncodeError::NotAVariable { name: name.to_owned() });
        assert_eq!(specialise_frame(&variables(&[("OK", "1"), (name, value)])), expected);
    }
}

proptest! {
    #[test]
    fn environments_come_out_as_they_went_in(
        environment in proptest::collection::btree_map("[A-Z][a-z_]{1,8}", "[^\0]{0,40}", 0..8),
    ) {
        let environment: Vec<_> = environment.into_iter().collect();
        let frame = specialise_frame(&environment).unwrap_or_else(|error| panic!("{error}"));
        let parsed: serde_json::Value = serde_json::from_slice(&frame[5..]).unwrap_or_default();
        let expected: serde_json::Map<_, _> =
            environment.into_iter().map(|(name, value)| (name, value.into())).collect();
        prop_assert_eq!(parsed, serde_json::json!({ "environment": expected }));
    }

    #[test]
    fn streamed_pieces_join_to_what_was_sent(
        chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..3000), 1..5),
        step in 1_usize..4000,
    ) {
        let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| frame(kind::RESPONSE_CHUNK, &[chunk])).collect();
        prop_assert_eq!(streamed(&bytes, step), chunks.concat());
    }

    #[test]
    fn frames_cut_and_changed_anywhere_never_panic(
        kinds in proptest::collection::vec(0_u8..30, 1..6),
        payload in proptest::collection::vec(any::<u8>(), 0..80),
        cut in 0_usize..300,
        step in 1_usize..40,
    ) {
        let mut bytes: Vec<u8> = kinds.iter().flat_map(|kind| frame(*kind, &[&short(ID), &short("E"), &payload])).collect();
        let count = bytes.len();
        bytes.truncate(count - cut.min(count));
        let mut decoder = Decoder::new(300, 100);
        for piece in bytes.chunks(step) {
            decoder.feed(piece);
            while let Ok(Some(_)) = decoder.next() {}
        }
        prop_assert!(decoder.broken.is_some() || decoder.inbox.peek().len() <= 4 + 300);
    }

    #[test]
    fn any_bytes_in_any_split_never_panic_and_never_buffer_much(
        bytes in proptest::collection::vec(any::<u8>(), 0..600),
        step in 1_usize..40,
    ) {
        let mut decoder = Decoder::new(300, 100);
        for piece in bytes.chunks(step) {
            decoder.feed(piece);
            while let Ok(Some(_)) = decoder.next() {}
        }
        prop_assert!(decoder.broken.is_some() || decoder.inbox.peek().len() <= 4 + 300);
    }

    #[test]
    fn bodies_come_out_as_they_went_in(
        bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..900), 1..6),
        step in 1_usize..2000,
    ) {
        let bytes: Vec<u8> = bodies.iter().flat_map(|body| response(body)).collect();
        let expected: Vec<_> = bodies
            .into_iter()
            .map(|body| FromRuntime::Response { request_id: ID.into(), body: body.into() })
            .collect();
        check(&bytes, step, &expected, None);
    }
}
