//! Which files of a folder belong to a package, and which of a project are its sources.

use std::collections::BTreeMap;
use std::fs::FileType;
use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use ignore::overrides::OverrideBuilder;

use super::usage;
use crate::exit::{Exit, Failure};

/// More patterns that stay out of a package, in a project's folder.
pub const IGNORE_FILE: &str = ".hearthignore";

/// What is no part of any function: the tools' own folders, what builds leave, and what describes the project.
const NEVER: &[&str] = &[
    "/.hearth",
    ".git",
    ".gitignore",
    ".hg",
    ".svn",
    ".DS_Store",
    ".idea",
    ".vscode",
    "/function.toml",
    "/.hearthignore",
    "/event.json",
    "__pycache__",
    "*.pyc",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    "/.venv",
    "/venv",
];

/// What is in a package: its path there, and the file on disk.
#[derive(Debug, Default)]
pub struct Contents(pub BTreeMap<String, PathBuf>);

impl Contents {
    /// Takes in what lies below `folder`, at `prefix` (empty, or with a slash at its end), but for what is excluded.
    /// Later calls go over earlier ones.
    pub fn add_folder(&mut self, folder: &Path, prefix: &str, exclude: &[&str]) -> Result<(), Failure> {
        for (path, _) in walk(folder, exclude)? {
            let inner = path.strip_prefix(folder).unwrap_or(&path);
            let inner = inner.to_str().ok_or_else(|| {
                usage(format!("expected file names in UTF-8, found {}; rename it or exclude it", path.display()))
            })?;
            self.0.insert(format!("{prefix}{inner}"), path.clone());
        }
        Ok(())
    }

    pub fn add_file(&mut self, name: &str, path: PathBuf) {
        self.0.insert(name.to_owned(), path);
    }
}

/// Files and symbolic links below a folder. What `exclude`, [`NEVER`] and the folder's [`IGNORE_FILE`] name is left out.
fn walk(folder: &Path, exclude: &[&str]) -> Result<Vec<(PathBuf, FileType)>, Failure> {
    let mut overrides = OverrideBuilder::new(folder);
    for pattern in NEVER.iter().chain(exclude) {
        // Overrides are ignore patterns the other way around.
        let turned = pattern.strip_prefix('!').map_or_else(|| format!("!{pattern}"), ToOwned::to_owned);
        overrides.add(&turned).map_err(|e| usage(format!("expected a pattern to exclude, found {pattern:?}: {e}")))?;
    }
    let overrides = overrides.build().map_err(|e| usage(e.to_string()))?;
    let mut walker = WalkBuilder::new(folder);
    walker.standard_filters(false).add_custom_ignore_filename(IGNORE_FILE).overrides(overrides).follow_links(false);
    let mut found = Vec::new();
    for entry in walker.build() {
        let entry = entry.map_err(|e| Failure::new(Exit::Usage, format!("failed to read the project: {e}")))?;
        if let Some(kind) = entry.file_type().filter(|kind| !kind.is_dir()) {
            found.push((entry.into_path(), kind));
        }
    }
    Ok(found)
}

/// What the sources look like now: when one is changed, added or removed, this differs.
#[derive(Debug, PartialEq, Eq)]
pub struct Fingerprint(BTreeMap<PathBuf, (u64, Option<std::time::SystemTime>)>);

impl Fingerprint {
    /// Of a project, without what its build makes (`made`).
    pub fn of(folder: &Path, made: &[&str]) -> Result<Self, Failure> {
        let mut files = BTreeMap::new();
        for (path, _) in walk(folder, made)? {
            // A file that goes away meanwhile is one that is not there.
            if let Ok(metadata) = path.symlink_metadata() {
                files.insert(path, (metadata.len(), metadata.modified().ok()));
            }
        }
        // The manifest is no part of a package, and yet a source.
        if let Ok(metadata) = folder.join(super::manifest::FILE).metadata() {
            files.insert(folder.join(super::manifest::FILE), (metadata.len(), metadata.modified().ok()));
        }
        Ok(Self(files))
    }

    /// The same, but for files of these names, which are as in `other`.
    #[must_use]
    pub fn with(mut self, other: &Self, names: &[&str]) -> Self {
        let is_named = |path: &Path| path.file_name().is_some_and(|name| names.iter().any(|one| name == *one));
        self.0.extend(other.0.iter().filter(|(path, _)| is_named(path)).map(|(path, state)| (path.clone(), *state)));
        self
    }

    /// The first path that differs.
    pub fn difference<'a>(&'a self, other: &'a Self) -> Option<&'a Path> {
        let changed = other.0.iter().find(|(path, state)| self.0.get(*path) != Some(state));
        let gone = || self.0.iter().find(|(path, _)| !other.0.contains_key(*path));
        changed.or_else(gone).map(|(path, _)| path.as_path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, *file).unwrap();
        }
        folder
    }

    #[test]
    fn a_package_has_the_function_and_not_its_tools() {
        let folder = project(&[
            "app.py",
            "lib/venv/used.py",
            "lib/__pycache__/x.pyc",
            ".git/HEAD",
            ".gitignore",
            ".env",
            "venv/bin/python",
            "function.toml",
            ".hearth/build/x",
            "notes.md",
            "tests/test_app.py",
        ]);
        std::fs::write(folder.path().join(IGNORE_FILE), "notes.md\n").unwrap();
        let mut contents = Contents::default();
        contents.add_folder(folder.path(), "x/", &["/tests"]).unwrap();
        let names: Vec<&str> = contents.0.keys().map(String::as_str).collect();
        assert_eq!(names, ["x/.env", "x/app.py", "x/lib/venv/used.py"]);
    }

    #[test]
    fn a_fingerprint_tells_what_changed() {
        let folder = project(&["app.py", "target/out"]);
        let of = || Fingerprint::of(folder.path(), &["/target"]).unwrap();
        let before = of();
        std::fs::write(folder.path().join("target/out"), "built again").unwrap();
        assert_eq!(before.difference(&of()), None);
        std::fs::write(folder.path().join("app.py"), "changed").unwrap();
        let after = of();
        assert!(before.difference(&after).unwrap().ends_with("app.py"));
        std::fs::write(folder.path().join("app.lock"), "made by a build").unwrap();
        assert!(after.difference(&of()).unwrap().ends_with("app.lock"));
        let after = after.with(&of(), &["app.lock"]);
        assert_eq!(after.difference(&of()), None);
        std::fs::remove_file(folder.path().join("app.py")).unwrap();
        assert!(after.difference(&of()).unwrap().ends_with("app.py"));
    }
}
