//! The data plane as the rest of the server sees it.

use std::collections::HashMap;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hearth_core::{Clock, Random, Tasks};
use hearth_model::{
    AccountId, BoxFuture, CatalogObserver, FunctionCatalog, FunctionKey, FunctionSpec, Invocation, Invoke, InvokeError,
    LogSink, Lookup, Outcome, Preparation, Provisioned, Qualifier, RoleCredentials, SnapshotError, Streamed, Version,
    arn,
};
use hearth_runtimes::{Bootstraps, Runtimes};
use hearth_sandbox::Sandboxes;
use hearth_wire::server::GuestDoor;
use parking_lot::RwLock;
use tokio::sync::oneshot;

use crate::concurrency::Concurrency;
use crate::environment::{self, GuestApi, Workshop};
use crate::lineage::Lineage;
use crate::parking::Parking;
use crate::pool::{Job, Placed, Pool};
use crate::streaming::Reply;
use crate::{parking, trace};

/// What an operator may set.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Concurrent invocations of an account in a region.
    pub account_concurrency: u32,
    /// An init that takes longer starts again inside the first invocation.
    pub init_timeout: Duration,
    /// How long an environment stays thawed after an invocation.
    pub freeze_linger: Duration,
    /// An environment unused for so long is ended.
    pub idle_reclaim: Duration,
    /// An environment older than this takes no further invocation. 11 hours at the most: its
    /// credentials live for 12.
    pub environment_max_age: Duration,
    /// So many invocations in a row that the platform had to end (by a crash, a timeout, for want
    /// of memory, or by an extension), and the environment takes no further one. From 1.
    pub environment_max_errors: u32,
    /// Interpreters of a kind that are kept up for cold starts, at the most.
    pub parked: u32,
    /// Whether processor time is limited in proportion to memory, also on an idle host.
    pub cpu_quota: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            account_concurrency: 1_000,
            init_timeout: Duration::from_secs(10),
            freeze_linger: Duration::from_millis(20),
            idle_reclaim: Duration::from_secs(600),
            environment_max_age: Duration::from_secs(11 * 60 * 60),
            environment_max_errors: 10,
            parked: 8,
            cpu_quota: true,
        }
    }
}

/// What the data plane stands on.
pub struct Options {
    pub clock: Clock,
    pub random: Random,
    pub tasks: Tasks,
    pub catalog: Arc<dyn FunctionCatalog>,
    pub sink: Arc<dyn LogSink>,
    pub credentials: Arc<dyn RoleCredentials>,
    pub sandboxes: Sandboxes,
    pub runtimes: Arc<Runtimes>,
    pub bootstraps: Arc<Bootstraps>,
    /// Packages for all functions, laid out like a layer.
    pub packages: Option<PathBuf>,
    /// For the functions' resolver. Empty where sandboxes have no network but their loopback.
    pub name_servers: Vec<Ipv4Addr>,
    /// A file with [`resolver`](crate::resolver)'s text, for container images.
    pub resolver_file: PathBuf,
    /// Whether functions find the server's own API inside: see [`DataPlane::serve_api`].
    pub api: bool,
    pub limits: Limits,
}

/// What every environment holds on to.
pub(crate) struct Plane {
    pub(crate) clock: Clock,
    pub(crate) random: Random,
    pub(crate) tasks: Tasks,
    pub(crate) sink: Arc<dyn LogSink>,
    pub(crate) credentials: Arc<dyn RoleCredentials>,
    pub(crate) workshop: Workshop,
    pub(crate) parking: Parking,
    pub(crate) limits: Limits,
    environments: AtomicU64,
    cut_off: AtomicBool,
    guest_door: OnceLock<Arc<GuestDoor>>,
}

impl Plane {
    /// The server ends what runs: see [`DataPlane::cut_off`].
    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Acquire)
    }

    /// The server's own API, for a function of this account.
    pub(crate) fn api(&self, account: &AccountId) -> Option<GuestApi> {
        let door = Arc::clone(self.guest_door.get()?);
        Some(GuestApi {
            door,
            account: account.clone(),
        })
    }

    pub(crate) fn next_environment_id(&self) -> u64 {
        self.environments.fetch_add(1, Ordering::Relaxed)
    }
}

/// Runs functions. Made once by `node`.
pub struct DataPlane {
    plane: Arc<Plane>,
    catalog: Arc<dyn FunctionCatalog>,
    concurrency: Concurrency,
    pools: RwLock<HashMap<FunctionKey, HashMap<Version, Arc<Pool>>>>,
    closing: AtomicBool,
}

impl DataPlane {
    #[must_use]
    pub fn new(options: Options) -> Arc<Self> {
        Arc::new(Self {
            concurrency: Concurrency::new(options.limits.account_concurrency),
            catalog: options.catalog,
            pools: RwLock::default(),
            closing: AtomicBool::new(false),
            plane: Arc::new(Plane {
                clock: options.clock,
                random: options.random,
                tasks: options.tasks,
                sink: options.sink,
                credentials: options.credentials,
                workshop: Workshop {
                    sandboxes: options.sandboxes,
                    runtimes: options.runtimes,
                    bootstraps: options.bootstraps,
                    packages: options.packages.map(Into::into),
                    name_servers: options.name_servers.into(),
                    resolver_file: options.resolver_file,
                    api: options.api,
                },
                parking: Parking::new(options.limits.parked),
                limits: options.limits,
                environments: AtomicU64::new(1),
                cut_off: AtomicBool::new(false),
                guest_door: OnceLock::new(),
            }),
        })
    }

    /// Functions use the server's own API through `door`. Called once, before anything runs.
    pub fn serve_api(&self, door: Arc<GuestDoor>) {
        // The first one stays.
        let _ = self.plane.guest_door.set(door);
    }

    /// Initialises what is wanted ahead of demand. Called once, when the server is up; from then on
    /// changes are heard of.
    pub fn begin(&self) {
        parking::keep(&self.plane);
        for key in self.catalog.with_ahead() {
            self.reconcile(&key);
        }
    }

    /// Brings what is initialised ahead of demand for a function to what is wanted.
    fn reconcile(&self, key: &FunctionKey) {
        let wanted = self.catalog.ahead(key);
        for one in &wanted {
            let qualifier = Qualifier::from(one.version);
            if let Lookup::Ready(spec) = self.catalog.lookup(key, Some(&qualifier)) {
                self.pool(&spec, key);
            }
        }
        let Some(versions) = self.pools.read().get(key).cloned() else { return };
        self.set_aside(key, &versions, wanted.iter().map(|one| one.environments).sum());
        for (version, pool) in versions {
            let wanted = wanted.iter().find(|one| one.version == version);
            let missing = pool.provision(wanted.map_or(0, |one| one.environments));
            environment::start_provisioned(&self.plane, &pool, missing);
            if wanted.is_some_and(|one| one.snap_start) {
                environment::hold_snapshots(&self.plane, &pool);
            }
        }
    }

    /// Tells the counters what is reserved and provisioned.
    fn set_aside(&self, key: &FunctionKey, versions: &HashMap<Version, Arc<Pool>>, provisioned: u32) {
        let reserved = match self.catalog.lookup(key, None) {
            Lookup::Ready(spec) | Lookup::KeyUnusable { spec, .. } => spec.reserved_concurrency,
            Lookup::NotReady { .. } | Lookup::NoRuntime { .. } | Lookup::NoFileSystem { .. } | Lookup::Absent => None,
        };
        if let Some(pool) = versions.values().next() {
            self.concurrency.note_set_aside(&pool.share, key, reserved, provisioned);
        }
    }

    /// Takes no more invocations and ends the idle environments; busy ones end when they are done.
    /// [`Tasks::drain`] waits for them.
    pub fn close(&self) {
        self.closing.store(true, Ordering::Release);
        self.plane.parking.clear();
        for pool in self.pools.read().values().flat_map(HashMap::values) {
            pool.close();
        }
    }

    /// What still runs is about to be ended, with the sandboxes. Its callers hear that the server
    /// shuts down, and not that the function failed.
    pub fn cut_off(&self) {
        self.plane.cut_off.store(true, Ordering::Release);
    }

    fn resolve(&self, function: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Arc<FunctionSpec>, InvokeError> {
        match self.catalog.lookup(function, qualifier) {
            Lookup::Ready(spec) => Ok(spec),
            Lookup::NotReady { state, reason } => Err(InvokeError::NotReady { state, reason }),
            Lookup::KeyUnusable { problem, .. } => Err(InvokeError::KeyUnusable(problem)),
            Lookup::NoRuntime { reason } => Err(InvokeError::RuntimeUnavailable(reason)),
            Lookup::NoFileSystem { reason } => Err(InvokeError::FileSystemUnavailable(reason)),
            Lookup::Absent => {
                let name = arn::function(&function.region, &function.account, function.name.as_str());
                let qualifier = qualifier.map_or_else(|| Qualifier::Latest.to_string(), ToString::to_string);
                Err(InvokeError::NotFound {
                    arn: arn::qualified(&name, &qualifier),
                })
            }
        }
    }

    fn pool(&self, spec: &Arc<FunctionSpec>, function: &FunctionKey) -> Arc<Pool> {
        let known = self.pools.read().get(function).and_then(|versions| versions.get(&spec.version)).cloned();
        let pool = known.unwrap_or_else(|| {
            let mut pools = self.pools.write();
            let versions = pools.entry(function.clone()).or_default();
            let fresh = || Pool::new(spec, self.concurrency.share(function));
            Arc::clone(versions.entry(spec.version).or_insert_with(fresh))
        });
        pool.advance(spec);
        pool
    }

    /// Sets off an invocation, which `reply` hears of whatever happens.
    fn enter(&self, invocation: Invocation, reply: Reply) -> Result<(), InvokeError> {
        if self.closing.load(Ordering::Acquire) {
            return Err(InvokeError::ShuttingDown);
        }
        let spec = self.resolve(&invocation.function, invocation.qualifier.as_ref())?;
        let lineage = Lineage::before(invocation.trace_header.as_deref()).and(&spec.arn);
        if lineage.is_loop() && !self.catalog.allows_recursion(&invocation.function) {
            return Err(InvokeError::Recursive);
        }
        let pool = self.pool(&spec, &invocation.function);
        let permit = self.concurrency.take(&pool.share, &spec, pool.available()).map_err(InvokeError::Throttled)?;
        let supplied = invocation.trace_header.as_deref();
        let (clock, random) = (&self.plane.clock, &self.plane.random);
        let trace_header = trace::header(supplied, lineage, spec.tracing_active, clock, random);
        let job = Box::new(Job {
            invocation,
            trace_header,
            reply,
            permit,
        });
        if pool.place(job) == Placed::Start {
            environment::start(&self.plane, &pool, spec);
        }
        Ok(())
    }

    async fn run<T>(
        &self,
        invocation: Invocation,
        reply: fn(oneshot::Sender<Result<T, InvokeError>>) -> Reply,
    ) -> Result<T, InvokeError> {
        let (sender, answer) = oneshot::channel();
        self.enter(invocation, reply(sender))?;
        // The environment's task answers whatever happens; only its panic leaves nothing.
        answer.await.unwrap_or_else(|_| {
            Err(InvokeError::Sandbox("the execution environment ended without an answer".to_owned()))
        })
    }
}

impl Invoke for DataPlane {
    fn invoke(&self, invocation: Invocation) -> BoxFuture<'_, Result<Outcome, InvokeError>> {
        Box::pin(self.run(invocation, Reply::Whole))
    }

    fn invoke_streamed(&self, invocation: Invocation) -> BoxFuture<'_, Result<Streamed, InvokeError>> {
        Box::pin(self.run(invocation, Reply::Streamed))
    }

    fn dry_run(&self, function: &FunctionKey, qualifier: Option<&Qualifier>) -> Result<Version, InvokeError> {
        self.resolve(function, qualifier).map(|spec| spec.version)
    }
}

impl CatalogObserver for DataPlane {
    fn function_changed(&self, key: &FunctionKey) {
        if self.closing.load(Ordering::Acquire) {
            return;
        }
        let known = self.pools.read().get(key).cloned().unwrap_or_default();
        let latest = self.catalog.lookup(key, None);
        if let Lookup::Ready(spec) = &latest {
            parking::expect(&self.plane, spec);
        }
        if matches!(latest, Lookup::Absent) {
            self.pools.write().remove(key);
            self.set_aside(key, &known, 0);
            known.values().for_each(|pool| pool.close());
            return;
        }
        for (version, pool) in known {
            match self.catalog.lookup(key, Some(&Qualifier::from(version))) {
                Lookup::Ready(spec) | Lookup::KeyUnusable { spec, .. } => pool.advance(&spec),
                Lookup::NotReady { .. } | Lookup::NoRuntime { .. } | Lookup::NoFileSystem { .. } => {}
                Lookup::Absent => {
                    pool.close();
                    if let Some(versions) = self.pools.write().get_mut(key) {
                        versions.remove(&version);
                    }
                }
            }
        }
        self.reconcile(key);
    }
}

impl Preparation for DataPlane {
    fn provisioned(&self, key: &FunctionKey, version: Version) -> Option<Provisioned> {
        self.pools.read().get(key)?.get(&version)?.provisioned()
    }

    fn snapshot(&self, spec: Arc<FunctionSpec>) -> BoxFuture<'_, Result<(), SnapshotError>> {
        let pool = self.pool(&spec, &spec.key());
        let made = environment::first_snapshot(&self.plane, &pool, spec);
        Box::pin(async move {
            made.await.unwrap_or_else(|_| {
                Err(SnapshotError {
                    kind: "Sandbox.Failure".to_owned(),
                    message: "the execution environment ended before its init".to_owned(),
                })
            })
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests_support {
    use std::path::PathBuf;
    use std::sync::Arc;

    use bytes::Bytes;
    use hearth_model::*;
    use parking_lot::Mutex;

    pub(crate) fn spec(name: &str) -> FunctionSpec {
        let name = FunctionName::parse(name).unwrap();
        let (region, account) = (Region::fallback(), AccountId::fallback());
        FunctionSpec {
            arn: arn::function(&region, &account, name.as_str()),
            logging: Logging {
                format: LogFormat::Text,
                application_level: None,
                system_level: None,
                group: format!("/aws/lambda/{name}"),
                custom_group: false,
            },
            account,
            region,
            name,
            version: Version::Latest,
            generation: 1,
            runtime: "python3.12".into(),
            handler: "app.handler".into(),
            role_arn: "arn:aws:iam::000000000000:role/r".into(),
            memory: MemoryMib(128),
            timeout: TimeoutS(3),
            storage: StorageMib(512),
            architecture: Architecture::X86_64,
            environment: Vec::new(),
            tracing_active: false,
            file_systems: Vec::new(),
            reserved_concurrency: None,
            snap_start: false,
            layers: None,
            image: None,
            code: Arc::new(CodeDir::new(PathBuf::from("/nowhere"), "00".into())),
        }
    }

    pub(crate) fn invocation(spec: &FunctionSpec, id: &str) -> Invocation {
        Invocation {
            function: spec.key(),
            qualifier: None,
            request_id: id.into(),
            payload: Bytes::from_static(b"{}"),
            client_context: None,
            cognito_identity: None,
            trace_header: None,
            wants_log_tail: false,
        }
    }

    pub(crate) fn stream(spec: &FunctionSpec) -> Arc<LogStreamId> {
        Arc::new(LogStreamId {
            account: spec.account.clone(),
            region: spec.region.clone(),
            group: "g".into(),
            stream: "s".into(),
        })
    }

    /// A sink that keeps what it gets, or takes nothing at all.
    #[derive(Default)]
    pub(crate) struct Collected {
        messages: Mutex<Vec<String>>,
        stuck: bool,
    }

    impl Collected {
        pub(crate) fn stuck() -> Self {
            Self {
                stuck: true,
                ..Self::default()
            }
        }

        pub(crate) fn messages(&self) -> Vec<String> {
            self.messages.lock().clone()
        }
    }

    impl LogSink for Collected {
        fn append(&self, _: Arc<LogStreamId>, events: Vec<LogEvent>) -> BoxFuture<'_, ()> {
            Box::pin(async move {
                if self.stuck {
                    std::future::pending::<()>().await;
                }
                self.messages.lock().extend(events.into_iter().map(|event| event.message));
            })
        }
    }
}
