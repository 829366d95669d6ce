//! Which host paths an interpreter needs inside a sandbox, beyond the system folders that every sandbox has.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::probe::ask;
use crate::table::Language;

/// What every sandbox mounts already.
const SYSTEM: [&str; 7] = ["/usr", "/lib", "/lib32", "/lib64", "/libx32", "/bin", "/sbin"];

const LDD_TIMEOUT: Duration = Duration::from_secs(10);

/// Modules of Python and Ruby that are built on libraries of the host, which may lie anywhere.
const LIBRARY_USERS: [&str; 19] = [
    "_bz2", "_ctypes", "_curses", "_dbm", "_decimal", "_gdbm", "_hashlib", "_lzma", "_sqlite3", "_ssl", "_uuid",
    "_zstd", "pyexpat", "zlib", "openssl", "psych", "fiddle", "readline", "dbm",
];

/// The paths to mount read-only at the same place: as little of the host as makes the interpreter run.
pub(super) fn needed(language: Language, executable: &Path, prefix: &Path) -> Vec<PathBuf> {
    let mut paths = vec![own(language, executable, prefix)];
    let mut binaries = vec![executable.to_owned()];
    if language == Language::Java {
        paths.extend(linked(prefix));
        binaries.push(prefix.join("lib/server/libjvm.so"));
    }
    if !is_system(prefix) {
        binaries.extend(modules(language, prefix));
    }
    paths.extend(libraries(&binaries));
    minimal(paths)
}

/// The language's own modules in machine code that need libraries of the host: `lib/python3.12/lib-dynload/_ssl.so`,
/// `lib/ruby/3.3.0/x86_64-linux/openssl.so`.
fn modules(language: Language, prefix: &Path) -> Vec<PathBuf> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    let folders: Vec<PathBuf> = match language {
        Language::Python => entries(&prefix.join("lib")).iter().map(|folder| folder.join("lib-dynload")).collect(),
        Language::Ruby => entries(&prefix.join("lib/ruby")).iter().flat_map(|folder| entries(folder)).collect(),
        _ => Vec::new(),
    };
    folders
        .iter()
        .flat_map(|folder| entries(folder))
        .filter(|path| {
            let name = path.file_name().and_then(|name| name.to_str()).and_then(|name| name.split('.').next());
            name.is_some_and(|name| LIBRARY_USERS.contains(&name))
        })
        .collect()
}

fn is_system(path: &Path) -> bool {
    SYSTEM.iter().any(|system| path.starts_with(system))
}

/// Debian keeps a JDK's settings below `/etc`, and links to each from where the JDK looks: the folders that they are in,
/// without the one of all certificates, which every sandbox has.
fn linked(prefix: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![prefix.join("conf"), prefix.join("lib")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if !path.is_symlink() {
                folders.extend(path.is_dir().then_some(path));
                continue;
            }
            let Ok(target) = std::fs::canonicalize(path) else { continue };
            match target.strip_prefix("/etc").ok().and_then(|below| below.components().next()) {
                Some(first) if first.as_os_str() == "ssl" => {}
                Some(first) => found.push(Path::new("/etc").join(first)),
                None if target.starts_with(prefix) => {}
                None => found.push(target),
            }
        }
    }
    found
}

/// Python, Ruby, Java and .NET need their libraries next to themselves; Node.js is one file, and the rest of its prefix
/// (npm) is no business of a function's.
fn own(language: Language, executable: &Path, prefix: &Path) -> PathBuf {
    let holds_library = matches!(language, Language::Python | Language::Ruby | Language::Java | Language::Dotnet)
        && executable.starts_with(prefix);
    // A prefix such as `/` or `/home` would open far more than an interpreter.
    if holds_library && prefix.components().count() > 2 { prefix.to_owned() } else { executable.to_owned() }
}

/// Their shared libraries, as the dynamic linker of this host resolves them. None when `ldd` cannot tell.
fn libraries(binaries: &[PathBuf]) -> Vec<PathBuf> {
    let names: Vec<&str> = binaries.iter().filter_map(|path| path.to_str()).collect();
    let ldd = |names: &[&str]| ask(Path::new("/usr/bin/ldd"), names, LDD_TIMEOUT);
    // One file that `ldd` does not like spoils its answer for all; the first is the interpreter itself.
    match ldd(&names).or_else(|_| ldd(&names[..names.len().min(1)])) {
        Ok(listing) => parse_ldd(&listing),
        Err(reason) => {
            tracing::debug!(executable = names.first(), %reason, "cannot list shared libraries");
            Vec::new()
        }
    }
}

/// Lines read `libx.so.1 => /path/libx.so.1 (0x7f...)`; those without a path are the kernel's or missing.
fn parse_ldd(listing: &str) -> Vec<PathBuf> {
    listing
        .lines()
        .filter_map(|line| line.split_once("=>")?.1.split_whitespace().next())
        .filter(|path| path.starts_with('/'))
        .map(PathBuf::from)
        .collect()
}

/// Leaves out what the system folders or another entry hold already.
fn minimal(mut paths: Vec<PathBuf>) -> Vec<PathBuf> {
    paths.sort();
    paths.dedup();
    let mut kept: Vec<PathBuf> = Vec::new();
    for path in paths {
        if !is_system(&path) && !kept.iter().any(|other| path.starts_with(other)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(language: Language, executable: &str, prefix: &str, ldd: &str, expected: &[&str]) {
        let mut paths = vec![own(language, Path::new(executable), Path::new(prefix))];
        paths.extend(parse_ldd(ldd));
        let expected: Vec<PathBuf> = expected.iter().map(PathBuf::from).collect();
        assert_eq!(minimal(paths), expected);
    }

    #[test]
    fn modules_that_need_libraries_are_asked_about_theirs() -> std::io::Result<()> {
        let prefix = tempfile::tempdir()?;
        let folder = prefix.path().join("lib/python3.12/lib-dynload");
        std::fs::create_dir_all(&folder)?;
        for name in ["_ssl.cpython-312-x86_64-linux-gnu.so", "_json.cpython-312-x86_64-linux-gnu.so", "zlib.so"] {
            std::fs::write(folder.join(name), "")?;
        }
        let mut found = modules(Language::Python, prefix.path());
        found.sort();
        assert_eq!(found, [folder.join("_ssl.cpython-312-x86_64-linux-gnu.so"), folder.join("zlib.so")]);

        let folder = prefix.path().join("lib/ruby/3.3.0/x86_64-linux");
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join("openssl.so"), "")?;
        std::fs::write(folder.join("ripper.so"), "")?;
        assert_eq!(modules(Language::Ruby, prefix.path()), [folder.join("openssl.so")]);
        assert!(modules(Language::Node, prefix.path()).is_empty());
        Ok(())
    }

    const LDD: &str = "\tlinux-vdso.so.1 (0x00007ffd)\n\
        \tlibpython3.12.so.1.0 => /home/ann/.pyenv/versions/3.12.1/lib/libpython3.12.so.1.0 (0x00007f)\n\
        \tlibssl.so.3 => /opt/openssl/lib/libssl.so.3 (0x00007f)\n\
        \tlibgone.so => not found\n\
        \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
        \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";

    #[test]
    fn only_what_lies_outside_the_system_folders_is_mounted() {
        let pyenv = "/home/ann/.pyenv/versions/3.12.1";
        check(
            Language::Python,
            "/home/ann/.pyenv/versions/3.12.1/bin/python3.12",
            pyenv,
            LDD,
            &[pyenv, "/opt/openssl/lib/libssl.so.3"],
        );
        check(Language::Python, "/usr/bin/python3.11", "/usr", "", &[]);
        check(Language::Ruby, "/opt/rubies/3.3.0/bin/ruby", "/opt/rubies/3.3.0", "", &["/opt/rubies/3.3.0"]);
        check(Language::Node, "/opt/node/bin/node", "/opt/node", "", &["/opt/node/bin/node"]);
        check(Language::Python, "/home/python3.12", "/home", "", &["/home/python3.12"]);
    }
}
