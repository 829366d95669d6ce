//! From a function version and its runtime to a sandbox: mounts, files, variables, command line.
//!
//! Source: fact sheet "Lambda execution-environment contract", sections 7 and 8.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_model::{Credentials, FunctionSpec, LogFormat};
use hearth_runtimes::{Bootstraps, Interpreter, Language, LaunchOptions, ResolvedRuntime, provided_bootstrap};
use hearth_sandbox::{Bind, Cpu, Limits, Link, Process, SandboxSpec, SmallFile};

use super::output::Writers;
use crate::payload::PlatformError;
use crate::report::InitializationType;

/// Where the Runtime API listens inside every sandbox.
pub(super) const RUNTIME_API_PORT: u16 = 9001;

/// Descriptors of the runtime process, as on AWS where it shows: 62 is its telemetry descriptor.
const CHANNEL_FD: i32 = 3;
const TELEMETRY_FD: i32 = 62;

/// A function may run as many processes and threads as on AWS, and open as many files.
const PROCESSES: u32 = 1_024;

/// All that is needed to start a version's runtime, again and again.
pub(super) struct Launch {
    pub(super) spec: Arc<FunctionSpec>,
    pub(super) runtime: ResolvedRuntime,
    pub(super) bootstraps: Arc<Bootstraps>,
    pub(super) name_servers: Arc<[Ipv4Addr]>,
    pub(super) log_stream: String,
    pub(super) initialization: InitializationType,
}

impl Launch {
    /// True when the runtime speaks over the lean channel.
    pub(super) fn uses_channel(&self) -> bool {
        self.runtime.uses_channel()
    }

    pub(super) fn is_snap_start(&self) -> bool {
        self.initialization == InitializationType::SnapStart
    }

    /// The sandbox with its first process.
    pub(super) fn sandbox(&self, id: String, process: Process) -> SandboxSpec {
        let spec = &self.spec;
        let cpu_milli = spec.memory.cpu_milli();
        let mut limits = Limits::new(spec.memory.bytes());
        // A share, not a ceiling: an idle processor is the function's. 1,769 MB have weight 100.
        limits.cpu = Cpu {
            quota_millis: None,
            weight: (cpu_milli / 10).clamp(1, 10_000),
        };
        limits.processes = PROCESSES;
        SandboxSpec {
            id,
            hostname: "sandbox".to_owned(),
            binds: self.binds(),
            links: self.links(),
            files: files(&self.name_servers),
            // There with or without a layer, and with or without a bootstrap of ours.
            dirs: ["/opt", "/var/runtime"].map(PathBuf::from).to_vec(),
            tmp_bytes: spec.storage.bytes(),
            limits,
            listen: Some(RUNTIME_API_PORT),
            process,
        }
    }

    /// The runtime process.
    pub(super) fn process(
        &self,
        credentials: &Credentials,
        writers: Writers,
        channel: Option<OwnedFd>,
    ) -> Result<Process, PlatformError> {
        let argv = self.argv()?;
        let mut env = self.environment(credentials);
        let mut inherit = vec![(writers.telemetry, TELEMETRY_FD)];
        let mut set = |name: &str, value: String| env.push((name.into(), value.into()));
        if let Some(channel) = channel {
            inherit.push((channel, CHANNEL_FD));
            set(hearth_runtimes::CHANNEL_FD_VARIABLE, CHANNEL_FD.to_string());
        }
        if self.runtime.definition.language != Language::Provided {
            set(hearth_runtimes::TELEMETRY_FD_VARIABLE, TELEMETRY_FD.to_string());
        }
        let mut process = Process::new(PathBuf::from(&argv[0]));
        process.argv = argv;
        process.env = env;
        process.cwd = "/var/task".into();
        process.stdout = Some(writers.stdout);
        process.stderr = Some(writers.stderr);
        process.inherit = inherit;
        Ok(process)
    }

    fn argv(&self) -> Result<Vec<OsString>, PlatformError> {
        if self.runtime.definition.language == Language::Provided {
            let found =
                provided_bootstrap(self.spec.code.path(), self.layers()).ok_or_else(PlatformError::no_bootstrap)?;
            return Ok(vec![found.into()]);
        }
        let own = |name: &str| {
            let found = self.spec.environment.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str())
        };
        Ok(self.runtime.argv(&LaunchOptions {
            exec_wrapper: own("AWS_LAMBDA_EXEC_WRAPPER"),
            node_options: own("NODE_OPTIONS"),
            memory_mib: Some(self.spec.memory.0),
        }))
    }

    /// The runtime's variables, then the function's (which may override those), then the ones that
    /// are reserved.
    fn environment(&self, credentials: &Credentials) -> Vec<(OsString, OsString)> {
        let mut all: Vec<(String, String)> = Vec::new();
        let mut set = |name: &str, value: String| match all.iter_mut().find(|(known, _)| known == name) {
            Some((_, old)) => *old = value,
            None => all.push((name.to_owned(), value)),
        };
        for (name, value) in self.runtime.environment() {
            set(name, value);
        }
        for (name, value) in &self.spec.environment {
            set(name, value.clone());
        }
        for (name, value) in self.reserved(credentials) {
            set(name, value);
        }
        all.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
    }

    /// What a restored process has to learn anew.
    pub(super) fn refreshed(&self, credentials: &Credentials) -> Vec<(String, String)> {
        let keys = keys(credentials);
        keys.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn reserved(&self, credentials: &Credentials) -> Vec<(&'static str, String)> {
        let spec = &self.spec;
        let mut all = vec![
            ("_HANDLER", spec.handler.clone()),
            ("AWS_REGION", spec.region.to_string()),
            ("AWS_DEFAULT_REGION", spec.region.to_string()),
            ("AWS_LAMBDA_FUNCTION_NAME", spec.name.to_string()),
            ("AWS_LAMBDA_FUNCTION_VERSION", spec.version.to_string()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", spec.memory.0.to_string()),
            ("AWS_LAMBDA_INITIALIZATION_TYPE", self.initialization.as_str().to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", format!("127.0.0.1:{RUNTIME_API_PORT}")),
        ];
        all.extend(keys(credentials));
        // A snapshot is restored into one stream after the other.
        if !self.is_snap_start() {
            all.push(("AWS_LAMBDA_LOG_GROUP_NAME", spec.logging.group.clone()));
            all.push(("AWS_LAMBDA_LOG_STREAM_NAME", self.log_stream.clone()));
        }
        if spec.logging.format == LogFormat::Json {
            all.push(("AWS_LAMBDA_LOG_FORMAT", "JSON".to_owned()));
            if let Some(level) = spec.logging.application_level {
                all.push(("AWS_LAMBDA_LOG_LEVEL", level.as_str().to_owned()));
            }
        }
        all
    }

    /// The host's runtime, read-only, and no more of the host; then what is the function's.
    fn binds(&self) -> Vec<Bind> {
        let mut binds = Vec::new();
        let mut bind = |source: PathBuf, target: &str| {
            binds.push(Bind {
                source,
                target: target.into(),
                read_only: true,
            });
        };
        for folder in SYSTEM_FOLDERS {
            let path = Path::new(folder);
            if path.is_dir() && !path.is_symlink() {
                bind(path.to_owned(), folder);
            }
        }
        for file in SYSTEM_FILES {
            if Path::new(file).exists() {
                bind(file.into(), file);
            }
        }
        // Before the interpreter, which some hosts keep below `/opt`.
        for (source, target) in self.layer_binds() {
            bind(source, &target);
        }
        for prefix in self.runtime.mounts() {
            bind(prefix.clone(), &prefix.to_string_lossy());
        }
        if let Some(folder) = self.bootstraps.folder(self.runtime.definition.language) {
            bind(folder, "/var/runtime");
        }
        bind(self.spec.code.path().to_owned(), "/var/task");
        binds
    }

    /// Where the layers lie on the host.
    fn layers(&self) -> Option<&Path> {
        self.spec.layers.as_ref().map(|layers| layers.path())
    }

    /// The layers as `/opt`, which is read-only then. Where an interpreter has to be mounted below
    /// `/opt`, each entry of the layers is mounted by itself.
    fn layer_binds(&self) -> Vec<(PathBuf, String)> {
        let Some(layers) = self.layers() else {
            return Vec::new();
        };
        if !self.runtime.mounts().iter().any(|prefix| prefix.starts_with("/opt")) {
            return vec![(layers.to_owned(), "/opt".to_owned())];
        }
        let entries = std::fs::read_dir(layers).into_iter().flatten().flatten();
        let inside = |name: OsString| format!("/opt/{}", name.to_string_lossy());
        let present = entries.filter(|entry| entry.path().exists());
        present.map(|entry| (entry.path(), inside(entry.file_name()))).collect()
    }

    /// Merged-`/usr` systems have `/bin` and its like as links; `/var/lang` is where AWS keeps the
    /// interpreter, and packages name it in their first lines.
    fn links(&self) -> Vec<Link> {
        let mut links: Vec<Link> = SYSTEM_FOLDERS
            .iter()
            .filter_map(|folder| {
                let target = std::fs::read_link(folder).ok()?;
                Some(Link {
                    path: (*folder).into(),
                    target,
                })
            })
            .collect();
        if let Some(Interpreter { prefix, .. }) = &self.runtime.interpreter {
            links.push(Link {
                path: "/var/lang".into(),
                target: prefix.clone(),
            });
        }
        links
    }
}

fn keys(credentials: &Credentials) -> [(&'static str, String); 3] {
    [
        ("AWS_ACCESS_KEY_ID", credentials.access_key_id.clone()),
        ("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key.clone()),
        ("AWS_SESSION_TOKEN", credentials.session_token.clone()),
    ]
}

/// What every program needs to start. `/usr/local` comes with `/usr`.
const SYSTEM_FOLDERS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"];

/// The dynamic linker's cache, certificates for outbound TLS, and the links of `/usr/bin`.
const SYSTEM_FILES: [&str; 4] = ["/etc/ld.so.cache", "/etc/ssl/certs", "/etc/alternatives", "/etc/mime.types"];

/// A minimal `/etc`. The user's name is AWS's.
fn files(name_servers: &[Ipv4Addr]) -> Vec<SmallFile> {
    let file = |path: &str, text: &str| SmallFile {
        path: path.into(),
        bytes: text.as_bytes().to_vec(),
        mode: 0o644,
    };
    vec![
        file(
            "/etc/passwd",
            "root:x:0:0:root:/root:/sbin/nologin\nsbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n",
        ),
        file("/etc/group", "root:x:0:\nsbx_user1051:x:990:\n"),
        file("/etc/hosts", "127.0.0.1\tlocalhost sandbox sandbox.localdomain\n::1\tlocalhost\n"),
        file("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
        file("/etc/resolv.conf", &resolver(name_servers)),
    ]
}

fn resolver(name_servers: &[Ipv4Addr]) -> String {
    if name_servers.is_empty() {
        return "# no name server: this sandbox has no network but its loopback\n".to_owned();
    }
    name_servers.iter().map(|server| format!("nameserver {server}\n")).collect()
}
