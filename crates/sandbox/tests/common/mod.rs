//! What every test of real sandboxes needs: a service of its own, a root from the host, and the output of a command.

// Each test file uses a part of it; all of it is for tests.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::print_stderr)]

pub mod traces;

use std::io::Read;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use hearth_sandbox::{
    Bind, Exit, HelperProgram, Limits, Link, Options, Process, Sandbox, SandboxError, SandboxSpec, Sandboxes, SmallFile,
};

pub const MIB: u64 = 1 << 20;

/// Why sandboxes as root cannot be tested here, if so.
pub fn cannot_run() -> Option<String> {
    (hearth_sandbox::level() == hearth_sandbox::Level::User)
        .then(|| "SKIPPED: needs root with CAP_SYS_ADMIN, because it tests what only that level has".to_owned())
}

/// Returns from a test that cannot run here, saying why.
#[macro_export]
macro_rules! need_root {
    () => {
        if let Some(why) = common::cannot_run() {
            eprintln!("{why}");
            return;
        }
    };
}

pub struct Service {
    pub sandboxes: Sandboxes,
    pub folder: tempfile::TempDir,
}

pub fn options(folder: &Path) -> Options {
    let mut options = Options::new(folder.join("sandboxes"));
    options.helper = HelperProgram {
        path: env!("CARGO_BIN_EXE_hearth-sandbox-helper").into(),
        args: Vec::new(),
    };
    options.pool_size = 1;
    options.tmp_bytes = 64 * MIB;
    options
}

pub async fn service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let sandboxes = Sandboxes::start(options(folder.path())).await.unwrap();
    Service { sandboxes, folder }
}

pub fn host_root() -> (Vec<Bind>, Vec<Link>) {
    let mut binds = vec![Bind::read_only("/usr", "/usr")];
    let mut links = Vec::new();
    for name in ["bin", "sbin", "lib", "lib32", "lib64", "libx32"] {
        let path = PathBuf::from("/").join(name);
        if let Ok(target) = std::fs::read_link(&path) {
            links.push(Link { path, target });
        } else if path.is_dir() {
            binds.push(Bind::read_only(&path, &path));
        }
    }
    // Debian points commands such as awk and java here.
    if Path::new("/etc/alternatives").is_dir() {
        binds.push(Bind::read_only("/etc/alternatives", "/etc/alternatives"));
    }
    (binds, links)
}

/// The distribution's own Python, which needs nothing outside /usr.
pub const PYTHON: &str = "/usr/bin/python3";

pub fn spec(process: Process) -> SandboxSpec {
    let (binds, links) = host_root();
    let mut spec = SandboxSpec::new("test", Limits::new(128 * MIB), process);
    spec.binds = binds;
    spec.links = links;
    spec.tmp_bytes = 64 * MIB;
    spec.hostname = "sandbox-host".into();
    spec.files = vec![SmallFile {
        path: "/etc/passwd".into(),
        bytes: b"root:x:0:0:root:/root:/bin/sh\nsbx_user1051:x:993:990::/tmp:/bin/sh\n".to_vec(),
        mode: 0o644,
    }];
    spec
}

pub fn sh(script: &str) -> Process {
    command("/bin/sh", &["sh", "-c", script])
}

pub fn python(script: &str) -> Process {
    command(PYTHON, &["python3", "-I", "-c", script])
}

pub fn command(program: &str, argv: &[&str]) -> Process {
    let mut process = Process::new(program);
    process.argv = argv.iter().map(Into::into).collect();
    process.env = vec![("PATH".into(), "/usr/bin:/bin".into())];
    process.cwd = "/tmp".into();
    process
}

/// Gives the process one pipe for both outputs; read it with [`read_all`].
pub fn with_output(mut process: Process) -> (Process, std::io::PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    process.stderr = Some(OwnedFd::from(writer.try_clone().unwrap()));
    process.stdout = Some(OwnedFd::from(writer));
    (process, reader)
}

pub async fn read_all(mut reader: std::io::PipeReader) -> String {
    tokio::task::spawn_blocking(move || {
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    })
    .await
    .unwrap()
}

pub struct Done {
    pub exit: Exit,
    pub output: String,
    pub sandbox: Sandbox,
}

impl Service {
    pub async fn create(&self, spec: SandboxSpec) -> Result<Sandbox, SandboxError> {
        self.sandboxes.create(spec).await
    }

    /// Runs a process to its end, with changes to the sandbox around it.
    pub async fn run_with(&self, process: Process, change: impl FnOnce(&mut SandboxSpec)) -> Done {
        let (process, reader) = with_output(process);
        let mut spec = spec(process);
        change(&mut spec);
        let sandbox = self.create(spec).await.unwrap();
        let output = tokio::spawn(read_all(reader));
        let exit = sandbox.wait().await;
        // Whoever still holds the pipe would keep us waiting.
        sandbox.kill();
        Done {
            exit,
            output: output.await.unwrap(),
            sandbox,
        }
    }

    pub async fn run(&self, process: Process) -> Done {
        self.run_with(process, |_| {}).await
    }
}
