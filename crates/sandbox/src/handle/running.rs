//! The conversation with a sandbox's first process, shared by the sandbox and its companions.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use parking_lot::Mutex;

use super::control::{receive, send};
use super::handles::{Frozen, Handles};
use super::life::{Answer, Life};
use crate::error::{SandboxError, SetupError};
use crate::protocol::{self, FromSlot, Role, SPACE_FROM_SLOT, ToSlot};
use crate::spec::{Exit, ExitStatus};

/// A sandbox as those see it that talk with it.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) handles: Handles,
    pub(super) life: Mutex<Life>,
    /// Held while reading the control socket: whoever reads notes what it reads for everyone.
    reading: tokio::sync::Mutex<()>,
}

/// A request whose answer is awaited as long as this lives.
struct Awaited<'a> {
    life: &'a Mutex<Life>,
    request: u32,
    was_sent: bool,
}

impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        self.life.lock().forget(self.request, self.was_sent);
    }
}

impl Running {
    pub(super) fn new(id: String, handles: Handles, life: Life) -> Self {
        Self {
            id,
            handles,
            life: Mutex::new(life),
            reading: tokio::sync::Mutex::default(),
        }
    }

    /// Sends a request and waits for its answer.
    pub(super) async fn ask(&self, message: impl FnOnce(u32) -> ToSlot) -> Result<Vec<OwnedFd>, SandboxError> {
        let request = self.life.lock().ask();
        self.ask_as(request, &message(request), Vec::new()).await
    }

    /// The same with a number that has been given, and descriptors.
    pub(super) async fn ask_as(
        &self,
        request: u32,
        message: &ToSlot,
        fds: Vec<OwnedFd>,
    ) -> Result<Vec<OwnedFd>, SandboxError> {
        let mut awaited = Awaited {
            life: &self.life,
            request,
            was_sent: false,
        };
        self.tell(message, fds).await?;
        awaited.was_sent = true;
        let answer: Option<Answer> = self
            .until(|life| match life.take_answer(request) {
                Some(answer) => Some(Some(answer)),
                None => life.has_ended().then_some(None),
            })
            .await;
        answer.map_or_else(|| Err(self.ended()), |answer| Ok(answer?))
    }

    /// Waits until `exit` finds how a process ended. When the sandbox has ended, so has the process.
    pub(super) async fn exit(&self, exit: impl Fn(&Life) -> Option<Exit>) -> Exit {
        self.until(|life| match exit(life) {
            Some(exit) => Some(exit),
            // The first process took everything with it, by a signal.
            None => life.has_ended().then(|| Exit {
                status: ExitStatus::Signal(libc::SIGKILL),
                oom_killed: life.untold_oom_kill(self.handles.oom_kills()),
            }),
        })
        .await
    }

    /// Reads and notes messages until `found` finds what it looks for, which it must when the sandbox has ended.
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
            let received = receive::<_, SPACE_FROM_SLOT>(&self.handles.control).await;
            self.note(received);
        }
    }

    fn note(&self, received: io::Result<Option<(FromSlot, Vec<OwnedFd>)>>) {
        let noted = match received {
            Ok(Some((message, fds))) => self
                .life
                .lock()
                .note(message, fds, || self.handles.oom_kills())
                .map_err(|_| "said more than it was asked"),
            Ok(None) => return self.life.lock().end(),
            Err(_) => Err("said what nobody understands"),
        };
        if let Err(what) = noted {
            tracing::error!(sandbox = %self.id, "killing a sandbox whose first process {what}: it is no longer our code");
            self.kill();
            self.life.lock().end();
        }
    }

    pub(super) async fn tell(&self, message: &ToSlot, fds: Vec<OwnedFd>) -> Result<(), SandboxError> {
        let borrowed: Vec<_> = fds.iter().map(AsFd::as_fd).collect();
        send(&self.handles.control, message, &borrowed).await.map_err(|source| self.control_error("reach", source))
    }

    /// Small messages fit into the socket's buffer; a sandbox that leaves it full is stuck.
    pub(super) fn tell_now(&self, message: &ToSlot, action: &'static str) -> Result<(), SandboxError> {
        protocol::send(self.handles.control.get_ref().as_fd(), message, &[])
            .map_err(|source| self.control_error(action, source))
    }

    /// Without a cgroup, the sandbox's first process stops the others by signals.
    pub(super) fn set_frozen(
        &self,
        frozen: Frozen,
        otherwise: &ToSlot,
        action: &'static str,
    ) -> Result<(), SandboxError> {
        match self.handles.set_frozen(frozen) {
            Ok(true) => Ok(()),
            Ok(false) => self.tell_now(otherwise, action),
            Err(source) => Err(self.control_error(action, source)),
        }
    }

    /// Kills everything inside, frozen or throttled or not.
    pub(super) fn kill(&self) {
        // Dying takes a moment of processor time, which a quota would make long.
        self.handles.lift_quota();
        if self.handles.kill() {
            return;
        }
        // Frozen processes die only when thawed. A sandbox that cannot be told has ended.
        let _ = self.handles.set_frozen(Frozen::No);
        let control = self.handles.control.get_ref();
        let _ = rustix::net::shutdown(control, rustix::net::Shutdown::Write);
    }

    /// The number for a process, which is also that of the request to start it.
    pub(super) fn number(&self, role: Role) -> u32 {
        self.life.lock().ask_process(role)
    }

    pub(super) fn ended(&self) -> SandboxError {
        SandboxError::Ended { id: self.id.clone() }
    }

    pub(super) fn control_error(&self, action: &'static str, source: io::Error) -> SandboxError {
        match source.raw_os_error() {
            // A closed socket, or a cgroup that has been removed.
            Some(libc::EPIPE | libc::ECONNRESET | libc::ENODEV) => self.ended(),
            _ => SandboxError::Control {
                action,
                id: self.id.clone(),
                source,
            },
        }
    }
}

/// An answer that had to bring a descriptor.
pub(super) fn expect_fd(fds: Vec<OwnedFd>) -> Result<OwnedFd, SandboxError> {
    fds.into_iter().next().ok_or(SandboxError::Setup(SetupError::DiedEarly))
}
