//! The runtime process of an environment: starting it (again), talking with it, its end.

use std::io;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use hearth_core::Tasks;
use hearth_model::{BoxFuture, Credentials, FunctionSpec, InvokeError};
use hearth_runtimes::ResolvedRuntime;
use hearth_sandbox::{Process, Sandbox, SandboxError, Sandboxes};
use tokio::net::TcpStream;

use super::api_door::ApiDoor;
use super::base::Base;
use super::journal::Journal;
use super::launch::Launch;
use super::link::Link;
use super::output::{Output, Writers};
use crate::payload::PlatformError;
use crate::runtime_api::{self, Door, RuntimeApi, Services};
use crate::service::Plane;
use crate::telemetry::Connect;

/// A sandbox with what connects the server to the process in it.
pub(super) struct Runtime {
    pub(super) sandbox: Arc<Sandbox>,
    pub(super) link: Link,
    pub(super) output: Output,
    /// False after the process died, until the next start.
    pub(super) up: bool,
    /// What is to come, while extensions have the first turn.
    held: Option<Held>,
    pub(super) services: Services,
    /// Serves the listener inside, as long as this lives.
    _door: Door,
    /// The same for the server's own API.
    pub(super) api_door: Option<ApiDoor>,
}

/// What makes a runtime begin with its function.
pub(super) enum Held {
    /// A process to start.
    Process(Process),
    /// Variables to tell an interpreter that is up.
    Told(Vec<(String, String)>),
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
    /// Makes the sandbox, and starts the process in it unless it is `held` back.
    pub(super) async fn create(
        launch: &Launch,
        id: &str,
        plane: &Plane,
        credentials: &Credentials,
        services: &Services,
        held: bool,
    ) -> Result<Self, StartError> {
        let (output, writers) = open_output(launch, &plane.clock)?;
        let (channel, theirs) = open_channel(launch)?;
        let process = launch.process(credentials, writers, theirs).map_err(StartError::Function)?;
        let program = Program::of(&process);
        let (now, held) = if held { (None, Some(Held::Process(process))) } else { (Some(process), None) };
        let spec = launch.sandbox(id.to_owned(), now).map_err(host)?;
        let created = plane.workshop.sandboxes.create(spec).await;
        let sandbox = created.map_err(|error| start_error(&error, &program))?;
        let link = channel.unwrap_or_else(|| Link::Http(RuntimeApi::new(launch.is_snap_start())));
        Self::join(sandbox, link, output, held, services, &plane.tasks).map_err(host)
    }

    /// A sandbox becomes an environment's: from now on its listener is served.
    pub(super) fn join(
        mut sandbox: Sandbox,
        link: Link,
        output: Output,
        held: Option<Held>,
        services: &Services,
        tasks: &Tasks,
    ) -> io::Result<Self> {
        let listener = sandbox.take_listener();
        let listener = listener.ok_or_else(|| io::Error::other("the sandbox gave no listener for the Runtime API"))?;
        let door = runtime_api::open(listener, link.http(), services, tasks)?;
        let api = sandbox.take_listener().zip(services.api.clone());
        let api_door = api.map(|(listener, api)| ApiDoor::open(listener, api, tasks)).transpose()?;
        let sandbox = Arc::new(sandbox);
        services.telemetry.connect_by(Arc::new(Way(Arc::downgrade(&sandbox))));
        Ok(Self {
            sandbox,
            link,
            output,
            up: !matches!(held, Some(Held::Process(_))),
            held,
            services: services.clone(),
            _door: door,
            api_door,
        })
    }

    /// A new process in the same sandbox: same `/tmp`, nothing else of the one before. `held` as
    /// in [`Runtime::create`].
    pub(super) async fn restart(
        &mut self,
        launch: &Launch,
        credentials: &Credentials,
        clock: &hearth_core::Clock,
        journal: &mut Journal,
        held: bool,
    ) -> Result<(), StartError> {
        self.output.close(journal);
        let (output, writers) = open_output(launch, clock)?;
        let (channel, theirs) = open_channel(launch)?;
        let process = launch.process(credentials, writers, theirs).map_err(StartError::Function)?;
        match (&mut self.link, channel) {
            (link @ Link::Channel(_), Some(fresh)) => *link = fresh,
            (Link::Http(api), _) => api.reset(),
            (Link::Channel(_), None) => {}
        }
        self.output = output;
        self.sandbox.reset().await.map_err(|error| StartError::Host(error.to_string()))?;
        self.held = Some(Held::Process(process));
        // The one before may have died frozen.
        self.set_running(true);
        if held { Ok(()) } else { self.start_held().await }
    }

    /// Whether nothing is held back.
    pub(super) fn has_begun(&self) -> bool {
        self.held.is_none()
    }

    /// Lets the runtime begin.
    pub(super) async fn start_held(&mut self) -> Result<(), StartError> {
        match self.held.take() {
            None => Ok(()),
            Some(Held::Process(process)) => {
                let program = Program::of(&process);
                let started = self.sandbox.start_main(process).await;
                started.map_err(|error| start_error(&error, &program))?;
                self.up = true;
                Ok(())
            }
            told @ Some(Held::Told(_)) => {
                self.held = told;
                self.tell_held().await.map_err(host)
            }
        }
    }

    /// Tells an interpreter that is up what was held back.
    pub(super) async fn tell_held(&mut self) -> io::Result<()> {
        match self.held.take() {
            Some(Held::Told(variables)) => self.link.specialise(&variables).await,
            other => {
                self.held = other;
                Ok(())
            }
        }
    }

    /// The sandbox freezes or thaws: those who serve it are to know.
    pub(super) fn set_running(&self, running: bool) {
        self.services.telemetry.set_thawed(running);
        if let Some(door) = &self.api_door {
            door.set_running(running);
        }
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
fn host(error: io::Error) -> StartError {
    StartError::Host(error.to_string())
}

/// What a process was to be, for the words of its failure.
pub(super) struct Program {
    path: String,
    working_directory: String,
}

impl Program {
    pub(super) fn of(process: &Process) -> Self {
        Self {
            path: process.program.to_string_lossy().into_owned(),
            working_directory: process.cwd.to_string_lossy().into_owned(),
        }
    }
}

pub(super) fn start_error(error: &SandboxError, program: &Program) -> StartError {
    match (error.exec_errno(), error.working_directory_errno()) {
        (Some(errno), _) => StartError::Function(PlatformError::cannot_exec(&program.path, errno)),
        (None, Some(errno)) => {
            StartError::Function(PlatformError::no_working_directory(&program.working_directory, errno))
        }
        (None, None) => StartError::Host(error.to_string()),
    }
}

/// Telemetry's way into the sandbox, which lives no longer for it.
struct Way(Weak<Sandbox>);

impl Connect for Way {
    fn connect(&self, port: u16) -> BoxFuture<'_, io::Result<TcpStream>> {
        Box::pin(async move {
            let sandbox = self.0.upgrade().ok_or(io::ErrorKind::NotConnected)?;
            TcpStream::from_std(sandbox.connect(port).await.map_err(io::Error::other)?)
        })
    }
}

/// Shared by the environments of a server.
pub(crate) struct Workshop {
    pub(crate) sandboxes: Sandboxes,
    pub(crate) runtimes: Arc<hearth_runtimes::Runtimes>,
    pub(crate) bootstraps: Arc<hearth_runtimes::Bootstraps>,
    pub(crate) packages: Option<Arc<Path>>,
    pub(crate) name_servers: Arc<[Ipv4Addr]>,
    pub(crate) resolver_file: PathBuf,
    pub(crate) api: bool,
}

impl Workshop {
    /// Makes sure that the bootstrap is there in the form that the interpreter runs: for Java it is compiled when it is
    /// first needed, which takes seconds.
    pub(crate) async fn prepare(&self, runtime: &ResolvedRuntime) -> Result<(), String> {
        let Some(interpreter) = runtime.interpreter.clone() else { return Ok(()) };
        if self.bootstraps.is_ready(&interpreter) {
            return Ok(());
        }
        let bootstraps = Arc::clone(&self.bootstraps);
        let compiled = tokio::task::spawn_blocking(move || bootstraps.precompile(&interpreter)).await;
        let compiled = compiled.map_err(|error| error.to_string())?;
        compiled.map_err(|error| format!("runtime {} cannot run here: failed to {error}", runtime.definition.id))
    }

    /// What runs a function.
    pub(crate) fn base_of(&self, spec: &FunctionSpec) -> Result<Base, InvokeError> {
        if spec.image.is_some() {
            return Ok(self.base(&ResolvedRuntime::of_image()));
        }
        let runtime = self.runtimes.resolve(&spec.runtime);
        runtime.map(|runtime| self.base(runtime)).map_err(|error| InvokeError::RuntimeUnavailable(error.to_string()))
    }

    pub(crate) fn base(&self, runtime: &ResolvedRuntime) -> Base {
        Base {
            runtime: runtime.clone(),
            bootstraps: Arc::clone(&self.bootstraps),
            packages: self.packages.clone(),
            name_servers: Arc::clone(&self.name_servers),
            resolver_file: self.resolver_file.clone(),
            api: self.api,
        }
    }
}
