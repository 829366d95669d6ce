//! One sandbox, as the server holds it.

use std::collections::VecDeque;
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::watch;

use super::companion::Companion;
use super::connect;
use super::control::{check_late_binds, check_process, pack};
use super::handles::{Frozen, Handles, WithoutQuota};
use super::helper::Helper;
use super::life::Life;
use super::running::Running;
use super::snapshot::Snapshot;
use crate::error::SandboxError;
use crate::protocol::{FIRST_REQUEST, Role, Specialised, StartPlan, ToSlot};
use crate::snapshot::SnapshotError;
use crate::spec::{Bind, Exit, Limits, Process, SandboxSpec};

/// A running sandbox. Dropping it kills everything inside; the helper cleans up in the background.
#[derive(Debug)]
pub struct Sandbox {
    running: Arc<Running>,
    listeners: VecDeque<TcpListener>,
    peak_memory: AtomicU64,
    home: Home,
    given: Mutex<Given>,
}

/// What a sandbox and its main process were given, as far as a copy depends on it.
#[derive(Debug)]
struct Given {
    /// The numbers of the main process's descriptors, beside 0, 1 and 2.
    descriptors: Vec<i32>,
    memory_bytes: u64,
}

/// A sandbox's place at the helper.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) helper: Weak<Helper>,
    /// The request that leased the slot.
    pub(super) lease: u64,
    pub(super) gone: watch::Receiver<bool>,
}

impl Sandbox {
    pub(super) async fn start(handles: Handles, home: Home, spec: SandboxSpec) -> Result<Self, SandboxError> {
        handles.quota_is(spec.limits.cpu.quota_millis);
        let (process, fds) = spec.process.map(pack).unzip();
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
        let given = Given {
            descriptors: plan.process.as_ref().map_or_else(Vec::new, |process| process.inherit.clone()),
            memory_bytes: plan.limits.memory_bytes,
        };
        let life = Life::new(plan.process.is_some());
        // Dropped on any failure below, which ends what has been made of it.
        let mut sandbox = Self {
            running: Arc::new(Running::new(spec.id, handles, life)),
            listeners: VecDeque::new(),
            peak_memory: AtomicU64::new(0),
            home,
            given: Mutex::new(given),
        };
        let start = ToSlot::Start(Box::new(plan));
        let started = sandbox.running.ask_as(FIRST_REQUEST, &start, fds.unwrap_or_default()).await;
        let fds = started.map_err(died_early)?;
        sandbox.listeners = fds.into_iter().filter_map(connect::as_listener).collect();
        Ok(sandbox)
    }

    pub fn id(&self) -> &str {
        &self.running.id
    }

    /// The next of the listeners on 127.0.0.1 inside that the spec named, each once and in that order. Already
    /// non-blocking.
    pub fn take_listener(&mut self) -> Option<TcpListener> {
        self.listeners.pop_front()
    }

    /// Makes another listener on 127.0.0.1 inside, which only this sandbox can reach. Already non-blocking. A frozen
    /// sandbox answers when it is thawed.
    ///
    /// # Errors
    /// When the port is taken inside, or the sandbox has ended.
    pub async fn listen(&self, port: u16) -> Result<TcpListener, SandboxError> {
        connect::listen(&self.running, port).await
    }

    /// Connects to 127.0.0.1:`port` inside. Already non-blocking.
    ///
    /// # Errors
    /// [`crate::SetupError::Connect`] when nobody listens there, [`SandboxError::TimedOut`] when the listener takes no
    /// connection within a few seconds (or the sandbox is frozen), or when the sandbox has ended.
    pub async fn connect(&self, port: u16) -> Result<TcpStream, SandboxError> {
        connect::connect(&self.running, port).await
    }

    /// Tells a running sandbox what it is for: mounts further folders, read-only, and sets new limits. Processes inside
    /// see the mounts at once; limits of each process (open files, stack) hold for those that start later. Targets
    /// must exist ([`SandboxSpec::dirs`] makes empty ones).
    ///
    /// A memory limit below what is in use may kill inside, or fail.
    ///
    /// # Errors
    /// After any but [`SandboxError::InvalidSpec`] the sandbox may have a part of what was asked for, and is of no use.
    pub async fn specialise(&self, binds: Vec<Bind>, limits: Limits) -> Result<(), SandboxError> {
        check_late_binds(&binds)?;
        let helper = self.home.helper.upgrade().ok_or_else(|| self.running.ended())?;
        let outcome = match helper.specialise(self.home.lease, binds, limits.clone()).await {
            // It took this sandbox along, whatever the next helper can do.
            Err(SandboxError::HelperGone(_)) => Specialised::Ended,
            other => other?,
        };
        match outcome {
            Specialised::Done => {}
            Specialised::Ended => return Err(self.running.ended()),
            Specialised::Failed(error) => return Err(error.into()),
        }
        self.running.handles.quota_is(limits.cpu.quota_millis);
        self.given.lock().memory_bytes = limits.memory_bytes;
        self.running.tell(&ToSlot::SetLimits(limits), Vec::new()).await
    }

    /// Copies the main process, which goes on as before: its memory, registers, signal handlers, working directory. It has
    /// to be alone in the sandbox, with one thread, waiting for something to read, with no descriptors open but those it
    /// was given, with all memory its own or a read-only file's, and with nothing left in `/tmp`, which is not copied.
    ///
    /// A frozen sandbox is thawed. Its processor quota is lifted meanwhile.
    ///
    /// # Errors
    /// [`SnapshotError::Refused`] with the reason when the process is none that can be copied. One that copying hits
    /// between two of its steps (the helper dies, the time limit passes) may be killed.
    pub async fn snapshot(&self) -> Result<Snapshot, SandboxError> {
        let (descriptors, most_bytes) = {
            let given = self.given.lock();
            (given.descriptors.clone(), given.memory_bytes)
        };
        let helper = self.home.helper.upgrade().ok_or_else(|| self.running.ended())?;
        let _restored = self.ready_to_be_traced()?;
        let copy = helper.snapshot(self.home.lease, descriptors, most_bytes).await?;
        copy.and_then(Snapshot::new).map_err(|source| self.snapshot_failed(source))
    }

    /// Makes the main process a copy of the one that the snapshot was taken of: it goes on from where that one waited,
    /// with its own number, descriptors, limits, `/tmp`, network and host name. It has to be as for [`Self::snapshot`],
    /// with descriptors of the same numbers and kinds, and the files that the copied process had mapped have to be there,
    /// the very same ones, at the same paths: a process of the same program, parked, after [`Self::specialise`]. A frozen
    /// sandbox is thawed.
    ///
    /// # Errors
    /// After any the sandbox is of no use; its main process may have been killed.
    pub async fn restore(&self, snapshot: &Snapshot) -> Result<(), SandboxError> {
        let helper = self.home.helper.upgrade().ok_or_else(|| self.running.ended())?;
        let _restored = self.ready_to_be_traced()?;
        let restored = helper.restore(self.home.lease, snapshot.as_fd()).await?;
        restored.map_err(|source| self.snapshot_failed(source))
    }

    /// A frozen process makes no system calls, and a throttled one late.
    fn ready_to_be_traced(&self) -> Result<WithoutQuota<'_>, SandboxError> {
        self.thaw()?;
        Ok(self.running.handles.without_quota())
    }

    fn snapshot_failed(&self, source: SnapshotError) -> SandboxError {
        SandboxError::Snapshot {
            id: self.running.id.clone(),
            source,
        }
    }

    /// Stops everything inside until [`Self::thaw`]: no CPU is used. Takes effect within moments, not at once.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn freeze(&self) -> Result<(), SandboxError> {
        self.running.set_frozen(Frozen::Yes, &ToSlot::StopAll, "freeze")
    }

    /// Continues everything inside.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn thaw(&self) -> Result<(), SandboxError> {
        self.running.set_frozen(Frozen::No, &ToSlot::ContinueAll, "thaw")
    }

    /// Kills everything inside, frozen or not. The sandbox is of no use after it, except to be dropped.
    pub fn kill(&self) {
        self.running.kill();
    }

    /// Kills every process inside, frozen or not, and does not wait: [`Self::reset`] does. The sandbox stays.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn kill_processes(&self) -> Result<(), SandboxError> {
        self.thaw()?;
        // Until something is started again.
        self.running.handles.lift_quota();
        self.running.tell_now(&ToSlot::KillAll, "kill the processes of")
    }

    /// Kills every process inside, frozen or not, and returns when all are gone. The sandbox stays, with its `/tmp`,
    /// network, listeners and limits, and takes [`Self::start_main`] and [`Self::spawn`] again.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub async fn reset(&self) -> Result<(), SandboxError> {
        self.thaw()?;
        let _restored = self.running.handles.without_quota();
        self.running.ask(|request| ToSlot::Reset { request }).await?;
        self.running.life.lock().all_gone(self.running.handles.oom_kills());
        Ok(())
    }

    /// Starts the main process of a sandbox that has none, or whose main one has ended. Returns when the program has
    /// been executed.
    ///
    /// # Errors
    /// As [`crate::Sandboxes::create`], and [`crate::SetupError::MainRuns`]; the sandbox lives on without a main
    /// process, or with the one it has.
    pub async fn start_main(&self, process: Process) -> Result<(), SandboxError> {
        check_process(&process)?;
        self.running.handles.restore_quota();
        let (process, fds) = pack(process);
        self.given.lock().descriptors.clone_from(&process.inherit);
        let request = self.running.number(Role::Main);
        let message = ToSlot::Spawn {
            request,
            role: Role::Main,
            process,
        };
        self.running.ask_as(request, &message, fds).await.map(drop)
    }

    /// Kills every process inside (companions too) and starts another main one: same `/tmp`, network, listeners and
    /// limits.
    ///
    /// # Errors
    /// As [`crate::Sandboxes::create`]; after a failed start the sandbox lives on without a main process.
    pub async fn respawn(&self, process: Process) -> Result<(), SandboxError> {
        check_process(&process)?;
        self.reset().await?;
        self.start_main(process).await
    }

    /// Starts a further process beside the main one (or before it). Returns when the program has been executed.
    ///
    /// # Errors
    /// As [`Self::start_main`].
    pub async fn spawn(&self, process: Process) -> Result<Companion, SandboxError> {
        self.running.handles.restore_quota();
        Companion::start(&self.running, process).await
    }

    /// Sends a signal to the main process; nothing happens if there is none.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let main = self.running.life.lock().main();
        // Also without one, so that the end of the sandbox is told.
        let process = main.unwrap_or(u32::MAX);
        self.running.tell_now(&ToSlot::Signal { process, signal }, "signal")
    }

    /// Waits for the end of the main process that runs now (or ran last, or will run first). May be called again, and
    /// be cancelled.
    pub async fn wait(&self) -> Exit {
        let main = self.running.life.lock().main();
        self.running.exit(|life| life.main_exit(main)).await
    }

    /// Memory in use now, without file cache that the kernel can drop. `None` without a memory controller.
    pub fn memory_current_bytes(&self) -> Option<u64> {
        let memory = self.running.handles.memory()?;
        Some(memory.current.saturating_sub(memory.file_cache))
    }

    /// The most memory in use so far. The kernel's own peak includes file cache (what is written to `/tmp` passes
    /// through it), so the cache of this moment is taken off; never less than any use that was seen.
    pub fn memory_peak_bytes(&self) -> Option<u64> {
        let memory = self.running.handles.memory()?;
        let now = memory.current.max(memory.peak).saturating_sub(memory.file_cache);
        Some(self.peak_memory.fetch_max(now, Ordering::Relaxed).max(now))
    }

    /// Processor time used so far. `None` where nothing counts it.
    pub fn cpu_usage(&self) -> Option<Duration> {
        self.running.handles.cpu_usage()
    }

    /// How many processes inside the kernel has killed for want of memory.
    pub fn oom_kills(&self) -> u64 {
        self.running.handles.oom_kills()
    }

    /// Changes the quota; see [`crate::Cpu::quota_millis`]. Does nothing where no CPU controller is.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn set_cpu_quota(&self, quota_millis: Option<u32>) -> Result<(), SandboxError> {
        let set = self.running.handles.set_cpu_quota(quota_millis);
        set.map_err(|source| self.running.control_error("set the cpu quota of", source))
    }

    /// Kills everything and waits until nothing of it is left on the host.
    pub async fn destroy(self) {
        let mut gone = self.home.gone.clone();
        drop(self);
        // An error means that the helper itself is gone, which took everything along.
        let _ = gone.wait_for(|gone| *gone).await;
    }
}

/// A sandbox that ends while it is made was none yet.
fn died_early(error: SandboxError) -> SandboxError {
    match error {
        SandboxError::Ended { .. } => crate::error::SetupError::DiedEarly.into(),
        other => other,
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.kill();
    }
}
