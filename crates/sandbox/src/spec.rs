//! What a caller says: the options of the whole service and the description of one sandbox.
//!
//! Plain values without behaviour, so that another driver (a microVM) could be asked in the same words.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::{OwnedFd, RawFd};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The hidden first argument with which the server's own binary is started again as the helper.
pub const HELPER_ARG: &str = "sandbox-helper";

/// How many host ids each sandbox gets: its ids `0..UID_RANGE` are `uid_base + slot * UID_RANGE ..` outside.
pub const UID_RANGE: u32 = 1024;

/// Which program is the helper. The default is the running binary with [`HELPER_ARG`].
#[derive(Debug, Clone)]
pub struct HelperProgram {
    pub path: PathBuf,
    pub args: Vec<OsString>,
}

impl Default for HelperProgram {
    fn default() -> Self {
        Self {
            path: PathBuf::from("/proc/self/exe"),
            args: vec![HELPER_ARG.into()],
        }
    }
}

/// What sandboxes can reach over the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Network {
    /// Only the sandbox's own loopback interface.
    #[default]
    Loopback,
    /// Loopback and, by address translation, what the host can reach outside.
    Nat,
}

/// How strong the isolation is. Ordered: `User < Root`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Level {
    /// An ordinary user: namespaces and seccomp hold, limits are weaker. [`crate::doctor`] names the gaps.
    User,
    /// Every mechanism that the host's kernel has.
    Root,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Level::User => "user",
            Level::Root => "root",
        })
    }
}

/// The options of [`crate::Sandboxes::start`].
#[derive(Debug, Clone)]
pub struct Options {
    pub helper: HelperProgram,
    /// For the mount point of the roots and the images of `/tmp`. Created with mode 0700.
    pub state_dir: PathBuf,
    /// The name of the cgroup under which all sandboxes live: one per running server on a host.
    pub cgroup_parent: String,
    /// First host user and group id of the sandboxes' ranges, see [`UID_RANGE`]. `None` claims an area that no other
    /// server on this host uses.
    pub uid_base: Option<u32>,
    /// User id inside every sandbox.
    pub uid: u32,
    /// Group id inside every sandbox.
    pub gid: u32,
    /// How many prepared slots are kept waiting.
    pub pool_size: usize,
    /// Size of `/tmp` in prepared slots, until demand shows another size.
    pub tmp_bytes: u64,
    pub network: Network,
    /// The network (of which the first two bytes count) that sandboxes get addresses from with [`Network::Nat`].
    /// `None` claims one that no other server on this host uses.
    pub nat_network: Option<Ipv4Addr>,
    /// [`crate::Sandboxes::start`] refuses when the host offers less.
    pub min_level: Level,
    /// For tests: as on a host that has only cgroup v1.
    #[doc(hidden)]
    pub without_cgroup_v2: bool,
}

impl Options {
    /// The defaults. The cgroup's name is derived from `state_dir`, so that two servers with two folders do not meet.
    pub fn new(state_dir: impl Into<PathBuf>) -> Self {
        let state_dir = state_dir.into();
        let hash = fnv1a(state_dir.as_os_str().as_encoded_bytes());
        Self {
            helper: HelperProgram::default(),
            cgroup_parent: format!("hearth-{:016x}", hash),
            state_dir,
            uid_base: None,
            uid: 993,
            gid: 990,
            pool_size: 4,
            tmp_bytes: 512 << 20,
            network: Network::Loopback,
            nat_network: None,
            min_level: Level::User,
            without_cgroup_v2: false,
        }
    }
}

/// FNV-1a: a name, not a secret; it only has to stay the same between two starts.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// A host folder or file shown inside. The source is followed through symbolic links, with its submounts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bind {
    pub source: PathBuf,
    /// Absolute, inside the sandbox. Its mount point is made unless an earlier bind covers it.
    pub target: PathBuf,
    pub read_only: bool,
    /// The way to the source must hold no symbolic link: whoever can write there could make one that leads elsewhere.
    pub plain_source: bool,
    /// Files have the ids on the host that they have inside, whichever sandbox made them. Only root can do that: an
    /// ordinary user's files are its own all the same.
    pub shares_ids: bool,
}

impl Bind {
    pub fn read_only(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            source: source.into(),
            target: target.into(),
            read_only: true,
            plain_source: false,
            shares_ids: false,
        }
    }

    /// A folder that several sandboxes write to, one after the other or at the same time.
    pub fn shared(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            read_only: false,
            shares_ids: true,
            ..Self::read_only(source, target)
        }
    }

    /// A folder that others than the server may change, see [`Bind::plain_source`].
    pub fn read_only_plain(source: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self {
            plain_source: true,
            ..Self::read_only(source, target)
        }
    }
}

/// A symbolic link in the sandbox's root, such as `/bin -> usr/bin`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    pub path: PathBuf,
    pub target: PathBuf,
}

/// A small file kept in memory, such as `/etc/passwd`. Parents are made with mode 0755.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SmallFile {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
    pub mode: u32,
}

/// A share of the processors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cpu {
    /// Thousandths of one processor per unit of time, enforced even on an idle host; `None` is no quota.
    pub quota_millis: Option<u32>,
    /// Relative weight under contention, 1..=10000; 100 is the kernel's default.
    pub weight: u32,
}

impl Default for Cpu {
    fn default() -> Self {
        Self {
            quota_millis: None,
            weight: 100,
        }
    }
}

/// What a sandbox may use at most.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory of all its processes, swap included. Going beyond kills inside this sandbox only.
    pub memory_bytes: u64,
    pub cpu: Cpu,
    /// Processes and threads.
    pub processes: u32,
    /// Open files of each process.
    pub open_files: u64,
    /// Soft limit of the main thread's stack.
    pub stack_bytes: u64,
    /// Memory that may be locked.
    pub memlock_bytes: u64,
}

impl Limits {
    pub fn new(memory_bytes: u64) -> Self {
        Self {
            memory_bytes,
            cpu: Cpu::default(),
            processes: 1024,
            open_files: 1024,
            stack_bytes: 8 << 20,
            memlock_bytes: 64 << 10,
        }
    }
}

/// A process of a sandbox: the main one, or a companion.
#[derive(Debug)]
pub struct Process {
    /// Executed as it stands, without a shell. A bare name is looked for, inside, in the folders of the `PATH` in `env`;
    /// a relative path begins at `cwd`.
    pub program: PathBuf,
    /// With `argv[0]`; when empty, the program's path alone.
    pub argv: Vec<OsString>,
    /// Exactly this and nothing else.
    pub env: Vec<(OsString, OsString)>,
    pub cwd: PathBuf,
    /// `None` is `/dev/null`. Standard input always is.
    pub stdout: Option<OwnedFd>,
    pub stderr: Option<OwnedFd>,
    /// Descriptors and the numbers (3 and up) they get in the process.
    pub inherit: Vec<(OwnedFd, RawFd)>,
}

impl Process {
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            argv: Vec::new(),
            env: Vec::new(),
            cwd: PathBuf::from("/"),
            stdout: None,
            stderr: None,
            inherit: Vec::new(),
        }
    }
}

/// A sandbox to be made. Everything in its root is read-only except `/tmp`.
#[derive(Debug)]
pub struct SandboxSpec {
    /// For logs and errors; need not be unique.
    pub id: String,
    pub hostname: String,
    /// In order; a later one may lie inside an earlier one if its mount point exists there.
    pub binds: Vec<Bind>,
    pub links: Vec<Link>,
    pub files: Vec<SmallFile>,
    /// Further empty folders.
    pub dirs: Vec<PathBuf>,
    /// Usable size of `/tmp`.
    pub tmp_bytes: u64,
    pub limits: Limits,
    /// Ports on the sandbox's own 127.0.0.1 to listen on from the start, two at the most, see
    /// [`crate::Sandbox::take_listener`].
    pub listen: Vec<u16>,
    /// The main process; without one the sandbox waits for [`crate::Sandbox::start_main`].
    pub process: Option<Process>,
}

impl SandboxSpec {
    pub fn new(id: impl Into<String>, limits: Limits, process: impl Into<Option<Process>>) -> Self {
        Self {
            id: id.into(),
            hostname: "localhost".into(),
            binds: Vec::new(),
            links: Vec::new(),
            files: Vec::new(),
            dirs: Vec::new(),
            tmp_bytes: 512 << 20,
            limits,
            listen: Vec::new(),
            process: process.into(),
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    pub status: ExitStatus,
    /// The kernel killed it because the sandbox's memory limit was reached. Judged by the kernel's count for the whole
    /// sandbox: a process killed otherwise, after the kernel had killed a child of another one, looks the same.
    pub oom_killed: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExitStatus {
    Code(i32),
    Signal(i32),
}

/// One isolation mechanism of this host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mechanism {
    pub name: String,
    pub in_force: bool,
    /// What was found.
    pub detail: String,
    /// The command or change that would bring it into force, when there is one.
    pub how_to_improve: Option<String>,
    /// What `hearth doctor --fix` may do about it.
    pub fixes: Vec<crate::doctor::Fix>,
}

/// Absolute, without `..`: the only form accepted for paths inside a sandbox.
pub(crate) fn is_plain_absolute(path: &Path) -> bool {
    use std::path::Component;
    let mut parts = path.components();
    parts.next() == Some(Component::RootDir) && parts.all(|part| matches!(part, Component::Normal(_)))
}
