//! A parked environment: from an interpreter that belongs to nobody to a function's runtime.

use std::path::PathBuf;
use std::time::Duration;

use hearth_model::{LogFormat, Logging};
use hearth_sandbox::{Bind, Limits, Sandbox, Snapshot};
use tokio::time::timeout;

use super::base::Base;
use super::launch::Launch;
use super::link::{Link, Said};
use super::open::new_id;
use super::output::Output;
use super::process::{Held, Runtime};
use crate::parking::LotKey;
use crate::runtime_api::Services;
use crate::service::Plane;

/// An interpreter that is not up by then never will be.
const BOOT: Duration = Duration::from_secs(20);

/// Enough for any interpreter's boot; a function's own limit replaces it.
const BOOT_MEMORY: u64 = 512 << 20;

/// Where the dynamic linker will look for what the function brings. It notes at its first search which
/// of the folders of `LD_LIBRARY_PATH` are there, and never looks into the others again.
const LIBRARIES: [&str; 2] = ["/opt/lib", "/var/task/lib"];

/// An interpreter that waits, frozen, to be told which function it is.
pub(crate) struct Parked {
    sandbox: Sandbox,
    link: Link,
    output: Output,
}

impl Parked {
    /// Boots one.
    ///
    /// # Errors
    /// What went wrong, for the server's log.
    pub(crate) async fn boot(plane: &Plane, base: &Base, key: &LotKey) -> Result<Self, String> {
        plane.workshop.prepare(&base.runtime).await?;
        let mut parked = Self::start(plane, base, key).await?;
        match timeout(BOOT, parked.link.listen()).await {
            Ok(Said::Parked) => {}
            Ok(Said::Closed) => {
                return Err(format!("the interpreter ended: {:?}", parked.sandbox.wait().await.status));
            }
            Ok(other) => return Err(format!("expected the interpreter to be parked, found {other:?}")),
            Err(_) => return Err(format!("the interpreter was not up after {} seconds", BOOT.as_secs())),
        }
        parked.sandbox.freeze().map_err(|error| error.to_string())?;
        Ok(parked)
    }

    async fn start(plane: &Plane, base: &Base, key: &LotKey) -> Result<Self, String> {
        // Whatever it prints now has no function's log to go to; the function's setting comes later.
        let logging = Logging {
            format: LogFormat::Text,
            application_level: None,
            system_level: None,
            group: String::new(),
            custom_group: false,
        };
        let (output, writers) = Output::open(&logging, plane.clock.clone()).map_err(|error| error.to_string())?;
        let (link, theirs) = Link::channel().map_err(|error| error.to_string())?;
        let launch = key.launch(base).ok_or("the runtime cannot wait for its function")?;
        let environment = launch.environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let process = base.process(launch.argv, environment, writers, Some(theirs));
        let mut spec = base.sandbox(new_id(plane), Limits::new(BOOT_MEMORY), key.tmp_bytes(), Some(process));
        spec.dirs.extend(LIBRARIES.map(PathBuf::from));
        let sandbox = plane.workshop.sandboxes.create(spec).await.map_err(|error| error.to_string())?;
        Ok(Self { sandbox, link, output })
    }

    /// Becomes a function's: its mounts and limits first, then its variables, upon which the
    /// bootstrap loads the handler. `held`: it is told those [later](Runtime::start_held).
    ///
    /// # Errors
    /// What went wrong, for the server's log; another runtime is to be started then.
    pub(super) async fn specialise(
        self,
        launch: &Launch,
        variables: Vec<(String, String)>,
        plane: &Plane,
        services: &Services,
        held: bool,
    ) -> Result<Runtime, String> {
        let Self { sandbox, link, mut output } = self;
        sandbox.thaw().map_err(|error| error.to_string())?;
        sandbox.specialise(binds(launch), launch.limits()).await.map_err(|error| error.to_string())?;
        output.adopt(&launch.spec.logging);
        let told = Some(Held::Told(variables));
        let mut runtime =
            Runtime::join(sandbox, link, output, told, services, &plane.tasks).map_err(|error| error.to_string())?;
        if !held {
            runtime.tell_held().await.map_err(|error| error.to_string())?;
        }
        Ok(runtime)
    }

    /// Becomes a copy of an initialised process of the function, with mounts and limits as ever.
    ///
    /// # Errors
    /// What went wrong, for the server's log.
    pub(super) async fn become_copy(
        self,
        launch: &Launch,
        snapshot: &Snapshot,
        plane: &Plane,
        services: &Services,
    ) -> Result<Runtime, String> {
        let Self { sandbox, link, mut output } = self;
        sandbox.thaw().map_err(|error| error.to_string())?;
        sandbox.specialise(binds(launch), launch.limits()).await.map_err(|error| error.to_string())?;
        sandbox.restore(snapshot).await.map_err(|error| error.to_string())?;
        output.adopt(&launch.spec.logging);
        Runtime::join(sandbox, link, output, None, services, &plane.tasks).map_err(|error| error.to_string())
    }
}

/// What the function brings. Without layers `/opt` is empty, as in a sandbox of its own.
fn binds(launch: &Launch) -> Vec<Bind> {
    let base = &launch.base;
    let mut binds = launch.binds();
    if launch.spec.layers.is_none() && !base.occupies_opt() {
        binds.push(Bind::read_only(base.bootstraps.nothing(), "/opt"));
    }
    binds
}
