//! One helper process and the conversation with it, from its start to its end.

use std::collections::HashMap;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};

use super::control::{receive, send};
use super::handles::Handles;
use super::sandbox::Home;
use super::supervisor::collect;
use crate::doctor;
use crate::error::{SandboxError, SetupError};
use crate::protocol::{FromHelper, HelperOptions, SPACE_FROM_HELPER, Specialised, ToHelper};
use crate::snapshot::SnapshotError;
use crate::spec::{Bind, Level, Limits, Mechanism, Options, SandboxSpec};
use crate::sys;

/// A helper that has begun. When it is dropped, the socket closes, and the process cleans up and ends by itself.
#[derive(Debug)]
pub(super) struct Helper {
    socket: AsyncFd<OwnedFd>,
    state: Mutex<State>,
    next_request: AtomicU64,
    pub(super) pid: u32,
}

#[derive(Debug, Default)]
struct State {
    leases: HashMap<u64, oneshot::Sender<Result<Leased, SetupError>>>,
    specialising: HashMap<u64, oneshot::Sender<Specialised>>,
    copying: HashMap<u64, oneshot::Sender<Result<Option<OwnedFd>, SnapshotError>>>,
    /// Slots that are leased, and who wants to know when nothing of them is left.
    live: HashMap<u32, watch::Sender<bool>>,
    is_gone: bool,
}

#[derive(Debug)]
struct Leased {
    handles: Handles,
    gone: watch::Receiver<bool>,
}

/// What a helper says of the host when it begins.
pub(super) struct Begun {
    pub(super) helper: Arc<Helper>,
    /// To be waited for when the helper has ended.
    pub(super) child: Child,
    pub(super) level: Level,
    pub(super) mechanisms: Vec<Mechanism>,
}

impl Helper {
    /// Starts the process and waits until it is ready. Before that it has removed what one before it left. Of one that
    /// fails nothing is left.
    pub(super) async fn begin(options: &Options) -> Result<Begun, SandboxError> {
        let (child, socket) = spawn(options)?;
        let begun = Self::greet(options, child.id(), socket).await;
        match begun {
            Ok((helper, level, mechanisms)) => Ok(Begun {
                helper: Arc::new(helper),
                child,
                level,
                mechanisms,
            }),
            Err(error) => {
                // The socket is closed, so it ends.
                collect(child).await;
                Err(error)
            }
        }
    }

    async fn greet(
        options: &Options,
        pid: u32,
        socket: OwnedFd,
    ) -> Result<(Self, Level, Vec<Mechanism>), SandboxError> {
        let helper = Self {
            socket: sys::watch(socket).map_err(SandboxError::Channel)?,
            state: Mutex::default(),
            next_request: AtomicU64::new(0),
            pid,
        };
        let begin = ToHelper::Begin(helper_options(options)?);
        send(&helper.socket, &begin, &[]).await.map_err(SandboxError::Channel)?;
        let (level, mechanisms) = match helper.next_message().await.map_err(SandboxError::Channel)? {
            Some((FromHelper::Began { level, mechanisms }, _)) => (level, mechanisms),
            Some((FromHelper::Refused(reason), _)) => return Err(SandboxError::HelperRefused(reason)),
            Some(_) => return Err(SandboxError::HelperRefused("unexpected first answer".into())),
            None => return Err(gone("it ended while it prepared the host")),
        };
        let missing = doctor::shortfall(options.min_level, &mechanisms);
        if level < options.min_level || !missing.is_empty() {
            return Err(SandboxError::LevelTooLow {
                found: level,
                wanted: options.min_level,
                missing,
            });
        }
        Ok((helper, level, mechanisms))
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state.lock().is_gone
    }

    /// Asks for a slot for this sandbox.
    pub(super) async fn lease(self: &Arc<Self>, spec: &SandboxSpec) -> Result<(Handles, Home), SandboxError> {
        let request = self.number();
        let ask = ToHelper::Lease {
            request,
            limits: spec.limits.clone(),
            tmp_bytes: spec.tmp_bytes,
        };
        let leased = self.ask(request, (&ask, &[]), |state| &mut state.leases).await??;
        let home = Home {
            helper: Arc::downgrade(self),
            lease: request,
            gone: leased.gone,
        };
        Ok((leased.handles, home))
    }

    pub(super) async fn specialise(
        &self,
        lease: u64,
        binds: Vec<Bind>,
        limits: Limits,
    ) -> Result<Specialised, SandboxError> {
        let request = self.number();
        let ask = ToHelper::Specialise {
            request,
            lease,
            binds,
            limits,
        };
        self.ask(request, (&ask, &[]), |state| &mut state.specialising).await
    }

    /// Copies the main process of a sandbox; see [`ToHelper::Snapshot`].
    pub(super) async fn snapshot(
        &self,
        lease: u64,
        descriptors: Vec<i32>,
        most_bytes: u64,
    ) -> Result<Result<OwnedFd, SnapshotError>, SandboxError> {
        let request = self.number();
        let ask = ToHelper::Snapshot {
            request,
            lease,
            descriptors,
            most_bytes,
        };
        let copied = self.ask(request, (&ask, &[]), |state| &mut state.copying).await?;
        Ok(copied.and_then(|copy| copy.ok_or_else(|| SnapshotError::Damaged("no descriptor".into()))))
    }

    /// Puts a copy into the place of the main process of a sandbox.
    pub(super) async fn restore(
        &self,
        lease: u64,
        copy: BorrowedFd<'_>,
    ) -> Result<Result<(), SnapshotError>, SandboxError> {
        let request = self.number();
        let ask = ToHelper::Restore { request, lease };
        let restored = self.ask(request, (&ask, &[copy]), |state| &mut state.copying).await?;
        Ok(restored.map(drop))
    }

    fn number(&self) -> u64 {
        self.next_request.fetch_add(1, Ordering::Relaxed)
    }

    async fn ask<T>(
        &self,
        request: u64,
        (message, fds): (&ToHelper, &[BorrowedFd<'_>]),
        waiting: impl Fn(&mut State) -> &mut HashMap<u64, oneshot::Sender<T>>,
    ) -> Result<T, SandboxError> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if state.is_gone {
                return Err(gone("another one is being started"));
            }
            waiting(&mut state).insert(request, answer);
        }
        if let Err(error) = send(&self.socket, message, fds).await {
            waiting(&mut self.state.lock()).remove(&request);
            return Err(match error.raw_os_error() {
                Some(libc::EPIPE | libc::ECONNRESET) => gone("another one is being started"),
                _ => SandboxError::Channel(error),
            });
        }
        answered.await.map_err(|_closed| gone("another one is being started"))
    }

    /// Asks it to clean up and end.
    pub(super) async fn shut_down(&self) {
        // It may be gone already.
        let _ = send(&self.socket, &ToHelper::Shutdown, &[]).await;
    }

    /// Reads what the helper says until it is gone. Dropping the senders then tells everyone who waits.
    pub(super) async fn read_answers(&self) {
        loop {
            let taken = match self.next_message().await {
                Ok(Some((message, fds))) => self.take(message, fds),
                Ok(None) => break,
                Err(error) => Err(error),
            };
            if let Err(error) = taken {
                tracing::error!("failed to understand the sandbox helper: {error}");
                break;
            }
        }
        // One that is not understood must end as well.
        let _ = rustix::net::shutdown(&self.socket, rustix::net::Shutdown::Both);
        *self.state.lock() = State {
            is_gone: true,
            ..State::default()
        };
    }

    async fn next_message(&self) -> io::Result<Option<(FromHelper, Vec<OwnedFd>)>> {
        receive::<_, SPACE_FROM_HELPER>(&self.socket).await
    }

    fn take(&self, message: FromHelper, fds: Vec<OwnedFd>) -> io::Result<()> {
        match message {
            FromHelper::Leased { request, slot, handles } => {
                let handles = Handles::new(&handles, fds)?;
                let (gone, watching) = watch::channel(false);
                let mut state = self.state.lock();
                state.live.insert(slot, gone);
                if let Some(waiting) = state.leases.remove(&request) {
                    // A caller that gave up drops the handles, which ends the slot.
                    let _ = waiting.send(Ok(Leased { handles, gone: watching }));
                }
            }
            FromHelper::LeaseFailed { request, error } => {
                if let Some(waiting) = self.state.lock().leases.remove(&request) {
                    let _ = waiting.send(Err(error));
                }
            }
            FromHelper::Specialised { request, outcome } => {
                if let Some(waiting) = self.state.lock().specialising.remove(&request) {
                    let _ = waiting.send(outcome);
                }
            }
            FromHelper::Copied { request, outcome } => {
                if let Some(waiting) = self.state.lock().copying.remove(&request) {
                    // A caller that gave up drops the copy.
                    let _ = waiting.send(outcome.map(|()| fds.into_iter().next()));
                }
            }
            FromHelper::Gone { slot } => {
                if let Some(gone) = self.state.lock().live.remove(&slot) {
                    let _ = gone.send(true);
                }
            }
            FromHelper::Warning(text) => tracing::warn!("{text}"),
            FromHelper::Began { .. } | FromHelper::Refused(_) => {}
        }
        Ok(())
    }
}

pub(super) fn gone(why: &str) -> SandboxError {
    SandboxError::HelperGone(why.to_owned())
}

fn spawn(options: &Options) -> Result<(Child, OwnedFd), SandboxError> {
    let spawn_failed = |source| SandboxError::HelperSpawn {
        program: options.helper.path.clone(),
        source,
    };
    let (ours, theirs) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)
        .map_err(|errno| SandboxError::Channel(errno.into()))?;
    rustix::io::ioctl_fionbio(&ours, true).map_err(|errno| SandboxError::Channel(errno.into()))?;
    let child = Command::new(&options.helper.path)
        .args(&options.helper.args)
        .env_clear()
        .stdin(Stdio::from(theirs))
        .stdout(Stdio::null())
        .spawn()
        .map_err(spawn_failed)?;
    Ok((child, ours))
}

fn helper_options(options: &Options) -> Result<HelperOptions, SandboxError> {
    Ok(HelperOptions {
        state_dir: absolute(&options.state_dir)?,
        cgroup_parent: options.cgroup_parent.clone(),
        uid_base: options.uid_base,
        uid: options.uid,
        gid: options.gid,
        pool_size: options.pool_size,
        tmp_bytes: options.tmp_bytes,
        network: options.network,
        nat_network: options.nat_network,
        without_cgroup_v2: options.without_cgroup_v2,
    })
}

fn absolute(path: &Path) -> Result<PathBuf, SandboxError> {
    std::path::absolute(path).map_err(SandboxError::Channel)
}
