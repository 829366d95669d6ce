//! What the configuration takes from its surroundings, gathered once so that tests can supply it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The process's surroundings as far as settings depend on them.
#[derive(Clone, Debug)]
pub struct Host {
    variables: BTreeMap<String, String>,
    cwd: PathBuf,
    is_root: bool,
}

impl Host {
    /// Those of this process. Variables that are not Unicode are left out: no setting has such a value.
    #[must_use]
    pub fn current() -> Self {
        let variables = std::env::vars_os().filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)));
        Self {
            variables: variables.collect(),
            cwd: std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
            is_root: rustix::process::geteuid().is_root(),
        }
    }

    /// Made-up surroundings.
    #[must_use]
    pub fn of<'a>(variables: impl IntoIterator<Item = (&'a str, &'a str)>, cwd: PathBuf, is_root: bool) -> Self {
        let variables = variables.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        Self { variables, cwd, is_root }
    }

    #[must_use]
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.cwd
    }

    #[must_use]
    pub fn absolute(&self, path: &Path) -> PathBuf {
        self.cwd.join(path)
    }

    /// `/var/lib/hearth` for root; else `$XDG_DATA_HOME/hearth` or `~/.local/share/hearth`.
    #[must_use]
    pub fn data_dir(&self) -> PathBuf {
        if self.is_root {
            return PathBuf::from("/var/lib/hearth");
        }
        self.user_dir("XDG_DATA_HOME", ".local/share").unwrap_or_else(|| self.cwd.join("data"))
    }

    /// `$XDG_CONFIG_HOME/hearth` or `~/.config/hearth`.
    #[must_use]
    pub fn config_dir(&self) -> Option<PathBuf> {
        self.user_dir("XDG_CONFIG_HOME", ".config")
    }

    fn user_dir(&self, variable: &str, below_home: &str) -> Option<PathBuf> {
        let set = |name| self.variable(name).filter(|text| !text.is_empty());
        let base = set(variable).map(PathBuf::from).or_else(|| Some(Path::new(set("HOME")?).join(below_home)))?;
        Some(base.join("hearth"))
    }
}
