//! What can go wrong: one variant per step, so that a message names the step, the thing and the cause.

use std::io;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::snapshot::SnapshotError;
use crate::spec::Level;

/// An error number that can cross a socket.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Errno(pub i32);

impl Errno {
    /// The calling thread's last error.
    pub(crate) fn last() -> Self {
        io::Error::last_os_error().into()
    }
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        io::Error::from_raw_os_error(self.0).fmt(f)
    }
}

impl std::fmt::Debug for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for Errno {}

impl From<io::Error> for Errno {
    fn from(error: io::Error) -> Self {
        Self(error.raw_os_error().unwrap_or(libc::EIO))
    }
}

impl From<nix::Error> for Errno {
    fn from(error: nix::Error) -> Self {
        Self(error as i32)
    }
}

impl From<rustix::io::Errno> for Errno {
    fn from(error: rustix::io::Errno) -> Self {
        Self(error.raw_os_error())
    }
}

/// A step of making a sandbox that failed, in the order of the steps.
#[derive(Debug, Clone, PartialEq, Eq, Error, Serialize, Deserialize)]
pub enum SetupError {
    #[error("failed to make the cgroup {path}: {errno}")]
    CgroupMake { path: PathBuf, errno: Errno },
    #[error("failed to write {value:?} to {path}: {errno}")]
    CgroupWrite { path: PathBuf, value: String, errno: Errno },
    #[error("failed to open {path}: {errno}")]
    CgroupOpen { path: PathBuf, errno: Errno },
    #[error("failed to start a process in new namespaces: {0} (are user and pid namespaces allowed here?)")]
    Clone(Errno),
    #[error("failed to make a channel: {0}")]
    Channel(Errno),
    #[error("failed to enter the sandbox's cgroup: {0}")]
    CgroupEnter(Errno),
    #[error("failed to close inherited descriptors: {0}")]
    CloseDescriptors(Errno),
    #[error("failed to tie the sandbox's life to the helper's: {0}")]
    DeathSignal(Errno),
    #[error("failed to map user and group ids into the sandbox ({file}): {errno}")]
    IdMap { file: String, errno: Errno },
    #[error("failed to make namespaces: {0}")]
    Unshare(Errno),
    #[error("failed to bring up the loopback interface: {0}")]
    Loopback(Errno),
    #[error("failed to connect the sandbox to the network: {0}")]
    Nat(Errno),
    #[error("failed to make mounts private: {0}")]
    PrivateMounts(Errno),
    #[error("failed to mount a {kind} on {target}: {errno}")]
    Mount { kind: String, target: PathBuf, errno: Errno },
    #[error("failed to make the disk image of /tmp ({step}): {errno}")]
    TmpImage { step: String, errno: Errno },
    #[error("failed to format the disk image of /tmp: mkfs.ext4 says {0:?}")]
    TmpFormat(String),
    #[error("failed to attach the disk image of /tmp to a loop device ({step}): {errno}")]
    LoopDevice { step: String, errno: Errno },
    #[error("failed to make the user namespace: {0}")]
    UserNamespace(Errno),
    #[error("failed to make {path} in the sandbox's root: {errno}")]
    RootEntry { path: PathBuf, errno: Errno },
    #[error("failed to open {source_path} for {target}: {errno}")]
    BindSource { source_path: PathBuf, target: PathBuf, errno: Errno },
    #[error(
        "failed to share the ids of {source_path}: {errno} (its file system must support id-mapped mounts, as ext4, XFS and tmpfs do and overlayfs does not)"
    )]
    ShareIds { source_path: PathBuf, errno: Errno },
    #[error("failed to restrict the mount of {source_path}: {errno} (mount_setattr needs Linux 5.12 or newer)")]
    BindAttributes { source_path: PathBuf, errno: Errno },
    #[error("failed to mount {source_path} on {target}: {errno}")]
    Bind { source_path: PathBuf, target: PathBuf, errno: Errno },
    #[error("failed to set the host name {name:?}: {errno}")]
    Hostname { name: String, errno: Errno },
    #[error("failed to listen on 127.0.0.1:{port} in the sandbox: {errno}")]
    Listen { port: u16, errno: Errno },
    #[error("failed to make the sandbox's root read-only: {0}")]
    ReadOnlyRoot(Errno),
    #[error("failed to change to the sandbox's root ({step}): {errno}")]
    PivotRoot { step: String, errno: Errno },
    #[error("failed to enter the user namespace: {0}")]
    EnterUserNamespace(Errno),
    #[error("failed to take the ids {uid}:{gid} inside the sandbox: {errno}")]
    Ids { uid: u32, gid: u32, errno: Errno },
    #[error("failed to give up capabilities ({step}): {errno}")]
    Capabilities { step: String, errno: Errno },
    #[error("failed to fork the main process: {0}")]
    Fork(Errno),
    #[error("failed to place descriptor {number}: {errno}")]
    PlaceDescriptor { number: i32, errno: Errno },
    #[error("failed to set the limit {name}: {errno}")]
    ResourceLimit { name: String, errno: Errno },
    #[error("failed to change to the working directory {path}: {errno}")]
    WorkingDirectory { path: PathBuf, errno: Errno },
    #[error("failed to start a session: {0}")]
    Session(Errno),
    #[error("failed to reset signals: {0}")]
    Signals(Errno),
    #[error("failed to forbid new privileges: {0}")]
    NoNewPrivileges(Errno),
    #[error("failed to confine by landlock: {0}")]
    Landlock(Errno),
    #[error("failed to load the system call filter: {0}")]
    Seccomp(Errno),
    #[error("failed to connect to 127.0.0.1:{port} in the sandbox: {errno}")]
    Connect { port: u16, errno: Errno },
    #[error("failed to start the process that specialises the sandbox: {0}")]
    SpecialiseFork(Errno),
    #[error("the process that specialises the sandbox ended before it was done")]
    SpecialiseDied,
    #[error("failed to enter the mount namespace: {0}")]
    EnterMountNamespace(Errno),
    #[error("failed to find {target} in the sandbox as a plain path: {errno}")]
    LateTarget { target: PathBuf, errno: Errno },
    #[error("a main process runs already, expected it to be ended first")]
    MainRuns,
    #[error("failed to execute {path}: {errno}")]
    Exec { path: PathBuf, errno: Errno },
    #[error("the sandbox's first process ended before it was ready")]
    DiedEarly,
}

/// Why a sandbox could not be made or used.
#[derive(Debug, Error)]
pub enum SandboxError {
    #[error("failed to start the sandbox helper {program}: {source}")]
    HelperSpawn { program: PathBuf, source: io::Error },
    #[error("the sandbox helper has ended, expected it to live as long as the server: {0}")]
    HelperGone(String),
    #[error("the sandbox helper refused to start: {0}")]
    HelperRefused(String),
    #[error(
        "isolation level is {found}, expected at least {wanted}; missing here: {}. Bring these into force, or lower the \
        minimum level",
        missing.join(", ")
    )]
    LevelTooLow {
        found: Level,
        wanted: Level,
        /// The mechanisms that the wanted level promises and that are not in force.
        missing: Vec<String>,
    },
    #[error("failed to exchange a message with the sandbox helper: {0}")]
    Channel(#[source] io::Error),
    #[error("invalid sandbox specification: {0}")]
    InvalidSpec(String),
    #[error(transparent)]
    Setup(#[from] SetupError),
    /// Of a snapshot; [`SnapshotError::Refused`] says why a process is none that can be copied.
    #[error("sandbox {id}: {source}")]
    Snapshot { id: String, source: SnapshotError },
    #[error("sandbox {id} has ended")]
    Ended { id: String },
    #[error("sandbox {id} did not {action} within {waited_ms} ms")]
    TimedOut { action: &'static str, id: String, waited_ms: u128 },
    #[error("failed to {action} sandbox {id}: {source}")]
    Control { action: &'static str, id: String, source: io::Error },
    #[error("cannot {action} sandbox {id}: {reason}")]
    Unsupported { action: &'static str, id: String, reason: &'static str },
}

impl SandboxError {
    /// The error number when everything was ready and executing the program itself failed
    /// (`ENOENT`, `EACCES`, `ENOEXEC` ...).
    pub fn exec_errno(&self) -> Option<i32> {
        match self {
            SandboxError::Setup(SetupError::Exec { errno, .. }) => Some(errno.0),
            _ => None,
        }
    }

    /// The error number when the working directory could not be entered.
    pub fn working_directory_errno(&self) -> Option<i32> {
        match self {
            SandboxError::Setup(SetupError::WorkingDirectory { errno, .. }) => Some(errno.0),
            _ => None,
        }
    }
}
