//! Where log events come in.

use std::sync::Arc;

use hearth_core::Clock;
use hearth_model::{BoxFuture, LogEvent, LogSink, LogStreamId};

use crate::db::chunk::Chunk;
use crate::db::scan::EVENT_BYTES;
use crate::db::writer::Writer;
use crate::inbox::Inbox;

/// The largest event: 1 MiB with the overhead that CloudWatch Logs counts.
/// Source: fact sheet "Neighbouring services", section 1 (`PutLogEvents`).
pub(crate) const MESSAGE_BYTES: usize = (1 << 20) - EVENT_BYTES;

/// Appends are handed over in pieces of about this size, so that a large one takes its turns like
/// everyone else.
const PIECE_BYTES: usize = 64 << 10;

/// The [`LogSink`] of the store.
pub(crate) struct Sink {
    pub(crate) inbox: Arc<Inbox<Writer>>,
    pub(crate) clock: Clock,
}

impl LogSink for Sink {
    fn append(&self, stream: Arc<LogStreamId>, mut events: Vec<LogEvent>) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            // CloudWatch Logs has no events without text.
            events.retain(|event| !event.message.is_empty());
            for event in &mut events {
                truncate(&mut event.message, MESSAGE_BYTES);
                event.timestamp_ms = event.timestamp_ms.max(0);
            }
            let ingested_ms = self.clock.now_ms();
            for piece in pieces(&events) {
                let Some(chunk) = Chunk::of(piece, ingested_ms) else { continue };
                if !self.inbox.put(&stream, chunk).await {
                    tracing::warn!(
                        group = stream.group,
                        events = events.len(),
                        "log events came after the log store was closed; they are lost"
                    );
                    return;
                }
            }
        })
    }
}

/// Cuts events into runs of about [`PIECE_BYTES`]; an event is never cut.
fn pieces(events: &[LogEvent]) -> impl Iterator<Item = &[LogEvent]> {
    let mut rest = events;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |event: &&LogEvent| {
            let first = bytes == 0;
            bytes += event.message.len() + EVENT_BYTES;
            first || bytes <= PIECE_BYTES
        };
        let count = rest.iter().take_while(fits).count();
        let (piece, others) = rest.split_at(count);
        rest = others;
        (!piece.is_empty()).then_some(piece)
    })
}

/// Cuts text to at most `most` bytes, between characters.
fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_pieces(sizes: &[usize], expected: &[usize]) {
        let events: Vec<LogEvent> = sizes
            .iter()
            .map(|size| LogEvent {
                timestamp_ms: 0,
                message: "x".repeat(*size),
            })
            .collect();
        assert_eq!(pieces(&events).map(<[_]>::len).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn pieces_are_small_unless_an_event_is_large() {
        check_pieces(&[], &[]);
        check_pieces(&[10, 10, 10], &[3]);
        check_pieces(&[30_000, 30_000, 30_000], &[2, 1]);
        check_pieces(&[10, 1_000_000, 10], &[1, 1, 1]);
    }

    #[test]
    fn text_is_cut_between_characters() {
        for (text, most, expected) in [("abc", 3, "abc"), ("abc", 2, "ab"), ("aéb", 2, "a"), ("é", 1, "")] {
            let mut text = text.to_owned();
            truncate(&mut text, most);
            assert_eq!(text, expected);
        }
    }
}
