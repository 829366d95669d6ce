//! The server put together, to be read from top to bottom: each part is built of those above it,
//! and this is the only place that knows who stands behind a seam.

use std::sync::Arc;
use std::time::Duration;

use hearth_asynchronous::Asynchronous;
use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_iam::{ConfiguredKey, Iam, IamError, Kms, KmsOptions, VerifiedKeys};
use hearth_invoke::DataPlane;
use hearth_lambda::{AccountLimits, HotReload, Lambda};
use hearth_model::AccessKeys;
use hearth_observe::Observe;
use hearth_runtimes::{Bootstraps, Language, Runtimes};
use hearth_sandbox::{Level, Sandboxes};
use hearth_store::Embedded;
use hearth_wire::aws_json::{JsonService, JsonVersion};
use hearth_wire::query::{self, QueryService};
use hearth_wire::rest_json::Router;
use hearth_wire::server::{Api, BrowserPolicy, FrontDoor, GuestDoor, Mount, SiteMount};
use hearth_wire::{Service, server, sigv4};

use crate::config::{AccessKey, AuthMode, Config, CpuLimit, OwnApi};
use crate::destinations::Services;
use crate::error::StartError;
use crate::layout::Layout;
use crate::{host, plain, secret};

/// What outlives the assembly: the parts that `Node` runs and stops.
pub struct Parts {
    pub store: Embedded,
    pub observe: Observe,
    pub runtimes: Arc<Runtimes>,
    pub sandboxes: Sandboxes,
    pub invoke: Arc<DataPlane>,
    pub door: Arc<FrontDoor>,
}

/// Builds every part.
///
/// # Errors
/// The first part that cannot be built, and why.
pub async fn assemble(
    config: &Config,
    layout: &Layout,
    tasks: &Tasks,
    shutdown: &Shutdown,
) -> Result<Parts, StartError> {
    // 1. Time and chance, from the machine: tests build the parts with their own.
    let (clock, random) = (Clock::system(), Random::system());

    // 2. The store. It takes the data folder's lock, so that all below has the folder alone.
    let store = open_store(layout, &clock).await?;

    // 3. Logs, in a store of their own: a flood of them must not hold up a change of a function.
    let observe = open_logs(config, layout, &clock).await?;

    // 4. Identity: the keys that callers sign with, those that functions get, and the roles, users
    //    and policies behind them.
    let iam = open_iam(config, layout, &store, tasks, &clock, &random).await?;

    //    And the keys of KMS, under the one that the operator keeps.
    let kms = open_kms(config, layout, &store, tasks, &clock, &random).await?;

    // 5. The runtimes: our bootstraps where a sandbox can mount them, and the host's interpreters.
    let (bootstraps, runtimes) = find_runtimes(config, layout).await?;

    // 6. The sandboxes: the helper process, and the first prepared slots.
    let sandboxes = Sandboxes::start(host::sandbox_options(config, layout)).await.map_err(StartError::Sandbox)?;
    report_isolation(&sandboxes);

    // 7. Where records of asynchronous events can go.
    let destinations = Services::new(random.clone());

    // 8. The control plane: functions as they are stored, and a snapshot of them in memory.
    let lambda = Lambda::open(hearth_lambda::Options {
        clock: clock.clone(),
        random: random.clone(),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
        documents: Arc::new(store.clone()),
        blobs: Arc::new(store.clone()),
        code_cache_dir: layout.code_cache(),
        limits: account_limits(config),
        host_architecture: hearth_lambda::host_architecture(),
        download_secret: random.bytes(),
        runtime_check: Some(runtime_check(&runtimes)),
        runtime_versions: runtime_versions(&runtimes),
        // No service here has queues or streams yet.
        event_sources: None,
        url_base: config.http_url_base.value.0.clone(),
        // Nor networks.
        networks: None,
        file_systems: config.file_systems.value.clone(),
        roles: Some(iam.clone()),
        destinations: Some(destinations.clone()),
        // There is no bucket service yet, and so no bucket.
        objects: None,
        images: host::images(config, layout),
        images_dir: layout.images(),
        hot_reload: HotReload {
            folders: config.hot_reload_folders.value.clone(),
            others_must_read: sandboxes.level() == Level::Root,
        },
        keys: Some(kms.clone()),
    })
    .await
    .map_err(|cause| StartError::Store {
        what: "the functions",
        cause: cause.into(),
    })?;

    scrub(&lambda, &store).await;

    // 9. The data plane. It sees functions through the snapshot, and is told when one changes.
    let invoke = DataPlane::new(hearth_invoke::Options {
        clock: clock.clone(),
        random: random.clone(),
        tasks: tasks.clone(),
        catalog: lambda.catalog(),
        sink: observe.sink(),
        credentials: iam.clone(),
        sandboxes: sandboxes.clone(),
        runtimes: Arc::clone(&runtimes),
        bootstraps,
        packages: Some(layout.packages()).filter(|folder| folder.is_dir()),
        name_servers: host::name_servers(config),
        resolver_file: host::write_resolver(config, layout).map_err(|cause| StartError::Store {
            what: "the resolver's file of container images",
            cause: cause.into(),
        })?,
        api: config.sandbox_api.value == OwnApi::On,
        limits: invoke_limits(config),
    });

    // 10. Asynchronous invocation, over the data plane and the store's queues.
    let asynchronous = Asynchronous::new(hearth_asynchronous::Options {
        clock: clock.clone(),
        random: random.clone(),
        tasks: tasks.clone(),
        shutdown: shutdown.clone(),
        catalog: lambda.catalog(),
        invoke: invoke.clone(),
        queues: Arc::new(store.clone()),
        destinations: destinations.clone(),
        timing: asynchronous_timing(config),
        places: places(),
    });
    destinations.join_functions(asynchronous.clone());

    // 11. The front doors, with every service's table of operations behind them: one for the port,
    //     and one for what comes from inside sandboxes, which is verified whatever the mode.
    let door = |access_keys: Arc<dyn AccessKeys>| -> Result<server::Options, StartError> {
        let services = mounts(&lambda, &invoke, &asynchronous, &observe, &iam, &kms)?;
        Ok(server::Options {
            mode: mode(config),
            limits: server::Limits {
                connections: config.http_connections.value.narrow() as usize,
                ..Default::default()
            },
            clock: clock.clone(),
            random: random.clone(),
            access_keys,
            region: config.region.value.clone(),
            local: lambda.local_routes().into_iter().chain(plain::health(&services)).collect(),
            services,
            sites: vec![function_urls(&lambda, &invoke, &iam, &clock, &random)],
            browser: BrowserPolicy {
                hosts: config.http_hosts.value.clone(),
                origins: config.http_origins.value.clone(),
            },
        })
    };
    if config.sandbox_api.value == OwnApi::On {
        invoke.serve_api(GuestDoor::new(door(Arc::new(VerifiedKeys(iam.clone())))?));
    }
    let door = FrontDoor::new(door(iam.clone())?);

    // 12. Now there is all that a function may use. What earlier lives of this server accepted is taken
    //     up before anything new (the data folder is ours alone, so nobody else holds events), and
    //     those that are to be ready ahead of demand start.
    lambda.observe(invoke.clone());
    lambda.observe(asynchronous.clone());
    lambda.prepare_with(invoke.clone());
    asynchronous.begin().await.map_err(|cause| StartError::Store {
        what: "the asynchronous events",
        cause: cause.into(),
    })?;
    invoke.begin();

    Ok(Parts {
        store,
        observe,
        runtimes,
        sandboxes,
        invoke,
        door,
    })
}

fn mounts(
    lambda: &Arc<Lambda>,
    invoke: &Arc<DataPlane>,
    asynchronous: &Arc<Asynchronous>,
    observe: &Observe,
    iam: &Arc<Iam>,
    kms: &Arc<Kms>,
) -> Result<Vec<Mount>, StartError> {
    let mut routes = lambda.routes();
    routes.extend(hearth_lambda::invoke_routes(invoke.clone(), asynchronous.clone()));
    let lambda = Router::new(routes).map_err(|e| StartError::Tables(e.to_string()))?;
    let logs = JsonService::new("Logs_20140328", JsonVersion::V1_1, observe.operations());
    let logs = logs.map_err(|e| StartError::Tables(e.to_string()))?;
    let sts = QueryService::new(query::STS, hearth_iam::STS_VERSION, iam.sts_operations());
    let sts = sts.map_err(|e| StartError::Tables(e.to_string()))?;
    let iam = QueryService::new(query::IAM, hearth_iam::IAM_VERSION, iam.iam_operations());
    let iam = iam.map_err(|e| StartError::Tables(e.to_string()))?;
    let kms = JsonService::new(hearth_iam::KMS_TARGET, JsonVersion::V1_1, kms.operations());
    let kms = kms.map_err(|e| StartError::Tables(e.to_string()))?;
    Ok(vec![
        Mount {
            service: Service::Kms,
            api: Api::AwsJson(kms),
        },
        Mount {
            service: Service::Lambda,
            api: Api::RestJson(lambda),
        },
        Mount {
            service: Service::Logs,
            api: Api::AwsJson(logs),
        },
        Mount {
            service: Service::Iam,
            api: Api::Query(iam),
        },
        Mount {
            service: Service::Sts,
            api: Api::Query(sts),
        },
    ])
}

/// Function URLs run functions as the API does.
fn function_urls(
    lambda: &Arc<Lambda>,
    invoke: &Arc<DataPlane>,
    iam: &Arc<Iam>,
    clock: &Clock,
    random: &Random,
) -> SiteMount {
    hearth_gateway::mount(hearth_gateway::Options {
        urls: lambda.urls(),
        invoke: invoke.clone(),
        principals: iam.clone(),
        clock: clock.clone(),
        random: random.clone(),
    })
}

async fn open_store(layout: &Layout, clock: &Clock) -> Result<Embedded, StartError> {
    let options = hearth_store::embedded::Options::new(layout.data(), clock.clone());
    blocking(move || Embedded::open(options)).await.map_err(StartError::of_store)
}

async fn open_logs(config: &Config, layout: &Layout, clock: &Clock) -> Result<Observe, StartError> {
    let max_bytes = config.logs_max_mib.value.0 << 20;
    let options = hearth_observe::Options {
        dir: layout.logs(),
        clock: clock.clone(),
        max_bytes,
    };
    let opened = blocking(move || Observe::open(options)).await;
    opened.map_err(|cause| StartError::Store {
        what: "the log store",
        cause: cause.into(),
    })
}

async fn open_iam(
    config: &Config,
    layout: &Layout,
    store: &Embedded,
    tasks: &Tasks,
    clock: &Clock,
    random: &Random,
) -> Result<Arc<Iam>, StartError> {
    let master_secret = secret::load(&layout.secret(), random).map_err(|cause| StartError::Store {
        what: "the secret of functions' credentials",
        cause: cause.into(),
    })?;
    let iam = Iam::open(hearth_iam::Options {
        mode: match config.auth_mode.value {
            AuthMode::Open => hearth_iam::Mode::Open,
            AuthMode::Enforce => hearth_iam::Mode::Enforce,
        },
        keys: config.keys.value.iter().map(|key| configured_key(config, key)).collect(),
        account: config.account.value.clone(),
        documents: Arc::new(store.clone()),
        tasks: tasks.clone(),
        master_secret,
        clock: clock.clone(),
        random: random.clone(),
    });
    iam.await.map_err(|error| match error {
        IamError::Store(cause) => StartError::Store {
            what: "the users",
            cause: cause.into(),
        },
        other => StartError::Keys(other),
    })
}

async fn open_kms(
    config: &Config,
    layout: &Layout,
    store: &Embedded,
    tasks: &Tasks,
    clock: &Clock,
    random: &Random,
) -> Result<Arc<Kms>, StartError> {
    let given = Some(config.encryption_key_file.value.clone()).filter(|path| !path.as_os_str().is_empty());
    let failed = |cause: Box<dyn std::error::Error + Send + Sync>| StartError::Store {
        what: "the encryption key",
        cause,
    };
    let operator_keys = secret::encryption_keys(given.as_deref(), &layout.encryption_key(), random);
    let options = KmsOptions {
        documents: Arc::new(store.clone()),
        operator_keys: operator_keys.map_err(|cause| failed(cause.into()))?,
        tasks: tasks.clone(),
        clock: clock.clone(),
        random: random.clone(),
    };
    Kms::open(options).await.map_err(|cause| StartError::Store {
        what: "the keys",
        cause: cause.into(),
    })
}

/// Where variables were stored in clear once, the store's files are written anew without them.
async fn scrub(lambda: &Lambda, store: &Embedded) {
    let scrubbed = async {
        if lambda.is_unscrubbed().await? {
            store.scrub().await?;
            lambda.scrubbed().await?;
            tracing::info!("the database was written anew: nothing of variables in clear is left in it");
        }
        Ok::<_, hearth_store::StoreError>(())
    };
    if let Err(error) = scrubbed.await {
        tracing::warn!(%error, "variables in clear may be left in the database's free room; the next start tries again");
    }
}

fn configured_key(config: &Config, key: &AccessKey) -> ConfiguredKey {
    ConfiguredKey {
        access_key_id: key.access_key_id.clone(),
        secret_access_key: key.secret_access_key.clone(),
        account: key.account.clone().unwrap_or_else(|| config.account.value.clone()),
        user_name: key.user.clone().unwrap_or_else(|| "admin".to_owned()),
    }
}

async fn find_runtimes(config: &Config, layout: &Layout) -> Result<(Arc<Bootstraps>, Arc<Runtimes>), StartError> {
    let (folder, discovery) = (layout.bootstraps(), host::discovery(config, layout));
    blocking(move || {
        let bootstraps = hearth_runtimes::materialise(&folder).map_err(StartError::Runtimes)?;
        let runtimes = Runtimes::discover(&discovery);
        for error in runtimes.configuration_errors() {
            tracing::warn!("{error}");
        }
        precompile(&bootstraps, &runtimes);
        Ok((Arc::new(bootstraps), Arc::new(runtimes)))
    })
    .await
}

/// At the first start with an interpreter: it saves every cold start some milliseconds. Java takes seconds for it, and
/// waits for its first function.
fn precompile(bootstraps: &Bootstraps, runtimes: &Runtimes) {
    let resolved = hearth_runtimes::definitions().iter().filter_map(|one| runtimes.resolve(one.id).ok());
    let interpreters = resolved.filter_map(|runtime| runtime.interpreter.as_ref());
    for interpreter in interpreters.filter(|interpreter| interpreter.language != Language::Java) {
        if let Err(error) = bootstraps.precompile(interpreter) {
            // It runs all the same, a little later.
            tracing::warn!("failed to {error}");
        }
    }
}

/// Says in the log what the host does not offer; `hearth doctor` has the whole list.
fn report_isolation(sandboxes: &Sandboxes) {
    let weak: Vec<&str> =
        sandboxes.mechanisms().iter().filter(|one| !one.in_force).map(|one| one.name.as_str()).collect();
    if sandboxes.level() < Level::Root {
        tracing::warn!(level = %sandboxes.level(), ?weak, "isolation is weaker than it could be: see `hearth doctor`");
    }
}

/// A function whose runtime is absent can be made all the same; the caller is told what is missing.
fn runtime_check(runtimes: &Arc<Runtimes>) -> hearth_lambda::RuntimeCheck {
    let runtimes = Arc::clone(runtimes);
    Arc::new(move |id| runtimes.resolve(id).err().map(|error| error.to_string()))
}

/// What functions run on, for their configuration to show; the same as in their log.
fn runtime_versions(runtimes: &Arc<Runtimes>) -> hearth_lambda::RuntimeVersions {
    let runtimes = Arc::clone(runtimes);
    hearth_lambda::RuntimeVersions::new(move |id, region| Some(runtimes.resolve(id).ok()?.version_arn(region.as_str())))
}

fn account_limits(config: &Config) -> AccountLimits {
    AccountLimits {
        concurrent_executions: config.concurrency.value.narrow(),
        ..AccountLimits::default()
    }
}

fn invoke_limits(config: &Config) -> hearth_invoke::Limits {
    hearth_invoke::Limits {
        account_concurrency: config.concurrency.value.narrow(),
        freeze_linger: Duration::from_millis(config.environments_linger_ms.value.0),
        idle_reclaim: Duration::from_secs(config.environments_idle_s.value.0),
        environment_max_age: Duration::from_secs(config.environments_max_age_s.value.0),
        environment_max_errors: config.environments_max_errors.value.narrow(),
        parked: config.environments_parked.value.narrow(),
        cpu_quota: config.environments_cpu.value == CpuLimit::Quota,
        ..hearth_invoke::Limits::default()
    }
}

fn asynchronous_timing(config: &Config) -> hearth_asynchronous::Timing {
    hearth_asynchronous::Timing {
        retry: Duration::from_millis(config.asynchronous_retry_ms.value.0),
        ..hearth_asynchronous::Timing::default()
    }
}

/// Events of one function that run at once before it is known what they take: enough to keep the
/// processors busy, few enough that a function of some milliseconds is not started for nothing.
fn places() -> usize {
    std::thread::available_parallelism().map_or(4, |processors| (2 * processors.get()).max(4))
}

fn mode(config: &Config) -> sigv4::Mode {
    match config.auth_mode.value {
        AuthMode::Open => sigv4::Mode::Open,
        AuthMode::Enforce => sigv4::Mode::Enforce,
    }
}

/// Start-up work that waits for the disk or for other processes.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
