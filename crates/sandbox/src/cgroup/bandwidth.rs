//! A CPU quota as the kernel takes it: so many microseconds in each period.

/// How long a process that has used up its share may have to wait: a function with a fourteenth of a processor gets its
/// next slice after 20 ms, not after the kernel's usual 100.
const PERIOD_US: u64 = 20_000;
/// What the kernel takes at least as a quota, and at most as a period.
const LEAST_QUOTA_US: u64 = 1_000;
const LONGEST_PERIOD_US: u64 = 1_000_000;

/// A quota and the period over which it is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bandwidth {
    period_us: u64,
    quota_us: Option<u64>,
}

impl Bandwidth {
    /// For thousandths of one processor. A quota so small that the kernel refuses it gets a longer period, so that the
    /// share is right.
    pub(crate) fn new(millis: Option<u32>) -> Self {
        let Some(millis) = millis else {
            return Self {
                period_us: PERIOD_US,
                quota_us: None,
            };
        };
        let millis = u64::from(millis.max(1));
        let period_us = PERIOD_US.max((LEAST_QUOTA_US * 1000).div_ceil(millis)).min(LONGEST_PERIOD_US);
        Self {
            period_us,
            quota_us: Some((period_us * millis / 1000).max(LEAST_QUOTA_US)),
        }
    }

    /// What `cpu.max` takes.
    pub(crate) fn v2(self) -> String {
        match self.quota_us {
            Some(quota) => format!("{quota} {}", self.period_us),
            None => format!("max {}", self.period_us),
        }
    }

    /// What `cpu.max.burst` and `cpu.cfs_burst_us` take: what was not used of one period may be used in the next. Without
    /// it a process that stays within its share waits all the same, whenever it moves from one processor to another.
    pub(crate) fn burst(self) -> Option<String> {
        self.quota_us.map(|quota| quota.to_string())
    }

    /// What `cpu.cfs_period_us` takes.
    pub(crate) fn v1_period(self) -> String {
        self.period_us.to_string()
    }

    /// What `cpu.cfs_quota_us` takes.
    pub(crate) fn v1_quota(self) -> String {
        self.quota_us.map_or_else(|| "-1".to_owned(), |quota| quota.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(millis: Option<u32>, v2: &str, v1: (&str, &str)) {
        let bandwidth = Bandwidth::new(millis);
        assert_eq!(bandwidth.v2(), v2);
        assert_eq!((bandwidth.v1_quota().as_str(), bandwidth.v1_period().as_str()), v1);
        assert_eq!(bandwidth.burst().as_deref(), millis.map(|_| v1.0));
    }

    #[test]
    fn a_share_is_given_every_20_ms_unless_the_kernel_finds_that_too_little() {
        check(None, "max 20000", ("-1", "20000"));
        check(Some(5653), "113060 20000", ("113060", "20000"));
        check(Some(1000), "20000 20000", ("20000", "20000"));
        // 128 MB.
        check(Some(73), "1460 20000", ("1460", "20000"));
        check(Some(50), "1000 20000", ("1000", "20000"));
        check(Some(30), "1000 33334", ("1000", "33334"));
        check(Some(1), "1000 1000000", ("1000", "1000000"));
        check(Some(0), "1000 1000000", ("1000", "1000000"));
    }
}
