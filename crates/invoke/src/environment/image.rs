//! Copies of an initialised process: a cold start of a snapshotted version puts one into the place of
//! a parked interpreter, so that the init runs once for all of its environments.
//!
//! Not every process can be copied (see `hearth_sandbox::Sandbox::snapshot`); where it cannot,
//! initialised environments stand in for copies.

use std::sync::Arc;

use hearth_model::FunctionSpec;
use hearth_sandbox::Snapshot;
use tokio::time::Instant;

use super::actor::Environment;
use super::crew::Crew;
use super::launch::Launch;
use super::open::{new_id, open_journal, stream_name};
use super::parked::Parked;
use super::process::Runtime;
use crate::parking::LotKey;
use crate::pool::Pool;
use crate::report::InitializationType;
use crate::runtime_api::Services;
use crate::service::Plane;

/// A copied process.
#[derive(Clone, Debug)]
pub(crate) struct Image {
    snapshot: Snapshot,
    /// Its variables hold it.
    credentials_token: Option<String>,
    /// Into whose place it can be put.
    lot: LotKey,
    /// Of the version as it was.
    pub(crate) generation: u64,
}

impl Environment {
    /// Copies the process, whose init is over. `None` when it is one that cannot be copied.
    pub(super) async fn copy(&mut self) -> Option<Image> {
        let lot = LotKey::of(&self.spec, &self.launch.base).filter(|_| self.at_restore)?;
        let snapshot = match self.runtime.sandbox.snapshot().await {
            Ok(snapshot) => snapshot,
            Err(error) => {
                let (function, version) = (&self.spec.name, self.spec.version);
                tracing::info!(%function, %version, %error, "no copies: initialised environments stand in");
                return None;
            }
        };
        tracing::debug!(function = %self.spec.name, bytes = snapshot.bytes(), "copied an initialised process");
        Some(Image {
            snapshot,
            credentials_token: self.launch.credentials_token.clone(),
            lot,
            generation: self.spec.generation,
        })
    }

    /// An environment that goes on from where the copied process waited for its restore.
    ///
    /// # Errors
    /// What went wrong, for the server's log.
    pub(super) async fn open_copy(
        plane: &Arc<Plane>,
        pool: &Arc<Pool>,
        spec: Arc<FunctionSpec>,
        image: &Image,
    ) -> Result<Self, String> {
        let born = Instant::now();
        let runtime = plane.workshop.runtimes.resolve(&spec.runtime).map_err(|error| error.to_string())?;
        let launch = Launch {
            base: plane.workshop.base(runtime),
            log_stream: stream_name(plane, &spec, &new_id(plane)),
            credentials_token: image.credentials_token.clone(),
            initialization: InitializationType::SnapStart,
            spec,
        };
        let services = Services::new(plane, &launch);
        let mut crew = Crew::of(&launch, &services)?;
        crew.begin();
        let journal = open_journal(plane, &launch, &services);
        let runtime = place(plane, &launch, image, &services).await?;
        let mut environment = Self::assemble(plane, pool, launch, runtime, crew, journal, born);
        environment.at_restore = true;
        Ok(environment)
    }
}

async fn place(plane: &Plane, launch: &Launch, image: &Image, services: &Services) -> Result<Runtime, String> {
    let parked = match plane.parking.take(&image.lot, &launch.base) {
        Some(parked) => parked,
        None => Parked::boot(plane, &launch.base, &image.lot).await?,
    };
    parked.become_copy(launch, &image.snapshot, plane, services).await
}
