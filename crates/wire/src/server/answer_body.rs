//! An answer's body as the HTTP library takes it: all at once, or piece by piece.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::CatchUnwind;
use futures_util::{Stream, StreamExt};
use http_body::{Body, Frame, SizeHint};
use http_body_util::Full;

use super::pace::Pulse;
use crate::response::{BodyStream, BrokenOff, Response};

pub(super) enum AnswerBody {
    Whole(Full<Bytes>),
    Streamed(Box<StreamedBody>),
}

pub(super) struct StreamedBody {
    first: Bytes,
    /// `None` once it has ended.
    rest: Option<CatchUnwind<AssertUnwindSafe<BodyStream>>>,
    pulse: Option<Arc<Pulse>>,
}

impl AnswerBody {
    /// The form that the HTTP library sends.
    pub(super) fn of(response: Response) -> http::Response<Self> {
        let body = match response.stream {
            None => Self::Whole(Full::new(response.body)),
            Some(stream) => Self::Streamed(Box::new(StreamedBody {
                first: response.body,
                rest: Some(AssertUnwindSafe(stream).catch_unwind()),
                pulse: None,
            })),
        };
        let mut answer = http::Response::new(body);
        *answer.status_mut() = response.status;
        *answer.headers_mut() = response.headers;
        answer
    }

    /// Tells the connection's pulse what it waits for: the client, or who makes the body.
    pub(super) fn keep(&mut self, pulse: &Arc<Pulse>) {
        match self {
            Self::Whole(_) => pulse.idle(),
            Self::Streamed(body) => body.pulse = Some(Arc::clone(pulse)),
        }
    }
}

impl StreamedBody {
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, BrokenOff>>> {
        if !self.first.is_empty() {
            return Poll::Ready(Some(Ok(std::mem::take(&mut self.first))));
        }
        let Some(rest) = &mut self.rest else {
            return Poll::Ready(None);
        };
        let piece = ready!(Pin::new(rest).poll_next(cx));
        let piece = piece.map(|piece| piece.unwrap_or(Err(BrokenOff)));
        if !matches!(piece, Some(Ok(_))) {
            self.rest = None;
        }
        Poll::Ready(piece)
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let body = match &mut *self {
            Self::Whole(body) => return Pin::new(body).poll_frame(cx).map_err(|never| match never {}),
            Self::Streamed(body) => body,
        };
        let polled = body.poll_piece(cx);
        if let Some(pulse) = &body.pulse {
            match &polled {
                Poll::Pending => pulse.busy(),
                Poll::Ready(Some(_)) => pulse.sending(),
                Poll::Ready(None) => pulse.idle(),
            }
        }
        polled.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(body) => body.is_end_stream(),
            Self::Streamed(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(body) => body.size_hint(),
            Self::Streamed(_) => SizeHint::default(),
        }
    }
}

impl Drop for StreamedBody {
    /// Also of a body that was not taken to its end, as of an answer to HEAD.
    fn drop(&mut self) {
        if let Some(pulse) = &self.pulse {
            pulse.idle();
        }
    }
}
