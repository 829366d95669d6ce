//! One lane: the events of one qualifier of a function, from their arrival to their end.
//!
//! The lane's task owns all of it. It lives as long as there are events, in memory or in the store,
//! and sleeps while none of them is due.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_model::{BoxFuture, Lookup};
use hearth_store::{QueueItem, StoreError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::door::{Door, Held};
use crate::engine::Shared;
use crate::event::Event;
use crate::key::LaneKey;
use crate::places::Places;
use crate::run::{self, Ran};
use crate::settle::{self, Settled};
use crate::verdict::{self, Verdict};

/// Events whose end is being written down, at the most: the store is the bound then.
const SETTLING_MAX: usize = 256;

/// Events taken out of the store at once: by number, and by bytes as far as those before tell.
const FETCH_MAX: usize = 64;
const FETCH_BYTES: usize = 1 << 20;

/// A place that a run has left is free a moment after its answer: that is waited for before it
/// counts as a throttle.
const SHORT_PAUSE: Duration = Duration::from_millis(2);
const SHORT_PAUSE_WITHIN: Duration = Duration::from_millis(50);

/// An event that cannot be read is looked at again after this time: by a newer Hearth, perhaps.
const UNREADABLE: Duration = Duration::from_secs(3_600);

pub(crate) struct Lane {
    shared: Arc<Shared>,
    key: Arc<LaneKey>,
    door: Arc<Door>,
    inbox: mpsc::Receiver<Held>,
    /// Those that run next.
    ready: VecDeque<Held>,
    running: FuturesUnordered<BoxFuture<'static, Ran>>,
    settling: FuturesUnordered<BoxFuture<'static, Settled>>,
    fetching: Option<BoxFuture<'static, Fetched>>,
    fetch_failures: u32,
    /// Of the events fetched last.
    mean_bytes: usize,
    places: Places,
    /// Nothing is tried before.
    paused_until: Option<Instant>,
    /// How often in a row nothing could be run.
    pauses: u32,
    /// When a run ended last.
    last_end: Option<Instant>,
    /// When the first event in the store is due, of those that were not due when it was looked at.
    next_due: Option<Instant>,
    /// Nothing was held when `next_due` was found: it is of no event that is gone meanwhile.
    looked_idle: bool,
    stopping: bool,
}

struct Fetched {
    asked: usize,
    items: Vec<QueueItem>,
    /// Unix milliseconds.
    next_due_ms: Option<i64>,
    error: Option<StoreError>,
}

impl Lane {
    pub(crate) fn new(shared: Arc<Shared>, key: LaneKey, door: Arc<Door>, inbox: mpsc::Receiver<Held>) -> Self {
        Self {
            places: Places::new(shared.places, Instant::now()),
            shared,
            key: Arc::new(key),
            door,
            inbox,
            ready: VecDeque::new(),
            running: FuturesUnordered::new(),
            settling: FuturesUnordered::new(),
            fetching: None,
            fetch_failures: 0,
            mean_bytes: 0,
            paused_until: None,
            pauses: 0,
            last_end: None,
            next_due: None,
            looked_idle: false,
            stopping: false,
        }
    }

    pub(crate) async fn run(mut self) {
        loop {
            self.advance();
            if self.is_over() {
                return;
            }
            let (wake, open) = (self.wake(), self.stopping || self.can_start() || self.ready.is_empty());
            let alarm = wake.unwrap_or_else(Instant::now);
            tokio::select! {
                biased;
                () = self.shared.shutdown.started(), if !self.stopping => self.stop(),
                Some(ran) = self.running.next(), if !self.running.is_empty() => self.judge(ran),
                Some(settled) = self.settling.next(), if !self.settling.is_empty() => self.note(settled),
                fetched = next(&mut self.fetching), if self.fetching.is_some() => self.receive(fetched),
                Some(held) = self.inbox.recv(), if open => self.ready.push_back(held),
                () = self.door.nudge.notified() => {}
                () = tokio::time::sleep_until(alarm), if wake.is_some() => {}
            }
        }
    }

    /// Does all that can be done now.
    fn advance(&mut self) {
        if self.stopping {
            return self.shed();
        }
        let now = Instant::now();
        if self.door.take_change() {
            (self.paused_until, self.pauses) = (None, 0);
        }
        if self.next_due.is_some_and(|due| due <= now) {
            self.next_due = None;
            self.door.look();
        }
        if self.is_full() && self.has_waiting() && self.places.next_step() <= now {
            self.places.step(now);
        }
        while self.can_start() {
            let Some(held) = self.ready.pop_front().or_else(|| self.inbox.try_recv().ok()) else { break };
            self.start(held);
        }
        self.fetch();
    }

    fn can_start(&self) -> bool {
        !self.stopping && !self.is_paused() && !self.is_full() && self.settling.len() < SETTLING_MAX
    }

    fn is_full(&self) -> bool {
        self.places.free(self.running.len()) == 0
    }

    fn is_paused(&self) -> bool {
        self.paused_until.is_some_and(|until| until > Instant::now())
    }

    fn has_waiting(&self) -> bool {
        !self.ready.is_empty() || !self.inbox.is_empty() || self.door.has_stored()
    }

    /// Nothing is held.
    fn is_idle(&self) -> bool {
        self.running.is_empty()
            && self.settling.is_empty()
            && self.fetching.is_none()
            && self.ready.is_empty()
            && self.inbox.is_empty()
    }

    fn is_over(&mut self) -> bool {
        let is_done = self.stopping || (self.next_due.is_none() && !self.door.has_stored());
        self.is_idle() && is_done && self.shared.close(&self.key, &self.door)
    }

    /// When there is something to do although nothing happens.
    fn wake(&self) -> Option<Instant> {
        if self.stopping {
            return None;
        }
        let waiting = self.has_waiting();
        let pause = self.paused_until.filter(|_| waiting && self.is_paused());
        let step = Some(self.places.next_step()).filter(|_| waiting && self.is_full());
        [self.next_due, pause, step].into_iter().flatten().min()
    }

    fn start(&mut self, mut held: Held) {
        if held.since.elapsed() >= self.shared.timing.lease / 2 {
            // It has waited for so long that it may soon be anyone's; so have those behind it.
            self.ready.push_front(held);
            return self.shed();
        }
        held.weight = None;
        let (function, qualifier) = (&self.key.function, self.key.qualifier.as_ref());
        let policy = self.shared.catalog.event_policy(function, qualifier);
        // Why it is not ready, the run itself will say.
        let spec = match self.shared.catalog.lookup(function, qualifier) {
            Lookup::Ready(spec) => Some(spec),
            _ => None,
        };
        let now_ms = self.shared.clock.now_ms();
        let (shared, key) = (Arc::clone(&self.shared), Arc::clone(&self.key));
        match verdict::before(&held.event, &policy, spec.as_deref(), now_ms) {
            Some(fate) => self.settling.push(Box::pin(settle::end(shared, key, held, policy, fate))),
            None => self.running.push(Box::pin(run::run(shared, key, held, policy))),
        }
        self.looked_idle = false;
    }

    fn judge(&mut self, ran: Ran) {
        let Ran { held, policy, verdict, took } = ran;
        let (shared, key) = (Arc::clone(&self.shared), Arc::clone(&self.key));
        match verdict {
            Verdict::NotNow => {
                let time_left = verdict::time_left(&held.event, &policy, shared.clock.now_ms());
                return self.hold_back(held, time_left);
            }
            Verdict::End(fate) => self.settling.push(Box::pin(settle::end(shared, key, held, policy, fate))),
            Verdict::Again(delay) => self.settling.push(Box::pin(settle::again(shared, held, delay))),
            Verdict::Forget => {
                let (function, request_id) = (key.arn(), &held.event.head.request_id);
                tracing::warn!(function, request_id, "an event of a function that is no more was dropped");
                self.settling.push(Box::pin(settle::forget(shared, held.lease)));
            }
            Verdict::Stop => {
                self.ready.push_front(held);
                return self.stop();
            }
        }
        let now = Instant::now();
        self.places.ended(took, now);
        self.last_end = Some(now);
        (self.paused_until, self.pauses) = (None, 0);
    }

    /// An event could not be run: while others run, it waits for one of their places, else for a
    /// time (and no longer than it may live).
    fn hold_back(&mut self, held: Held, time_left: Duration) {
        let now = Instant::now();
        self.places.throttled(self.running.len(), now);
        self.ready.push_front(held);
        if !self.running.is_empty() {
            return;
        }
        if self.pauses == 0 && self.last_end.is_some_and(|end| now - end < SHORT_PAUSE_WITHIN) {
            self.paused_until = Some(now + SHORT_PAUSE);
            return;
        }
        self.pauses = self.pauses.saturating_add(1);
        let pause = self.shared.timing.backoff(self.pauses).min(time_left);
        self.paused_until = Some(now + pause);
        self.shed();
    }

    /// Gives back to the store what waits in memory.
    fn shed(&mut self) {
        while let Some(held) = self.ready.pop_front().or_else(|| self.inbox.try_recv().ok()) {
            let release = settle::release(Arc::clone(&self.shared), held.lease, Duration::ZERO);
            self.settling.push(Box::pin(release));
        }
    }

    /// Takes no more. What runs is awaited.
    fn stop(&mut self) {
        self.stopping = true;
        self.shed();
    }

    fn note(&mut self, settled: Settled) {
        self.looked_idle = false;
        match settled {
            Settled::Gone => {}
            Settled::Stored(Duration::ZERO) => self.door.look(),
            Settled::Stored(delay) => self.expect(Instant::now() + delay),
        }
    }

    /// The store's clock counts whole milliseconds: never too early.
    fn expect(&mut self, due: Instant) {
        let due = due + Duration::from_millis(1);
        self.next_due = Some(self.next_due.map_or(due, |known| known.min(due)));
    }

    /// Takes events out of the store when some are due and there is nothing else to run.
    fn fetch(&mut self) {
        let has_work = !self.ready.is_empty() || !self.inbox.is_empty();
        if has_work || self.fetching.is_some() || !self.can_start() {
            return;
        }
        // A due time that was found while events were held may be that of one of them.
        let doubts = self.is_idle() && !self.looked_idle && self.next_due.is_some();
        if !self.door.take_stored() && !doubts {
            return;
        }
        self.looked_idle = self.is_idle();
        self.next_due = None;
        let by_bytes = FETCH_BYTES / self.mean_bytes.max(1);
        let asked = self.places.fetch(self.running.len()).min(by_bytes).clamp(1, FETCH_MAX);
        self.fetching = Some(Box::pin(fetch(Arc::clone(&self.shared), Arc::clone(&self.key), asked)));
    }

    fn receive(&mut self, fetched: Fetched) {
        if let Some(error) = fetched.error {
            self.fetch_failures += 1;
            tracing::error!(function = self.key.arn(), %error, "failed to read events");
            self.expect(Instant::now() + self.shared.timing.backoff(self.fetch_failures));
            return;
        }
        self.fetch_failures = 0;
        if fetched.items.len() == fetched.asked {
            self.door.look();
        }
        if let Some(due_ms) = fetched.next_due_ms {
            let in_ms = u64::try_from(due_ms - self.shared.clock.now_ms()).unwrap_or_default();
            self.expect(Instant::now() + Duration::from_millis(in_ms));
        }
        if !fetched.items.is_empty() {
            let bytes: usize = fetched.items.iter().map(|item| item.body.len()).sum();
            self.mean_bytes = bytes / fetched.items.len();
        }
        for item in fetched.items {
            self.accept(item);
        }
        if self.stopping {
            self.shed();
        }
    }

    fn accept(&mut self, item: QueueItem) {
        self.looked_idle = false;
        match Event::decode(&item.body) {
            Ok(event) => self.ready.push_back(Held {
                lease: item.lease,
                weight: Some(self.shared.waiting.add(item.body.len())),
                event,
                since: Instant::now(),
            }),
            Err(cause) => {
                tracing::error!(function = self.key.arn(), item = item.lease.item, cause, "an event cannot be read");
                let release = settle::release(Arc::clone(&self.shared), item.lease, UNREADABLE);
                self.settling.push(Box::pin(release));
            }
        }
    }
}

/// Takes what is due; when that is all, also finds out when the next one is.
async fn fetch(shared: Arc<Shared>, key: Arc<LaneKey>, asked: usize) -> Fetched {
    let mut fetched = Fetched {
        asked,
        items: Vec::new(),
        next_due_ms: None,
        error: None,
    };
    match shared.queues.lease(key.queue(), asked, shared.timing.lease_ms()).await {
        Ok(items) => fetched.items = items,
        Err(error) => fetched.error = Some(error),
    }
    if fetched.error.is_none() && fetched.items.len() < asked {
        match shared.queues.next_due_ms(key.queue()).await {
            Ok(due_ms) => fetched.next_due_ms = due_ms,
            // What was taken is run; the lane looks again once it is done.
            Err(error) if fetched.items.is_empty() => fetched.error = Some(error),
            Err(_) => fetched.asked = fetched.items.len(),
        }
    }
    fetched
}

async fn next(fetching: &mut Option<BoxFuture<'static, Fetched>>) -> Fetched {
    match fetching {
        Some(future) => {
            let fetched = future.await;
            *fetching = None;
            fetched
        }
        None => std::future::pending().await,
    }
}
