//! From a prepared slot to a running sandbox.

use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use super::prepare::Prepared;
use super::process::{self, Running};
use super::{SlotSetup, Step, identity, root};
use crate::error::SetupError;
use crate::landlock;
use crate::protocol::{self, FIRST_REQUEST, FromSlot, Role, StartPlan};
use crate::seccomp::Filter;
use crate::spec::{Level, Limits};

/// What [`super::init`] looks after.
pub(super) struct Sandbox<'a> {
    pub(super) control: &'a OwnedFd,
    pub(super) shape: Shape,
    /// The processes that were asked for and have not ended.
    pub(super) running: Vec<Running>,
}

/// What every such process of this sandbox has in common.
pub(super) struct Shape {
    pub(super) level: Level,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) limits: Limits,
    pub(super) seccomp: Rc<Filter>,
    /// See [`super::memory_guard`].
    pub(super) guard_memory: bool,
}

pub(super) fn start<'a>(
    setup: &'a SlotSetup,
    prepared: Prepared,
    plan: StartPlan,
    fds: Vec<OwnedFd>,
) -> Result<Sandbox<'a>, SetupError> {
    // 1. The caller's folders and files.
    root::fill(&setup.mount_point, &plan, prepared.user_namespace.as_ref().map(AsFd::as_fd))?;

    // 2. A name of its own.
    nix::unistd::sethostname(&plan.hostname).step(|errno| SetupError::Hostname {
        name: plan.hostname.clone(),
        errno,
    })?;

    // 3. The listeners on the sandbox's own loopback, made here so that no other sandbox can reach them.
    let listeners = plan.listen.iter().copied().map(listen).collect::<Result<Vec<_>, _>>()?;

    // 4. Nothing in the root changes any more, but /tmp.
    root::seal(&setup.mount_point)?;

    // 5. The host's files are out of reach from here on.
    root::enter(&setup.mount_point)?;

    // 6. So is the host's root user: the rest is done with a few capabilities over this sandbox alone.
    prepared.user_namespace.map_or(Ok(()), identity::enter_user_namespace)?;

    // 7. Files once more, by path: a layer behind the mounts. Takes a capability that the next step gives up.
    let writable = plan.binds.iter().filter(|bind| !bind.read_only).map(|bind| bind.target.as_path());
    landlock::enclose(setup.landlock, writable).step(SetupError::Landlock)?;

    // 8. Most of the capabilities.
    identity::become_init(setup.level)?;

    // 9. The main process, if there is one yet.
    let shape = Shape {
        level: setup.level,
        uid: setup.uid,
        gid: setup.gid,
        limits: plan.limits,
        seccomp: Rc::clone(&setup.seccomp),
        guard_memory: setup.guard_memory,
    };
    let mut running = Vec::new();
    if let Some(plan) = &plan.process {
        running.push(process::spawn(&shape, plan, fds, (FIRST_REQUEST, Role::Main))?);
    }

    // 10. Tell the server, which gets the listeners; our copies end here. A server that is gone is noticed later.
    let started = FromSlot::Answer {
        request: FIRST_REQUEST,
        error: None,
    };
    let fds: Vec<_> = listeners.iter().map(AsFd::as_fd).collect();
    let _ = protocol::send(setup.control.as_fd(), &started, &fds);
    Ok(Sandbox {
        control: &setup.control,
        shape,
        running,
    })
}

pub(super) fn listen(port: u16) -> Result<TcpListener, SetupError> {
    let failed = |errno| SetupError::Listen { port, errno };
    let listener = TcpListener::bind(("127.0.0.1", port)).step(failed)?;
    listener.set_nonblocking(true).step(failed)?;
    Ok(listener)
}
