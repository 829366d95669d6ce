//! How many of something to hold ready: as many as were lately wanted in one burst.

use std::time::Duration;

use tokio::time::Instant;

/// What is wanted, remembered for a while: a burst raises the level at once, and each period
/// without one lowers it by one.
#[derive(Debug)]
pub(crate) struct Demand {
    /// Wanted in the current period.
    burst: u32,
    level: u32,
    period_began: Instant,
    last: Instant,
}

impl Demand {
    /// What is wanted within one period counts as one burst.
    pub(crate) const PERIOD: Duration = Duration::from_secs(10);

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            burst: 0,
            level: 0,
            period_began: now,
            last: now,
        }
    }

    /// One was wanted.
    pub(crate) fn note(&mut self, now: Instant) {
        self.roll(now);
        self.burst = self.burst.saturating_add(1);
        self.last = now;
    }

    /// One may be wanted soon.
    pub(crate) fn expect(&mut self, now: Instant) {
        self.last = now;
    }

    /// How many to hold: at least one, until nothing was wanted for `keep`.
    pub(crate) fn target(&mut self, now: Instant, keep: Duration, most: u32) -> u32 {
        self.roll(now);
        if now.duration_since(self.last) >= keep {
            return 0;
        }
        self.level.max(self.burst).max(1).min(most)
    }

    fn roll(&mut self, now: Instant) {
        let periods = now.duration_since(self.period_began).as_secs() / Self::PERIOD.as_secs();
        if periods == 0 {
            return;
        }
        let periods_32 = u32::try_from(periods).unwrap_or(u32::MAX);
        // The first period that ended had the burst; the ones after it had nothing.
        self.level = self.burst.max(self.level.saturating_sub(1)).saturating_sub(periods_32 - 1);
        self.burst = 0;
        self.period_began = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEEP: Duration = Duration::from_secs(600);

    #[tokio::test(start_paused = true)]
    async fn a_burst_raises_it_and_quiet_lowers_it() {
        let mut demand = Demand::new(Instant::now());
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 1);
        for _ in 0..5 {
            demand.note(Instant::now());
        }
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 5);
        assert_eq!(demand.target(Instant::now(), KEEP, 3), 3);
        tokio::time::advance(Demand::PERIOD).await;
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 5);
        tokio::time::advance(Demand::PERIOD * 2).await;
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 3);
        tokio::time::advance(Demand::PERIOD * 30).await;
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 1);
        tokio::time::advance(KEEP).await;
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 0);
        demand.expect(Instant::now());
        assert_eq!(demand.target(Instant::now(), KEEP, 8), 1);
    }
}
