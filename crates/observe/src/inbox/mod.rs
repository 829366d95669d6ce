//! What was appended and is not committed yet: filled by many, emptied by the one writer thread.
//!
//! Streams take turns: a batch has at most [`TURN_BYTES`] of each, so that a stream with a lot
//! waiting is never in front of one with little. An append that finds the writer idle wakes it;
//! the writer then lingers for [`LINGER`], so that what follows shares its transaction. With
//! nothing to do it waits without a timer.

mod budget;

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use hearth_model::LogStreamId;
use parking_lot::{Condvar, Mutex};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::db::chunk::Chunk;
use budget::{Budgets, Permits};
pub(crate) use budget::{GroupKey, Limits};

/// How long the first event of a batch waits for company.
const LINGER: Duration = Duration::from_millis(100);
/// From here on the writer does not linger.
const URGENT_BYTES: usize = 512 << 10;
/// What one stream gets of a batch.
const TURN_BYTES: usize = 256 << 10;
/// What a batch has in all, beyond what was asked for by name.
const BATCH_BYTES: usize = 4 << 20;
/// Appends of one stream are put together up to this size.
const JOIN_BYTES: usize = 64 << 10;
/// What an append costs beside its bytes, so that many tiny ones count as what they take.
const APPEND_BYTES: usize = 64;
/// Requests to the writer that may wait at a time.
const REQUESTS: usize = 64;

/// Events of one stream on their way to the database.
#[derive(Debug)]
pub(crate) struct Lot {
    pub(crate) stream: Arc<LogStreamId>,
    pub(crate) chunk: Chunk,
    permits: Permits,
}

/// Which waiting events must be committed before a request is served.
#[derive(Clone, Debug)]
pub(crate) enum Scope {
    All,
    Group(GroupKey),
}

/// Something that the writer thread does between batches; `T` is what it does it to.
pub(crate) struct Request<T> {
    scope: Scope,
    job: Box<dyn FnOnce(&mut T) + Send>,
    _place: OwnedSemaphorePermit,
}

impl<T> Request<T> {
    pub(crate) fn run(self, target: &mut T) {
        (self.job)(target);
    }
}

/// What the writer does next. Lots first, then requests in order.
pub(crate) struct Work<T> {
    pub(crate) lots: Vec<Lot>,
    pub(crate) requests: Vec<Request<T>>,
    /// Nothing is left and nothing will come.
    pub(crate) last: bool,
}

/// See the module.
pub(crate) struct Inbox<T> {
    state: Mutex<State<T>>,
    wake: Condvar,
    places: Arc<Semaphore>,
}

struct State<T> {
    budgets: Budgets,
    waiting: HashMap<Arc<LogStreamId>, VecDeque<Lot>>,
    /// Streams with something waiting, each once.
    turns: VecDeque<Arc<LogStreamId>>,
    bytes: usize,
    requests: Vec<Request<T>>,
    closed: bool,
}

impl<T> Inbox<T> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            state: Mutex::new(State {
                budgets: Budgets::new(limits),
                waiting: HashMap::new(),
                turns: VecDeque::new(),
                bytes: 0,
                requests: Vec::new(),
                closed: false,
            }),
            wake: Condvar::new(),
            places: Arc::new(Semaphore::new(REQUESTS)),
        }
    }

    /// Hands over events; waits while the stream's, the group's or the total budget is used up.
    /// False when the inbox is closed: the events are lost.
    pub(crate) async fn put(&self, stream: &Arc<LogStreamId>, chunk: Chunk) -> bool {
        let budget = {
            let mut state = self.state.lock();
            if state.closed {
                return false;
            }
            state.budgets.of(stream)
        };
        let Some(permits) = budget.take(chunk.bytes.len() + APPEND_BYTES).await else { return false };
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        let was_empty = state.turns.is_empty();
        state.add(Lot {
            stream: Arc::clone(stream),
            chunk,
            permits,
        });
        if was_empty || state.is_urgent() {
            self.wake.notify_one();
        }
        true
    }

    /// Asks the writer to run `job` once everything in `scope` that was put before is committed.
    /// Waits for a place in the line, not for the job. False when the inbox is closed.
    pub(crate) async fn request(&self, scope: Scope, job: impl FnOnce(&mut T) + Send + 'static) -> bool {
        let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return false };
        let mut state = self.state.lock();
        if state.closed {
            return false;
        }
        state.requests.push(Request {
            scope,
            job: Box::new(job),
            _place: place,
        });
        self.wake.notify_one();
        true
    }

    /// Refuses whatever comes from now on; the writer finishes what is there.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock();
        state.closed = true;
        state.budgets.close();
        self.places.close();
        self.wake.notify_one();
    }

    /// For the writer thread: waits for work. With `busy` (it has chores of its own) it does not
    /// wait, and the work may be empty.
    pub(crate) fn next(&self, busy: bool) -> Work<T> {
        let mut state = self.state.lock();
        while !busy && !state.is_urgent() {
            if state.turns.is_empty() {
                self.wake.wait(&mut state);
            } else {
                self.wake.wait_for(&mut state, LINGER);
                break;
            }
        }
        state.take()
    }
}

impl<T> State<T> {
    fn is_urgent(&self) -> bool {
        self.closed || !self.requests.is_empty() || self.bytes >= URGENT_BYTES
    }

    fn add(&mut self, lot: Lot) {
        self.bytes += lot.chunk.bytes.len();
        let lots = self.waiting.entry(Arc::clone(&lot.stream)).or_default();
        if lots.is_empty() {
            self.turns.push_back(Arc::clone(&lot.stream));
        }
        match lots.back_mut() {
            Some(last) if last.chunk.bytes.len() + lot.chunk.bytes.len() <= JOIN_BYTES => last.join(lot),
            _ => lots.push_back(lot),
        }
    }

    fn take(&mut self) -> Work<T> {
        let requests = std::mem::take(&mut self.requests);
        let mut lots = Vec::new();
        for request in &requests {
            self.take_scope(&request.scope, &mut lots);
        }
        if self.closed {
            self.take_scope(&Scope::All, &mut lots);
        } else {
            self.take_turns(&mut lots);
        }
        Work {
            lots,
            requests,
            last: self.closed && self.turns.is_empty(),
        }
    }

    /// Everything that waits in a scope.
    fn take_scope(&mut self, scope: &Scope, out: &mut Vec<Lot>) {
        let turns = std::mem::take(&mut self.turns);
        for stream in turns {
            let wanted = match scope {
                Scope::All => true,
                Scope::Group(group) => group.has(&stream),
            };
            if wanted {
                self.take_stream(&stream, usize::MAX, out);
            } else {
                self.turns.push_back(stream);
            }
        }
    }

    /// Something of each stream, in turn; who is not served whole goes to the end of the line.
    fn take_turns(&mut self, out: &mut Vec<Lot>) {
        let mut taken = 0;
        for _ in 0..self.turns.len() {
            let Some(stream) = self.turns.pop_front() else { break };
            taken += self.take_stream(&stream, TURN_BYTES, out);
            if taken >= BATCH_BYTES {
                break;
            }
        }
    }

    /// Up to about `most` bytes of one stream, at least one lot. Puts the stream back in the line
    /// when something is left. Returns the bytes taken.
    fn take_stream(&mut self, stream: &Arc<LogStreamId>, most: usize, out: &mut Vec<Lot>) -> usize {
        let Some(lots) = self.waiting.get_mut(stream) else { return 0 };
        let mut taken = 0;
        while taken < most {
            let Some(lot) = lots.pop_front() else { break };
            taken += lot.chunk.bytes.len();
            out.push(lot);
        }
        if lots.is_empty() {
            self.waiting.remove(stream);
        } else {
            self.turns.push_back(Arc::clone(stream));
        }
        self.bytes -= taken;
        taken
    }
}

impl Lot {
    /// Takes over a later lot of the same stream.
    pub(crate) fn join(&mut self, later: Self) {
        self.chunk.join(&later.chunk);
        self.permits.join(later.permits);
    }
}

#[cfg(test)]
mod tests;
