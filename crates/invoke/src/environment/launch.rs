//! From a function version and its runtime to a sandbox: mounts, files, variables, command line.
//!
//! Source: fact sheet "Lambda execution-environment contract", sections 7 and 8.

use std::ffi::OsString;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_model::{CodeDir, Credentials, FunctionSpec, LogFormat};
use hearth_runtimes::{Language, LaunchOptions, provided_bootstrap};
use hearth_sandbox::{Bind, Cpu, Limits, Process, SandboxSpec};

use super::base::{API_PORT, Base, RUNTIME_API_PORT};
use super::container;
use super::output::Writers;
use crate::payload::PlatformError;
use crate::report::InitializationType;

/// A function may run as many processes and threads as on AWS, and open as many files.
const PROCESSES: u32 = 1_024;

/// Where segments of a trace go: to nobody, unless an extension listens there. AWS's daemon has an
/// address of its own beside every sandbox; from here it cannot be reached, and sending to it would
/// fail.
const TRACING: [(&str, &str); 4] = [
    ("AWS_XRAY_CONTEXT_MISSING", "LOG_ERROR"),
    ("AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1:2000"),
    ("_AWS_XRAY_DAEMON_ADDRESS", "127.0.0.1"),
    ("_AWS_XRAY_DAEMON_PORT", "2000"),
];

/// All that is needed to start a version's runtime, again and again.
pub(super) struct Launch {
    pub(super) spec: Arc<FunctionSpec>,
    pub(super) base: Base,
    pub(super) log_stream: String,
    pub(super) initialization: InitializationType,
    /// By which the function gets its keys, where its variables do not hold them.
    pub(super) credentials_token: Option<String>,
}

impl Launch {
    /// True when the runtime speaks over the lean channel.
    pub(super) fn uses_channel(&self) -> bool {
        self.base.runtime.uses_channel() && !self.base.runtime.runs_executable(&self.spec.handler)
    }

    pub(super) fn is_snap_start(&self) -> bool {
        self.initialization == InitializationType::SnapStart
    }

    /// The sandbox, with its first process if there is one yet.
    ///
    /// # Errors
    /// When the tree of a container image cannot be read.
    pub(super) fn sandbox(&self, id: String, process: Option<Process>) -> io::Result<SandboxSpec> {
        let mut sandbox = self.base.sandbox(id, self.limits(), self.spec.storage.bytes(), process);
        match self.spec.image {
            Some(_) => container::furnish(&mut sandbox, self.spec.code.path(), &self.base.resolver_file)?,
            None => sandbox.binds.extend(self.binds()),
        }
        Ok(sandbox)
    }

    pub(super) fn limits(&self) -> Limits {
        let mut limits = Limits::new(self.spec.memory.bytes());
        // Under contention a share, from the start; 1,769 MB have weight 100. The quota comes after
        // the init, which may use what the host has.
        limits.cpu = Cpu {
            quota_millis: None,
            weight: (self.spec.memory.cpu_milli() / 10).clamp(1, 10_000),
        };
        limits.processes = PROCESSES;
        limits
    }

    /// The runtime process.
    pub(super) fn process(
        &self,
        credentials: &Credentials,
        writers: Writers,
        channel: Option<OwnedFd>,
    ) -> Result<Process, PlatformError> {
        let mut process = self.base.process(self.argv()?, self.environment(credentials), writers, channel);
        if let Some(image) = &self.spec.image {
            process.cwd = image.working_directory.clone().into();
        }
        Ok(process)
    }

    fn argv(&self) -> Result<Vec<OsString>, PlatformError> {
        if let Some(image) = &self.spec.image {
            return container::argv(image);
        }
        if self.base.runtime.definition.language == Language::Provided {
            let found =
                provided_bootstrap(self.spec.code.path(), self.layers()).ok_or_else(PlatformError::no_bootstrap)?;
            return Ok(vec![found.into()]);
        }
        let own = |name: &str| {
            let found = self.spec.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        Ok(self.base.runtime.argv(&LaunchOptions {
            exec_wrapper: own("AWS_LAMBDA_EXEC_WRAPPER"),
            node_options: own("NODE_OPTIONS"),
            java_tool_options: own("JAVA_TOOL_OPTIONS"),
            memory_mib: Some(self.spec.memory.0),
            handler: Some(&self.spec.handler),
            task: Some(self.spec.code.path()),
            own_heap_limit: own("DOTNET_GCHeapHardLimit").is_some(),
        }))
    }

    /// The runtime's variables, then the function's (which may override those), then the ones that
    /// are reserved.
    pub(super) fn environment(&self, credentials: &Credentials) -> Vec<(String, String)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: String| match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => all.push((name.to_owned(), value)),
        };
        match &self.spec.image {
            Some(image) => container::environment(image).into_iter().for_each(|(name, value)| set(&name, value)),
            None => self.base.runtime.environment().into_iter().for_each(|(name, value)| set(name, value)),
        }
        if self.base.api {
            set("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{API_PORT}"));
        }
        for (name, value) in &self.spec.environment {
            set(name, value.clone());
        }
        for (name, value) in self.reserved(credentials) {
            set(name, value);
        }
        all
    }

    fn reserved(&self, credentials: &Credentials) -> Vec<(&'static str, String)> {
        let spec = &self.spec;
        let mut all = vec![
            ("AWS_REGION", spec.region.to_string()),
            ("AWS_DEFAULT_REGION", spec.region.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", spec.name.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.to_string()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory.0.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", self.initialization.as_str().to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{RUNTIME_API_PORT}")),
        ];
        // An image is told by its command line.
        if spec.image.is_none() {
            all.insert(0, ("_HANDLER", spec.handler.clone()));
        }
        match &self.credentials_token {
            Some(token) => all.extend(way_to_keys(token)),
            None => all.extend(keys(credentials)),
        }
        // A snapshot is restored into one stream after the other.
        if !self.is_snap_start() {
            all.push(("AWS_LAMBDA_LOG_GROUP_NAME", spec.logging.group.clone()));
            all.push(("AWS_LAMBDA_LOG_STREAM_NAME", self.log_stream.clone()));
        }
        if spec.tracing_active {
            all.extend(TRACING.map(|(name, value)| (name, value.to_owned())));
        }
        if spec.logging.format == LogFormat::Json {
            all.push(("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()));
            if let Some(level) = spec.logging.application_level {
                all.push(("AWS_LAMBDA_LOG_LEVEL", level.as_str().to_owned()));
            }
        }
        all
    }

    /// What the function brings: its code and its layers, and what it mounts.
    pub(super) fn binds(&self) -> Vec<Bind> {
        let mut all = self.layer_binds();
        all.push(bind(&self.spec.code, "/var/task"));
        all.extend(self.spec.file_systems.iter().map(|shared| Bind::shared(&shared.folder, &shared.path)));
        all
    }

    /// Where the layers lie on the host.
    pub(super) fn layers(&self) -> Option<&Path> {
        self.spec.layers.as_ref().map(|layers| layers.path())
    }

    /// Where what is shown as `/opt` lies on the host.
    pub(super) fn opt(&self) -> Option<PathBuf> {
        match self.spec.image {
            Some(_) => container::opt(self.spec.code.path()),
            None => self.layers().map(Path::to_owned),
        }
    }

    /// The layers as `/opt`, which is read-only then. Where an interpreter has to be mounted below
    /// `/opt`, each entry of the layers is mounted by itself.
    fn layer_binds(&self) -> Vec<Bind> {
        let Some(layers) = &self.spec.layers else {
            return Vec::new();
        };
        if !self.base.occupies_opt() {
            return vec![bind(layers, "/opt")];
        }
        let entries = std::fs::read_dir(layers.path()).into_iter().flatten().flatten();
        let inside = |name: OsString| format!("/opt/{}", name.to_string_lossy());
        let make = if layers.live().is_some() { Bind::read_only_plain } else { Bind::read_only };
        let present = entries.filter(|entry| entry.path().exists());
        present.map(|entry| make(entry.path(), inside(entry.file_name()))).collect()
    }
}

/// A folder that may change was looked at before, and may be another one by now.
fn bind(dir: &CodeDir, target: &str) -> Bind {
    if dir.live().is_some() { Bind::read_only_plain(dir.path(), target) } else { Bind::read_only(dir.path(), target) }
}

fn way_to_keys(token: &str) -> [(&'static str, String); 2] {
    let uri = format!("http://127.0.0.1:{RUNTIME_API_PORT}/2021-04-23/credentials");
    [("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri), ("AWS_CONTAINER_AUTHORIZATION_TOKEN", token.to_owned())]
}

fn keys(credentials: &Credentials) -> [(&'static str, String); 3] {
    [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", credentials.session_token.clone()),
    ]
}
