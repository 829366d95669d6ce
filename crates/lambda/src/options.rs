//! What the control plane is built of.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use hearth_core::{Clock, Random, Shutdown, Tasks};
use hearth_image::Images;
use hearth_model::{
    Architecture, Destinations, EventSources, FunctionRoles, Networks, Objects, Region, VariableKeys, arn,
};
use hearth_store::{Blobs, Documents};
use sha2::{Digest, Sha256};

use crate::live::HotReload;

/// Gives a warning when the host lacks a runtime such as `java21`; the function is made all the
/// same.
pub type RuntimeCheck = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Folders of the host by the ARNs of the access points that they stand in for.
pub type FileSystems = BTreeMap<String, PathBuf>;

/// Knows the version of each runtime in use.
#[derive(Clone, Default)]
pub struct RuntimeVersions(Option<Arc<RuntimeVersion>>);

type RuntimeVersion = dyn Fn(&str, &Region) -> Option<String> + Send + Sync;

impl RuntimeVersions {
    /// `find` gives the ARN of a runtime's version, and `None` when the host lacks the runtime.
    #[must_use]
    pub fn new(find: impl Fn(&str, &Region) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(find)))
    }

    /// The ARN of the version in use. One that the host lacks has one all the same: its id stands for
    /// the name.
    pub(crate) fn arn(&self, runtime: &str, region: &Region) -> String {
        let found = self.0.as_ref().and_then(|find| find(runtime, region));
        found.unwrap_or_else(|| {
            // As the service's ids: 64 hexadecimal digits.
            let id = hex::encode(Sha256::digest(format!("hearth runtime {runtime}")));
            arn::runtime_version(region, &id)
        })
    }
}

impl fmt::Debug for RuntimeVersions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RuntimeVersions")
    }
}

/// Everything [`crate::Lambda::open`] needs.
#[derive(Clone)]
pub struct Options {
    pub clock: Clock,
    pub random: Random,
    pub tasks: Tasks,
    pub shutdown: Shutdown,
    pub documents: Arc<dyn Documents>,
    pub blobs: Arc<dyn Blobs>,
    /// Unpacked packages; made when absent, safe to delete while the server is down.
    pub code_cache_dir: PathBuf,
    pub limits: AccountLimits,
    /// What functions run on: see [`host_architecture`].
    pub host_architecture: Architecture,
    /// Signs the links to packages. Links end with the server when it is drawn at start.
    pub download_secret: [u8; 32],
    pub runtime_check: Option<RuntimeCheck>,
    pub runtime_versions: RuntimeVersions,
    /// Says which queues and streams mappings can read; `None` takes them all.
    pub event_sources: Option<Arc<dyn EventSources>>,
    /// Scheme and host below which function URLs have their names, when it is not this machine: see
    /// the setting `http.url_base`.
    pub url_base: Option<String>,
    /// Knows the networks that functions can be in; `None` knows none.
    pub networks: Option<Arc<dyn Networks>>,
    /// Folders of the host that functions may mount.
    pub file_systems: FileSystems,
    /// Says which roles functions can have; `None` takes them all.
    pub roles: Option<Arc<dyn FunctionRoles>>,
    /// The way to container images.
    pub images: Images,
    /// Their trees; made when absent. What is lost is pulled again.
    pub images_dir: PathBuf,
    /// Gives packages out of buckets; without it there is no bucket.
    pub objects: Option<Arc<dyn Objects>>,
    /// The folders that functions may run as they stand.
    pub hot_reload: HotReload,
    /// Encrypts what is stored of functions' variables; `None` stores them as they are.
    pub keys: Option<Arc<dyn VariableKeys>>,
    /// What records of events can be sent to; `None` refuses all but functions.
    pub destinations: Option<Arc<dyn Destinations>>,
}

/// What an account may have in a region. Defaults: AWS's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLimits {
    pub concurrent_executions: u32,
    /// Bytes of all deployment packages together.
    pub total_code_bytes: u64,
}

impl Default for AccountLimits {
    /// Source: fact sheet "Lambda control-plane API", section 8.3.
    fn default() -> Self {
        Self {
            concurrent_executions: 1_000,
            total_code_bytes: 80_530_636_800,
        }
    }
}

/// The architecture that this program was built for, and so runs on.
#[must_use]
pub const fn host_architecture() -> Architecture {
    if cfg!(target_arch = "aarch64") { Architecture::Arm64 } else { Architecture::X86_64 }
}
