//! Where interpreters may be: a list of executables that look like one, each once, none of them run yet.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs;
use std::io::Read as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::DiscoveryConfig;
use crate::dotnet;
use crate::table::{Language, definitions};

/// An executable that may be an interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) language: Language,
    /// Without links.
    pub(super) executable: PathBuf,
    pub(super) mtime_ns: i128,
    pub(super) size: u64,
}

/// System folders, in the order in which they are looked at.
const SYSTEM: [&str; 3] = ["/usr/bin", "/usr/local/bin", "/opt"];

/// Where version managers keep what they install, below a home folder. `*` is one version.
const BELOW_HOME: [&str; 19] = [
    ".pyenv/versions/*/bin",
    ".asdf/installs/python/*/bin",
    ".asdf/installs/nodejs/*/bin",
    ".local/share/mise/installs/python/*/bin",
    ".local/share/mise/installs/node/*/bin",
    ".local/share/uv/python/*/bin",
    ".nvm/versions/node/*/bin",
    ".local/share/fnm/node-versions/*/installation/bin",
    ".rbenv/versions/*/bin",
    ".rvm/rubies/*/bin",
    ".asdf/installs/ruby/*/bin",
    ".local/share/mise/installs/ruby/*/bin",
    ".sdkman/candidates/java/*/bin",
    ".asdf/installs/java/*/bin",
    ".local/share/mise/installs/java/*/bin",
    ".dotnet",
    ".asdf/installs/dotnet/*",
    ".asdf/installs/dotnet-core/*",
    ".local/share/mise/dotnet-root",
];

/// The same, by the variable with which a version manager says where it lives.
const BY_VARIABLE: [(&str, &str); 10] = [
    ("PYENV_ROOT", "versions/*/bin"),
    ("NVM_DIR", "versions/node/*/bin"),
    ("ASDF_DATA_DIR", "installs/python/*/bin"),
    ("ASDF_DATA_DIR", "installs/nodejs/*/bin"),
    ("ASDF_DATA_DIR", "installs/ruby/*/bin"),
    ("RBENV_ROOT", "versions/*/bin"),
    ("ASDF_DATA_DIR", "installs/java/*/bin"),
    ("SDKMAN_DIR", "candidates/java/*/bin"),
    ("JAVA_HOME", "bin"),
    ("DOTNET_ROOT", ""),
];

/// Everything that looks like an interpreter, in the order of the search.
pub(super) fn candidates(config: &DiscoveryConfig) -> Vec<Candidate> {
    let trust = Trust::of_process();
    let mut seen = HashSet::new();
    let mut found = Vec::new();
    for folder in configured(&config.search_dirs) {
        collect(&folder, None, &mut seen, &mut found);
    }
    if !config.only_search_dirs {
        for folder in usual() {
            collect(&folder, Some(&trust), &mut seen, &mut found);
        }
    }
    found
}

fn configured(search_dirs: &[PathBuf]) -> Vec<PathBuf> {
    search_dirs.iter().flat_map(|dir| [vec![dir.clone(), dir.join("bin")], expand(dir, "*/bin")].concat()).collect()
}

fn usual() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = std::env::var_os("PATH").iter().flat_map(std::env::split_paths).collect();
    folders.retain(|folder| folder.is_absolute());
    folders.extend(SYSTEM.map(PathBuf::from));
    folders.extend(expand(Path::new("/opt"), "*/bin"));
    folders.extend(expand(Path::new("/opt"), "rubies/*/bin"));
    folders.extend(expand(Path::new("/usr/lib/jvm"), "*/bin"));
    folders.extend(dotnet::FOLDERS.map(PathBuf::from));
    folders.extend(dotnet::install_location());
    for (variable, pattern) in BY_VARIABLE {
        if let Some(root) = std::env::var_os(variable).filter(|root| !root.is_empty()) {
            folders.extend(expand(Path::new(&root), pattern));
        }
    }
    for home in homes() {
        folders.extend(BELOW_HOME.iter().flat_map(|pattern| expand(&home, pattern)));
    }
    folders
}

/// The home of this process's user and, where that is root by `sudo`, of the user behind it.
fn homes() -> Vec<PathBuf> {
    let own = std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
    let behind_sudo =
        std::env::var_os("SUDO_USER").filter(|user| is_plain(user)).map(|user| Path::new("/home").join(user));
    own.into_iter().chain(behind_sudo).collect()
}

fn is_plain(name: &OsStr) -> bool {
    !name.is_empty() && name != ".." && name != "." && !name.as_encoded_bytes().contains(&b'/')
}

/// The folders that a pattern with at most one `*` names, sorted.
fn expand(root: &Path, pattern: &str) -> Vec<PathBuf> {
    let Some((before, after)) = pattern.split_once('*') else {
        return vec![root.join(pattern)];
    };
    let mut folders: Vec<PathBuf> = fs::read_dir(root.join(before))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join(after.trim_start_matches('/')))
        .collect();
    folders.sort();
    folders
}

fn collect(folder: &Path, trust: Option<&Trust>, seen: &mut HashSet<PathBuf>, found: &mut Vec<Candidate>) {
    for (language, name) in names() {
        let Ok(executable) = fs::canonicalize(folder.join(&name)) else {
            continue;
        };
        if seen.insert(executable.clone()) {
            found.extend(candidate(language, executable, trust));
        }
    }
    for engine in dotnet::engines(folder) {
        if seen.insert(engine.clone()) {
            found.extend(candidate(Language::Dotnet, engine, trust));
        }
    }
}

/// The file names of interpreters: `python3.9`, `ruby3.3` ... and the general ones.
fn names() -> impl Iterator<Item = (Language, String)> {
    let versioned = definitions().iter().filter_map(|definition| {
        let name = match definition.language {
            Language::Python => "python",
            Language::Ruby => "ruby",
            _ => return None,
        };
        Some((definition.language, format!("{name}{}", definition.version)))
    });
    let general = [
        (Language::Python, "python3"),
        (Language::Node, "node"),
        (Language::Node, "nodejs"),
        (Language::Ruby, "ruby"),
        (Language::Java, "java"),
    ];
    versioned.chain(general.map(|(language, name)| (language, name.to_owned())))
}

fn candidate(language: Language, executable: PathBuf, trust: Option<&Trust>) -> Option<Candidate> {
    let about = fs::metadata(&executable).ok()?;
    // An engine of .NET is a library; its program is what is run.
    let program = match language {
        Language::Dotnet => dotnet::host(&executable)?.0,
        _ => executable.clone(),
    };
    let runnable = fs::metadata(&program).is_ok_and(|about| about.is_file() && about.mode() & 0o111 != 0);
    if !about.is_file() || !runnable || !is_elf(&executable) || !is_elf(&program) {
        return None;
    }
    // The bootstrap is compiled on this host. Not a matter for the cache: a compiler may be installed later.
    if language == Language::Java && !executable.with_file_name("javac").exists() {
        tracing::debug!(executable = %executable.display(), "a JRE, which has no compiler for the bootstrap");
        return None;
    }
    if trust.is_some_and(|trust| !trust.covers(&executable) || !trust.covers(&program)) {
        tracing::warn!(
            executable = %executable.display(),
            "interpreter passed over: someone other than this user or root can change it; name its folder in the \
             configuration to use it all the same"
        );
        return None;
    }
    let mtime_ns = i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec());
    Some(Candidate {
        language,
        executable,
        mtime_ns,
        size: about.size(),
    })
}

/// Interpreters are binaries. Version managers also put scripts of the same name on `PATH`, which may start anything.
fn is_elf(path: &Path) -> bool {
    let mut magic = [0; 4];
    fs::File::open(path).and_then(|mut file| file.read_exact(&mut magic)).is_ok() && magic == *b"\x7fELF"
}

/// Whose files this process may run.
#[derive(Debug)]
struct Trust {
    users: Vec<u32>,
}

impl Trust {
    fn of_process() -> Self {
        // /proc/self belongs to the effective user; asking the kernel directly would take a crate or unsafe code.
        let own = fs::metadata("/proc/self").map(|about| about.uid()).ok();
        let behind_sudo = std::env::var("SUDO_UID").ok().and_then(|id| id.parse().ok());
        Self {
            users: [Some(0), own, behind_sudo].into_iter().flatten().collect(),
        }
    }

    /// The file and the folder it is in.
    fn covers(&self, executable: &Path) -> bool {
        [Some(executable), executable.parent()].into_iter().flatten().all(|path| {
            fs::metadata(path).is_ok_and(|about| self.users.contains(&about.uid()) && about.mode() & 0o002 == 0)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn install(path: &Path, content: &[u8], mode: u32) {
        let written = fs::create_dir_all(path.parent().unwrap_or(path))
            .and_then(|()| fs::write(path, content))
            .and_then(|()| fs::set_permissions(path, fs::Permissions::from_mode(mode)));
        assert!(written.is_ok(), "{written:?}");
    }

    fn found_in(dir: &Path) -> Vec<String> {
        let config = DiscoveryConfig {
            search_dirs: vec![dir.to_owned()],
            only_search_dirs: true,
            ..DiscoveryConfig::default()
        };
        let root = fs::canonicalize(dir).unwrap_or_else(|_| dir.to_owned());
        candidates(&config)
            .iter()
            .filter_map(|one| Some(one.executable.strip_prefix(&root).ok()?.to_string_lossy().into_owned()))
            .collect()
    }

    #[test]
    fn configured_folders_are_searched_at_three_depths_and_scripts_are_left_out() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let elf = b"\x7fELF....";
        install(&dir.path().join("python3.12"), elf, 0o755);
        install(&dir.path().join("bin/node"), elf, 0o755);
        install(&dir.path().join("3.13.0/bin/python3.13"), elf, 0o755);
        install(&dir.path().join("shims/bin/python3.11"), b"#!/bin/sh\n", 0o755);
        install(&dir.path().join("data/bin/node"), elf, 0o644);
        install(&dir.path().join("deep/er/bin/node"), elf, 0o755);
        std::os::unix::fs::symlink("python3.13", dir.path().join("3.13.0/bin/python3"))?;
        assert_eq!(found_in(dir.path()), ["python3.12", "bin/node", "3.13.0/bin/python3.13"]);
        Ok(())
    }

    #[test]
    fn what_anyone_may_write_is_not_trusted() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("bin/node");
        install(&file, b"\x7fELF", 0o755);
        let trust = Trust::of_process();
        assert!(trust.covers(&file));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o757))?;
        assert!(!trust.covers(&file));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
        fs::set_permissions(dir.path().join("bin"), fs::Permissions::from_mode(0o777))?;
        assert!(!trust.covers(&file));
        assert!(!Trust { users: vec![] }.covers(&file));
        Ok(())
    }
}
