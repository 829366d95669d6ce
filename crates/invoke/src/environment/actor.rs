//! The task that owns an environment, from its first init to its end.
//!
//! `starting -> idle (lingering) -> frozen <-> busy -> gone`, with one turn aside: when the runtime
//! process dies or has to be killed, the environment goes on without one ("down"), keeps its
//! `/tmp`, and starts a new process inside the next invocation.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hearth_model::FunctionSpec;
use hearth_sandbox::Exit;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::crew::Crew;
use super::journal::Journal;
use super::launch::Launch;
use super::link::Said;
use super::open::start;
use super::process::Runtime;
use crate::extensions::ShutdownReason;
use crate::payload::PlatformError;
use crate::pool::{Handle, Job, Next, Order, Pool};
use crate::report::{Entry, InitializationType, Phase, Status};
use crate::service::Plane;

/// Lifetime of the credentials in an environment's variables. Its processes cannot be given new
/// ones, so this is also how long an environment may live.
const CREDENTIALS_LIFETIME_S: u32 = 12 * 60 * 60;

/// What is left of their lifetime then is for a last invocation.
const CREDENTIALS_AGE_MAX: Duration = Duration::from_secs(11 * 60 * 60);

/// Far enough to mean never, near enough for the timer wheel.
pub(super) const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) struct Environment {
    pub(super) plane: Arc<Plane>,
    pub(super) pool: Arc<Pool>,
    pub(super) spec: Arc<FunctionSpec>,
    pub(super) launch: Launch,
    pub(super) runtime: Runtime,
    pub(super) crew: Crew,
    pub(super) journal: Journal,
    pub(super) handle: Handle,
    pub(super) inbox: mpsc::Receiver<Order>,
    pub(super) timer: Pin<Box<Sleep>>,
    /// The runtime asked for an event and has none.
    pub(super) ready: bool,
    /// Its init is over, and it waits to be restored.
    pub(super) at_restore: bool,
    pub(super) frozen: bool,
    /// The cold start's init, until an invocation has reported it.
    pub(super) init_took: Option<Duration>,
    /// The same for a snapshot's restore.
    pub(super) restore_took: Option<Duration>,
    pub(super) born: Instant,
    /// Jobs so far.
    pub(super) runs: u64,
    /// Jobs in a row that the platform had to end.
    pub(super) errors: u32,
    /// It [went down](Environment::go_down) among extensions, which have yet to be told.
    pub(super) downfall: Option<ShutdownReason>,
}

/// What happened to an environment.
#[derive(Debug)]
pub(super) enum Event {
    Said(Said),
    Exited(Exit),
    /// An extension did something, or its process ended.
    Extensions,
    /// There is output to drain.
    Printed,
    Appended,
    Time,
    Order(Order),
}

impl Environment {
    /// The life of an environment that was started for a job.
    pub(super) async fn live(mut self) {
        self.first_init(self.plane.limits.init_timeout).await;
        let next = self.pool.offer(&self.handle, true);
        self.serve(next).await;
    }

    /// Runs job after job until it is time to end.
    pub(super) async fn serve(&mut self, mut next: Next) {
        loop {
            next = match next {
                Next::Run(job) => self.run(*job).await,
                Next::Wait => match self.idle().await {
                    Some(job) => self.run(*job).await,
                    None => break,
                },
                Next::Retire { successor } => {
                    if let Some(spec) = successor {
                        start(&self.plane, &self.pool, spec);
                    }
                    break;
                }
            };
        }
        self.end().await;
    }

    /// The last lines. Dropping the sandbox then ends every process in it and clears it away in
    /// the background.
    pub(super) async fn end(&mut self) {
        self.part().await;
        self.drain_output_to_the_end();
        self.journal.finish().await;
    }

    /// The init of a start, with its own limit. A failure here is not the caller's yet: the first
    /// invocation tries again.
    pub(super) async fn first_init(&mut self, limit: Duration) -> Option<InitFailure> {
        let limit = Instant::now() + limit;
        let initialised = match self.muster(limit).await {
            Ok(()) => self.init(limit).await,
            failed => failed,
        };
        let failure = initialised.err();
        let took = self.born.elapsed();
        let status = failure.as_ref().map_or(Status::Success, InitFailure::status);
        let phase = match self.launch.initialization {
            InitializationType::SnapStart => Phase::SnapStart,
            InitializationType::OnDemand => {
                self.init_took = failure.is_none().then_some(took);
                Phase::Init
            }
            // Nobody waited for it, so nobody's report has it.
            InitializationType::ProvisionedConcurrency => Phase::Init,
        };
        self.note_init(took, phase, &status);
        self.finish_down().await;
        self.journal.flush().await;
        failure
    }

    /// The lines about an init that ended.
    pub(super) fn note_init(&mut self, took: Duration, phase: Phase, status: &Status) {
        let now = self.plane.clock.now_ms();
        self.journal.tell(now, &Entry::InitRuntimeDone { phase, status });
        self.journal.tell(now, &Entry::InitReport { took, phase, status });
    }

    /// Waits until the runtime asks for its first event.
    pub(super) async fn init(&mut self, limit: Instant) -> Result<(), InitFailure> {
        loop {
            match self.event(limit, false).await {
                Event::Said(Said::Ready) => {
                    self.ready = true;
                    // What it printed before is logged before the first invocation's START.
                    self.drain_output();
                    self.attend(limit).await?;
                    self.limit_cpu(true);
                    return Ok(());
                }
                Event::Said(Said::RestoreReady) => {
                    self.at_restore = true;
                    return self.attend(limit).await;
                }
                Event::Said(Said::InitError { error_type, body }) => {
                    self.settle_output().await;
                    self.go_down();
                    return Err(InitFailure::Posted { error_type, body });
                }
                Event::Said(_) | Event::Appended => {}
                Event::Printed => self.take_output().await,
                Event::Extensions => self.check_extensions().await?,
                Event::Exited(exit) => {
                    self.go_down();
                    return Err(InitFailure::Platform(PlatformError::exited(&exit)));
                }
                Event::Time => {
                    self.go_down_for(ShutdownReason::Timeout);
                    return Err(InitFailure::Timeout);
                }
                Event::Order(_) => {}
            }
        }
    }

    /// Waits for work: a moment thawed, then frozen. `None`: the environment ends.
    async fn idle(&mut self) -> Option<Box<Job>> {
        let mut freeze_at = Some(Instant::now() + self.plane.limits.freeze_linger);
        let reclaim_at = self.reclaim_at();
        loop {
            let until = freeze_at.unwrap_or(reclaim_at);
            match self.event(until, true).await {
                Event::Order(Order::Run(job)) => {
                    self.thaw();
                    return Some(job);
                }
                Event::Order(Order::Retire | Order::Restore) => return None,
                Event::Said(Said::Ready) => {
                    self.ready = true;
                    freeze_at = Some(Instant::now() + self.plane.limits.freeze_linger);
                }
                Event::Said(_) | Event::Appended => {}
                Event::Printed => self.take_output().await,
                // Nobody's invocation failed, so nobody is told; the next one starts anew.
                Event::Extensions if self.mishap().await.is_none() => {}
                Event::Exited(_) | Event::Extensions => {
                    self.go_down();
                    // One that is kept initialised is replaced, not mended at the next job.
                    if self.handle.provisioned && self.pool.withdraw(self.handle.id) {
                        return None;
                    }
                    match self.take_leave().await {
                        Next::Run(job) => return Some(job),
                        Next::Wait => {}
                        Next::Retire { successor } => {
                            if let Some(spec) = successor {
                                start(&self.plane, &self.pool, spec);
                            }
                            return None;
                        }
                    }
                }
                Event::Time if freeze_at.is_some() => {
                    self.freeze().await;
                    freeze_at = None;
                }
                Event::Time => {
                    if self.pool.withdraw(self.handle.id) {
                        return None;
                    }
                    // An order is on its way; the next event is that.
                }
            }
        }
    }

    /// Extensions take their time to end, in which no job is to wait for this environment.
    async fn take_leave(&mut self) -> Next {
        if self.downfall.is_none() || !self.pool.withdraw(self.handle.id) {
            self.finish_down().await;
            return Next::Wait;
        }
        self.finish_down().await;
        self.offer()
    }

    /// When nobody has asked for it by then, it ends.
    fn reclaim_at(&self) -> Instant {
        let oldest = self.born + self.age_max();
        if self.handle.provisioned { oldest } else { oldest.min(Instant::now() + self.plane.limits.idle_reclaim) }
    }

    /// An environment that is older takes no further job.
    fn age_max(&self) -> Duration {
        self.plane.limits.environment_max_age.min(CREDENTIALS_AGE_MAX)
    }

    /// Tells the pool that this environment is free.
    pub(super) fn offer(&mut self) -> Next {
        let lost = self.handle.provisioned && !self.runtime.up;
        let faulty = self.errors >= self.plane.limits.environment_max_errors;
        if lost || faulty || self.born.elapsed() > self.age_max() {
            // Older than any generation: the pool retires it.
            self.handle.generation = 0;
        }
        self.pool.offer(&self.handle, false)
    }

    /// The next thing to happen. `orders`: also what the pool sends.
    pub(super) async fn event(&mut self, until: Instant, orders: bool) -> Event {
        self.happening(until, orders, true).await
    }

    /// [`Environment::event`], while the runtime may not be heard: neither its words nor its end,
    /// which comes after them.
    pub(super) async fn event_but_words(&mut self, until: Instant) -> Event {
        self.happening(until, false, false).await
    }

    async fn happening(&mut self, until: Instant, orders: bool, words: bool) -> Event {
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        let Runtime {
            sandbox,
            link,
            output,
            up,
            services,
            ..
        } = &mut self.runtime;
        let (has_room, is_appending, up) = (self.journal.has_room(), self.journal.is_appending(), *up);
        let crew = &self.crew;
        let (place, exit) = tokio::select! {
            biased;
            said = link.listen(), if words && up && !self.frozen => return match said {
                // The process hangs up before it ends: the end is what counts.
                Said::Closed => match tokio::time::timeout_at(until, sandbox.wait()).await {
                    Ok(exit) => Event::Exited(exit),
                    // Or it said what it must not, and lives on: time passes for it all the same.
                    Err(_) => Event::Time,
                },
                said => Event::Said(said),
            },
            Some(order) = self.inbox.recv(), if orders => return Event::Order(order),
            () = output.readable(), if has_room => return Event::Printed,
            () = crew.readable(), if has_room && crew.has_members() => return Event::Printed,
            exit = sandbox.wait(), if words && up => return Event::Exited(exit),
            ended = crew.ended(), if crew.has_members() => ended,
            () = services.extensions.changed(), if crew.is_heard() => return Event::Extensions,
            () = self.journal.appended(), if is_appending => return Event::Appended,
            () = self.timer.as_mut() => return Event::Time,
        };
        self.crew.bury(place, &exit, self.plane.clock.now_ms(), &mut self.journal);
        Event::Extensions
    }

    /// Moves what was printed to the sink.
    pub(super) async fn take_output(&mut self) {
        self.drain_output();
        self.journal.flush().await;
    }

    pub(super) fn drain_output(&mut self) {
        self.runtime.output.drain(&mut self.journal);
        if self.crew.has_members() {
            self.crew.drain(self.plane.clock.now_ms(), &mut self.journal, false);
        }
    }

    /// Unfinished lines end here.
    pub(super) fn drain_output_to_the_end(&mut self) {
        self.runtime.output.drain_to_the_end(&mut self.journal);
        if self.crew.has_members() {
            self.crew.drain(self.plane.clock.now_ms(), &mut self.journal, true);
        }
    }

    /// The process is about to end by itself: its last words come before its end. `None` when it
    /// does not end at once.
    pub(super) async fn settle_output(&mut self) -> Option<Exit> {
        let limit = Instant::now() + Duration::from_millis(100);
        while self.runtime.up {
            match self.event(limit, false).await {
                Event::Printed => self.take_output().await,
                Event::Exited(exit) => return Some(exit),
                // It does not end after all.
                Event::Said(Said::Ready) => {
                    self.ready = true;
                    break;
                }
                Event::Time => break,
                _ => {}
            }
        }
        None
    }

    /// No runtime any more; the sandbox stays.
    pub(super) fn go_down(&mut self) {
        self.go_down_for(ShutdownReason::Failure);
    }

    /// [`Environment::go_down`]. Extensions are told why, and given time, by
    /// [`Environment::finish_down`], which must follow; without them the processes are killed here.
    pub(super) fn go_down_for(&mut self, reason: ShutdownReason) {
        self.ready = false;
        self.at_restore = false;
        if self.crew.is_present() {
            self.runtime.up = false;
            self.downfall.get_or_insert(reason);
            return;
        }
        self.kill();
        self.runtime.output.close(&mut self.journal);
        self.frozen = false;
    }

    /// Ends every process.
    pub(super) fn kill(&mut self) {
        // Ending takes processor time too: a thousand processes with a small share would take many seconds for it.
        self.limit_cpu(false);
        self.runtime.kill();
    }

    /// Holds the runtime to its share of the processors, or lets it go while it initialises.
    pub(super) fn limit_cpu(&self, limited: bool) {
        let quota = (limited && self.plane.limits.cpu_quota).then(|| self.spec.memory.cpu_milli());
        if let Err(error) = self.runtime.sandbox.set_cpu_quota(quota) {
            tracing::debug!(%error, "the quota stays as it is");
        }
    }

    pub(super) async fn freeze(&mut self) {
        if !self.runtime.up || !(self.ready || self.at_restore) {
            return;
        }
        match self.runtime.sandbox.freeze() {
            Ok(()) => {
                self.frozen = true;
                self.runtime.set_running(false);
            }
            Err(error) => tracing::debug!(%error, "an idle environment goes on unfrozen"),
        }
        self.take_output().await;
    }

    pub(super) fn thaw(&mut self) {
        if !std::mem::take(&mut self.frozen) {
            return;
        }
        if let Err(error) = self.runtime.sandbox.thaw() {
            tracing::warn!(%error, "failed to thaw: the environment starts anew");
            self.go_down();
        }
        self.runtime.set_running(true);
    }
}

/// Why an init did not end with a runtime that asks for events.
#[derive(Debug)]
pub(super) enum InitFailure {
    /// The runtime said so; the document is for the caller as it stands.
    Posted {
        error_type: String,
        body: bytes::Bytes,
    },
    Platform(PlatformError),
    Timeout,
}

impl InitFailure {
    pub(super) fn status(&self) -> Status {
        match self {
            Self::Posted { error_type, .. } => Status::Error {
                error_type: error_type.clone(),
            },
            Self::Platform(error) => Status::Error {
                error_type: error.kind.clone(),
            },
            Self::Timeout => Status::Timeout,
        }
    }
}

pub(super) fn issue(plane: &Plane, spec: &FunctionSpec) -> hearth_model::Credentials {
    plane.credentials.issue(&spec.account, &spec.role_arn, spec.name.as_str(), CREDENTIALS_LIFETIME_S)
}
