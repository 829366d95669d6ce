//! The files of the repository, as the laws read them.

use std::path::{Path, PathBuf};

/// Folders that hold nothing of ours.
const SKIPPED: &[&str] = &[".git", ".cache", ".venv", "node_modules", "__pycache__"];

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A file by its path from the root, with `/` between folders.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Every text file whose name ends with one of `endings`, in order of path.
pub(crate) fn files(endings: &[&str]) -> Vec<Source> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root, endings, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(!found.is_empty(), "no file ends with {endings:?}");
    found
}

fn walk(root: &Path, folder: &Path, endings: &[&str], found: &mut Vec<Source>) {
    for entry in std::fs::read_dir(folder).unwrap().filter_map(Result::ok) {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if path.is_dir() && !path.is_symlink() && !SKIPPED.contains(&name.as_str()) && !name.starts_with("target") {
            walk(root, &path, endings, found);
        } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
            let Ok(text) = std::fs::read_to_string(&path) else { continue };
            let path = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            found.push(Source { path, text });
        }
    }
}

impl Source {
    /// The crate's folder name; the root folder's name for what is not below `crates/`.
    pub(crate) fn package(&self) -> &str {
        let path = self.path.strip_prefix("crates/").unwrap_or(&self.path);
        path.split('/').next().unwrap_or_default()
    }

    /// True for files that are compiled into the program: not tests, not the measuring tools.
    pub(crate) fn is_shipped(&self) -> bool {
        self.path.starts_with("crates/")
            && self.path.contains("/src/")
            && self.package() != "testkit"
            && !self.path.ends_with("/tests.rs")
            && !self.path.contains("/tests/")
    }

    /// Line number and code of each line before the unit tests, comments taken out.
    pub(crate) fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let before_tests = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]");
        let numbered = before_tests.enumerate().map(|(index, line)| (index + 1, line));
        numbered.map(|(number, line)| (number, line.split_once("//").map_or(line, |(code, _)| code)))
    }
}

#[test]
fn comments_and_tests_are_not_code() {
    let source = Source {
        path: "crates/wire/src/x.rs".into(),
        text: "let a = 1; // unsafe\n/// unsafe\n#[cfg(test)]\nmod tests { unsafe {} }\n".into(),
    };
    assert!(source.is_shipped());
    assert_eq!(source.package(), "wire");
    assert!(source.code().all(|(_, code)| !code.contains("unsafe")));
}
