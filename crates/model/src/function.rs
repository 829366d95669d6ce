//! What the data plane needs to know of one function version.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::account::{AccountId, Region};
use crate::catalog::FunctionKey;
use crate::name::FunctionName;

/// Memory size in MiB (the API says MB and means MiB). 128 to 10,240.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryMib(pub u32);

impl MemoryMib {
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }

    /// CPU in thousandths of one vCPU: 1,769 MB are one.
    /// Source: "Configure Lambda function memory", AWS Lambda developer guide.
    #[must_use]
    pub fn cpu_milli(self) -> u32 {
        (self.0 * 1_000).div_ceil(1_769)
    }
}

/// Size of `/tmp` in MiB. 512 to 10,240.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StorageMib(pub u32);

impl StorageMib {
    #[must_use]
    pub fn bytes(self) -> u64 {
        u64::from(self.0) << 20
    }
}

/// Function timeout in seconds. 1 to 900.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimeoutS(pub u32);

/// A version: `$LATEST` or a published number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    Latest,
    Number(u64),
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.write_str("$LATEST"),
            Self::Number(n) => write!(f, "{n}"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Architecture {
    #[default]
    X86_64,
    Arm64,
}

impl Architecture {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::X86_64 => "x86_64",
            Self::Arm64 => "arm64",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    #[default]
    Text,
    Json,
}

/// Levels in rising severity. System logs use `Debug`, `Info` and `Warn` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

impl LogLevel {
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "TRACE",
            Self::Debug => "DEBUG",
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
            Self::Fatal => "FATAL",
        }
    }
}

/// Where and how a function logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logging {
    pub format: LogFormat,
    /// Present exactly when the format is JSON.
    pub application_level: Option<LogLevel>,
    /// Present exactly when the format is JSON.
    pub system_level: Option<LogLevel>,
    pub group: String,
    /// True when the group is not `/aws/lambda/<name>`: stream names then carry the function's.
    pub custom_group: bool,
}

/// A folder that is run as it stands and may change at any time.
pub trait LiveCode: fmt::Debug + Send + Sync + 'static {
    /// Which state it is in: the number rises with every change, and a change that was made before
    /// the call is in it. Asked at every lookup of a function that runs the folder.
    ///
    /// # Errors
    /// Why it cannot be run now, for people.
    fn look(&self) -> Result<u64, String>;
}

/// An unpacked, read-only deployment package. Whoever holds it keeps it from being collected.
#[derive(Debug)]
pub struct CodeDir {
    path: PathBuf,
    sha256_hex: String,
    live: Option<Arc<dyn LiveCode>>,
}

impl CodeDir {
    #[must_use]
    pub fn new(path: PathBuf, sha256_hex: String) -> Self {
        Self { path, sha256_hex, live: None }
    }

    /// A folder that is run as it stands: `path` is its own, without links, and `sha256_hex` names it.
    #[must_use]
    pub fn of_folder(path: PathBuf, sha256_hex: String, live: Arc<dyn LiveCode>) -> Self {
        Self {
            path,
            sha256_hex,
            live: Some(live),
        }
    }

    /// Says how the folder changes, when it is one that may.
    #[must_use]
    pub fn live(&self) -> Option<&Arc<dyn LiveCode>> {
        self.live.as_ref()
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    #[must_use]
    pub fn sha256_hex(&self) -> &str {
        &self.sha256_hex
    }
}

/// The process of a container image. The image's root is the function's [`FunctionSpec::code`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageProcess {
    /// Entry point and command, the function's own in the place of the image's.
    pub argv: Vec<String>,
    /// The image's variables, which the function's come over.
    pub environment: Vec<(String, String)>,
    /// Absolute.
    pub working_directory: String,
}

/// A folder of the host that a function sees, and may write to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSystem {
    pub folder: PathBuf,
    /// Where it is shown, `/mnt/<name>`.
    pub path: PathBuf,
}

/// One function version, ready to run: immutable, shared by every invocation of it.
#[derive(Clone, Debug)]
pub struct FunctionSpec {
    pub account: AccountId,
    pub region: Region,
    pub name: FunctionName,
    /// Unqualified.
    pub arn: String,
    pub version: Version,
    /// Differs between any two specs of the same function and version; an execution environment
    /// of an older generation is replaced.
    pub generation: u64,
    /// As in the API: `python3.12`, `nodejs20.x`, `provided.al2023` ...
    pub runtime: String,
    /// Empty for `provided` runtimes that were created without one.
    pub handler: String,
    pub role_arn: String,
    pub memory: MemoryMib,
    pub timeout: TimeoutS,
    pub storage: StorageMib,
    pub architecture: Architecture,
    /// The function's own variables, in the order given.
    pub environment: Vec<(String, String)>,
    pub logging: Logging,
    pub tracing_active: bool,
    pub file_systems: Vec<FileSystem>,
    /// Reserved concurrency of the function, shared by its versions.
    pub reserved_concurrency: Option<u32>,
    /// A published version that starts from an initialised snapshot (SnapStart).
    pub snap_start: bool,
    pub code: Arc<CodeDir>,
    /// For a container image, which has neither runtime nor handler.
    pub image: Option<ImageProcess>,
    /// The layers, unpacked over each other in their order (a later one wins); shown as `/opt`.
    pub layers: Option<Arc<CodeDir>>,
}

impl FunctionSpec {
    #[must_use]
    pub fn key(&self) -> FunctionKey {
        FunctionKey {
            account: self.account.clone(),
            region: self.region.clone(),
            name: self.name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_is_in_proportion_to_memory() {
        assert_eq!(MemoryMib(1_769).cpu_milli(), 1_000);
        assert_eq!(MemoryMib(128).cpu_milli(), 73);
        assert_eq!(MemoryMib(3_538).cpu_milli(), 2_000);
    }
}
