//! The Lambda control plane: functions, their configuration and their deployment packages.
//!
//! Invariants: what a client was told is in the store; nothing of a function is half there, for it
//! is one document; the data plane sees functions through [`hearth_model::FunctionCatalog`] alone,
//! and only with their code unpacked. This crate runs no function and knows no runtime's insides.
//!
//! A request goes from `api` (parse, check the model's constraints) to `ops` (the operation) to
//! `functions` (one change at a time, durable, then visible); `tasks` ends what an operation began.
#![forbid(unsafe_code)]

pub mod package;

mod api;
mod code_signing;
mod db;
mod error;
mod functions;
mod keys;
mod layer;
mod layer_target;
mod layers;
mod live;
mod mapping;
mod ops;
mod options;
mod packages;
mod pattern;
mod policy;
mod preparation;
mod record;
mod resources;
mod shards;
mod snapshot;
mod target;
mod tasks;
mod url;

use std::sync::Arc;

use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_model::{
    Architecture, CatalogObserver, Destinations, EventSources, FunctionCatalog, FunctionRoles, FunctionUrls, Invoke,
    InvokeLater, Networks, Objects, Preparation,
};
use hearth_store::StoreError;
use hearth_wire::rest_json::Route;
use hearth_wire::server::LocalRoute;
use thiserror::Error;
use tokio::sync::Semaphore;

pub use live::HotReload;
pub use options::{AccountLimits, FileSystems, Options, RuntimeCheck, RuntimeVersions, host_architecture};

use crate::code_signing::CodeSigningRecord;
use crate::db::Db;
use crate::functions::Functions;
use crate::keys::Keys;
use crate::layers::Layers;
use crate::live::LiveFolders;
use crate::mapping::MappingRecord;
use crate::package::{CodeCache, PackageError};
use crate::packages::Packages;
use crate::preparation::Joint;
use crate::resources::Resources;
use crate::tasks::activation::Making;
use crate::tasks::collect::Collector;
use crate::tasks::{activation, collect, follow};

/// Packages unpacked at the same time.
const UNPACKING: usize = 4;
/// Container images pulled at the same time.
const PULLING: usize = 2;

/// The operations of the Lambda API that run functions, now over the data plane or later.
#[must_use]
pub fn invoke_routes(invoke: Arc<dyn Invoke>, later: Arc<dyn InvokeLater>) -> [Route; 3] {
    api::invoke_routes(invoke, later)
}

/// The control plane.
pub struct Lambda {
    clock: Clock,
    random: Random,
    tasks: Tasks,
    shutdown: Shutdown,
    limits: AccountLimits,
    host_architecture: Architecture,
    download_secret: [u8; 32],
    runtime_check: Option<RuntimeCheck>,
    url_base: Option<String>,
    roles: Option<Arc<dyn FunctionRoles>>,
    keys: Keys,
    destinations: Option<Arc<dyn Destinations>>,
    db: Db,
    functions: Functions,
    layers: Layers,
    code_signing: Resources<CodeSigningRecord>,
    live: Arc<LiveFolders>,
    objects: Option<Arc<dyn Objects>>,
    mappings: Resources<MappingRecord>,
    event_sources: Option<Arc<dyn EventSources>>,
    networks: Option<Arc<dyn Networks>>,
    file_systems: Arc<FileSystems>,
    packages: Packages,
    collector: Arc<Collector>,
    unpacking: Semaphore,
    pulling: Semaphore,
    making: Making,
    preparation: Joint,
    /// Held while concurrency of the accounts is given out.
    concurrency_turn: tokio::sync::Mutex<()>,
}

/// Why the control plane did not start.
#[derive(Debug, Error)]
pub enum OpenError {
    #[error("failed to read the functions")]
    Store(#[from] StoreError),
    #[error("failed to open the code cache")]
    CodeCache(#[from] PackageError),
}

impl Lambda {
    /// Loads every function and takes up what a crash left unfinished. Active functions whose code
    /// is in the cache can be invoked when this returns; the others follow within moments.
    ///
    /// # Errors
    /// When the store or the cache cannot be read.
    pub async fn open(options: Options) -> Result<Arc<Self>, OpenError> {
        let cache = CodeCache::open(options.code_cache_dir, package::Limits::default())?;
        let trees_of_images = CodeCache::open_lasting(options.images_dir)?;
        let keys = Keys::new(options.keys);
        let db = Db::new(options.documents, options.blobs).with_keys(keys.clone());
        let migrated = db.encrypt_plain().await?;
        if migrated > 0 {
            tracing::info!(documents = migrated, "encrypted the variables of functions that were stored in clear");
        }
        let file_systems = Arc::new(options.file_systems);
        let lambda = Arc::new(Self {
            clock: options.clock,
            random: options.random.clone(),
            tasks: options.tasks,
            shutdown: options.shutdown,
            limits: options.limits,
            host_architecture: options.host_architecture,
            download_secret: options.download_secret,
            runtime_check: options.runtime_check,
            url_base: options.url_base,
            roles: options.roles,
            destinations: options.destinations,
            functions: Functions::new(
                db.clone(),
                options.random.clone(),
                options.runtime_versions,
                Arc::clone(&file_systems),
                keys.clone(),
            ),
            keys,
            layers: Layers::new(db.clone()),
            code_signing: Resources::new(db.clone()),
            mappings: Resources::new(db.clone()),
            event_sources: options.event_sources,
            networks: options.networks,
            file_systems: Arc::clone(&file_systems),
            db,
            live: Arc::new(LiveFolders::new(options.hot_reload)),
            objects: options.objects,
            packages: Packages::new(cache, trees_of_images, options.images),
            collector: Arc::default(),
            unpacking: Semaphore::new(UNPACKING),
            pulling: Semaphore::new(PULLING),
            making: Making::default(),
            preparation: Joint::default(),
            concurrency_turn: tokio::sync::Mutex::default(),
        });
        let watch = lambda.db.watch();
        lambda.load().await?;
        follow::start(&lambda, watch);
        collect::start(&lambda);
        Ok(lambda)
    }

    /// The operations of the Lambda API, served and not served, except for those that run functions:
    /// they need the data plane, see [`invoke_routes`].
    #[must_use]
    pub fn routes(self: &Arc<Self>) -> Vec<Route> {
        api::routes(self)
    }

    /// Hearth's own paths: downloads of packages, which carry their right in the link.
    #[must_use]
    pub fn local_routes(self: &Arc<Self>) -> Vec<LocalRoute> {
        api::local_routes(self)
    }

    /// The data plane's view.
    #[must_use]
    pub fn catalog(&self) -> Arc<dyn FunctionCatalog> {
        Arc::clone(&self.functions.snapshot) as Arc<dyn FunctionCatalog>
    }

    /// The front door's view of function URLs.
    #[must_use]
    pub fn urls(&self) -> Arc<dyn FunctionUrls> {
        Arc::clone(&self.functions.snapshot) as Arc<dyn FunctionUrls>
    }

    /// Tells `observer` of every change from now on.
    pub fn observe(&self, observer: Arc<dyn CatalogObserver>) {
        self.functions.observe(observer);
    }

    /// Has `preparation` initialise what is to be ahead of demand. Until then SnapStart and
    /// provisioned concurrency are refused, and versions whose snapshot is to be made wait.
    pub fn prepare_with(&self, preparation: Arc<dyn Preparation>) {
        self.preparation.join(preparation);
    }

    /// Whether variables were in the store in clear once, and what is free in its files may still have
    /// them. [`Lambda::scrubbed`] says that it has not.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn is_unscrubbed(&self) -> Result<bool, StoreError> {
        self.db.is_unscrubbed().await
    }

    /// # Errors
    /// When the store cannot be written.
    pub async fn scrubbed(&self) -> Result<(), StoreError> {
        self.db.scrubbed().await
    }

    async fn load(self: &Arc<Self>) -> Result<(), OpenError> {
        for entry in self.functions.load().await? {
            let mut found = Vec::new();
            for config in entry.lacking() {
                found.extend(self.packages.find(&self.live, config).await?);
            }
            self.functions.supply_files(&entry.key, &found).await;
            activation::start_if_needed(self, &entry.key);
        }
        Ok(())
    }

    fn download_key(&self) -> hmac::digest::Key<hmac::Hmac<sha2::Sha256>> {
        let mut key = hmac::digest::Key::<hmac::Hmac<sha2::Sha256>>::default();
        key[..self.download_secret.len()].copy_from_slice(&self.download_secret);
        key
    }
}

#[cfg(test)]
mod tests;
