//! One sandbox, as the server holds it.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::control::{check_process, pack, receive, send};
use super::handles::{Frozen, Handles};
use crate::error::{SandboxError, SetupError};
use crate::protocol::{self, FromSlot, StartPlan, ToSlot};
use crate::spec::{Exit, ExitStatus, Process, SandboxSpec};

/// A running sandbox. Dropping it kills everything inside; the helper cleans up in the background.
#[derive(Debug)]
pub struct Sandbox {
    id: String,
    handles: Handles,
    listener: Option<TcpListener>,
    gone: watch::Receiver<bool>,
    life: Mutex<Life>,
    /// Held while reading the control socket: whoever reads notes what it reads for everyone.
    reading: tokio::sync::Mutex<()>,
    peak_memory: AtomicU64,
}

/// What is known about the main process.
#[derive(Debug, Default)]
struct Life {
    /// Counts main processes: 0 for the first.
    generation: u32,
    /// The newest generation whose start was answered, and how.
    started: Option<(u32, Result<(), SetupError>)>,
    /// Answers to [`Sandbox::listen`] that nobody has taken yet.
    listening: Vec<(u16, Result<TcpListener, SetupError>)>,
    /// The newest generation that ended, and how.
    exited: Option<(u32, Exit)>,
    /// The sandbox's first process is gone, and with it everything.
    ended: bool,
    oom_kills_seen: u64,
}

impl Sandbox {
    pub(super) async fn start(
        handles: Handles,
        gone: watch::Receiver<bool>,
        spec: SandboxSpec,
    ) -> Result<Self, SandboxError> {
        let (process, fds) = pack(spec.process);
        let plan = StartPlan {
            hostname: spec.hostname,
            binds: spec.binds,
            links: spec.links,
            files: spec.files,
            dirs: spec.dirs,
            limits: spec.limits,
            listen: spec.listen,
            process,
        };
        let mut sandbox = Self {
            id: spec.id,
            handles,
            listener: None,
            gone,
            life: Mutex::default(),
            reading: tokio::sync::Mutex::default(),
            peak_memory: AtomicU64::new(0),
        };
        sandbox.tell(&ToSlot::Start(Box::new(plan)), fds).await?;
        let received = receive(&sandbox.handles.control).await;
        let (message, fds) =
            received.map_err(SandboxError::Channel)?.ok_or(SandboxError::Setup(SetupError::DiedEarly))?;
        match message {
            FromSlot::Started { .. } => {
                sandbox.listener = fds.into_iter().next().map(TcpListener::from);
                Ok(sandbox)
            }
            FromSlot::StartFailed { error, .. } => Err(error.into()),
            _ => Err(SandboxError::Setup(SetupError::DiedEarly)),
        }
    }

    pub fn id(&self) -> &str {
        &self.id
    }

    /// The listener on 127.0.0.1 inside, once. Already non-blocking.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.listener.take()
    }

    /// Makes another listener on 127.0.0.1 inside, which only this sandbox can reach. Already non-blocking. A frozen
    /// sandbox answers when it is thawed.
    ///
    /// # Errors
    /// When the port is taken inside, or the sandbox has ended.
    pub async fn listen(&self, port: u16) -> Result<TcpListener, SandboxError> {
        self.tell(&ToSlot::Listen { port }, Vec::new()).await?;
        let answer = self
            .until(|life| {
                let place = life.listening.iter().position(|(answered, _)| *answered == port);
                match place {
                    Some(place) => Some(Some(life.listening.swap_remove(place).1)),
                    None => life.ended.then_some(None),
                }
            })
            .await;
        match answer {
            Some(listener) => Ok(listener?),
            None => Err(SandboxError::Ended { id: self.id.clone() }),
        }
    }

    /// Stops everything inside until [`Self::thaw`]: no CPU is used. Takes effect within moments, not at once.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn freeze(&self) -> Result<(), SandboxError> {
        self.set_frozen(Frozen::Yes, &ToSlot::StopAll, "freeze")
    }

    /// Continues everything inside.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn thaw(&self) -> Result<(), SandboxError> {
        self.set_frozen(Frozen::No, &ToSlot::ContinueAll, "thaw")
    }

    /// Without a cgroup, the sandbox's first process stops the others by signals.
    fn set_frozen(&self, frozen: Frozen, otherwise: &ToSlot, action: &'static str) -> Result<(), SandboxError> {
        let done = self.handles.set_frozen(frozen);
        match done {
            Ok(true) => Ok(()),
            Ok(false) => self.tell_now(otherwise, action),
            Err(source) => Err(self.control_error(action, source)),
        }
    }

    /// Kills everything inside, frozen or not. The sandbox is of no use after it, except to be dropped.
    pub fn kill(&self) {
        if self.handles.kill() {
            return;
        }
        // Frozen processes die only when thawed. A sandbox that cannot be told has ended.
        let _ = self.handles.set_frozen(Frozen::No);
        let control = self.handles.control.get_ref();
        let _ = rustix::net::shutdown(control, rustix::net::Shutdown::Write);
    }

    /// Kills every process inside, frozen or not; [`Self::respawn`] may start another main one.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn kill_processes(&self) -> Result<(), SandboxError> {
        self.thaw()?;
        self.tell_now(&ToSlot::KillAll, "kill the processes of")
    }

    /// Sends a signal to the main process.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        self.tell_now(&ToSlot::Signal(signal), "signal")
    }

    /// Waits for the end of the main process that runs now (or ran last). May be called again, and be cancelled.
    pub async fn wait(&self) -> Exit {
        let generation = self.life.lock().generation;
        self.until(|life| match life.exited {
            Some((ended, exit)) if ended >= generation => Some(exit),
            // The first process took everything with it, by a signal.
            _ if life.ended => Some(Exit {
                status: ExitStatus::Signal(libc::SIGKILL),
                oom_killed: life.oom_kills_seen < self.handles.oom_kills(),
            }),
            _ => None,
        })
        .await
    }

    /// Kills every process inside and starts another main one: same `/tmp`, network, listener and limits.
    ///
    /// # Errors
    /// As [`crate::Sandboxes::create`]; after a failed start the sandbox lives on without a main process.
    pub async fn respawn(&self, process: Process) -> Result<(), SandboxError> {
        check_process(&process)?;
        self.thaw()?;
        let (process, fds) = pack(process);
        let generation = {
            let mut life = self.life.lock();
            life.generation += 1;
            life.generation
        };
        self.tell(&ToSlot::Respawn { generation, process }, fds).await?;
        let started = self
            .until(|life| match &life.started {
                Some((answered, result)) if *answered >= generation => Some(Some(result.clone())),
                _ if life.ended => Some(None),
                _ => None,
            })
            .await;
        match started {
            Some(result) => Ok(result?),
            None => Err(SandboxError::Ended { id: self.id.clone() }),
        }
    }

    /// Memory in use now, without file cache that the kernel can drop. `None` without a memory controller.
    pub fn memory_current_bytes(&self) -> Option<u64> {
        let memory = self.handles.memory()?;
        Some(memory.current.saturating_sub(memory.file_cache))
    }

    /// The most memory in use so far. The kernel's own peak includes file cache (what is written to `/tmp` passes
    /// through it), so the cache of this moment is taken off; never less than any use that was seen.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        let memory = self.handles.memory()?;
        let now = memory.current.max(memory.peak).saturating_sub(memory.file_cache);
        Some(self.peak_memory.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Processor time used so far. `None` where nothing counts it.
    pub fn cpu_usage(&self) -> Option<Duration> {
        self.handles.cpu_usage()
    }

    /// How many processes inside the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        self.handles.oom_kills()
    }

    /// Changes the quota; see [`crate::Cpu::quota_millis`]. Does nothing where no CPU controller is.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn set_cpu_quota(&self, quota_millis: Option<u32>) -> Result<(), SandboxError> {
        self.handles
            .set_cpu_quota(quota_millis)
            .map(drop)
            .map_err(|source| self.control_error("set the cpu quota of", source))
    }

    /// Kills everything and waits until nothing of it is left on the host.
    pub async fn destroy(self) {
        let mut gone = self.gone.clone();
        drop(self);
        // An error means that the helper itself is gone, which took everything along.
        let _ = gone.wait_for(|gone| *gone).await;
    }

    /// Reads and notes messages until `found` finds what it looks for.
    async fn until<T>(&self, found: impl Fn(&mut Life) -> Option<T>) -> T {
        loop {
            if let Some(value) = found(&mut self.life.lock()) {
                return value;
            }
            let _reading = self.reading.lock().await;
            // Another reader may have noted it while we waited for our turn.
            if let Some(value) = found(&mut self.life.lock()) {
                return value;
            }
            let message = receive(&self.handles.control).await;
            self.note(message.ok().flatten());
        }
    }

    fn note(&self, message: Option<(FromSlot, Vec<OwnedFd>)>) {
        let mut life = self.life.lock();
        let Some((message, fds)) = message else {
            life.ended = true;
            return;
        };
        match message {
            FromSlot::Started { generation } => life.started = Some((generation, Ok(()))),
            FromSlot::StartFailed { generation, error } => {
                life.started = Some((generation, Err(error)));
            }
            FromSlot::Exited { generation, status } => {
                let oom_kills = self.handles.oom_kills();
                let killed = status == ExitStatus::Signal(libc::SIGKILL);
                let oom_killed = killed && oom_kills > life.oom_kills_seen;
                life.oom_kills_seen = oom_kills;
                life.exited = Some((generation, Exit { status, oom_killed }));
            }
            FromSlot::Listening { port, error } => {
                let listener = fds.into_iter().next().map(TcpListener::from);
                let answer = listener.ok_or_else(|| error.unwrap_or(SetupError::DiedEarly));
                life.listening.push((port, answer));
            }
            FromSlot::Prepared | FromSlot::PrepareFailed(_) => {}
        }
    }

    async fn tell(&self, message: &ToSlot, fds: Vec<OwnedFd>) -> Result<(), SandboxError> {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        send(&self.handles.control, message, &borrowed).await.map_err(|source| self.control_error("reach", source))
    }

    /// Small messages fit into the socket's buffer; a sandbox that leaves it full is stuck.
    fn tell_now(&self, message: &ToSlot, action: &'static str) -> Result<(), SandboxError> {
        protocol::send(self.handles.control.get_ref().as_fd(), message, &[])
            .map_err(|source| self.control_error(action, source))
    }

    fn control_error(&self, action: &'static str, source: io::Error) -> SandboxError {
        match source.raw_os_error() {
            // A closed socket, or a cgroup that has been removed.
            Some(libc::EPIPE | libc::ECONNRESET | libc::ENODEV) => SandboxError::Ended { id: self.id.clone() },
            _ => SandboxError::Control {
                action,
                id: self.id.clone(),
                source,
            },
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
    }
}
