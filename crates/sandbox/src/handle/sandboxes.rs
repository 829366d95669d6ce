//! The whole service: the helper process and the conversation with it.

use std::collections::HashMap;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use tokio::io::unix::AsyncFd;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use super::control::{receive, send};
use super::handles::Handles;
use super::sandbox::Sandbox;
use crate::error::{SandboxError, SetupError};
use crate::protocol::{FromHelper, HelperOptions, ToHelper};
use crate::spec::{Level, Mechanism, Options, SandboxSpec, is_plain_absolute};
use crate::sys;

/// Makes sandboxes. Cheap to clone; when the last clone is dropped, the helper ends and every sandbox with it.
#[derive(Clone, Debug)]
pub struct Sandboxes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    level: Level,
    mechanisms: Vec<Mechanism>,
    /// Reads the helper's answers. Ends with its socket; aborted on drop.
    reader: JoinHandle<()>,
    helper: Mutex<Option<Child>>,
}

/// What the reading task and the callers share.
#[derive(Debug)]
pub(super) struct Shared {
    socket: AsyncFd<OwnedFd>,
    state: Mutex<State>,
    next_request: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    leases: HashMap<u64, oneshot::Sender<Result<Leased, SetupError>>>,
    /// Slots that are leased, and who wants to know when nothing of them is left.
    live: HashMap<u32, watch::Sender<bool>>,
    helper_gone: bool,
}

#[derive(Debug)]
struct Leased {
    handles: Handles,
    gone: watch::Receiver<bool>,
}

impl Sandboxes {
    /// Starts the helper. Must be called within a tokio runtime with I/O enabled.
    ///
    /// # Errors
    /// When the helper cannot be started or refuses, or the host offers less than `min_level`.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let (child, socket) = spawn_helper(&options)?;
        let shared = Arc::new(Shared {
            socket: sys::watch(socket).map_err(SandboxError::Channel)?,
            state: Mutex::default(),
            next_request: AtomicU64::new(0),
        });
        let (level, mechanisms) = begin(&shared, &options).await?;
        if level < options.min_level {
            return Err(SandboxError::LevelTooLow {
                found: level,
                wanted: options.min_level,
            });
        }
        let reader = tokio::spawn(read_answers(Arc::clone(&shared)));
        Ok(Self {
            inner: Arc::new(Inner {
                shared,
                level,
                mechanisms,
                reader,
                helper: Mutex::new(Some(child)),
            }),
        })
    }

    /// The level that holds.
    pub fn level(&self) -> Level {
        self.inner.level
    }

    /// Each mechanism, in force or not, as the helper found it.
    pub fn mechanisms(&self) -> &[Mechanism] {
        &self.inner.mechanisms
    }

    /// Makes a sandbox and starts its main process. Returns when the program has been executed.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] names the step that failed; see [`SandboxError::exec_errno`] for a program that cannot be
    /// executed. Nothing is left of a sandbox that failed.
    pub async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        check(&spec)?;
        let leased = self.inner.shared.lease(&spec).await?;
        Sandbox::start(leased.handles, leased.gone, spec).await
    }

    /// Ends every sandbox and the helper, and waits until it is gone.
    pub async fn shutdown(&self) {
        // The helper may be gone already, which is what is wanted.
        let _ = send(&self.inner.shared.socket, &ToHelper::Shutdown, &[]).await;
        let child = self.inner.helper.lock().take();
        if let Some(mut child) = child {
            let _ = tokio::task::spawn_blocking(move || child.wait()).await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.reader.abort();
        // The socket closes with the last reference, and the helper cleans up and ends. It is left to the
        // kernel to collect it: waiting here would block.
    }
}

fn spawn_helper(options: &Options) -> Result<(Child, OwnedFd), SandboxError> {
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

async fn begin(shared: &Shared, options: &Options) -> Result<(Level, Vec<Mechanism>), SandboxError> {
    let begin = ToHelper::Begin(HelperOptions {
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
    });
    send(&shared.socket, &begin, &[]).await.map_err(SandboxError::Channel)?;
    match receive(&shared.socket).await.map_err(SandboxError::Channel)? {
        Some((FromHelper::Began { level, mechanisms }, _)) => Ok((level, mechanisms)),
        Some((FromHelper::Refused(reason), _)) => Err(SandboxError::HelperRefused(reason)),
        Some(_) => Err(SandboxError::HelperRefused("unexpected first answer".into())),
        None => Err(SandboxError::HelperGone),
    }
}

fn absolute(path: &std::path::Path) -> Result<PathBuf, SandboxError> {
    std::path::absolute(path).map_err(SandboxError::Channel)
}

/// Mistakes of the caller, told before anything is done.
fn check(spec: &SandboxSpec) -> Result<(), SandboxError> {
    let paths = spec
        .binds
        .iter()
        .map(|bind| &bind.target)
        .chain(spec.files.iter().map(|file| &file.path))
        .chain(spec.links.iter().map(|link| &link.path))
        .chain(&spec.dirs);
    for path in paths {
        if !is_plain_absolute(path) {
            return Err(SandboxError::InvalidSpec(format!(
                "path {} inside, expected an absolute one without ..",
                path.display()
            )));
        }
        if path.starts_with("/proc") || path.starts_with("/dev") || path.starts_with("/tmp") {
            return Err(SandboxError::InvalidSpec(format!("path {} is one the sandbox makes itself", path.display())));
        }
    }
    super::control::check_process(&spec.process)
}

impl Shared {
    async fn lease(&self, spec: &SandboxSpec) -> Result<Leased, SandboxError> {
        let request = self.next_request.fetch_add(1, Ordering::Relaxed);
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.state.lock();
            if state.helper_gone {
                return Err(SandboxError::HelperGone);
            }
            state.leases.insert(request, answer);
        }
        let ask = ToHelper::Lease {
            request,
            limits: spec.limits.clone(),
            tmp_bytes: spec.tmp_bytes,
        };
        if let Err(error) = send(&self.socket, &ask, &[]).await {
            self.state.lock().leases.remove(&request);
            return Err(SandboxError::Channel(error));
        }
        let leased = answered.await.map_err(|_closed| SandboxError::HelperGone)?;
        Ok(leased?)
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

/// The one background task: reads what the helper says until it is gone.
async fn read_answers(shared: Arc<Shared>) {
    loop {
        let taken = match receive(&shared.socket).await {
            Ok(Some((message, fds))) => shared.take(message, fds),
            Ok(None) => break,
            Err(error) => Err(error),
        };
        if let Err(error) = taken {
            tracing::error!("failed to understand the sandbox helper: {error}");
            break;
        }
    }
    let mut state = shared.state.lock();
    state.helper_gone = true;
    // Dropping the senders tells everyone who waits.
    state.leases.clear();
    state.live.clear();
}
