//! A further process beside a sandbox's main one.

use std::sync::Arc;

use super::control::{check_process, pack};
use super::running::Running;
use crate::error::SandboxError;
use crate::protocol::{Role, ToSlot};
use crate::spec::{Exit, Process};

/// A process beside the main one, with the same identity, limits and filter. Dropping this does not end it; it ends by
/// itself, with [`crate::Sandbox::reset`] and its like, or with the sandbox.
#[derive(Debug)]
pub struct Companion {
    running: Arc<Running>,
    number: u32,
}

impl Companion {
    pub(super) async fn start(running: &Arc<Running>, process: Process) -> Result<Self, SandboxError> {
        check_process(&process)?;
        let (process, fds) = pack(process);
        let number = running.number(Role::Companion);
        // Made first: its drop tidies up when this is cancelled.
        let companion = Self {
            running: Arc::clone(running),
            number,
        };
        let message = ToSlot::Spawn {
            request: number,
            role: Role::Companion,
            process,
        };
        running.ask_as(number, &message, fds).await?;
        Ok(companion)
    }

    /// Waits for its end. May be called again, and be cancelled.
    pub async fn wait(&self) -> Exit {
        self.running.exit(|life| life.companion_exit(self.number)).await
    }

    /// Sends it a signal; nothing happens if it has ended.
    ///
    /// # Errors
    /// When the sandbox has ended.
    pub fn signal(&self, signal: i32) -> Result<(), SandboxError> {
        let message = ToSlot::Signal { process: self.number, signal };
        self.running.tell_now(&message, "signal")
    }
}

impl Drop for Companion {
    fn drop(&mut self) {
        self.running.life.lock().drop_companion(self.number);
    }
}
