//! A slot: the process that becomes a sandbox. It is process 1 in there, and outlives the main process.
//!
//! Its life has three parts. [`prepare`] runs in the background, before anyone asked: cgroups, namespaces, loopback,
//! the skeleton of the root, `/tmp`, the user namespace. [`start`] runs when a sandbox is wanted: the caller's mounts
//! and files, the change of root, giving up privileges, the main process. [`init`] then reaps and obeys.
//!
//! Each part is a numbered story: one step, one reason, one error variant.

mod identity;
mod init;
mod late;
mod memory_guard;
mod prepare;
mod process;
mod root;
mod start;

use std::fs::File;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::net::RecvFlags;

use crate::error::SetupError;
use crate::landlock;
use crate::net::Nat;
use crate::protocol::{self, FIRST_REQUEST, FromSlot, ToSlot};
use crate::seccomp::Filter;
use crate::spec::Level;
use crate::sys;
use crate::tmp_volume::TmpKind;

pub(crate) use late::{Late, LateNamespaces, failure_of, specialise};

/// What a slot is told at its birth.
pub(crate) struct SlotSetup {
    pub(crate) level: Level,
    /// To the helper first, then to the server.
    pub(crate) control: OwnedFd,
    /// `cgroup.procs` of the groups to enter.
    pub(crate) cgroup_entries: Vec<OwnedFd>,
    /// An empty folder of the host on which every slot mounts its root, each in its own mount namespace.
    pub(crate) mount_point: PathBuf,
    pub(crate) state_dir: PathBuf,
    pub(crate) tmp: TmpKind,
    pub(crate) tmp_bytes: u64,
    /// First host id of this slot's range.
    pub(crate) first_id: u32,
    /// With an outbound network: how, and as which slot.
    pub(crate) nat: Option<(Rc<Nat>, u32)>,
    /// The helper's own ids, which are all that an ordinary user may map.
    pub(crate) host_ids: (u32, u32),
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) seccomp: Rc<Filter>,
    pub(crate) landlock: landlock::Layer,
    /// Where no cgroup limits memory: each process limits its own.
    pub(crate) guard_memory: bool,
}

/// Runs a slot from its birth to its end. The process has just been forked into its pid namespace.
pub(crate) fn run(mut setup: SlotSetup) -> ! {
    sys::run_child(|| match live(&mut setup) {
        Ok(()) => 0,
        Err(_closed) => 1,
    })
}

fn live(setup: &mut SlotSetup) -> std::io::Result<()> {
    let prepared = prepare::prepare(setup);
    let setup = &*setup;
    let control = setup.control.as_fd();
    let prepared = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return protocol::send(control, &FromSlot::PrepareFailed(error), &[]),
    };
    let namespaces = open_namespaces(setup.level)?;
    let borrowed: Vec<_> = namespaces.iter().map(AsFd::as_fd).collect();
    protocol::send(control, &FromSlot::Prepared, &borrowed)?;
    drop(namespaces);
    // Wait to be wanted. A closed socket means that server and helper are gone: so are we.
    let Some((message, fds)) = protocol::receive(control, RecvFlags::empty())? else {
        return Ok(());
    };
    let ToSlot::Start(plan) = message else { return Ok(()) };
    match start::start(setup, prepared, *plan, fds) {
        Ok(sandbox) => init::serve(sandbox),
        Err(error) => {
            let failed = FromSlot::Answer {
                request: FIRST_REQUEST,
                error: Some(error),
            };
            protocol::send(control, &failed, &[])
        }
    }
}

/// What the helper needs to mount something later: see [`late`]. Given away while nothing but our own code has run
/// here; the helper could not open them itself at the user level, where it may not look into this process.
fn open_namespaces(level: Level) -> std::io::Result<Vec<File>> {
    let names: &[&str] = match level {
        Level::Root => &["mnt"],
        Level::User => &["mnt", "user"],
    };
    names.iter().map(|name| File::open(format!("/proc/self/ns/{name}"))).collect()
}

/// Shorthand for the many steps that fail with an error number.
trait Step<T> {
    fn step(self, error: impl FnOnce(crate::error::Errno) -> SetupError) -> Result<T, SetupError>;
}

impl<T, E: Into<crate::error::Errno>> Step<T> for Result<T, E> {
    fn step(self, error: impl FnOnce(crate::error::Errno) -> SetupError) -> Result<T, SetupError> {
        self.map_err(|cause| error(cause.into()))
    }
}
