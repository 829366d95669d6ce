//! The seam through which what became of events reaches other services.

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use crate::{BoxFuture, arn};

/// A service that takes what became of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DestinationService {
    Lambda,
    Sqs,
    Sns,
    EventBridge,
    S3,
}

impl DestinationService {
    /// The service of an ARN such as `arn:aws:sqs:us-east-1:000000000000:q`.
    #[must_use]
    pub fn of(arn: &str) -> Option<Self> {
        match arn::split(arn)?.service {
            "lambda" => Some(Self::Lambda),
            "sqs" => Some(Self::Sqs),
            "sns" => Some(Self::Sns),
            "events" => Some(Self::EventBridge),
            "s3" => Some(Self::S3),
            _ => None,
        }
    }
}

impl fmt::Display for DestinationService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lambda => "Lambda",
            Self::Sqs => "SQS",
            Self::Sns => "SNS",
            Self::EventBridge => "EventBridge",
            Self::S3 => "S3",
        })
    }
}

/// Why something is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    OnSuccess,
    OnFailure,
    DeadLetter,
}

/// What is sent, and where.
#[derive(Clone, Debug)]
pub struct Dispatch {
    /// ARN of the queue, topic, function, event bus or bucket.
    pub target: String,
    pub purpose: Purpose,
    /// Whose event it was: the ARN with the qualifier that was invoked.
    pub function_arn: String,
    pub request_id: String,
    /// JSON: the invocation record, or the event itself for a dead letter.
    pub body: Bytes,
    /// Of a dead letter: what goes beside the event.
    pub error: Option<DeadLetterError>,
    pub trace_header: Option<String>,
}

/// The message attributes of a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetterError {
    /// `ErrorCode`: an HTTP status; 200 when the function ran and failed.
    pub code: u16,
    /// `ErrorMessage`, 1 KiB at most.
    pub message: String,
}

/// Why something did not reach its destination.
#[derive(Clone, Debug, Error)]
pub enum DispatchError {
    /// It never will: the destination is gone, or does not take it.
    #[error("{0}")]
    Refused(String),
    /// It may work later.
    #[error("{0}")]
    Failed(String),
}

/// Every service that there is here. Implemented by `node`.
pub trait Destinations: Send + Sync + 'static {
    /// Whether the service is there: what is not cannot be configured.
    fn serves(&self, service: DestinationService) -> bool;

    /// Hands over: after `Ok` the destination has it, durably. May be called twice for the same.
    fn dispatch(&self, dispatch: Dispatch) -> BoxFuture<'_, Result<(), DispatchError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_known_by_their_arns() {
        let of = DestinationService::of;
        assert_eq!(of("arn:aws:sqs:us-east-1:000000000000:q"), Some(DestinationService::Sqs));
        assert_eq!(of("arn:aws-cn:events:cn-north-1:000000000000:event-bus/b"), Some(DestinationService::EventBridge));
        assert_eq!(of("arn:aws:s3:::bucket"), Some(DestinationService::S3));
        for none in ["", "arn:aws", "arn:aws:iam::000000000000:role/r", "sqs"] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
