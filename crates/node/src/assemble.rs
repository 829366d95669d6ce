//! The server put together, to be read from top to bottom: each part is built of those above it,
//! and this is the only place that knows who stands behind a seam.

use std::sync::Arc;

use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_lambda::{AccountLimits, Lambda};
use hearth_runtimes::{Bootstraps, Runtimes};
use hearth_sandbox::{Level, Sandboxes};
use hearth_store::Embedded;

use crate::config::Config;
use crate::error::StartError;
use crate::host;
use crate::layout::Layout;

/// What outlives the assembly: the parts that `Node` runs and stops.
pub struct Parts {
    pub store: Embedded,
    pub runtimes: Arc<Runtimes>,
    pub sandboxes: Sandboxes,
    pub lambda: Arc<Lambda>,
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

    // 2. The store. It takes the data folder's lock, so that all below has it alone.
    let store = open_store(layout, &clock).await?;

    // 5. The runtimes: our bootstraps where a sandbox can mount them, and the host's interpreters.
    let (_bootstraps, runtimes) = find_runtimes(config, layout).await?;

    // 6. The sandboxes: the helper process, and the first prepared slots.
    let sandboxes = Sandboxes::start(host::sandbox_options(config, layout)).await.map_err(StartError::Sandbox)?;
    report_isolation(&sandboxes);

    // 7. The control plane: functions as they are stored, and a snapshot of them in memory.
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
    })
    .await
    .map_err(|cause| StartError::Store {
        what: "the functions",
        cause: cause.into(),
    })?;

    Ok(Parts {
        store,
        runtimes,
        sandboxes,
        lambda,
    })
}

async fn open_store(layout: &Layout, clock: &Clock) -> Result<Embedded, StartError> {
    let options = hearth_store::embedded::Options::new(layout.data(), clock.clone());
    blocking(move || Embedded::open(options)).await.map_err(StartError::of_store)
}

async fn find_runtimes(config: &Config, layout: &Layout) -> Result<(Arc<Bootstraps>, Arc<Runtimes>), StartError> {
    let (folder, discovery) = (layout.bootstraps(), host::discovery(config, layout));
    blocking(move || {
        let bootstraps = hearth_runtimes::materialise(&folder).map_err(StartError::Runtimes)?;
        let runtimes = Runtimes::discover(&discovery);
        for error in runtimes.configuration_errors() {
            tracing::warn!("{error}");
        }
        Ok((Arc::new(bootstraps), Arc::new(runtimes)))
    })
    .await
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

fn account_limits(config: &Config) -> AccountLimits {
    AccountLimits {
        concurrent_executions: config.concurrency.value.narrow(),
        ..AccountLimits::default()
    }
}

/// Start-up work that waits for the disk or for other processes.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panic) => std::panic::resume_unwind(panic.into_panic()),
    }
}
