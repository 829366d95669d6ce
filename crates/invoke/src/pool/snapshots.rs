//! The snapshots of a version: environments whose init is over and which wait, frozen, to be
//! restored. A cold start takes one in place of an init. Where the process could be copied, the
//! next cold starts put a copy into a sandbox of its own; else another environment is initialised.

use std::sync::Arc;
use std::time::Duration;

use hearth_model::FunctionSpec;
use tokio::time::Instant;

use super::{Handle, Pool, State};
use crate::demand::Demand;
use crate::environment::Image;

/// Unused for so long, a version's snapshots are given up, and made again at its next cold start.
/// Source: "Improving startup performance with Lambda SnapStart", AWS Lambda developer guide.
const KEEP: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// However many a burst takes: each holds a function's memory.
const MOST: u32 = 4;

#[derive(Debug)]
pub(super) struct Snapshots {
    ready: Vec<Handle>,
    starting: u32,
    demand: Demand,
    image: Option<Image>,
}

impl Snapshots {
    pub(super) fn new() -> Self {
        Self {
            ready: Vec::new(),
            starting: 0,
            demand: Demand::new(Instant::now()),
            image: None,
        }
    }

    /// Takes those of generations before `generation`.
    pub(super) fn take_older(&mut self, generation: u64) -> Vec<Handle> {
        self.image.take_if(|image| image.generation < generation);
        let (old, kept) = std::mem::take(&mut self.ready).into_iter().partition(|one| one.generation < generation);
        self.ready = kept;
        old
    }
}

impl Pool {
    /// A snapshot for a cold start.
    pub(crate) fn take_snapshot(&self) -> Option<Handle> {
        let mut state = self.state.lock();
        state.snapshots.demand.note(Instant::now());
        state.snapshots.ready.pop()
    }

    /// The version to make one more snapshot of, if more are to be held; the caller makes it.
    pub(crate) fn lacks_snapshot(&self) -> Option<Arc<FunctionSpec>> {
        let mut state = self.state.lock();
        let State { snapshots, spec, closed, .. } = &mut *state;
        let held = u32::try_from(snapshots.ready.len()).unwrap_or(u32::MAX) + snapshots.starting;
        let wanted = !*closed && spec.snap_start && snapshots.image.is_none();
        let lacks = wanted && held < snapshots.demand.target(Instant::now(), KEEP, MOST);
        lacks.then(|| {
            snapshots.starting += 1;
            Arc::clone(spec)
        })
    }

    /// The copy to start an environment of this generation from.
    pub(crate) fn image(&self, generation: u64) -> Option<Image> {
        let state = self.state.lock();
        state.snapshots.image.as_ref().filter(|image| image.generation == generation).cloned()
    }

    pub(crate) fn keep_image(&self, image: Image) {
        let mut state = self.state.lock();
        if !state.closed && image.generation >= state.spec.generation {
            state.snapshots.image = Some(image);
        }
    }

    /// No environment could be started from it.
    pub(crate) fn forget_image(&self) {
        self.state.lock().snapshots.image = None;
    }

    /// A snapshot is being made that [`Pool::lacks_snapshot`] did not ask for.
    pub(crate) fn snapshot_begins(&self) {
        self.state.lock().snapshots.starting += 1;
    }

    /// One was made. False: nobody wants it any more, and it ends.
    pub(crate) fn snapshot_is_up(&self, handle: &Handle) -> bool {
        let mut state = self.state.lock();
        state.snapshots.starting -= 1;
        let current = state.is_current(handle);
        if current {
            state.snapshots.ready.push(handle.clone());
        }
        current
    }

    /// One could not be made.
    pub(crate) fn snapshot_failed(&self) {
        self.state.lock().snapshots.starting -= 1;
    }

    /// One died while it waited. False: it was taken, and an order is on its way to it.
    pub(crate) fn withdraw_snapshot(&self, id: u64) -> bool {
        let mut state = self.state.lock();
        let before = state.snapshots.ready.len();
        state.snapshots.ready.retain(|handle| handle.id != id);
        state.snapshots.ready.len() < before
    }
}
