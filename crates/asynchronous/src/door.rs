//! The way into a lane: who accepts an event hands it over in memory where there is room, and
//! leaves it in the store where there is none.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hearth_store::Lease;
use tokio::sync::{Notify, mpsc};
use tokio::time::Instant;

use crate::event::Event;

/// Events that wait in memory in one lane, at the most.
const LANE_MAX: usize = 256;

/// Bytes of events that wait in memory in all lanes together, at the most. A lane may always have
/// the few that it takes out of the store at once.
const BYTES_MAX: usize = 64 << 20;

/// An event that this process holds in the store.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) lease: Lease,
    pub(crate) event: Event,
    pub(crate) since: Instant,
    pub(crate) weight: Option<Weight>,
}

/// Bytes that wait in memory, in all lanes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    /// Counts them, however many there are.
    pub(crate) fn add(&self, bytes: usize) -> Weight {
        self.0.fetch_add(bytes, Ordering::Relaxed);
        Weight { of: self.clone(), bytes }
    }

    fn has_room(&self) -> bool {
        self.0.load(Ordering::Relaxed) < BYTES_MAX
    }
}

/// Counts as long as it lives.
#[derive(Debug)]
pub(crate) struct Weight {
    of: Waiting,
    bytes: usize,
}

impl Drop for Weight {
    fn drop(&mut self) {
        self.of.0.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// One lane's.
#[derive(Debug)]
pub(crate) struct Door {
    inbox: mpsc::Sender<Held>,
    /// The store has, or may have, events that are due and that the lane does not hold.
    stored: AtomicBool,
    /// The function has changed: what could not run may run now.
    changed: AtomicBool,
    /// Those who are putting events into the store beside the lane.
    visitors: AtomicUsize,
    pub(crate) nudge: Notify,
}

/// How an event may come in.
pub(crate) enum Admission {
    /// Held, and handed over.
    InMemory { door: Arc<Door>, permit: mpsc::OwnedPermit<Held>, weight: Weight },
    /// Left in the store, for the lane to take.
    InStore(Visit),
    /// Left in the store, for the next start to take.
    Closed,
}

/// Keeps a lane from ending before an event is in the store.
pub(crate) struct Visit(Arc<Door>);

impl Drop for Visit {
    fn drop(&mut self) {
        self.0.stored.store(true, Ordering::Release);
        self.0.visitors.fetch_sub(1, Ordering::AcqRel);
        self.0.nudge.notify_one();
    }
}

impl Door {
    pub(crate) fn new() -> (Arc<Self>, mpsc::Receiver<Held>) {
        let (inbox, arrivals) = mpsc::channel(LANE_MAX);
        let door = Self {
            inbox,
            stored: AtomicBool::new(false),
            changed: AtomicBool::new(false),
            visitors: AtomicUsize::new(0),
            nudge: Notify::new(),
        };
        (Arc::new(door), arrivals)
    }

    /// Called under the lock of the lanes, as [`Door::is_quiet`] is.
    pub(crate) fn admit(self: &Arc<Self>, bytes: usize, waiting: &Waiting) -> Admission {
        // What is in the store was here before.
        if !self.stored.load(Ordering::Acquire)
            && waiting.has_room()
            && let Ok(permit) = self.inbox.clone().try_reserve_owned()
        {
            return Admission::InMemory {
                door: Arc::clone(self),
                permit,
                weight: waiting.add(bytes),
            };
        }
        self.visitors.fetch_add(1, Ordering::AcqRel);
        Admission::InStore(Visit(Arc::clone(self)))
    }

    /// Nobody is about to hand anything over.
    pub(crate) fn is_quiet(&self) -> bool {
        self.inbox.capacity() == LANE_MAX
            && self.visitors.load(Ordering::Acquire) == 0
            && !self.stored.load(Ordering::Acquire)
    }

    /// Has the lane look into the store.
    pub(crate) fn look(&self) {
        self.stored.store(true, Ordering::Release);
        self.nudge.notify_one();
    }

    pub(crate) fn has_stored(&self) -> bool {
        self.stored.load(Ordering::Acquire)
    }

    /// For the lane itself, which is about to look.
    pub(crate) fn take_stored(&self) -> bool {
        self.stored.swap(false, Ordering::AcqRel)
    }

    /// Has the lane try at once what it was to try later.
    pub(crate) fn note_change(&self) {
        self.changed.store(true, Ordering::Release);
        self.nudge.notify_one();
    }

    pub(crate) fn take_change(&self) -> bool {
        self.changed.swap(false, Ordering::AcqRel)
    }
}
