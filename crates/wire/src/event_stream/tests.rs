use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder, read_message_from, write_message_to};
use aws_smithy_types::event_stream::{Header, HeaderValue, Message as Theirs};
use proptest::prelude::*;

use super::*;

fn decode_whole(bytes: &[u8]) -> Result<Vec<Message>, DecodeError> {
    let mut decoder = Decoder::default();
    decoder.feed(bytes);
    std::iter::from_fn(|| decoder.next().transpose()).take(100).collect()
}

#[test]
fn an_event_reads_as_amazon_reads_it() {
    let ours = event("PayloadChunk", "application/octet-stream", b"abc").unwrap();
    let theirs = read_message_from(ours.clone()).unwrap();
    assert_eq!(theirs.payload().as_ref(), b"abc");
    let headers: Vec<_> =
        theirs.headers().iter().map(|h| (h.name().as_str(), h.value().as_string().unwrap().as_str())).collect();
    assert_eq!(
        headers,
        [(":event-type", "PayloadChunk"), (":content-type", "application/octet-stream"), (":message-type", "event")]
    );
    let read = decode_whole(&ours).unwrap();
    assert_eq!((read[0].header(":event-type"), &read[0].payload[..]), ("PayloadChunk", &b"abc"[..]));
}

#[test]
fn what_does_not_fit_is_refused() {
    assert!(event("E", "c", &vec![0; PAYLOAD_BYTES_MAX + 1]).is_err());
    assert!(event(&"e".repeat(70_000), "c", b"").is_err());
    assert!(encode(&[("n".repeat(256).as_str(), "")], b"").is_err());
}

#[test]
fn headers_of_every_type_are_read_past() {
    let mut message = Theirs::new(Bytes::from_static(b"p"));
    let values = [
        HeaderValue::Bool(true),
        HeaderValue::Bool(false),
        HeaderValue::Byte(-1),
        HeaderValue::Int16(1),
        HeaderValue::Int32(1),
        HeaderValue::Int64(1),
        HeaderValue::ByteArray(Bytes::from_static(b"xyz")),
        HeaderValue::Uuid(7),
        HeaderValue::String("text".into()),
    ];
    for (at, value) in values.into_iter().enumerate() {
        message = message.add_header(Header::new(format!("h{at}"), value));
    }
    let mut bytes = Vec::new();
    write_message_to(&message, &mut bytes).unwrap();
    let read = decode_whole(&bytes).unwrap();
    assert_eq!(read[0].headers, [("h8".to_owned(), "text".to_owned())]);
    assert_eq!(&read[0].payload[..], b"p");
}

#[track_caller]
fn check_broken(change: impl Fn(&mut Vec<u8>), expected: &str) {
    let mut bytes = event("E", "c", b"payload").unwrap().to_vec();
    change(&mut bytes);
    let error = decode_whole(&bytes).unwrap_err();
    assert!(error.to_string().contains(expected), "{error}");
}

/// Writes `number` at `at`, and the prelude's checksum anew.
fn put(bytes: &mut [u8], at: usize, number: u32) {
    bytes[at..at + 4].copy_from_slice(&number.to_be_bytes());
    let crc = crc32fast::hash(&bytes[..8]);
    bytes[8..12].copy_from_slice(&crc.to_be_bytes());
}

#[test]
fn hostile_bytes_are_refused_in_words() {
    check_broken(|bytes| bytes[0] = 9, "checksum of a message's prelude");
    check_broken(|bytes| *bytes.last_mut().unwrap() ^= 1, "checksum of a message's body");
    check_broken(|bytes| put(bytes, 0, 3), "found one that claims 3");
    check_broken(|bytes| put(bytes, 0, u32::MAX), "found one that claims 4294967295");
    check_broken(|bytes| put(bytes, 4, u32::MAX), "expected a message of");
    check_broken(
        |bytes| {
            bytes[12] = 250;
            let end = bytes.len() - 4;
            let crc = crc32fast::hash(&bytes[..end]);
            bytes[end..].copy_from_slice(&crc.to_be_bytes());
        },
        "end within a header",
    );
}

proptest! {
    #[test]
    fn both_sides_agree_on_any_payload_in_any_pieces(payloads: Vec<Vec<u8>>, piece in 1_usize..40) {
        let mut stream = Vec::new();
        for payload in &payloads {
            stream.extend_from_slice(&event("PayloadChunk", "application/octet-stream", payload).unwrap());
        }
        let (mut decoder, mut read) = (Decoder::default(), Vec::new());
        for part in stream.chunks(piece) {
            decoder.feed(part);
            while let Some(message) = decoder.next().unwrap() {
                read.push(message.payload.to_vec());
            }
        }
        prop_assert!(decoder.is_at_boundary());
        prop_assert_eq!(&read, &payloads);

        let (mut theirs, mut rest, mut seen) = (MessageFrameDecoder::new(), Bytes::from(stream), Vec::new());
        while let DecodedFrame::Complete(message) = theirs.decode_frame(&mut rest).unwrap() {
            seen.push(message.payload().to_vec());
        }
        prop_assert_eq!(&seen, &payloads);
    }

    #[test]
    fn noise_never_panics(bytes: Vec<u8>, total in 0_u32..80, headers in 0_u32..80) {
        let _ = decode_whole(&bytes);
        // Past the prelude, which noise alone hardly ever is.
        let mut bytes = [vec![0; 12], bytes].concat();
        put(&mut bytes, 4, headers);
        put(&mut bytes, 0, total);
        let end = (total as usize).clamp(16, bytes.len().max(16)) - 4;
        if bytes.len() >= end + 4 {
            let crc = crc32fast::hash(&bytes[..end]);
            bytes[end..end + 4].copy_from_slice(&crc.to_be_bytes());
        }
        let _ = decode_whole(&bytes);
    }
}
