//! The seams of asynchronous invocation: who takes events for later, and what is to become of them.

use crate::BoxFuture;
use crate::invocation::{Invocation, InvokeError};

/// What is to become of the events of one qualifier of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventPolicy {
    /// How often an event is tried again after the function failed. 0 to 2.
    pub retries_max: u32,
    /// An event that is older is given up. 60 to 21,600.
    pub age_max_s: u32,
    /// ARN of where the record of a success goes.
    pub on_success: Option<String>,
    /// ARN of where the record of an event that was given up goes.
    pub on_failure: Option<String>,
    /// ARN of the queue or topic where an event that was given up goes.
    pub dead_letter: Option<String>,
}

impl Default for EventPolicy {
    /// Source: fact sheet "Lambda control-plane API", section 9.
    fn default() -> Self {
        Self {
            retries_max: 2,
            age_max_s: 21_600,
            on_success: None,
            on_failure: None,
            dead_letter: None,
        }
    }
}

/// An event that is on disk.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// The trace that its runs belong to.
    pub trace_header: String,
}

/// Takes events to be run later. Implemented by `asynchronous`.
pub trait InvokeLater: Send + Sync + 'static {
    /// Answers once the event is on disk: from then on it is run at least once, under this request
    /// id. What only a caller who waits can use (client context, log tail) is left out.
    ///
    /// # Errors
    /// When there is no such function, or it is not ready, or the event could not be written. Not
    /// when the function is throttled.
    fn accept(&self, invocation: Invocation) -> BoxFuture<'_, Result<Accepted, InvokeError>>;
}
