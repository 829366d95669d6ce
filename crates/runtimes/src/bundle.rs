//! The bootstrap sources, packed into the binary, and their way onto the disk.
//!
//! They are written once per content, below a folder named by its hash, so that an upgrade never changes files that
//! running sandboxes have mounted, and two servers may share the folder.

pub(crate) mod java;
mod native_library;

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sha2::{Digest as _, Sha256};

use crate::discover::Interpreter;
use crate::dotnet;
use crate::table::Language;

/// The folder of [`Bootstraps::nothing`].
const NOTHING: &str = "nothing";

macro_rules! packed {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../runtimes/", $path)))),*]
    };
}

/// Path below the folder, and contents.
static FILES: &[(&str, &str)] = packed![
    "java/com/amazonaws/services/lambda/runtime/Client.java",
    "java/com/amazonaws/services/lambda/runtime/ClientContext.java",
    "java/com/amazonaws/services/lambda/runtime/CognitoIdentity.java",
    "java/com/amazonaws/services/lambda/runtime/Context.java",
    "java/com/amazonaws/services/lambda/runtime/CustomPojoSerializer.java",
    "java/com/amazonaws/services/lambda/runtime/LambdaLogger.java",
    "java/com/amazonaws/services/lambda/runtime/LambdaRuntime.java",
    "java/com/amazonaws/services/lambda/runtime/LambdaRuntimeInternal.java",
    "java/com/amazonaws/services/lambda/runtime/RequestHandler.java",
    "java/com/amazonaws/services/lambda/runtime/RequestStreamHandler.java",
    "java/com/amazonaws/services/lambda/runtime/logging/LogFormat.java",
    "java/com/amazonaws/services/lambda/runtime/logging/LogLevel.java",
    "java/hearth/crac/CheckpointException.java",
    "java/hearth/crac/Context.java",
    "java/hearth/crac/Core.java",
    "java/hearth/crac/Resource.java",
    "java/hearth/crac/RestoreException.java",
    "java/hearth/runtime/Binder.java",
    "java/hearth/runtime/Bytes.java",
    "java/hearth/runtime/Call.java",
    "java/hearth/runtime/Channel.java",
    "java/hearth/runtime/Codec.java",
    "java/hearth/runtime/Descriptors.java",
    "java/hearth/runtime/Environment.java",
    "java/hearth/runtime/Events.java",
    "java/hearth/runtime/Failure.java",
    "java/hearth/runtime/Fault.java",
    "java/hearth/runtime/FunctionLoader.java",
    "java/hearth/runtime/Handler.java",
    "java/hearth/runtime/Handlers.java",
    "java/hearth/runtime/HttpApi.java",
    "java/hearth/runtime/InvocationContext.java",
    "java/hearth/runtime/JsonReader.java",
    "java/hearth/runtime/JsonWriter.java",
    "java/hearth/runtime/Link.java",
    "java/hearth/runtime/Logger.java",
    "java/hearth/runtime/Main.java",
    "java/hearth/runtime/Output.java",
    "java/hearth/runtime/Rehearsal.java",
    "java/hearth/runtime/Scalars.java",
    "java/hearth/runtime/Shape.java",
    "java/hearth/runtime/Snapshot.java",
    "java/hearth/runtime/Times.java",
    "java/hearth/runtime/Types.java",
    "nodejs/index.cjs",
    "nodejs/lib/channel.cjs",
    "nodejs/lib/context.cjs",
    "nodejs/lib/errors.cjs",
    "nodejs/lib/globals.cjs",
    "nodejs/lib/http.cjs",
    "nodejs/lib/invocations.cjs",
    "nodejs/lib/invoke-store.cjs",
    "nodejs/lib/loader.cjs",
    "nodejs/lib/logs.cjs",
    "nodejs/lib/main.cjs",
    "nodejs/lib/parked.cjs",
    "nodejs/lib/response-stream.cjs",
    "nodejs/lib/streaming.cjs",
    "nodejs/lib/versions.cjs",
    "python/bootstrap.py",
    "python/hearth_runtime/__init__.py",
    "python/hearth_runtime/channel.py",
    "python/hearth_runtime/codec.py",
    "python/hearth_runtime/context.py",
    "python/hearth_runtime/errors.py",
    "python/hearth_runtime/handler.py",
    "python/hearth_runtime/http.py",
    "python/hearth_runtime/logging_setup.py",
    "python/hearth_runtime/logs.py",
    "python/hearth_runtime/main.py",
    "python/hearth_runtime/paths.py",
    "python/hearth_runtime/snapshot.py",
    "python/hearth_runtime/streams.py",
    "python/snapshot_restore_py.py",
    "ruby/bootstrap.rb",
    "ruby/hearth_runtime/call.rb",
    "ruby/hearth_runtime/channel.rb",
    "ruby/hearth_runtime/context.rb",
    "ruby/hearth_runtime/errors.rb",
    "ruby/hearth_runtime/handler.rb",
    "ruby/hearth_runtime/http.rb",
    "ruby/hearth_runtime/logs.rb",
    "ruby/hearth_runtime/main.rb",
    "ruby/hearth_runtime/marshaller.rb",
    "ruby/hearth_runtime/output.rb",
    "ruby/hearth_runtime/paths.rb",
];

/// The same of what is compiled when Hearth is developed: `runtimes/dotnet` says how, and a test that it still fits.
static BINARIES: &[(&str, &[u8])] =
    &[("dotnet/Hearth.Runtime.dll", include_bytes!("../../../runtimes/dotnet/Hearth.Runtime.dll"))];

fn packed() -> impl Iterator<Item = (&'static str, &'static [u8])> {
    FILES.iter().map(|(path, text)| (*path, text.as_bytes())).chain(BINARIES.iter().copied())
}

/// Compiles the modules beside the bootstrap, so that no sandbox has to: its root is read-only, and would compile them
/// anew at every start. Unchecked, because the folder's name already vouches for its content.
const PRECOMPILE: &str = "\
import os, py_compile, sys
folder = sys.argv[1]
for name in sorted(os.listdir(folder)):
    if name.endswith('.py'):
        py_compile.compile(os.path.join(folder, name), dfile='/var/runtime/hearth_runtime/' + name, doraise=True,
                           invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH)
";

/// Where a sandbox shows the Node.js packages that are there for all functions, if there are any.
pub const NODE_PACKAGES: &str = "/var/packages/nodejs/node_modules";

/// What makes `require` find them: a place that Lambda's NODE_PATH names.
const NODE_LINK: &str = "nodejs/node_modules";

/// The bootstraps on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstraps {
    root: PathBuf,
}

/// Writes the packed bootstraps below `dir` (created if need be). Atomic, and a no-op when they are there already.
pub fn materialise(dir: &Path) -> io::Result<Bootstraps> {
    let root = dir.join(hex::encode(&digest(|_| true)[..16]));
    if !is_intact(&root) {
        replace(dir, &root)?;
    }
    Ok(Bootstraps { root })
}

impl Bootstraps {
    /// The host folder that a sandbox mounts at `/var/runtime`; `None` for languages without a bootstrap of ours.
    #[must_use]
    pub fn folder(&self, language: Language) -> Option<PathBuf> {
        folder_name(language).map(|name| self.root.join(name))
    }

    /// A folder with nothing in it, to mount over what a sandbox is not to show.
    #[must_use]
    pub fn nothing(&self) -> PathBuf {
        self.root.join(NOTHING)
    }

    /// Stores the bootstrap in the interpreter's compiled form: Java runs nothing else, and Python saves several
    /// milliseconds at every start. For .NET, writes the file by which the assembly runs on this version. Idempotent; does
    /// nothing for other languages.
    pub fn precompile(&self, interpreter: &Interpreter) -> io::Result<()> {
        match interpreter.language {
            Language::Python => self.compile_python(interpreter),
            Language::Java => {
                let sources: Vec<_> = FILES.iter().filter_map(|(path, _)| path.strip_prefix("java/")).collect();
                java::compile(&self.root.join("java"), &sources, interpreter)
            }
            Language::Dotnet => {
                let folder = self.root.join("dotnet");
                dotnet::configure(&folder, interpreter)?;
                make_readable(&folder)
            }
            Language::Node | Language::Ruby | Language::Provided => Ok(()),
        }
    }

    /// Whether there is nothing that has to be compiled before the interpreter can run the bootstrap.
    #[must_use]
    pub fn is_ready(&self, interpreter: &Interpreter) -> bool {
        interpreter.language != Language::Java || java::is_compiled(&self.root.join("java"), interpreter)
    }

    fn compile_python(&self, interpreter: &Interpreter) -> io::Result<()> {
        let package = self.root.join("python/hearth_runtime");
        if is_compiled(&package, &interpreter.version) {
            return Ok(());
        }
        let output = Command::new(&interpreter.executable)
            .args(["-I", "-S", "-c", PRECOMPILE])
            .arg(&package)
            .env_clear()
            .stdin(Stdio::null())
            .output()?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let executable = interpreter.executable.display();
            return Err(io::Error::other(format!("compile the Python bootstrap with {executable}: {}", said.trim())));
        }
        make_readable(&package.join("__pycache__"))
    }
}

/// The hash of a language's bootstrap, which is part of its runtime version.
pub(crate) fn language_digest(language: Language) -> [u8; 32] {
    let prefix = folder_name(language).map(|name| format!("{name}/"));
    digest(|path| prefix.as_deref().is_some_and(|prefix| path.starts_with(prefix)))
}

fn folder_name(language: Language) -> Option<&'static str> {
    match language {
        Language::Python => Some("python"),
        Language::Node => Some("nodejs"),
        Language::Ruby => Some("ruby"),
        Language::Java => Some("java"),
        Language::Dotnet => Some("dotnet"),
        Language::Provided => None,
    }
}

fn digest(wanted: impl Fn(&str) -> bool) -> [u8; 32] {
    let mut hash = Sha256::new();
    for (path, content) in packed().filter(|(path, _)| wanted(path)) {
        hash.update((path.len() as u64).to_be_bytes());
        hash.update(path);
        hash.update((content.len() as u64).to_be_bytes());
        hash.update(content);
    }
    hash.finalize().into()
}

fn is_intact(root: &Path) -> bool {
    root.join(NOTHING).is_dir()
        && root.join(NODE_LINK).is_symlink()
        && packed().all(|(path, content)| fs::read(root.join(path)).is_ok_and(|found| found == content))
}

/// Builds the folder under another name, then moves it into its place.
fn replace(dir: &Path, root: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)?;
    let draft = dir.join(format!(".new-{}", std::process::id()));
    let _ = fs::remove_dir_all(&draft);
    let written = write_all(&draft).and_then(|()| {
        if root.exists() {
            fs::remove_dir_all(root)?;
        }
        fs::rename(&draft, root)
    });
    if written.is_err() {
        let _ = fs::remove_dir_all(&draft);
        // Another server may have been faster.
        if is_intact(root) {
            return Ok(());
        }
    }
    written
}

fn write_all(draft: &Path) -> io::Result<()> {
    for (path, content) in packed() {
        let path = draft.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = fs::File::create(&path)?;
        file.write_all(content)?;
        file.sync_all()?;
    }
    fs::create_dir_all(draft.join(NOTHING))?;
    make_readable(draft)?;
    std::os::unix::fs::symlink(NODE_PACKAGES, draft.join(NODE_LINK))
}

/// Sandboxes run as users of their own: everything is readable by all, whatever this process's umask.
fn make_readable(path: &Path) -> io::Result<()> {
    let is_dir = path.is_dir();
    fs::set_permissions(path, fs::Permissions::from_mode(if is_dir { 0o755 } else { 0o644 }))?;
    if is_dir {
        for entry in fs::read_dir(path)? {
            make_readable(&entry?.path())?;
        }
    }
    Ok(())
}

/// Whether every module of the package has its compiled form for this version (`3.12.1` is tagged `cpython-312`).
fn is_compiled(package: &Path, version: &str) -> bool {
    let tag: String = version.split('.').take(2).collect();
    FILES
        .iter()
        .filter_map(|(path, _)| path.strip_prefix("python/hearth_runtime/")?.strip_suffix(".py"))
        .all(|module| package.join(format!("__pycache__/{module}.cpython-{tag}.pyc")).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that is added to `runtimes/` and forgotten here would be missing only once the program is installed.
    #[test]
    fn every_source_is_packed() {
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../runtimes");
        let mut found = Vec::new();
        for language in ["python", "nodejs", "ruby", "java"] {
            walk(&sources.join(language), &sources, &mut found);
        }
        found.sort();
        let packed: Vec<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(packed, found, "the table must list every file, in this order");
    }

    fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("__pycache__") {
                    walk(&path, root, found);
                }
            } else if let Ok(relative) = path.strip_prefix(root) {
                found.push(relative.to_string_lossy().into_owned());
            }
        }
    }

    #[test]
    fn materialise_is_idempotent_and_repairs() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let first = materialise(dir.path())?;
        let script = first.folder(Language::Python).map(|folder| folder.join("bootstrap.py"));
        let script = script.ok_or_else(|| io::Error::other("no folder"))?;
        assert_eq!(fs::metadata(&script)?.permissions().mode() & 0o777, 0o644);
        let written = fs::metadata(&script)?.modified()?;
        assert_eq!(materialise(dir.path())?, first);
        assert_eq!(fs::metadata(&script)?.modified()?, written, "an intact folder is left alone");

        fs::write(&script, "tampered")?;
        materialise(dir.path())?;
        assert!(fs::read_to_string(&script)?.contains("hearth_runtime"));
        assert_eq!(fs::read_dir(dir.path())?.count(), 1, "no drafts are left behind");
        assert_eq!(fs::read_dir(first.nothing())?.count(), 0);
        Ok(())
    }
}
