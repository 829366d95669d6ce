//! The server put together, to be read from top to bottom: each part is built of those above it,
//! and this is the only place that knows who stands behind a seam.

use std::sync::Arc;

use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_lambda::{AccountLimits, Lambda};
use hearth_store::Embedded;

use crate::config::Config;
use crate::error::StartError;
use crate::layout::Layout;

/// What outlives the assembly: the parts that `Node` runs and stops.
pub struct Parts {
    pub store: Embedded,
    pub lambda: Arc<Lambda>,
    /// For the banner.
    pub isolation: String,
    /// Ids of the runtimes that functions can use.
    pub runtimes: Vec<String>,
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
        runtime_check: None,
    })
    .await
    .map_err(|cause| StartError::Store {
        what: "the functions",
        cause: cause.into(),
    })?;

    Ok(Parts {
        store,
        lambda,
        isolation: String::new(),
        runtimes: Vec::new(),
    })
}

async fn open_store(layout: &Layout, clock: &Clock) -> Result<Embedded, StartError> {
    let options = hearth_store::embedded::Options::new(layout.data(), clock.clone());
    blocking(move || Embedded::open(options)).await.map_err(StartError::of_store)
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
