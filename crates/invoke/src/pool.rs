//! The environments of one function version: who is idle, who starts, which jobs wait.
//!
//! A job goes to the idle environment that was used last. With none idle it waits in the queue
//! while an environment starts for it; whoever is free first takes it. So at any time at least as
//! many environments start as jobs wait.

mod provisioned;
mod snapshots;

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use hearth_model::{FunctionKey, FunctionSpec, Invocation};
use parking_lot::Mutex;
use tokio::sync::mpsc;

use self::provisioned::Provision;
use self::snapshots::Snapshots;
use crate::concurrency::{Permit, Share};
use crate::streaming::Reply;

/// One invocation on its way to an environment.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) invocation: Invocation,
    pub(crate) trace_header: String,
    pub(crate) reply: Reply,
    pub(crate) permit: Permit,
}

/// What an environment is told.
#[derive(Debug)]
pub(crate) enum Order {
    Run(Box<Job>),
    /// A snapshot becomes an environment that takes jobs.
    Restore,
    /// End: the function changed, or the server stops.
    Retire,
}

/// The way to one environment.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub(crate) id: u64,
    pub(crate) generation: u64,
    /// One of those that are kept ahead of demand.
    pub(crate) provisioned: bool,
    pub(crate) inbox: mpsc::Sender<Order>,
}

/// What an environment does after an offer.
#[derive(Debug)]
pub(crate) enum Next {
    /// It is in the idle list; an order may come.
    Wait,
    Run(Box<Job>),
    /// It ends. With a version: a job waits that it must not take, and an environment of that
    /// version has to be started for it.
    Retire {
        successor: Option<Arc<FunctionSpec>>,
    },
}

/// The pool's answer to a job.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Placed {
    /// An environment has it, or will have it.
    Done,
    /// It waits, and an environment has to be started.
    Start,
}

#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) key: FunctionKey,
    pub(crate) share: Share,
    /// Provisioned environments that are up. Beside the lock: every invocation reads it.
    available: AtomicU32,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// The one used last is last.
    idle: Vec<Handle>,
    waiting: VecDeque<Box<Job>>,
    starting: usize,
    /// What runs from now on.
    spec: Arc<FunctionSpec>,
    provision: Provision,
    snapshots: Snapshots,
    /// No environment is kept any longer.
    closed: bool,
}

impl State {
    fn is_current(&self, handle: &Handle) -> bool {
        !self.closed && handle.generation >= self.spec.generation
    }
}

impl Pool {
    pub(crate) fn new(spec: &Arc<FunctionSpec>, share: Share) -> Arc<Self> {
        Arc::new(Self {
            key: spec.key(),
            share,
            available: AtomicU32::new(0),
            state: Mutex::new(State {
                idle: Vec::new(),
                waiting: VecDeque::new(),
                starting: 0,
                spec: Arc::clone(spec),
                provision: Provision::default(),
                snapshots: Snapshots::new(),
                closed: false,
            }),
        })
    }

    /// Gives a job to the environment used last, or has it wait for a new one.
    pub(crate) fn place(&self, job: Box<Job>) -> Placed {
        let mut order = Order::Run(job);
        let mut state = self.state.lock();
        while let Some(handle) = state.idle.pop() {
            match handle.inbox.try_send(order) {
                Ok(()) => return Placed::Done,
                // It died while idle; the job comes back.
                Err(mpsc::error::TrySendError::Closed(back) | mpsc::error::TrySendError::Full(back)) => order = back,
            }
        }
        if let Order::Run(job) = order {
            state.waiting.push_back(job);
        }
        if state.starting < state.waiting.len() {
            state.starting += 1;
            return Placed::Start;
        }
        Placed::Done
    }

    /// An environment is ready for work. `was_starting`: for the first time.
    pub(crate) fn offer(&self, handle: &Handle, was_starting: bool) -> Next {
        let mut state = self.state.lock();
        if was_starting {
            state.starting -= 1;
        }
        // Once the function is gone, what was accepted before is run by whoever is there.
        if (state.closed || state.is_current(handle))
            && let Some(job) = state.waiting.pop_front()
        {
            return Next::Run(job);
        }
        if state.is_current(handle) && !(handle.provisioned && provisioned::is_surplus(&mut state)) {
            state.idle.push(handle.clone());
            return Next::Wait;
        }
        // What changed was acknowledged: a waiting job must see it.
        let short = state.starting < state.waiting.len();
        if short {
            state.starting += 1;
        }
        Next::Retire {
            successor: short.then(|| Arc::clone(&state.spec)),
        }
    }

    /// An environment that cannot be: the job that it would have served, if one still waits.
    pub(crate) fn give_up_start(&self) -> Option<Box<Job>> {
        let mut state = self.state.lock();
        state.starting -= 1;
        state.waiting.pop_front()
    }

    /// Takes an environment out of the idle list. `false`: it is not there, so an order is on its
    /// way to it.
    pub(crate) fn withdraw(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        let before = state.idle.len();
        state.idle.retain(|handle| handle.id != id);
        state.idle.len() < before
    }

    /// What runs from now on.
    pub(crate) fn spec(&self) -> Arc<FunctionSpec> {
        Arc::clone(&self.state.lock().spec)
    }

    /// From now on only environments of this generation are kept; idle older ones are told to end.
    pub(crate) fn advance(&self, spec: &Arc<FunctionSpec>) {
        let mut state = self.state.lock();
        if spec.generation <= state.spec.generation {
            return;
        }
        state.spec = Arc::clone(spec);
        let (old, kept) =
            std::mem::take(&mut state.idle).into_iter().partition(|handle| handle.generation < spec.generation);
        state.idle = kept;
        let snapshots = state.snapshots.take_older(spec.generation);
        drop(state);
        retire(old);
        retire(snapshots);
    }

    /// The function is gone, or the server stops: every idle environment ends, and busy ones end
    /// when nothing waits any more.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        let idle = std::mem::take(&mut state.idle);
        let snapshots = state.snapshots.take_older(u64::MAX);
        drop(state);
        retire(idle);
        retire(snapshots);
    }
}

fn retire(handles: Vec<Handle>) {
    for handle in handles {
        // An error means that it is gone already.
        let _ = handle.inbox.try_send(Order::Retire);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::concurrency::Concurrency;
    use crate::service::tests_support::{invocation, spec};

    struct Bench {
        concurrency: Concurrency,
        spec: Arc<FunctionSpec>,
        pool: Arc<Pool>,
    }

    fn bench() -> Bench {
        let concurrency = Concurrency::new(100);
        let spec = Arc::new(spec("f"));
        let pool = Pool::new(&spec, concurrency.share(&spec.key()));
        Bench { concurrency, spec, pool }
    }

    impl Bench {
        fn changed(&self, generation: u64) -> Arc<FunctionSpec> {
            let mut changed = spec("f");
            changed.generation = generation;
            Arc::new(changed)
        }

        fn job(&self, id: &str) -> Box<Job> {
            Box::new(Job {
                invocation: invocation(&self.spec, id),
                trace_header: String::new(),
                reply: Reply::Whole(oneshot::channel().0),
                permit: self.concurrency.take(&self.pool.share, &self.spec, 0).unwrap(),
            })
        }
    }

    fn environment(id: u64, generation: u64) -> (Handle, mpsc::Receiver<Order>) {
        let (inbox, orders) = mpsc::channel(2);
        let handle = Handle {
            id,
            generation,
            provisioned: false,
            inbox,
        };
        (handle, orders)
    }

    #[track_caller]
    fn check_runs(next: Next, id: &str) {
        match next {
            Next::Run(job) => assert_eq!(job.invocation.request_id, id),
            other => panic!("expected to run {id}, found {other:?}"),
        }
    }

    #[test]
    fn the_environment_used_last_is_taken_first() {
        let bench = bench();
        let (one, mut one_rx) = environment(1, 1);
        let (two, mut two_rx) = environment(2, 1);
        assert_eq!(bench.pool.place(bench.job("a")), Placed::Start);
        assert_eq!(bench.pool.place(bench.job("b")), Placed::Start);
        check_runs(bench.pool.offer(&one, true), "a");
        check_runs(bench.pool.offer(&two, true), "b");
        assert!(matches!(bench.pool.offer(&one, false), Next::Wait));
        assert!(matches!(bench.pool.offer(&two, false), Next::Wait));
        assert_eq!(bench.pool.place(bench.job("c")), Placed::Done);
        assert!(matches!(two_rx.try_recv(), Ok(Order::Run(_))));
        assert!(one_rx.try_recv().is_err());
    }

    #[test]
    fn a_freed_environment_takes_a_waiting_job_before_the_new_one_is_up() {
        let bench = bench();
        let (one, _one_rx) = environment(1, 1);
        let (two, _two_rx) = environment(2, 1);
        bench.pool.place(bench.job("a"));
        check_runs(bench.pool.offer(&one, true), "a");
        assert_eq!(bench.pool.place(bench.job("b")), Placed::Start);
        check_runs(bench.pool.offer(&one, false), "b");
        assert!(matches!(bench.pool.offer(&two, true), Next::Wait));
    }

    #[test]
    fn a_start_that_fails_fails_one_job() {
        let bench = bench();
        bench.pool.place(bench.job("a"));
        bench.pool.place(bench.job("b"));
        assert_eq!(bench.pool.give_up_start().unwrap().invocation.request_id, "a");
        let (one, _rx) = environment(1, 1);
        check_runs(bench.pool.offer(&one, true), "b");
    }

    #[test]
    fn a_change_retires_idle_environments_and_busy_ones_later() {
        let bench = bench();
        let (idle, mut idle_rx) = environment(1, 1);
        let (busy, _busy_rx) = environment(2, 1);
        bench.pool.place(bench.job("a"));
        bench.pool.place(bench.job("b"));
        check_runs(bench.pool.offer(&busy, true), "a");
        check_runs(bench.pool.offer(&idle, true), "b");
        bench.pool.offer(&idle, false);
        bench.pool.advance(&bench.changed(2));
        assert!(matches!(idle_rx.try_recv(), Ok(Order::Retire)));
        assert!(matches!(bench.pool.offer(&busy, false), Next::Retire { successor: None }));
    }

    /// A busy environment of the old code once took a job that had come after the change.
    #[test]
    fn a_job_that_came_after_a_change_is_not_run_by_the_old_code() {
        let bench = bench();
        let (old, _old_rx) = environment(1, 1);
        let (starting, _starting_rx) = environment(2, 1);
        let (new, _new_rx) = environment(3, 2);
        bench.pool.place(bench.job("a"));
        check_runs(bench.pool.offer(&old, true), "a");
        // One more of the old code is on its way up when the change comes.
        bench.pool.place(bench.job("b"));
        bench.pool.advance(&bench.changed(2));
        assert_eq!(bench.pool.place(bench.job("c")), Placed::Start);
        assert!(matches!(bench.pool.offer(&old, false), Next::Retire { successor: None }));
        match bench.pool.offer(&starting, true) {
            Next::Retire { successor: Some(spec) } => assert_eq!(spec.generation, 2),
            other => panic!("expected a successor, found {other:?}"),
        }
        check_runs(bench.pool.offer(&new, true), "b");
        check_runs(bench.pool.offer(&new, false), "c");
    }

    #[test]
    fn a_closed_pool_runs_what_it_accepted_and_keeps_nobody() {
        let bench = bench();
        let (one, _rx) = environment(1, 1);
        bench.pool.place(bench.job("a"));
        bench.pool.place(bench.job("b"));
        bench.pool.close();
        check_runs(bench.pool.offer(&one, true), "a");
        check_runs(bench.pool.offer(&one, false), "b");
        assert!(matches!(bench.pool.offer(&one, false), Next::Retire { successor: None }));
    }

    #[test]
    fn a_dead_idle_environment_loses_no_job() {
        let bench = bench();
        let (dead, rx) = environment(1, 1);
        bench.pool.place(bench.job("a"));
        check_runs(bench.pool.offer(&dead, true), "a");
        bench.pool.offer(&dead, false);
        drop(rx);
        assert_eq!(bench.pool.place(bench.job("b")), Placed::Start);
        assert_eq!(bench.pool.give_up_start().unwrap().invocation.request_id, "b");
    }

    #[test]
    fn withdrawing_tells_whether_an_order_is_on_its_way() {
        let bench = bench();
        let (one, _rx) = environment(1, 1);
        bench.pool.place(bench.job("a"));
        check_runs(bench.pool.offer(&one, true), "a");
        bench.pool.offer(&one, false);
        assert!(bench.pool.withdraw(1));
        assert!(!bench.pool.withdraw(1));
    }
}
