//! The runtime process of an environment: starting it (again), talking with it, its end.

use std::net::Ipv4Addr;
use std::sync::Arc;

use hearth_core::Tasks;
use hearth_model::Credentials;
use hearth_runtimes::ResolvedRuntime;
use hearth_sandbox::{Sandbox, SandboxError, Sandboxes};

use super::base::Base;
use super::journal::Journal;
use super::launch::Launch;
use super::link::Link;
use super::output::{Output, Writers};
use crate::payload::PlatformError;
use crate::runtime_api::RuntimeApi;

/// A sandbox with what connects the server to the process in it.
pub(super) struct Runtime {
    pub(super) sandbox: Sandbox,
    pub(super) link: Link,
    pub(super) output: Output,
    /// False after the process died, until the next start.
    pub(super) up: bool,
}

/// Why there is no process.
#[derive(Debug)]
pub(super) enum StartError {
    /// The function's own doing: the caller gets it as a function error.
    Function(PlatformError),
    /// The host's.
    Host(String),
}

impl Runtime {
    /// Makes the sandbox and starts the process in it.
    pub(super) async fn create(
        launch: &Launch,
        id: &str,
        sandboxes: &Sandboxes,
        credentials: &Credentials,
        tasks: &Tasks,
        clock: &hearth_core::Clock,
    ) -> Result<Self, StartError> {
        let (output, writers) = open_output(launch, clock)?;
        let (channel, theirs) = open_channel(launch)?;
        let process = launch.process(credentials, writers, theirs).map_err(StartError::Function)?;
        let program = process.program.clone();
        let spec = launch.sandbox(id.to_owned(), process);
        let mut sandbox =
            sandboxes.create(spec).await.map_err(|error| start_error(&error, &program.to_string_lossy()))?;
        let listener = sandbox.take_listener();
        let link = match (channel, listener) {
            (Some(link), _) => link,
            (None, Some(listener)) => {
                RuntimeApi::serve(listener, launch.is_snap_start(), tasks).map(Link::Http).map_err(host)?
            }
            (None, None) => {
                return Err(StartError::Host("the sandbox gave no listener for the Runtime API".to_owned()));
            }
        };
        Ok(Self {
            sandbox,
            link,
            output,
            up: true,
        })
    }

    /// A new process in the same sandbox: same `/tmp`, nothing else of the one before.
    pub(super) async fn restart(
        &mut self,
        launch: &Launch,
        credentials: &Credentials,
        clock: &hearth_core::Clock,
        journal: &mut Journal,
    ) -> Result<(), StartError> {
        self.output.close(journal);
        let (output, writers) = open_output(launch, clock)?;
        let (channel, theirs) = open_channel(launch)?;
        let process = launch.process(credentials, writers, theirs).map_err(StartError::Function)?;
        let program = process.program.clone();
        match (&mut self.link, channel) {
            (link @ Link::Channel(_), Some(fresh)) => *link = fresh,
            (Link::Http(api), _) => api.reset(),
            (Link::Channel(_), None) => {}
        }
        self.output = output;
        self.sandbox.respawn(process).await.map_err(|error| start_error(&error, &program.to_string_lossy()))?;
        self.up = true;
        Ok(())
    }

    /// Ends every process of the environment; the sandbox stays.
    pub(super) fn kill(&mut self) {
        // An error means that the sandbox has ended, and its processes with it.
        let _ = self.sandbox.kill_processes();
        self.up = false;
    }
}

fn open_output(launch: &Launch, clock: &hearth_core::Clock) -> Result<(Output, Writers), StartError> {
    Output::open(&launch.spec.logging, clock.clone()).map_err(host)
}

fn open_channel(launch: &Launch) -> Result<(Option<Link>, Option<std::os::fd::OwnedFd>), StartError> {
    if !launch.uses_channel() {
        return Ok((None, None));
    }
    let (link, theirs) = Link::channel().map_err(host)?;
    Ok((Some(link), Some(theirs)))
}

#[allow(clippy::needless_pass_by_value)] // The form `map_err` wants.
fn host(error: std::io::Error) -> StartError {
    StartError::Host(error.to_string())
}

fn start_error(error: &SandboxError, program: &str) -> StartError {
    match error.exec_errno() {
        Some(errno) => StartError::Function(PlatformError::cannot_exec(program, errno)),
        None => StartError::Host(error.to_string()),
    }
}

/// Shared by the environments of a server.
pub(crate) struct Workshop {
    pub(crate) sandboxes: Sandboxes,
    pub(crate) runtimes: Arc<hearth_runtimes::Runtimes>,
    pub(crate) bootstraps: Arc<hearth_runtimes::Bootstraps>,
    pub(crate) name_servers: Arc<[Ipv4Addr]>,
}

impl Workshop {
    pub(crate) fn base(&self, runtime: &ResolvedRuntime) -> Base {
        Base {
            runtime: runtime.clone(),
            bootstraps: Arc::clone(&self.bootstraps),
            name_servers: Arc::clone(&self.name_servers),
        }
    }
}
