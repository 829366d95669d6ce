//! How environments come to be: for a job that waits, ahead of demand, or out of a snapshot.

use std::sync::Arc;

use hearth_core::TaskKind;
use hearth_model::{Credentials, FunctionSpec, InvokeError, LogStreamId, SnapshotError};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::actor::{Environment, NEVER, issue};
use super::crew::Crew;
use super::image::Image;
use super::journal::Journal;
use super::launch::Launch;
use super::process::{Runtime, StartError};
use crate::parking::LotKey;
use crate::payload::PlatformError;
use crate::pool::{Handle, Order, Pool};
use crate::report::{Entry, InitializationType, Phase, Reporter, RuntimeName};
use crate::runtime_api::Services;
use crate::service::Plane;

/// What an API reports of provisioned environments whose init fails.
/// Source: fact sheet "Lambda control-plane API", section 8.2.
pub(super) const INIT_FAILURE: &str = "FUNCTION_ERROR_INIT_FAILURE";

/// Starts an environment for a job that waits in the pool.
pub(crate) fn start(plane: &Arc<Plane>, pool: &Arc<Pool>, spec: Arc<FunctionSpec>) {
    if spec.snap_start && restore_one(plane, pool) {
        return;
    }
    if let Some(image) = pool.image(spec.generation) {
        return start_copy(plane, pool, spec, image);
    }
    start_anew(plane, pool, spec);
}

/// Starts a copy of a version's initialised process; if that cannot be, there are no more copies.
fn start_copy(plane: &Arc<Plane>, pool: &Arc<Pool>, spec: Arc<FunctionSpec>, image: Image) {
    spawn(plane, pool, move |plane, pool| async move {
        match Environment::open_copy(&plane, &pool, Arc::clone(&spec), &image).await {
            Ok(environment) => environment.live_restored().await,
            Err(cause) => {
                tracing::warn!(function = %spec.name, %cause, "a copy of the snapshot could not be started");
                pool.forget_image();
                start_anew(&plane, &pool, spec);
            }
        }
    });
}

fn start_anew(plane: &Arc<Plane>, pool: &Arc<Pool>, spec: Arc<FunctionSpec>) {
    let kind = if spec.snap_start { InitializationType::SnapStart } else { InitializationType::OnDemand };
    spawn(plane, pool, move |plane, pool| async move {
        match Environment::open(&plane, &pool, spec, kind).await {
            Ok(environment) if kind == InitializationType::SnapStart => environment.live_unsuspended().await,
            Ok(environment) => environment.live().await,
            Err(unmade) => unmade.tell(&plane, &pool).await,
        }
    });
}

/// Gives the start of an environment to a snapshot that waits for it.
fn restore_one(plane: &Arc<Plane>, pool: &Arc<Pool>) -> bool {
    while let Some(snapshot) = pool.take_snapshot() {
        // An error means that it died just now.
        if snapshot.inbox.try_send(Order::Restore).is_ok() {
            hold_snapshots(plane, pool);
            return true;
        }
    }
    false
}

/// Starts `count` environments that are kept initialised.
pub(crate) fn start_provisioned(plane: &Arc<Plane>, pool: &Arc<Pool>, count: u32) {
    for _ in 0..count {
        spawn(plane, pool, |plane, pool| async move {
            let opened = Environment::open(&plane, &pool, pool.spec(), InitializationType::ProvisionedConcurrency);
            let another = match opened.await {
                Ok(environment) => environment.live_provisioned().await,
                Err(unmade) => {
                    unmade.log(&pool).await;
                    pool.provisioned_ended(false, Some(INIT_FAILURE.to_owned()))
                }
            };
            if another {
                start_provisioned(&plane, &pool, 1);
            }
        });
    }
}

/// Makes as many snapshots of the pool's version as are to be held, one after the other.
pub(crate) fn hold_snapshots(plane: &Arc<Plane>, pool: &Arc<Pool>) {
    let Some(spec) = pool.lacks_snapshot() else { return };
    make_snapshot(plane, pool, spec, None);
}

/// Makes the snapshot of a version that is being published, and says how it went.
pub(crate) fn first_snapshot(
    plane: &Arc<Plane>,
    pool: &Arc<Pool>,
    spec: Arc<FunctionSpec>,
) -> oneshot::Receiver<Result<(), SnapshotError>> {
    let (told, hears) = oneshot::channel();
    pool.snapshot_begins();
    make_snapshot(plane, pool, spec, Some(told));
    hears
}

fn make_snapshot(
    plane: &Arc<Plane>,
    pool: &Arc<Pool>,
    spec: Arc<FunctionSpec>,
    told: Option<oneshot::Sender<Result<(), SnapshotError>>>,
) {
    spawn(plane, pool, move |plane, pool| async move {
        match Environment::open(&plane, &pool, spec, InitializationType::SnapStart).await {
            Ok(environment) => environment.live_suspended(told).await,
            Err(unmade) => {
                pool.snapshot_failed();
                let error = unmade.log(&pool).await;
                // An error means that nobody waits for it.
                let _ = told.map(|told| told.send(Err(error)));
            }
        }
    });
}

fn spawn<F, Fut>(plane: &Arc<Plane>, pool: &Arc<Pool>, life: F)
where
    F: FnOnce(Arc<Plane>, Arc<Pool>) -> Fut,
    Fut: Future<Output = ()> + Send + 'static,
{
    let life = life(Arc::clone(plane), Arc::clone(pool));
    plane.tasks.spawn(TaskKind::Environment, "execution environment", life);
}

/// Why there is no environment.
pub(super) enum Unmade {
    /// The host's doing.
    Refused(InvokeError),
    /// The function's: there is nothing to run.
    Unstartable(Box<Unstartable>),
}

pub(super) struct Unstartable {
    spec: Arc<FunctionSpec>,
    journal: Journal,
    error: PlatformError,
}

impl Unmade {
    /// Answers the job that waits for the environment.
    async fn tell(self, plane: &Plane, pool: &Pool) {
        match self {
            Self::Refused(error) => {
                tracing::warn!(function = %pool.key.name, %error, "no execution environment");
                if let Some(job) = pool.give_up_start() {
                    drop(job.permit);
                    job.reply.send(Err(error));
                }
            }
            // The job gets a function error, with its log lines.
            Self::Unstartable(mut it) => {
                if let Some(job) = pool.give_up_start() {
                    super::run::report_unstartable(plane, &it.spec, &mut it.journal, job, &it.error);
                }
                it.journal.finish().await;
            }
        }
    }

    /// Nobody waits for the environment.
    async fn log(self, pool: &Pool) -> SnapshotError {
        match self {
            Self::Refused(error) => {
                tracing::warn!(function = %pool.key.name, %error, "no execution environment ahead of demand");
                SnapshotError {
                    kind: "Sandbox.Failure".to_owned(),
                    message: error.to_string(),
                }
            }
            Self::Unstartable(mut it) => {
                it.journal.finish().await;
                SnapshotError {
                    kind: it.error.kind,
                    message: it.error.text,
                }
            }
        }
    }
}

impl Environment {
    pub(super) async fn open(
        plane: &Arc<Plane>,
        pool: &Arc<Pool>,
        spec: Arc<FunctionSpec>,
        initialization: InitializationType,
    ) -> Result<Self, Unmade> {
        let base = plane.workshop.base_of(&spec).map_err(Unmade::Refused)?;
        let prepared = plane.workshop.prepare(&base.runtime).await;
        prepared.map_err(|error| Unmade::Refused(InvokeError::RuntimeUnavailable(error)))?;
        let born = Instant::now();
        let id = new_id(plane);
        let launch = Launch {
            base,
            log_stream: stream_name(plane, &spec, &id),
            credentials_token: (initialization == InitializationType::SnapStart).then(|| new_id(plane)),
            initialization,
            spec: Arc::clone(&spec),
        };
        let services = Services::new(plane, &launch);
        let mut crew = Crew::of(&launch, &services).map_err(|error| Unmade::Refused(InvokeError::Sandbox(error)))?;
        let mut journal = open_journal(plane, &launch, &services);
        crew.begin();
        journal.tell(plane.clock.now_ms(), &init_start(&launch, initialization.phase(), &runtime_name(&launch)));
        let credentials = issue(plane, &spec);
        let created = match crew.excess() {
            Some(error) => Err(StartError::Function(error)),
            None => runtime_for(plane, &launch, &id, &credentials, &services, crew.goes_first()).await,
        };
        let runtime = match created {
            Ok(runtime) => runtime,
            Err(StartError::Host(cause)) => return Err(Unmade::Refused(InvokeError::Sandbox(cause))),
            Err(StartError::Function(error)) => {
                return Err(Unmade::Unstartable(Box::new(Unstartable { spec, journal, error })));
            }
        };
        Ok(Self::assemble(plane, pool, launch, runtime, crew, journal, born))
    }

    pub(super) fn assemble(
        plane: &Arc<Plane>,
        pool: &Arc<Pool>,
        launch: Launch,
        runtime: Runtime,
        crew: Crew,
        journal: Journal,
        born: Instant,
    ) -> Self {
        let (inbox_tx, inbox) = mpsc::channel(2);
        Self {
            handle: Handle {
                id: plane.next_environment_id(),
                generation: launch.spec.generation,
                provisioned: launch.initialization == InitializationType::ProvisionedConcurrency,
                inbox: inbox_tx,
            },
            plane: Arc::clone(plane),
            pool: Arc::clone(pool),
            spec: Arc::clone(&launch.spec),
            launch,
            runtime,
            crew,
            journal,
            inbox,
            timer: Box::pin(tokio::time::sleep(NEVER)),
            ready: false,
            at_restore: false,
            frozen: false,
            init_took: None,
            restore_took: None,
            runs: 0,
            errors: 0,
            downfall: None,
            born,
        }
    }
}

/// A parked interpreter if there is one that fits, else one started for the function.
async fn runtime_for(
    plane: &Plane,
    launch: &Launch,
    id: &str,
    credentials: &Credentials,
    services: &Services,
    held: bool,
) -> Result<Runtime, StartError> {
    let lot = LotKey::of(&launch.spec, &launch.base);
    if let Some(parked) = lot.and_then(|lot| plane.parking.take(&lot, &launch.base)) {
        let variables = launch.environment(credentials);
        match parked.specialise(launch, variables, plane, services, held).await {
            Ok(runtime) => return Ok(runtime),
            Err(cause) => {
                tracing::warn!(function = %launch.spec.name, %cause, "a parked environment could not be used");
            }
        }
    }
    Runtime::create(launch, id, plane, credentials, services, held).await
}

/// 32 hexadecimal digits: the sandbox's name, and the end of its log stream's.
pub(super) fn new_id(plane: &Plane) -> String {
    format!("{:032x}", u128::from_le_bytes(plane.random.bytes()))
}

pub(super) fn open_journal(plane: &Plane, launch: &Launch, services: &Services) -> Journal {
    let reporter = Reporter::new(&launch.spec.logging, launch.initialization).traced(launch.spec.tracing_active);
    Journal::new(Arc::clone(&plane.sink), stream_of(launch), reporter, Arc::clone(&services.telemetry))
}

pub(super) fn stream_of(launch: &Launch) -> Arc<LogStreamId> {
    let spec = &launch.spec;
    Arc::new(LogStreamId {
        account: spec.account.clone(),
        region: spec.region.clone(),
        group: spec.logging.group.clone(),
        stream: launch.log_stream.clone(),
    })
}

pub(super) fn init_start<'a>(launch: &'a Launch, phase: Phase, runtime: &'a RuntimeName) -> Entry<'a> {
    Entry::InitStart {
        phase,
        function: launch.spec.name.as_str(),
        version: launch.spec.version,
        runtime,
        memory_size_mib: launch.spec.memory.0,
    }
}

pub(super) fn runtime_name(launch: &Launch) -> RuntimeName {
    RuntimeName {
        label: launch.base.runtime.version_label(),
        arn: launch.base.runtime.version_arn(launch.spec.region.as_str()),
    }
}

/// `YYYY/MM/DD/[<version>]<32 hex>`; with a group of its own, the function's name before the
/// version.
pub(super) fn stream_name(plane: &Plane, spec: &FunctionSpec, id: &str) -> String {
    let day = plane.clock.now().strftime("%Y/%m/%d").to_string();
    let name = if spec.logging.custom_group { spec.name.as_str() } else { "" };
    format!("{day}/{name}[{}]{id}", spec.version)
}
