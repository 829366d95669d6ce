//! How many events of one lane run at once.
//!
//! It begins with a few places. While events wait although all of them are taken, there are more,
//! step by step, as long as that helps: a function that waits for others gets as many as Lambda
//! would give it, one that computes no more than the host has use for. A throttle takes back what
//! was too much.

use std::time::Duration;

use tokio::time::Instant;

/// The least time between two steps.
const STEP: Duration = Duration::from_millis(100);

/// What a step adds at the most while nothing is known yet: with [`STEP`], Lambda's rate of 1,000
/// execution environments in 10 s. Source: fact sheet "Lambda invocation", section 3.
const UNKNOWN_STEP: usize = 10;

/// Steps without any after one that did not help.
const REST_STEPS: u32 = 20;

/// After a throttle nothing is tried for so long.
const THROTTLE_REST: Duration = Duration::from_secs(1);

/// A run that is shorter costs more to be waited for than to be queued behind.
const SHORT: Duration = Duration::from_millis(20);

#[derive(Debug)]
pub(crate) struct Places {
    /// To begin with.
    usual: usize,
    count: usize,
    /// No step before.
    next_step: Instant,
    step_began: Instant,
    ended_since: u32,
    /// Runs a second between the last two steps; `None` before the first.
    last_rate: Option<f64>,
    mean_run: Option<Duration>,
}

impl Places {
    pub(crate) fn new(usual: usize, now: Instant) -> Self {
        Self {
            usual: usual.max(1),
            count: usual.max(1),
            next_step: now + STEP,
            step_began: now,
            ended_since: 0,
            last_rate: None,
            mean_run: None,
        }
    }

    /// Places that nobody has.
    pub(crate) fn free(&self, running: usize) -> usize {
        self.count.saturating_sub(running)
    }

    /// How many events to fetch at once for so many free places: some ahead when they are short.
    pub(crate) fn fetch(&self, running: usize) -> usize {
        let ahead = if self.mean_run.is_some_and(|mean| mean < SHORT) { 4 * self.count } else { 0 };
        self.free(running) + ahead
    }

    /// A run has ended.
    pub(crate) fn ended(&mut self, took: Duration, now: Instant) {
        self.ended_since = self.ended_since.saturating_add(1);
        self.mean_run = Some(self.mean_run.map_or(took, |mean| (mean * 3 + took) / 4));
        if self.count < self.usual && now >= self.next_step {
            self.count += 1;
        }
    }

    /// There was no room for one more beside so many.
    pub(crate) fn throttled(&mut self, running: usize, now: Instant) {
        self.count = running.clamp(1, self.count);
        self.begin_step(now, now + THROTTLE_REST);
        self.last_rate = None;
    }

    /// When to ask for a step, while all places are taken and events wait.
    pub(crate) fn next_step(&self) -> Instant {
        self.next_step
    }

    /// All places are taken, events wait, and the time for a step has come.
    pub(crate) fn step(&mut self, now: Instant) {
        let elapsed = now.saturating_duration_since(self.step_began).as_secs_f64();
        let rate = f64::from(self.ended_since) / elapsed.max(0.001);
        let helped = match self.last_rate {
            // Nothing ended in either time: nothing is known.
            Some(last) if last > 0.0 => rate > last * 1.1,
            Some(_) | None => true,
        };
        let pause = self.mean_run.map_or(STEP, |mean| (mean * 2).max(STEP));
        if !helped {
            // Measured anew after the rest: times change.
            self.last_rate = None;
            return self.begin_step(now, now + pause * REST_STEPS);
        }
        self.last_rate = Some(rate);
        self.count += if self.ended_since == 0 { UNKNOWN_STEP } else { self.count };
        self.begin_step(now, now + pause);
    }

    fn begin_step(&mut self, now: Instant, next: Instant) {
        (self.step_began, self.next_step, self.ended_since) = (now, next, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backlog of runs that take `run_ms`, of which `parallel` go on at a time; the places after
    /// `seconds`.
    #[allow(clippy::cast_precision_loss)]
    fn after(seconds: u64, run_ms: u64, parallel: usize) -> usize {
        let began = Instant::now();
        let mut places = Places::new(4, began);
        let mut work = 0.0;
        for ms in 1..=seconds * 1_000 {
            let now = began + Duration::from_millis(ms);
            let busy = places.count.min(parallel);
            // Each run is as much longer as it shares what runs at a time.
            let took = Duration::from_millis(run_ms * places.count.div_ceil(busy) as u64);
            if ms > run_ms {
                work += busy as f64 / run_ms as f64;
            }
            while work >= 1.0 {
                places.ended(took, now);
                work -= 1.0;
            }
            if now >= places.next_step() {
                places.step(now);
            }
        }
        places.count
    }

    #[test]
    fn a_function_that_waits_gets_as_many_as_it_needs() {
        assert!(after(5, 200, usize::MAX) >= 500);
        let unknown = after(5, 60_000, usize::MAX);
        assert!((400..=600).contains(&unknown), "{unknown}: Lambda's rate");
    }

    #[test]
    fn a_function_that_computes_gets_little_more_than_the_host_has() {
        let found = after(5, 30, 2);
        assert!(found <= 16, "{found}");
    }

    #[test]
    fn a_throttle_takes_back_and_the_usual_returns() {
        let began = Instant::now();
        let mut places = Places::new(4, began);
        places.throttled(1, began);
        assert_eq!((places.free(0), places.free(1)), (1, 0));
        places.ended(Duration::from_millis(1), began);
        assert_eq!(places.free(0), 1, "not at once");
        let later = began + THROTTLE_REST;
        for _ in 0..9 {
            places.ended(Duration::from_millis(1), later);
        }
        assert_eq!(places.free(0), 4);
        places.throttled(0, later);
        assert_eq!(places.free(0), 1, "one is always tried");
    }

    #[test]
    fn short_runs_are_fetched_ahead() {
        let mut places = Places::new(4, Instant::now());
        assert_eq!(places.fetch(1), 3);
        places.ended(Duration::from_millis(1), Instant::now());
        assert_eq!(places.fetch(4), 16);
    }
}
