//! Everything about a sandbox that does not depend on who will use it.

use std::fs;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use nix::sched::CloneFlags;
use nix::sys::resource::{Resource, setrlimit};
use rustix::mount::{MountPropagationFlags, mount_change};

use super::process::NO_CORES;
use super::{SlotSetup, Step, identity, root};
use crate::error::{Errno, SetupError};
use crate::net::HostSide;
use crate::spec::Level;
use crate::{sys, tmp_volume};

/// What `start` continues from.
pub(super) struct Prepared {
    /// The user namespace to enter; at the user level the process is in it since its birth.
    pub(super) user_namespace: Option<OwnedFd>,
}

pub(super) fn prepare(setup: &mut SlotSetup) -> Result<Prepared, SetupError> {
    // 1. No descriptor of the helper stays, but those that this slot was given.
    close_inherited(setup).step(SetupError::CloseDescriptors)?;

    // 2. No slot outlives the helper, however that ends.
    identity::die_with_parent()?;

    // 3. Signals as in a fresh process: the helper blocks some.
    sys::reset_signals().step(SetupError::Signals)?;

    // 4. Into the v1 groups, while nobody waits: each first write costs the kernel a grace period (10 ms).
    for entry in setup.cgroup_entries.drain(..) {
        sys::write_at_start(&entry, "0").step(SetupError::CgroupEnter)?;
    }

    // 5. When the whole host runs out of memory, sandboxes go before the server.
    let _ = fs::write("/proc/self/oom_score_adj", "500");

    // 5a. While there is still the privilege to raise it from 0. Without, the main process has what the server has.
    let _ = setrlimit(Resource::RLIMIT_CORE, NO_CORES, NO_CORES);

    // 6. An ordinary user is born in a user namespace without ids; give it its one.
    if setup.level == Level::User {
        identity::map_self((setup.uid, setup.gid), setup.host_ids)?;
    }

    // 7. A foot in the host's network, if the sandbox is to be connected to it.
    let host_side = setup.nat.as_ref().map(|_| HostSide::open()).transpose().step(SetupError::Nat)?;

    // 8. The other namespaces. The cgroup one last in effect: its root is the group just entered.
    nix::sched::unshare(
        CloneFlags::CLONE_NEWNS
            | CloneFlags::CLONE_NEWIPC
            | CloneFlags::CLONE_NEWUTS
            | CloneFlags::CLONE_NEWNET
            | CloneFlags::CLONE_NEWCGROUP,
    )
    .step(SetupError::Unshare)?;

    // 9. A network namespace is born with its loopback down.
    sys::loopback_up().step(SetupError::Loopback)?;

    // 10. The link to the host; then the foot is withdrawn.
    if let (Some((nat, slot)), Some(host_side)) = (&setup.nat, host_side) {
        nat.connect(&host_side, *slot).step(SetupError::Nat)?;
    }

    // 11. Nothing mounted from here on is seen by the host, nor the other way round.
    mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC).step(SetupError::PrivateMounts)?;

    // 12. The root's skeleton: folders, /proc, /dev.
    root::mount_skeleton(&setup.mount_point)?;

    // 13. The writable /tmp, which belongs to the sandbox's own root user.
    let owner = (setup.level == Level::Root).then_some(setup.first_id);
    tmp_volume::mount_fresh(setup.tmp, &setup.state_dir, setup.tmp_bytes, owner, &setup.mount_point.join("tmp"))?;

    // 14. The user namespace with this slot's ids, to be entered at the end of `start`.
    let user_namespace = match setup.level {
        Level::Root => Some(identity::make_user_namespace(&setup.mount_point.join("proc"), setup.first_id)?),
        Level::User => None,
    };
    Ok(Prepared { user_namespace })
}

/// The standard descriptors become /dev/null, so that no later one gets their numbers and no message ends up in it.
fn close_inherited(setup: &SlotSetup) -> Result<(), Errno> {
    let null = fs::File::options().read(true).write(true).open("/dev/null")?;
    let standard = [0, 1, 2];
    for number in standard {
        sys::place_fd(null.as_fd(), number)?;
    }
    drop(null);
    let mut keep = standard.to_vec();
    keep.extend(setup.cgroup_entries.iter().map(AsRawFd::as_raw_fd));
    keep.push(setup.control.as_raw_fd());
    sys::close_all_except(&keep)
}
