//! The parsers. Each takes the bytes in pieces as well as whole: the first byte says how large.

use hearth_runtimes::{channel, telemetry};

/// Small bounds, so that the fuzzer reaches them.
const FRAME_MAX: usize = 4_096;

fn pieces(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (size, rest) = bytes.split_first().map_or((1, bytes), |(size, rest)| (usize::from(*size).max(1), rest));
    rest.chunks(size)
}

pub fn channel(bytes: &[u8]) {
    let mut decoder = channel::Decoder::new(FRAME_MAX, FRAME_MAX / 2);
    for piece in pieces(bytes) {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

pub fn log_frames(bytes: &[u8]) {
    let mut decoder = telemetry::Decoder::new(FRAME_MAX);
    for piece in pieces(bytes) {
        decoder.feed(piece);
        loop {
            match decoder.next() {
                Ok(Some(frame)) => assert!(frame.message.len() <= FRAME_MAX),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    let _ = decoder.unfinished();
}

pub fn log_lines(bytes: &[u8]) {
    hearth_invoke::fuzzing::log_lines(pieces(bytes));
}

pub fn runtime_api(bytes: &[u8]) {
    hearth_invoke::fuzzing::runtime_api(bytes);
}

pub fn from_sandbox(bytes: &[u8]) {
    hearth_sandbox::fuzzing::from_slot(bytes);
}

pub fn to_helper(bytes: &[u8]) {
    hearth_sandbox::fuzzing::to_helper(bytes);
    hearth_sandbox::fuzzing::to_slot(bytes);
}
