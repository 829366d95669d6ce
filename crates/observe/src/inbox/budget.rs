//! How many bytes may be in flight, per stream, per group and in all.
//!
//! The failures it catches:
//! - a function that prints without end: its stream's budget runs out, its writer waits, nobody
//!   else notices;
//! - the same function in a thousand environments, so a thousand streams: their group's budget
//!   runs out, the total does not;
//! - many functions at once: the total runs out, and permits are handed out in the order in which
//!   they were asked for, so that a small append waits for a few large ones, never for all of one
//!   flood.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_model::{AccountId, LogStreamId, Region};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Bytes in flight: given to the inbox and not yet committed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) stream_bytes: u32,
    pub(crate) group_bytes: u32,
    pub(crate) total_bytes: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stream_bytes: 1 << 20,
            group_bytes: 4 << 20,
            total_bytes: 64 << 20,
        }
    }
}

/// A log group's name in full.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GroupKey {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) group: String,
}

impl GroupKey {
    pub(crate) fn of(stream: &LogStreamId) -> Self {
        Self {
            account: stream.account.clone(),
            region: stream.region.clone(),
            group: stream.group.clone(),
        }
    }

    pub(crate) fn has(&self, stream: &LogStreamId) -> bool {
        self.group == stream.group && self.account == stream.account && self.region == stream.region
    }
}

/// The budgets that one stream draws on.
#[derive(Clone, Debug)]
pub(crate) struct StreamBudget {
    stream: Arc<Semaphore>,
    group: Arc<Semaphore>,
    total: Arc<Semaphore>,
    limits: Limits,
}

/// The right to keep some bytes in memory, until dropped.
#[derive(Debug)]
pub(crate) struct Permits {
    stream: OwnedSemaphorePermit,
    group: OwnedSemaphorePermit,
    total: OwnedSemaphorePermit,
}

impl StreamBudget {
    /// Waits for `bytes`, innermost budget first: whoever waits for a wider one holds its narrower
    /// ones, so that one stream (one group) has at most one place in the wider line at a time.
    /// `None` once the inbox is closed.
    pub(crate) async fn take(&self, bytes: usize) -> Option<Permits> {
        // What is larger than a budget takes all of it.
        let of = |most: u32| u32::try_from(bytes).unwrap_or(u32::MAX).min(most);
        let stream = Arc::clone(&self.stream).acquire_many_owned(of(self.limits.stream_bytes)).await.ok()?;
        let group = Arc::clone(&self.group).acquire_many_owned(of(self.limits.group_bytes)).await.ok()?;
        let total = Arc::clone(&self.total).acquire_many_owned(of(self.limits.total_bytes)).await.ok()?;
        Some(Permits { stream, group, total })
    }
}

impl Permits {
    /// Takes another's bytes over. Both must be of the same stream.
    pub(crate) fn join(&mut self, other: Self) {
        self.stream.merge(other.stream);
        self.group.merge(other.group);
        self.total.merge(other.total);
    }
}

/// All budgets in use.
#[derive(Debug)]
pub(crate) struct Budgets {
    limits: Limits,
    total: Arc<Semaphore>,
    groups: HashMap<GroupKey, Arc<Semaphore>>,
    streams: HashMap<Arc<LogStreamId>, StreamBudget>,
    /// How many streams may be known before idle ones are forgotten.
    sweep_at: usize,
}

const SWEEP_LEAST: usize = 1024;

impl Budgets {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            total: Arc::new(Semaphore::new(limits.total_bytes as usize)),
            groups: HashMap::new(),
            streams: HashMap::new(),
            sweep_at: SWEEP_LEAST,
        }
    }

    /// The budget of a stream, made when it is new.
    pub(crate) fn of(&mut self, stream: &Arc<LogStreamId>) -> StreamBudget {
        if let Some(budget) = self.streams.get(stream) {
            return budget.clone();
        }
        self.sweep();
        let group = self
            .groups
            .entry(GroupKey::of(stream))
            .or_insert_with(|| Arc::new(Semaphore::new(self.limits.group_bytes as usize)));
        let budget = StreamBudget {
            stream: Arc::new(Semaphore::new(self.limits.stream_bytes as usize)),
            group: Arc::clone(group),
            total: Arc::clone(&self.total),
            limits: self.limits,
        };
        self.streams.insert(Arc::clone(stream), budget.clone());
        budget
    }

    /// Makes everyone who waits, and everyone who will, see the end.
    pub(crate) fn close(&self) {
        self.total.close();
        self.groups.values().for_each(|group| group.close());
        self.streams.values().for_each(|budget| budget.stream.close());
    }

    /// Forgets streams that nobody waits on and that have nothing in flight: both would hold a
    /// reference.
    fn sweep(&mut self) {
        if self.streams.len() < self.sweep_at {
            return;
        }
        self.streams.retain(|_, budget| Arc::strong_count(&budget.stream) > 1);
        self.groups.retain(|_, group| Arc::strong_count(group) > 1);
        self.sweep_at = (self.streams.len() * 2).max(SWEEP_LEAST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(group: &str, stream: &str) -> Arc<LogStreamId> {
        Arc::new(LogStreamId {
            account: AccountId::fallback(),
            region: Region::fallback(),
            group: group.to_owned(),
            stream: stream.to_owned(),
        })
    }

    fn small() -> Budgets {
        Budgets::new(Limits {
            stream_bytes: 10,
            group_bytes: 15,
            total_bytes: 40,
        })
    }

    /// True when `bytes` are to be had at once.
    fn has(budget: &StreamBudget, bytes: usize) -> Option<Permits> {
        use std::future::Future;
        let mut taking = std::pin::pin!(budget.take(bytes));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        match taking.as_mut().poll(&mut context) {
            std::task::Poll::Ready(permits) => permits,
            std::task::Poll::Pending => None,
        }
    }

    #[test]
    fn a_full_stream_leaves_its_group_room_and_a_full_group_the_others() {
        let mut budgets = small();
        let (a1, a2, b) = (budgets.of(&stream("a", "1")), budgets.of(&stream("a", "2")), budgets.of(&stream("b", "1")));
        let first = has(&a1, 10);
        assert!(first.is_some());
        assert!(has(&a1, 1).is_none(), "the stream is full");
        let second = has(&a2, 5);
        assert!(second.is_some());
        assert!(has(&a2, 5).is_none(), "the group is full");
        assert!(has(&b, 10).is_some());
        drop(first);
        assert!(has(&a1, 10).is_some());
    }

    #[test]
    fn an_event_larger_than_the_budget_takes_all_of_it() {
        let mut budgets = small();
        let budget = budgets.of(&stream("a", "1"));
        let all = has(&budget, 1000);
        assert!(all.is_some());
        assert!(has(&budget, 1).is_none());
    }

    #[test]
    fn idle_streams_are_forgotten_and_busy_ones_are_not() {
        let mut budgets = small();
        let busy = budgets.of(&stream("busy", "1"));
        let _permits = has(&busy, 1);
        for i in 0..5 * SWEEP_LEAST {
            budgets.of(&stream("idle", &i.to_string()));
        }
        assert!(budgets.streams.len() <= SWEEP_LEAST + 1, "{}", budgets.streams.len());
        assert!(budgets.streams.contains_key(&stream("busy", "1")));
    }

    #[test]
    fn after_the_close_nobody_waits() {
        let mut budgets = small();
        let budget = budgets.of(&stream("a", "1"));
        budgets.close();
        assert!(has(&budget, 1).is_none());
    }
}
