//! Parked environments: sandboxes with an interpreter up and its bootstrap loaded, which belong to
//! no function yet. A cold start takes one and tells it which function it is, and so does not pay
//! for the interpreter's boot.
//!
//! Those that could stand in for each other form a *lot*. How many a lot holds follows recent
//! demand; one that nobody asked for in a while is cleared. One task, the keeper, fills and clears,
//! one boot at a time: a burst larger than the lot boots for itself.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_model::FunctionSpec;
use hearth_runtimes::{ParkKey, ParkedLaunch, ResolvedRuntime};
use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::demand::Demand;
use crate::environment::{Base, Parked};
use crate::service::Plane;

/// A lot that nobody asks for is cleared after this long.
const KEEP: Duration = Duration::from_secs(600);

/// After a cold start its processor time is the function's; a lot that is not empty is refilled
/// this much later.
const QUIET: Duration = Duration::from_millis(50);

/// After a boot that failed, the next try. Cold starts boot for themselves meanwhile.
const RETRY: Duration = Duration::from_secs(60);

/// What tells one lot from another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct LotKey {
    runtime: ParkKey,
    tmp_bytes: u64,
}

impl LotKey {
    /// The lot for a function; `None` when its interpreter has to be started for it.
    pub(crate) fn of(spec: &FunctionSpec, base: &Base) -> Option<Self> {
        // What may be written to is mounted before anything runs.
        let fits = spec.image.is_none()
            && spec.file_systems.is_empty()
            && base.runtime.can_be_parked(&spec.environment)
            && !base.runtime.runs_executable(&spec.handler)
            && !(spec.layers.is_some() && base.occupies_opt());
        let launch = base.runtime.parked(spec.memory.0).filter(|_| fits)?;
        Some(Self {
            runtime: launch.key,
            tmp_bytes: spec.storage.bytes(),
        })
    }

    /// How such an environment is started.
    pub(crate) fn launch(&self, base: &Base) -> Option<ParkedLaunch> {
        base.runtime.parked(self.runtime.memory_mib.unwrap_or_default())
    }

    pub(crate) fn tmp_bytes(&self) -> u64 {
        self.tmp_bytes
    }
}

struct Lot {
    base: Base,
    demand: Demand,
    ready: Vec<Parked>,
    /// The last cold start.
    taken: Option<Instant>,
    failed: Option<Instant>,
}

/// All lots.
pub(crate) struct Parking {
    lots: Mutex<HashMap<LotKey, Lot>>,
    /// How many a lot may hold.
    most: u32,
    changed: Notify,
}

/// What the keeper does next.
enum Step {
    Boot(LotKey, Box<Base>),
    Wait(Option<Instant>),
}

impl Parking {
    pub(crate) fn new(most: u32) -> Self {
        Self {
            lots: Mutex::default(),
            most,
            changed: Notify::new(),
        }
    }

    /// A parked environment for a cold start.
    pub(crate) fn take(&self, key: &LotKey, base: &Base) -> Option<Parked> {
        if self.most == 0 {
            return None;
        }
        let now = Instant::now();
        let mut lots = self.lots.lock();
        let lot = lots.entry(key.clone()).or_insert_with(|| Lot::new(base, now));
        lot.demand.note(now);
        lot.taken = Some(now);
        // The one that came last: its pages are warm.
        let parked = lot.ready.pop();
        drop(lots);
        self.changed.notify_one();
        parked
    }

    /// A function was made or changed: a cold start may follow.
    pub(crate) fn expect(&self, key: &LotKey, base: &Base) {
        if self.most == 0 {
            return;
        }
        let now = Instant::now();
        let mut lots = self.lots.lock();
        lots.entry(key.clone()).or_insert_with(|| Lot::new(base, now)).demand.expect(now);
        drop(lots);
        self.changed.notify_one();
    }

    /// The server stops: nothing is held any longer.
    pub(crate) fn clear(&self) {
        self.lots.lock().clear();
    }

    fn step(&self, now: Instant) -> Step {
        let mut lots = self.lots.lock();
        let mut next: Option<Instant> = None;
        let mut boot = None;
        let mut wake = |at: Instant| next = Some(next.map_or(at, |known| known.min(at)));
        lots.retain(|key, lot| {
            let target = lot.demand.target(now, KEEP, self.most) as usize;
            lot.ready.truncate(target);
            if target == 0 {
                return false;
            }
            wake(now + Demand::PERIOD);
            if lot.ready.len() < target {
                match lot.next_boot(now) {
                    at if at <= now => boot = Some((key.clone(), lot.base.clone())),
                    at => wake(at),
                }
            }
            true
        });
        match boot {
            Some((key, base)) => Step::Boot(key, Box::new(base)),
            None => Step::Wait(next),
        }
    }

    fn booted(&self, key: &LotKey, result: Result<Parked, String>) {
        let mut lots = self.lots.lock();
        // Without its lot nobody wants it any more.
        let Some(lot) = lots.get_mut(key) else { return };
        match result {
            Ok(parked) => {
                lot.failed = None;
                lot.ready.push(parked);
            }
            Err(cause) => {
                lot.failed = Some(Instant::now());
                tracing::warn!(runtime = key.runtime.runtime, %cause, "failed to park an environment; cold starts boot for themselves");
            }
        }
    }
}

impl Lot {
    fn new(base: &Base, now: Instant) -> Self {
        Self {
            base: base.clone(),
            demand: Demand::new(now),
            ready: Vec::new(),
            taken: None,
            failed: None,
        }
    }

    fn next_boot(&self, now: Instant) -> Instant {
        let quiet = self.taken.filter(|_| !self.ready.is_empty()).map(|taken| taken + QUIET);
        let retry = self.failed.map(|failed| failed + RETRY);
        quiet.max(retry).unwrap_or(now)
    }
}

/// Starts the keeper.
pub(crate) fn keep(plane: &Arc<Plane>) {
    let kept = Arc::clone(plane);
    plane.tasks.spawn(TaskKind::Reconciler, "parked environments", async move {
        loop {
            match kept.parking.step(Instant::now()) {
                Step::Boot(key, base) => {
                    let result = Parked::boot(&kept, &base, &key).await;
                    kept.parking.booted(&key, result);
                }
                Step::Wait(Some(until)) => {
                    // Either is a reason to look again.
                    let _ = tokio::time::timeout_at(until, kept.parking.changed.notified()).await;
                }
                Step::Wait(None) => kept.parking.changed.notified().await,
            }
        }
    });
}

/// The runtime of a function, if it can be told which function it is.
pub(crate) fn expect(plane: &Plane, spec: &FunctionSpec) {
    let resolved: Result<&ResolvedRuntime, _> = plane.workshop.runtimes.resolve(&spec.runtime);
    if let Ok(runtime) = resolved {
        let base = plane.workshop.base(runtime);
        if let Some(key) = LotKey::of(spec, &base) {
            plane.parking.expect(&key, &base);
        }
    }
}
