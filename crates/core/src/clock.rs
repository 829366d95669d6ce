//! The only reader of the wall clock.
//!
//! Deadlines and waits use tokio's clock, which tests pause; this one is for times that users see
//! (`LastModified`, log events, signature dates), which tests set.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A source of the current time. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    fixed_ms: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The machine's clock.
    #[must_use]
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `now_ms` (Unix milliseconds) until [`Clock::advance_ms`] moves it.
    #[must_use]
    pub fn fixed(now_ms: i64) -> Self {
        Self {
            fixed_ms: Some(Arc::new(AtomicI64::new(now_ms))),
        }
    }

    /// Unix time in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> i64 {
        match &self.fixed_ms {
            Some(fixed) => fixed.load(Ordering::Relaxed),
            None => system_now_micros() / 1_000,
        }
    }

    /// Unix time in microseconds.
    #[must_use]
    pub fn now_micros(&self) -> i64 {
        match &self.fixed_ms {
            Some(fixed) => fixed.load(Ordering::Relaxed) * 1_000,
            None => system_now_micros(),
        }
    }

    /// The same instant as a civil-time value, for formatting.
    #[must_use]
    pub fn now(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.now_micros()).unwrap_or_default()
    }

    /// Moves a fixed clock; a system clock is left alone.
    pub fn advance_ms(&self, by_ms: i64) {
        if let Some(fixed) = &self.fixed_ms {
            fixed.fetch_add(by_ms, Ordering::Relaxed);
        }
    }
}

#[allow(clippy::disallowed_methods)] // The one place that reads it.
fn system_now_micros() -> i64 {
    // A clock before 1970 reads as 1970: nothing useful can be done with it.
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_clock_moves_only_when_told() {
        let clock = Clock::fixed(1_000);
        assert_eq!(clock.now_ms(), 1_000);
        clock.clone().advance_ms(5);
        assert_eq!(clock.now_ms(), 1_005);
        assert_eq!(clock.now_micros(), 1_005_000);
    }

    #[test]
    fn the_system_clock_is_past_2020() {
        assert!(Clock::system().now_ms() > 1_577_836_800_000);
    }
}
