//! Compiling the Java bootstrap: once for each JDK, into a folder of its own beside the sources.
//!
//! The folder holds the classes as a jar, the small library that the bootstrap loads, and an archive of classes
//! (CDS) from which the virtual machine maps what it would otherwise read, check and link at every start.

use std::ffi::OsStr;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

use super::{make_readable, native_library};
use crate::discover::Interpreter;

pub(crate) const JAR: &str = "hearth.jar";
pub(crate) const ARCHIVE: &str = "hearth.jsa";
const LIBRARY: &str = "libhearth.so";

/// What the bootstrap reaches of the JDK's own: descriptors, the map of variables, addresses of buffers.
const MANIFEST: &str = "Main-Class: hearth.runtime.Main\n\
    Add-Opens: java.base/java.io java.base/java.util java.base/java.nio\n\
    Enable-Native-Access: ALL-UNNAMED\n";

/// The folder of one JDK, below that of the language. Two of one version may differ in all but that.
pub(crate) fn folder_name(interpreter: &Interpreter) -> String {
    let place = Sha256::digest(interpreter.executable.as_os_str().as_encoded_bytes());
    format!("{}-{}", interpreter.version, hex::encode(&place[..4]))
}

pub(super) fn is_compiled(language: &Path, interpreter: &Interpreter) -> bool {
    let folder = language.join(folder_name(interpreter));
    folder.join(JAR).exists() && folder.join(ARCHIVE).symlink_metadata().is_ok()
}

/// Compiles the sources in `language` for this JDK. Idempotent; two servers may do it at once.
pub(super) fn compile(language: &Path, sources: &[&str], interpreter: &Interpreter) -> io::Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    if is_compiled(language, interpreter) {
        return Ok(());
    }
    let folder = language.join(folder_name(interpreter));
    // Its inner folder is named as the last part of the path at which sandboxes see the bootstrap: see `archive`.
    let draft = language.join(format!(".new-{}-{}", std::process::id(), folder_name(interpreter)));
    let _ = fs::remove_dir_all(&draft);
    let inside = draft.join("runtime").join(folder_name(interpreter));
    let made = build(language, sources, interpreter, &draft, &inside).and_then(|()| {
        make_readable(&inside)?;
        if folder.exists() {
            fs::remove_dir_all(&folder)?;
        }
        fs::rename(&inside, &folder)
    });
    let _ = fs::remove_dir_all(&draft);
    // Another server may have been faster.
    made.or_else(|error| if is_compiled(language, interpreter) { Ok(()) } else { Err(error) })
}

fn build(language: &Path, sources: &[&str], interpreter: &Interpreter, draft: &Path, inside: &Path) -> io::Result<()> {
    fs::create_dir_all(inside)?;
    let (classes, manifest) = (draft.join("classes"), draft.join("manifest"));
    fs::write(&manifest, MANIFEST)?;
    let mut compiler = tool(interpreter, "javac");
    compiler.current_dir(language).args(["-nowarn", "-proc:none", "-encoding", "UTF-8", "--release", "11", "-d"]);
    run(compiler.arg(&classes).args(sources), "compile the Java bootstrap")?;
    let mut packer = tool(interpreter, "jar");
    packer.args(["--create", "--no-compress", "--file"]).arg(inside.join(JAR)).arg("--manifest").arg(&manifest);
    run(packer.arg("-C").arg(&classes).arg("."), "pack the Java bootstrap")?;
    if let Some(library) = native_library::library() {
        fs::File::create(inside.join(LIBRARY))?.write_all(&library)?;
    }
    archive(interpreter, draft, inside)
}

/// Makes the archive of classes. It holds the jar's path, which must be that of the sandboxes: so the virtual machine
/// sees the draft as `/var`, where the host lets us do that. Elsewhere, and before Java 13, the JDK's own archive stands in.
fn archive(interpreter: &Interpreter, draft: &Path, inside: &Path) -> io::Result<()> {
    let target = inside.join(ARCHIVE);
    let seen = Path::new("/var/runtime").join(folder_name(interpreter));
    if interpreter.version_key() >= vec![13] {
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--map-root-user",
            "sh",
            "-c",
            "mount --bind \"$1\" /var && shift && exec \"$@\"",
            "sh",
        ]);
        command.arg(draft).arg(&interpreter.executable);
        command.arg(format!("-XX:ArchiveClassesAtExit={}", seen.join(ARCHIVE).display()));
        command.args(crate::launch::java::FIXED_FLAGS).arg("-jar").arg(seen.join(JAR)).arg("rehearse");
        if let Err(error) = run(&mut command, "archive the classes of the Java bootstrap") {
            tracing::debug!(%error, "the JDK's own archive of classes stands in");
        }
    }
    if target.exists() {
        return Ok(());
    }
    std::os::unix::fs::symlink(interpreter.prefix.join("lib/server/classes.jsa"), target)
}

/// A tool that runs for a second: optimising its own code would take longer than it saves.
fn tool(interpreter: &Interpreter, name: impl AsRef<OsStr>) -> Command {
    let folder = interpreter.executable.parent().map_or_else(PathBuf::new, Path::to_owned);
    let mut command = Command::new(folder.join(name.as_ref()));
    command.args(["-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]);
    command
}

fn run(command: &mut Command, what: &str) -> io::Result<()> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let output = command.env_clear().env("PATH", path).env("LC_ALL", "C.UTF-8").stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = [output.stdout, output.stderr].concat();
    let program = command.get_program().to_string_lossy().into_owned();
    Err(io::Error::other(format!("{what} with {program}: {}", String::from_utf8_lossy(&said).trim())))
}
