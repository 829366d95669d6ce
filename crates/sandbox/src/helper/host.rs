//! What the helper found on this host and decided to use.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::{Duration, Instant};

use rustix::mount::{MountPropagationFlags, mount_change};

use super::area::Area;
use crate::cgroup::{Cgroups, Layout};
use crate::doctor;
use crate::error::{Errno, SetupError};
use crate::landlock::Layer;
use crate::net::Nat;
use crate::protocol::HelperOptions;
use crate::seccomp::{self, Filter};
use crate::spec::{Level, Network};
use crate::sys::{self, Fork};
use crate::tmp_volume::{self, TmpKind};

/// Enough for a file system to be made.
const TRIAL_BYTES: u64 = 4 << 20;

/// How long a new helper waits for what is left of the one before it.
const PATIENCE: Duration = Duration::from_secs(5);

/// What was found: the basis of every decision, and of the doctor's report.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) level: Level,
    pub(crate) layout: Layout,
    pub(crate) tmp: TmpKind,
    /// Why a disk image was tried for `/tmp`, and did not work.
    pub(crate) tmp_problem: Option<String>,
    pub(crate) network: Network,
    pub(crate) landlock: Layer,
    /// Why namespaces cannot be made, if they cannot.
    pub(crate) namespaces_problem: Option<String>,
    /// Why the cgroup that was found is not used.
    pub(crate) cgroup_problem: Option<String>,
    /// Why the packet filter cannot be used, where the network needs it.
    pub(crate) filter_problem: Option<String>,
}

impl Facts {
    /// Looks without changing anything but a file without a name in `state_dir`.
    pub(crate) fn gather(state_dir: &Path, network: Network) -> Self {
        let level = if is_privileged() { Level::Root } else { Level::User };
        Self {
            level,
            layout: Layout::detect(level),
            tmp: tmp_kind(level, state_dir),
            tmp_problem: None,
            network,
            landlock: Layer::found(),
            namespaces_problem: try_namespaces().err().map(|errno| errno.to_string()),
            cgroup_problem: None,
            filter_problem: match (network, level) {
                (Network::Nat, Level::Root) => try_filter().err(),
                _ => None,
            },
        }
    }

    /// Whether a cgroup can limit what a sandbox uses of this, by the controller's name in v2.
    pub(crate) fn controls(&self, controller: &str) -> bool {
        self.layout.v1.is_some() || self.layout.v2.as_ref().is_some_and(|v2| v2.has(controller))
    }
}

/// Root with the capability that namespaces and mounts take: in a plain container, root lacks it.
pub(crate) fn is_privileged() -> bool {
    let administers = caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_ADMIN);
    rustix::process::geteuid().is_root() && administers.unwrap_or(false)
}

fn tmp_kind(level: Level, state_dir: &Path) -> TmpKind {
    let writable =
        |path: &Path, flags: i32| File::options().read(true).write(true).custom_flags(flags).open(path).is_ok();
    let usable = level == Level::Root
        && tmp_volume::find_mkfs().is_some()
        && writable(Path::new("/dev/loop-control"), 0)
        // The folder may not exist yet when only the doctor asks.
        && (!state_dir.exists() || writable(state_dir, libc::O_TMPFILE));
    if usable { TmpKind::DiskImage } else { TmpKind::Memory }
}

/// The host as prepared for slots.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) options: HelperOptions,
    pub(super) facts: Facts,
    /// First host id of the first slot.
    pub(super) first_id: u32,
    _area: Option<Area>,
    /// The helper's user and group id.
    pub(super) ids: (u32, u32),
    /// None where no cgroup can be made.
    pub(super) cgroups: Option<Cgroups>,
    pub(super) mount_point: PathBuf,
    pub(super) seccomp: Rc<Filter>,
    /// With an outbound network.
    pub(super) nat: Option<Rc<Nat>>,
    /// Locked as long as we live.
    _state_lock: File,
}

impl Host {
    /// Makes folders and parent groups, and removes what an earlier run left.
    pub(super) fn prepare(options: HelperOptions) -> Result<Self, String> {
        make_private_dir(&options.state_dir)?;
        let state_lock = lock(&options.state_dir)?;
        let mut facts = Facts::gather(&options.state_dir, options.network);
        if options.without_cgroup_v2 {
            facts.layout.v2 = None;
        }
        let mount_point = options.state_dir.join("root");
        make_private_dir(&mount_point)?;
        if facts.tmp == TmpKind::DiskImage {
            try_disk_image(&mut facts, &options.state_dir, &mount_point);
        }
        let namespaces = doctor::namespaces(&facts);
        if let Some(advice) = &namespaces.how_to_improve {
            return Err(format!("sandboxes are made of namespaces: {}; to change it: {advice}", namespaces.detail));
        }
        let cgroups = prepare_cgroups(&mut facts, &options.cgroup_parent)?;
        let area = match facts.level {
            Level::Root => Some(Area::claim(&options.state_dir)?),
            Level::User => None,
        };
        Ok(Self {
            nat: prepare_nat(&options, area.as_ref())?,
            // At the user level there is but one id to be had.
            first_id: options.uid_base.or(area.as_ref().map(Area::first_id)).unwrap_or_default(),
            _area: area,
            ids: (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw()),
            seccomp: Rc::new(seccomp::compile()?),
            options,
            facts,
            cgroups,
            mount_point,
            _state_lock: state_lock,
        })
    }

    pub(super) fn remove(&self) {
        if let Some(cgroups) = &self.cgroups {
            cgroups.remove();
        }
        if let Some(nat) = &self.nat {
            nat.remove();
        }
        let _ = fs::remove_dir(&self.mount_point);
    }
}

/// Mounts a small disk image once, in a process and a mount namespace that end with it: containers may have loop
/// devices to see and not to use.
fn try_disk_image(facts: &mut Facts, state_dir: &Path, mount_point: &Path) {
    if let Err(problem) = mount_disk_image_aside(state_dir, mount_point) {
        facts.tmp = TmpKind::Memory;
        facts.tmp_problem = Some(problem);
    }
}

fn mount_disk_image_aside(state_dir: &Path, mount_point: &Path) -> Result<(), String> {
    in_a_process(libc::CLONE_NEWNS, || {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        let mounted = mount_change("/", private).map_err(|errno| SetupError::PrivateMounts(errno.into()));
        mounted
            .and_then(|()| tmp_volume::mount_fresh(TmpKind::DiskImage, state_dir, TRIAL_BYTES, None, mount_point))
            .map_err(|error| error.to_string())
    })
}

/// Tries something in a process with namespaces of its own, which end with it.
fn in_a_process(namespaces: i32, attempt: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
    let (mut report, mut problem) = std::io::pipe().map_err(|error| error.to_string())?;
    match sys::fork(namespaces, None).map_err(|errno| errno.to_string())? {
        Fork::Child => sys::run_child(|| {
            let told = attempt().map_or_else(|error| problem.write_all(error.as_bytes()), Ok);
            i32::from(told.is_err())
        }),
        Fork::Parent { pid } => {
            drop(problem);
            let mut text = String::new();
            let read = report.read_to_string(&mut text);
            let _ = sys::reap_one(pid);
            match (read, text.is_empty()) {
                (Ok(_), true) => Ok(()),
                (Ok(_), false) => Err(text),
                (Err(error), _) => Err(error.to_string()),
            }
        }
    }
}

/// Root must have its cgroups; an ordinary user has them where it was given some, and does without otherwise.
fn prepare_cgroups(facts: &mut Facts, name: &str) -> Result<Option<Cgroups>, String> {
    let found = std::mem::take(&mut facts.layout);
    let prepared = match facts.level {
        Level::Root => Cgroups::prepare(found, name).map(Some)?,
        Level::User if found.v2.is_none() => None,
        Level::User => {
            try_cgroups(found, name).inspect_err(|problem| facts.cgroup_problem = Some(problem.clone())).ok()
        }
    };
    facts.layout = prepared.as_ref().map(|cgroups| cgroups.layout().clone()).unwrap_or_default();
    Ok(prepared)
}

fn try_cgroups(layout: Layout, name: &str) -> Result<Cgroups, String> {
    let cgroups = Cgroups::prepare(layout, name)?;
    match cgroups.try_out() {
        Ok(()) => Ok(cgroups),
        Err(problem) => {
            cgroups.remove();
            Err(problem)
        }
    }
}

/// Makes all namespaces of a sandbox once, for a process that ends at once.
fn try_namespaces() -> Result<(), Errno> {
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWCGROUP;
    match sys::fork(all, None)? {
        // Nothing else: the doctor may ask from a process with threads.
        Fork::Child => sys::exit_now(0),
        Fork::Parent { pid } => sys::reap_one(pid).map(drop),
    }
}

/// Writes the packet filter's table in a network namespace that ends with its one process.
fn try_filter() -> Result<(), String> {
    in_a_process(libc::CLONE_NEWNET, || Nat::new(std::net::Ipv4Addr::new(10, 0, 0, 0)).prepare())
}

fn prepare_nat(options: &HelperOptions, area: Option<&Area>) -> Result<Option<Rc<Nat>>, String> {
    if options.network == Network::Loopback {
        return Ok(None);
    }
    let Some(area) = area else {
        return Err("network mode nat needs root: start the server as root, or configure loopback".to_owned());
    };
    let nat = Nat::new(options.nat_network.unwrap_or(area.network()));
    // The kernel takes the links of dead sandboxes away in its own time.
    if !eventually(|| nat.is_clear()) {
        return Err(format!("links of dead sandboxes in {nat:?} stay, expected the kernel to take them away"));
    }
    nat.prepare()?;
    Ok(Some(Rc::new(nat)))
}

fn make_private_dir(path: &Path) -> Result<(), String> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| format!("failed to make the folder {}: {error}", path.display()))
}

fn lock(path: &Path) -> Result<File, String> {
    let dir = File::open(path).map_err(|error| format!("failed to open {}: {error}", path.display()))?;
    if eventually(|| dir.try_lock().is_ok()) {
        return Ok(dir);
    }
    Err(format!("the folder {} is in use by another sandbox helper, expected one for each server", path.display()))
}

/// Asks again and again while the helper before this one, or the kernel behind it, may still be cleaning up.
fn eventually(is_so: impl Fn() -> bool) -> bool {
    let start = Instant::now();
    while !is_so() {
        if start.elapsed() > PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}
