//! The whole service.

use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::control::check_spec;
use super::helper::{Begun, Helper};
use super::sandbox::Sandbox;
use super::supervisor::{Deaths, Status, Supervisor, current};
use crate::error::SandboxError;
use crate::spec::{Level, Mechanism, Options, SandboxSpec};

/// Makes sandboxes. Cheap to clone; when the last clone is dropped, the helper ends and every sandbox with it.
///
/// A helper that dies takes its sandboxes along, which are then told as ended; another one is started.
#[derive(Clone, Debug)]
pub struct Sandboxes {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    status: watch::Receiver<Status>,
    closing: watch::Sender<bool>,
    /// Looks after the helper. Aborted on drop.
    supervisor: Mutex<Option<JoinHandle<()>>>,
    level: Level,
    mechanisms: Vec<Mechanism>,
}

impl Sandboxes {
    /// Starts the helper. Must be called within a tokio runtime with I/O and time enabled.
    ///
    /// # Errors
    /// When the helper cannot be started or refuses, or the host offers less than `min_level`.
    pub async fn start(options: Options) -> Result<Self, SandboxError> {
        let Begun {
            helper,
            child,
            level,
            mechanisms,
        } = Helper::begin(&options).await?;
        let (set_status, status) = watch::channel(Status::Up(Arc::clone(&helper)));
        let (closing, is_closing) = watch::channel(false);
        let supervisor = Supervisor {
            options,
            status: set_status,
            closing: is_closing,
            deaths: Deaths::default(),
        };
        let supervisor = tokio::spawn(supervisor.run(helper, child));
        Ok(Self {
            inner: Arc::new(Inner {
                status,
                closing,
                supervisor: Mutex::new(Some(supervisor)),
                level,
                mechanisms,
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

    /// The process id of the helper, while there is one.
    pub fn helper_pid(&self) -> Option<u32> {
        match &*self.inner.status.borrow() {
            Status::Up(helper) => Some(helper.pid),
            _ => None,
        }
    }

    /// Makes a sandbox and starts its main process, if it has one yet. Returns when the program has been executed.
    ///
    /// # Errors
    /// [`SandboxError::Setup`] names the step that failed; see [`SandboxError::exec_errno`] for a program that cannot be
    /// executed. Nothing is left of a sandbox that failed.
    pub async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        check_spec(&spec)?;
        loop {
            let helper = current(&self.inner.status).await?;
            match helper.lease(&spec).await {
                Ok((handles, home)) => return Sandbox::start(handles, home, spec).await,
                // Nothing has been started yet: the next helper will do.
                Err(SandboxError::HelperGone(_)) => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Ends every sandbox and the helper, and waits until it is gone.
    pub async fn shutdown(&self) {
        self.inner.closing.send_replace(true);
        let supervisor = self.inner.supervisor.lock().take();
        if let Some(supervisor) = supervisor {
            let _ = supervisor.await;
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if let Some(supervisor) = self.supervisor.get_mut() {
            supervisor.abort();
        }
        // The socket closes with the last reference, and the helper cleans up and ends. It is left to the
        // kernel to collect it: waiting here would block.
    }
}
