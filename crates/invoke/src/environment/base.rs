//! What every sandbox of a runtime has, whatever function runs in it: the host's system folders, the
//! interpreter, our bootstrap, a minimal `/etc`.

use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hearth_runtimes::{Bootstraps, Interpreter, Language, NODE_PACKAGES, ResolvedRuntime};
use hearth_sandbox::{Bind, Limits, Link, Process, SandboxSpec, SmallFile};

use super::output::Writers;

/// Where the Runtime API listens inside every sandbox.
pub(super) const RUNTIME_API_PORT: u16 = 9001;

/// Where the server's own API listens inside every sandbox: the port it has by default outside.
pub(super) const API_PORT: u16 = 4566;

/// Descriptors of the runtime process, as on AWS where it shows: 62 is its telemetry descriptor.
const CHANNEL_FD: i32 = 3;
const TELEMETRY_FD: i32 = 62;

/// A runtime of this host.
#[derive(Clone)]
pub(crate) struct Base {
    pub(crate) runtime: ResolvedRuntime,
    pub(crate) bootstraps: Arc<Bootstraps>,
    /// Packages for all functions of a language whose runtime on Lambda brings some (the AWS SDK).
    pub(crate) packages: Option<Arc<Path>>,
    pub(crate) name_servers: Arc<[Ipv4Addr]>,
    pub(crate) resolver_file: PathBuf,
    /// Whether the server's own API is served inside.
    pub(crate) api: bool,
}

impl Base {
    /// A sandbox without a function in it.
    pub(super) fn sandbox(&self, id: String, limits: Limits, tmp_bytes: u64, process: Option<Process>) -> SandboxSpec {
        SandboxSpec {
            id,
            hostname: "sandbox".to_owned(),
            binds: self.binds(),
            links: self.links(),
            files: files(&self.name_servers),
            // There with or without a layer, with or without a bootstrap of ours, and before the code is.
            dirs: ["/opt", "/var/runtime", "/var/task"].map(PathBuf::from).to_vec(),
            tmp_bytes,
            limits,
            listen: [RUNTIME_API_PORT].into_iter().chain(self.api.then_some(API_PORT)).collect(),
            process,
        }
    }

    /// A runtime process.
    pub(super) fn process(
        &self,
        argv: Vec<OsString>,
        environment: Vec<(String, String)>,
        writers: Writers,
        channel: Option<OwnedFd>,
    ) -> Process {
        let mut env: Vec<_> = environment.into_iter().map(|(name, value)| (name.into(), value.into())).collect();
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
        process
    }

    /// Whether an interpreter has to be mounted below `/opt`, where layers go.
    pub(crate) fn occupies_opt(&self) -> bool {
        self.runtime.mounts().iter().any(|prefix| prefix.starts_with("/opt"))
    }

    /// The host's runtime, read-only, and no more of the host.
    fn binds(&self) -> Vec<Bind> {
        let folders = SYSTEM_FOLDERS.into_iter().map(Path::new).filter(|path| path.is_dir() && !path.is_symlink());
        let files = SYSTEM_FILES.into_iter().map(Path::new).filter(|path| path.exists());
        let prefixes = self.runtime.mounts().iter().map(PathBuf::as_path);
        let mut binds: Vec<Bind> =
            folders.chain(files).chain(prefixes).map(|path| Bind::read_only(path, path)).collect();
        let bootstrap = self.bootstraps.folder(self.runtime.definition.language);
        binds.extend(bootstrap.map(|folder| Bind::read_only(folder, "/var/runtime")));
        binds.extend(self.packages().map(|folder| Bind::read_only(folder, PACKAGES)));
        binds
    }

    fn packages(&self) -> Option<&Path> {
        let looks = matches!(self.runtime.definition.language, Language::Python | Language::Node);
        self.packages.as_deref().filter(|_| looks)
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
        // Where `import` looks, which NODE_PATH does not guide.
        if self.packages().is_some() && self.runtime.definition.language == Language::Node {
            links.push(Link {
                path: "/var/node_modules".into(),
                target: NODE_PACKAGES.into(),
            });
        }
        links
    }
}

/// Where packages for all functions are shown.
const PACKAGES: &str = "/var/packages";

/// What every program needs to start. `/usr/local` comes with `/usr`.
const SYSTEM_FOLDERS: [&str; 7] = ["/usr", "/bin", "/sbin", "/lib", "/lib64", "/lib32", "/libx32"];

/// The dynamic linker's cache, certificates for outbound TLS, the links of `/usr/bin`, and what names stand for.
const SYSTEM_FILES: [&str; 6] =
    ["/etc/ld.so.cache", "/etc/ssl/certs", "/etc/alternatives", "/etc/mime.types", "/etc/services", "/etc/protocols"];

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

/// The text of `/etc/resolv.conf`.
#[must_use]
pub fn resolver(name_servers: &[Ipv4Addr]) -> String {
    if name_servers.is_empty() {
        return "# no name server: this sandbox has no network but its loopback\n".to_owned();
    }
    name_servers.iter().map(|server| format!("nameserver {server}\n")).collect()
}
