//! What becomes of an event: before a run, and after one.
//!
//! Source: fact sheet "Lambda invocation", section 4.

use std::time::Duration;

use bytes::Bytes;
use hearth_model::{EventPolicy, FunctionSpec, InvokeError, Outcome, Version};

use crate::engine::Timing;
use crate::event::Event;

/// Why an event has come to its end; as records name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Condition {
    Success,
    RetriesExhausted,
    EventAgeExceeded,
    ZeroReservedConcurrency,
    /// The name is not recorded anywhere.
    RecursiveInvocation,
}

/// What the function answered last.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) executed_version: Version,
    pub(crate) payload: Bytes,
    pub(crate) failed: bool,
    /// The trace header that the function saw: what follows belongs to its chain.
    pub(crate) trace_header: String,
}

/// The end of an event.
#[derive(Clone, Debug)]
pub(crate) struct Fate {
    pub(crate) condition: Condition,
    /// `None` when it did not run, or when it waited for its next run since.
    pub(crate) answer: Option<Answer>,
}

/// What is to be done with an event.
#[derive(Clone, Debug)]
pub(crate) enum Verdict {
    /// It is over: tell of it, and forget it.
    End(Fate),
    /// It runs again after this time. The event has what is known now.
    Again(Duration),
    /// Nothing more of the lane can run now: it is as if it had not been taken.
    NotNow,
    /// The function is not there any more, and with it everything that was set for its events.
    Forget,
    /// The server stops.
    Stop,
}

/// What keeps an event from being run, if anything does.
pub(crate) fn before(event: &Event, policy: &EventPolicy, spec: Option<&FunctionSpec>, now_ms: i64) -> Option<Fate> {
    let condition = if spec.is_some_and(|spec| spec.reserved_concurrency == Some(0)) {
        Condition::ZeroReservedConcurrency
    } else if age_ms(event, now_ms) > age_max_ms(policy) {
        Condition::EventAgeExceeded
    } else {
        return None;
    };
    Some(Fate { condition, answer: None })
}

/// Judges a run, and notes in the event what it was.
pub(crate) fn after(
    event: &mut Event,
    result: Result<Outcome, InvokeError>,
    policy: &EventPolicy,
    timing: &Timing,
    now_ms: i64,
) -> Verdict {
    match result {
        Ok(outcome) => {
            event.head.attempts = event.head.attempts.saturating_add(1);
            event.head.setbacks = 0;
            ran(event, outcome, policy, timing, now_ms)
        }
        Err(
            InvokeError::Throttled(_)
            | InvokeError::NotReady { .. }
            | InvokeError::RuntimeUnavailable(_)
            | InvokeError::KeyUnusable(_)
            | InvokeError::FileSystemUnavailable(_),
        ) => Verdict::NotNow,
        Err(InvokeError::Sandbox(_) | InvokeError::NotWritten(_)) => {
            event.head.setbacks = event.head.setbacks.saturating_add(1);
            Verdict::Again(timing.backoff(event.head.setbacks))
        }
        Err(InvokeError::Recursive) => Verdict::End(Fate {
            condition: Condition::RecursiveInvocation,
            answer: None,
        }),
        Err(InvokeError::NotFound { .. }) => Verdict::Forget,
        Err(InvokeError::ShuttingDown) => Verdict::Stop,
    }
}

fn ran(event: &Event, outcome: Outcome, policy: &EventPolicy, timing: &Timing, now_ms: i64) -> Verdict {
    let failed = outcome.error.is_some();
    let attempts = event.head.attempts;
    let delay = timing.retry * attempts.clamp(1, 2);
    let end = |condition| {
        let answer = Some(Answer {
            executed_version: outcome.executed_version,
            payload: outcome.payload,
            failed,
            trace_header: outcome.trace_header,
        });
        Verdict::End(Fate { condition, answer })
    };
    if !failed {
        return end(Condition::Success);
    }
    if attempts > policy.retries_max {
        return end(Condition::RetriesExhausted);
    }
    // It would be too old by then: there is nothing to wait for.
    let delay_ms = i64::try_from(delay.as_millis()).unwrap_or(i64::MAX);
    if age_ms(event, now_ms).saturating_add(delay_ms) > age_max_ms(policy) {
        return end(Condition::EventAgeExceeded);
    }
    Verdict::Again(delay)
}

/// How long until the event is too old.
pub(crate) fn time_left(event: &Event, policy: &EventPolicy, now_ms: i64) -> Duration {
    let left_ms = age_max_ms(policy) - age_ms(event, now_ms) + 1;
    Duration::from_millis(u64::try_from(left_ms).unwrap_or_default())
}

fn age_ms(event: &Event, now_ms: i64) -> i64 {
    now_ms.saturating_sub(event.head.accepted_ms)
}

fn age_max_ms(policy: &EventPolicy) -> i64 {
    i64::from(policy.age_max_s) * 1_000
}

#[cfg(test)]
mod tests {
    use hearth_model::{FunctionError, ThrottleReason};

    use super::*;

    fn event(attempts: u32) -> Event {
        let mut event = Event::new("r".to_owned(), 0, String::new(), Bytes::from_static(b"{}"));
        event.head.attempts = attempts;
        event
    }

    fn outcome(error: Option<FunctionError>) -> Result<Outcome, InvokeError> {
        Ok(Outcome {
            executed_version: Version::Latest,
            payload: Bytes::from_static(b"1"),
            error,
            log_tail: None,
            trace_header: String::new(),
        })
    }

    const FAILED: Option<FunctionError> = Some(FunctionError::Unhandled);

    /// In short: the condition of the end, or the delay in seconds.
    fn judged(attempts: u32, result: Result<Outcome, InvokeError>, policy: &EventPolicy, now_s: i64) -> String {
        let mut event = event(attempts);
        match after(&mut event, result, policy, &Timing::default(), now_s * 1_000) {
            Verdict::End(fate) => format!("{:?} {}", fate.condition, event.head.attempts),
            Verdict::Again(delay) => format!("again {}", delay.as_secs()),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn failures_are_tried_again_after_one_and_two_minutes() {
        let policy = EventPolicy::default();
        assert_eq!(judged(0, outcome(None), &policy, 0), "Success 1");
        assert_eq!(judged(0, outcome(FAILED), &policy, 0), "again 60");
        assert_eq!(judged(1, outcome(FAILED), &policy, 60), "again 120");
        assert_eq!(judged(2, outcome(FAILED), &policy, 180), "RetriesExhausted 3");
        let never = EventPolicy { retries_max: 0, ..policy };
        assert_eq!(judged(0, outcome(FAILED), &never, 0), "RetriesExhausted 1");
    }

    #[test]
    fn nothing_is_tried_again_that_would_be_too_old() {
        let policy = EventPolicy {
            age_max_s: 100,
            ..EventPolicy::default()
        };
        assert_eq!(judged(0, outcome(FAILED), &policy, 40), "again 60");
        assert_eq!(judged(0, outcome(FAILED), &policy, 41), "EventAgeExceeded 1");
        assert!(before(&event(1), &policy, None, 100_000).is_none());
        let fate = before(&event(1), &policy, None, 100_001);
        assert_eq!(fate.map(|fate| fate.condition), Some(Condition::EventAgeExceeded));
        assert_eq!(time_left(&event(0), &policy, 99_000), Duration::from_millis(1_001));
    }

    #[test]
    fn what_did_not_run_is_no_attempt() {
        let policy = EventPolicy::default();
        assert_eq!(judged(0, Err(InvokeError::Throttled(ThrottleReason::Account)), &policy, 0), "NotNow");
        assert_eq!(judged(0, Err(InvokeError::RuntimeUnavailable(String::new())), &policy, 0), "NotNow");
        assert_eq!(judged(0, Err(InvokeError::Sandbox(String::new())), &policy, 0), "again 1");
        assert_eq!(judged(0, Err(InvokeError::Recursive), &policy, 0), "RecursiveInvocation 0");
        assert_eq!(judged(0, Err(InvokeError::NotFound { arn: String::new() }), &policy, 0), "Forget");
        assert_eq!(judged(0, Err(InvokeError::ShuttingDown), &policy, 0), "Stop");
    }

    #[test]
    fn setbacks_are_waited_out_longer_and_longer() {
        let timing = Timing::default();
        let seconds: Vec<u64> = [1, 2, 3, 9, 10, 4_000_000_000].map(|n| timing.backoff(n).as_secs()).to_vec();
        assert_eq!(seconds, [1, 2, 4, 256, 300, 300]);
    }
}
