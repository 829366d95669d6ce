//! The task that owns an environment, from its first init to its end.
//!
//! `starting -> idle (lingering) -> frozen <-> busy -> gone`, with one turn aside: when the runtime
//! process dies or has to be killed, the environment goes on without one ("down"), keeps its
//! `/tmp`, and starts a new process inside the next invocation.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_model::{FunctionSpec, InvokeError, LogStreamId};
use hearth_sandbox::Exit;
use tokio::sync::mpsc;
use tokio::time::{Instant, Sleep};

use super::journal::Journal;
use super::launch::Launch;
use super::link::Said;
use super::process::{Runtime, StartError};
use crate::payload::PlatformError;
use crate::pool::{Handle, Job, Next, Order, Pool};
use crate::report::{InitializationType, Phase, Reporter, RuntimeName, Status};
use crate::service::Plane;

/// Lifetime of the credentials in an environment's variables. Its processes cannot be given new
/// ones, so this is also how long an environment may live.
const CREDENTIALS_LIFETIME_S: u32 = 12 * 60 * 60;

/// An environment that is older takes no further job.
const AGE_MAX: Duration = Duration::from_secs(11 * 60 * 60);

/// Far enough to mean never, near enough for the timer wheel.
const NEVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

pub(super) struct Environment {
    pub(super) plane: Arc<Plane>,
    pub(super) pool: Arc<Pool>,
    pub(super) spec: Arc<FunctionSpec>,
    pub(super) launch: Launch,
    pub(super) runtime: Runtime,
    pub(super) journal: Journal,
    pub(super) reporter: Reporter,
    pub(super) handle: Handle,
    inbox: mpsc::Receiver<Order>,
    timer: Pin<Box<Sleep>>,
    /// The runtime asked for an event and has none.
    pub(super) ready: bool,
    frozen: bool,
    /// The cold start's init, until an invocation has reported it.
    pub(super) init_took: Option<Duration>,
    born: Instant,
}

/// What happened to an environment.
#[derive(Debug)]
pub(super) enum Event {
    Said(Said),
    Exited(Exit),
    /// There is output to drain.
    Printed,
    Appended,
    Time,
    Order(Order),
}

/// Starts an environment for a job that waits in the pool.
pub(crate) fn start(plane: &Arc<Plane>, pool: &Arc<Pool>, spec: Arc<FunctionSpec>) {
    let (plane, pool) = (Arc::clone(plane), Arc::clone(pool));
    let tasks = plane.tasks.clone();
    tasks.spawn(TaskKind::Environment, "execution environment", async move {
        match Environment::open(&plane, &pool, spec).await {
            Ok(Some(environment)) => environment.live().await,
            // Its job has been answered.
            Ok(None) => {}
            Err(refusal) => refusal.tell(&pool),
        }
    });
}

/// An environment that could not be made.
struct Refusal(InvokeError);

impl Refusal {
    fn tell(self, pool: &Pool) {
        tracing::warn!(function = %pool.key.name, error = %self.0, "no execution environment");
        if let Some(job) = pool.give_up_start() {
            drop(job.permit);
            // An error means that the caller has gone.
            let _ = job.reply.send(Err(self.0));
        }
    }
}

impl Environment {
    async fn open(plane: &Arc<Plane>, pool: &Arc<Pool>, spec: Arc<FunctionSpec>) -> Result<Option<Self>, Refusal> {
        let born = Instant::now();
        let runtime = plane.workshop.runtimes.resolve(&spec.runtime);
        let runtime = runtime.map_err(|error| Refusal(InvokeError::RuntimeUnavailable(error.to_string())))?;
        let id = format!("{:032x}", u128::from_le_bytes(plane.random.bytes()));
        let launch = Launch {
            runtime: runtime.clone(),
            bootstraps: Arc::clone(&plane.workshop.bootstraps),
            name_servers: Arc::clone(&plane.workshop.name_servers),
            log_stream: stream_name(plane, &spec, &id),
            initialization: InitializationType::OnDemand,
            spec: Arc::clone(&spec),
        };
        let stream = Arc::new(LogStreamId {
            account: spec.account.clone(),
            region: spec.region.clone(),
            group: spec.logging.group.clone(),
            stream: launch.log_stream.clone(),
        });
        let mut journal = Journal::new(Arc::clone(&plane.sink), stream);
        let reporter = Reporter::new(&spec.logging, launch.initialization);
        let now = plane.clock.now_ms();
        let name = RuntimeName {
            label: launch.runtime.version_label(),
            arn: launch.runtime.version_arn(spec.region.as_str()),
        };
        journal.note(now, reporter.init_start(now, spec.name.as_str(), spec.version, &name));
        let credentials = issue(plane, &spec);
        let workshop = &plane.workshop;
        let created =
            Runtime::create(&launch, &id, &workshop.sandboxes, &credentials, &plane.tasks, &plane.clock).await;
        let runtime = match created {
            Ok(runtime) => runtime,
            Err(StartError::Host(cause)) => return Err(Refusal(InvokeError::Sandbox(cause))),
            Err(StartError::Function(error)) => {
                Self::unstartable(plane, pool, &spec, journal, &reporter, &error).await;
                return Ok(None);
            }
        };
        let (inbox_tx, inbox) = mpsc::channel(2);
        Ok(Some(Self {
            handle: Handle {
                id: plane.next_environment_id(),
                generation: spec.generation,
                inbox: inbox_tx,
            },
            plane: Arc::clone(plane),
            pool: Arc::clone(pool),
            spec,
            launch,
            runtime,
            journal,
            reporter,
            inbox,
            timer: Box::pin(tokio::time::sleep(NEVER)),
            ready: false,
            frozen: false,
            init_took: None,
            born,
        }))
    }

    /// There is nothing to run: the job gets a function error, with its log lines.
    async fn unstartable(
        plane: &Plane,
        pool: &Pool,
        spec: &FunctionSpec,
        mut journal: Journal,
        reporter: &Reporter,
        error: &PlatformError,
    ) {
        if let Some(job) = pool.give_up_start() {
            super::run::report_unstartable(plane, spec, &mut journal, reporter, job, error);
        }
        journal.finish().await;
    }

    async fn live(mut self) {
        self.first_init().await;
        let mut next = self.pool.offer(&self.handle, true);
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
        self.runtime.output.drain_to_the_end(&mut self.journal);
        self.journal.finish().await;
        // Dropping the sandbox ends every process in it and clears it away in the background.
    }

    /// The init of a cold start, with its own limit. A failure here is not the caller's yet: the
    /// first invocation tries again.
    async fn first_init(&mut self) {
        let limit = Instant::now() + self.plane.limits.init_timeout;
        let failure = self.init(limit).await.err();
        let took = self.born.elapsed();
        let status = match failure {
            None => {
                self.init_took = Some(took);
                Status::Success
            }
            Some(failure) => failure.status(),
        };
        self.note_init(took, Phase::Init, &status);
        self.journal.flush().await;
    }

    /// The lines about an init that ended.
    pub(super) fn note_init(&mut self, took: Duration, phase: Phase, status: &Status) {
        let now = self.plane.clock.now_ms();
        self.journal.note(now, self.reporter.init_runtime_done(now, phase, status));
        self.journal.note(now, self.reporter.init_report(now, took, phase, status));
    }

    /// Waits until the runtime asks for its first event.
    pub(super) async fn init(&mut self, limit: Instant) -> Result<(), InitFailure> {
        loop {
            match self.event(limit, false).await {
                Event::Said(Said::Ready) => {
                    self.ready = true;
                    return Ok(());
                }
                Event::Said(Said::InitError { error_type, body }) => {
                    self.settle_output().await;
                    self.go_down();
                    return Err(InitFailure::Posted { error_type, body });
                }
                Event::Said(_) | Event::Appended => {}
                Event::Printed => self.take_output().await,
                Event::Exited(exit) => {
                    self.go_down();
                    return Err(InitFailure::Platform(PlatformError::exited(&exit)));
                }
                Event::Time => {
                    self.go_down();
                    return Err(InitFailure::Timeout);
                }
                Event::Order(_) => {}
            }
        }
    }

    /// Waits for work: a moment thawed, then frozen. `None`: the environment ends.
    async fn idle(&mut self) -> Option<Box<Job>> {
        let mut freeze_at = Some(Instant::now() + self.plane.limits.freeze_linger);
        let reclaim_at = (Instant::now() + self.plane.limits.idle_reclaim).min(self.born + AGE_MAX);
        loop {
            let until = freeze_at.unwrap_or(reclaim_at);
            match self.event(until, true).await {
                Event::Order(Order::Run(job)) => {
                    self.thaw();
                    return Some(job);
                }
                Event::Order(Order::Retire) => return None,
                Event::Said(Said::Ready) => {
                    self.ready = true;
                    freeze_at = Some(Instant::now() + self.plane.limits.freeze_linger);
                }
                Event::Said(_) | Event::Appended => {}
                Event::Printed => self.take_output().await,
                Event::Exited(_) => self.go_down(),
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

    /// Tells the pool that this environment is free.
    pub(super) fn offer(&mut self) -> Next {
        if self.born.elapsed() > AGE_MAX {
            // Older than any generation: the pool retires it.
            self.handle.generation = 0;
        }
        self.pool.offer(&self.handle, false)
    }

    /// The next thing to happen. `orders`: also what the pool sends.
    pub(super) async fn event(&mut self, until: Instant, orders: bool) -> Event {
        if self.timer.deadline() != until {
            self.timer.as_mut().reset(until);
        }
        let Runtime { sandbox, link, output, up } = &mut self.runtime;
        let (has_room, is_appending, up) = (self.journal.has_room(), self.journal.is_appending(), *up);
        tokio::select! {
            biased;
            said = link.listen(), if up && !self.frozen => match said {
                // The process hangs up before it ends: the end is what counts.
                Said::Closed => Event::Exited(sandbox.wait().await),
                said => Event::Said(said),
            },
            Some(order) = self.inbox.recv(), if orders => Event::Order(order),
            () = output.readable(), if has_room => Event::Printed,
            exit = sandbox.wait(), if up => Event::Exited(exit),
            () = self.journal.appended(), if is_appending => Event::Appended,
            () = self.timer.as_mut() => Event::Time,
        }
    }

    /// Moves what was printed to the sink.
    pub(super) async fn take_output(&mut self) {
        self.runtime.output.drain(&mut self.journal);
        self.journal.flush().await;
    }

    /// The process is about to end by itself: its last words come before its end.
    pub(super) async fn settle_output(&mut self) {
        let limit = Instant::now() + Duration::from_millis(100);
        while self.runtime.up {
            match self.event(limit, false).await {
                Event::Printed => self.take_output().await,
                Event::Exited(_) | Event::Time => break,
                _ => {}
            }
        }
    }

    /// No process any more; the sandbox stays.
    pub(super) fn go_down(&mut self) {
        self.runtime.kill();
        self.runtime.output.close(&mut self.journal);
        self.ready = false;
        self.frozen = false;
    }

    async fn freeze(&mut self) {
        if !self.runtime.up || !self.ready {
            return;
        }
        match self.runtime.sandbox.freeze() {
            Ok(()) => self.frozen = true,
            Err(error) => tracing::debug!(%error, "an idle environment goes on unfrozen"),
        }
        self.take_output().await;
    }

    fn thaw(&mut self) {
        if !std::mem::take(&mut self.frozen) {
            return;
        }
        if let Err(error) = self.runtime.sandbox.thaw() {
            tracing::warn!(%error, "failed to thaw: the environment starts anew");
            self.go_down();
        }
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
    plane.credentials.issue(&spec.role_arn, spec.name.as_str(), CREDENTIALS_LIFETIME_S)
}

/// `YYYY/MM/DD/[<version>]<32 hex>`; with a group of its own, the function's name before the
/// version.
fn stream_name(plane: &Plane, spec: &FunctionSpec, id: &str) -> String {
    let day = plane.clock.now().strftime("%Y/%m/%d").to_string();
    let name = if spec.logging.custom_group { spec.name.as_str() } else { "" };
    format!("{day}/{name}[{}]{id}", spec.version)
}
