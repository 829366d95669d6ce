//! The environments that are provisioned for a version: how many are wanted, made, and up.

use std::sync::atomic::Ordering;

use hearth_model::Provisioned;

use super::{Order, Pool, State};

/// Counts of one version's provisioned environments.
#[derive(Debug, Default)]
pub(super) struct Provision {
    target: u32,
    /// Alive, initialised or not.
    allocated: u32,
    /// Told to end because fewer are wanted.
    leaving: u32,
    failure: Option<String>,
}

impl Provision {
    fn surplus(&self) -> u32 {
        (self.allocated - self.leaving).saturating_sub(self.target)
    }

    /// Counts those that are missing as allocated, for the caller to start. A failure stops that:
    /// the same init would fail again.
    fn fill(&mut self) -> u32 {
        if self.failure.is_some() {
            return 0;
        }
        let missing = self.target.saturating_sub(self.allocated - self.leaving);
        self.allocated += missing;
        missing
    }
}

impl Pool {
    /// Says how many environments are to be kept initialised. The caller starts as many as are
    /// returned; of too many, the idle ones are told to end now and busy ones when they are done.
    pub(crate) fn provision(&self, target: u32) -> u32 {
        let mut state = self.state.lock();
        if state.closed {
            return 0;
        }
        if state.provision.target != target {
            state.provision.target = target;
            // Another number is another try.
            state.provision.failure = None;
        }
        let missing = state.provision.fill();
        let mut surplus = state.provision.surplus();
        state.provision.leaving += retire_idle(&mut state, &mut surplus);
        missing
    }

    /// A provisioned environment came up.
    pub(crate) fn provisioned_is_up(&self) {
        self.available.fetch_add(1, Ordering::Relaxed);
    }

    /// One ended, or could not be made. `was_up`: it had come up. `failure`: why another one would
    /// fare no better. True: the caller starts another one in its place.
    pub(crate) fn provisioned_ended(&self, was_up: bool, failure: Option<String>) -> bool {
        if was_up {
            self.available.fetch_sub(1, Ordering::Relaxed);
        }
        let mut state = self.state.lock();
        state.provision.allocated -= 1;
        state.provision.leaving = state.provision.leaving.saturating_sub(1);
        if failure.is_some() {
            state.provision.failure = failure;
        }
        let another = !state.closed && state.provision.surplus() == 0 && {
            let short = state.provision.allocated - state.provision.leaving < state.provision.target;
            short && state.provision.failure.is_none()
        };
        if another {
            state.provision.allocated += 1;
        }
        another
    }

    /// `None` when none are wanted.
    pub(crate) fn provisioned(&self) -> Option<Provisioned> {
        let state = self.state.lock();
        let provision = &state.provision;
        (provision.target > 0).then(|| Provisioned {
            requested: provision.target,
            allocated: (provision.allocated - provision.leaving).min(provision.target),
            available: self.available().min(provision.target),
            // Those that are still under way have yet to fail, or not to.
            failure: provision.failure.clone().filter(|_| provision.allocated <= self.available()),
        })
    }

    /// How many provisioned environments are up.
    pub(crate) fn available(&self) -> u32 {
        self.available.load(Ordering::Relaxed)
    }
}

/// Whether a provisioned environment that is free now is one too many; then it counts as leaving.
pub(super) fn is_surplus(state: &mut State) -> bool {
    let surplus = state.provision.surplus() > 0;
    state.provision.leaving += u32::from(surplus);
    surplus
}

/// Tells idle provisioned environments to end, `wanted` at the most; returns how many.
fn retire_idle(state: &mut State, wanted: &mut u32) -> u32 {
    let mut told = 0;
    state.idle.retain(|handle| {
        if *wanted == 0 || !handle.provisioned {
            return true;
        }
        *wanted -= 1;
        told += 1;
        // An error means that it is gone already.
        let _ = handle.inbox.try_send(Order::Retire);
        false
    });
    told
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::mpsc;

    use super::super::{Handle, Next};
    use super::*;
    use crate::concurrency::Concurrency;
    use crate::service::tests_support::spec;

    fn pool() -> Arc<Pool> {
        let spec = Arc::new(spec("f"));
        Pool::new(&spec, Concurrency::new(10).share(&spec.key()))
    }

    fn environment(id: u64) -> (Handle, mpsc::Receiver<Order>) {
        let (inbox, orders) = mpsc::channel(2);
        let handle = Handle {
            id,
            generation: 1,
            provisioned: true,
            inbox,
        };
        (handle, orders)
    }

    #[track_caller]
    fn check(pool: &Pool, requested: u32, allocated: u32, available: u32) {
        let found = pool.provisioned().map(|p| (p.requested, p.allocated, p.available));
        assert_eq!(found, Some((requested, allocated, available)));
    }

    #[test]
    fn more_are_started_and_fewer_are_kept() {
        let pool = pool();
        assert_eq!(pool.provisioned(), None);
        assert_eq!(pool.provision(2), 2);
        assert_eq!(pool.provision(2), 0);
        check(&pool, 2, 2, 0);
        let (one, mut one_rx) = environment(1);
        let (two, mut two_rx) = environment(2);
        for handle in [&one, &two] {
            pool.provisioned_is_up();
            assert!(matches!(pool.offer(handle, false), Next::Wait));
        }
        check(&pool, 2, 2, 2);
        assert_eq!(pool.provision(1), 0);
        assert!(matches!(one_rx.try_recv(), Ok(Order::Retire)));
        assert!(two_rx.try_recv().is_err());
        assert!(!pool.provisioned_ended(true, None));
        check(&pool, 1, 1, 1);
        // A busy one ends when it is free.
        assert!(pool.withdraw(2));
        assert_eq!(pool.provision(0), 0);
        assert!(matches!(pool.offer(&two, false), Next::Retire { successor: None }));
        assert!(!pool.provisioned_ended(true, None));
        assert_eq!(pool.provisioned(), None);
    }

    #[test]
    fn one_that_ends_is_replaced_unless_its_init_fails() {
        let pool = pool();
        pool.provision(1);
        pool.provisioned_is_up();
        assert!(pool.provisioned_ended(true, None));
        assert!(!pool.provisioned_ended(false, Some("FUNCTION_ERROR_INIT_FAILURE".into())));
        check(&pool, 1, 0, 0);
        assert_eq!(pool.provision(1), 0);
        assert_eq!(pool.provision(2), 2);
        assert_eq!(pool.provisioned().unwrap().failure, None);
    }

    #[test]
    fn a_closed_pool_keeps_none() {
        let pool = pool();
        pool.provision(1);
        pool.close();
        assert!(!pool.provisioned_ended(false, None));
        assert_eq!(pool.provision(3), 0);
    }
}
