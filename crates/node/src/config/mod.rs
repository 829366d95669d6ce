//! The configuration: `hearth.toml`, then the environment, then flags, each stronger than the one
//! before.
//!
//! [`table`] is the one list of settings; everything else (flags, variables, the manual's table,
//! `hearth config show`) is made from it. A key nobody knows is an error, never ignored, and every
//! value remembers its origin.

pub mod error;
pub mod file;
mod host;
mod nearest;
mod node;
pub mod show;
pub mod table;
pub mod value;

use std::path::PathBuf;

pub use error::ConfigError;
pub use hearth_core::config::{Origin, Setting};
pub use host::Host;
pub use table::{Config, ENTRIES, Entry};
pub use value::{AccessKey, AuthMode, CpuLimit, LogStyle, MinLevel, NetworkMode, OwnApi};

use node::{Node, Raw};

/// What the command line says: values by key, and the file to read.
#[derive(Clone, Debug, Default)]
pub struct Flags {
    /// `--config FILE`.
    pub file: Option<PathBuf>,
    /// Key (e.g. `listen`) and text.
    pub values: Vec<(&'static str, String)>,
}

impl Config {
    /// Reads every layer.
    ///
    /// # Errors
    /// The first defect found: an unreadable file, an unknown key, a value of the wrong form.
    pub fn load(host: &Host, flags: &Flags) -> Result<Self, ConfigError> {
        let mut config = Self::defaults(host);
        if let Some(path) = file::locate(host, flags.file.as_deref()) {
            config.apply_file(host, path)?;
        }
        config.apply_environment(host)?;
        config.apply_flags(host, flags)?;
        config.check()?;
        Ok(config)
    }

    fn apply_file(&mut self, host: &Host, path: PathBuf) -> Result<(), ConfigError> {
        let path = host.absolute(&path);
        let base = path.parent().map_or_else(PathBuf::new, PathBuf::from);
        for (key, node) in file::read(&path)? {
            let place = format!("{}, line {}", path.display(), node.line);
            self.set(&key, &node, &base, Origin::File(path.clone()), &place)?;
        }
        self.file = Some(path);
        Ok(())
    }

    fn apply_environment(&mut self, host: &Host) -> Result<(), ConfigError> {
        for entry in ENTRIES {
            let Some(name) = entry.env else { continue };
            // An empty variable counts as unset, as it does for most Unix programs.
            let Some(text) = host.variable(name).filter(|text| !text.is_empty()) else { continue };
            let node = Node {
                line: 0,
                raw: Raw::Text(text.to_owned()),
            };
            self.set(entry.key, &node, host.cwd(), Origin::Environment(name), &format!("environment variable {name}"))?;
        }
        Ok(())
    }

    fn apply_flags(&mut self, host: &Host, flags: &Flags) -> Result<(), ConfigError> {
        for (key, text) in &flags.values {
            let name = ENTRIES.iter().find(|entry| entry.key == *key).and_then(|entry| entry.flag).unwrap_or(key);
            let node = Node {
                line: 0,
                raw: Raw::Text(text.clone()),
            };
            self.set(key, &node, host.cwd(), Origin::Flag(name), &format!("flag {name}"))?;
        }
        Ok(())
    }

    /// What no single value can show: that the values agree with each other.
    fn check(&self) -> Result<(), ConfigError> {
        let enforce = self.auth_mode.value == AuthMode::Enforce;
        if !enforce && !self.listen.value.ip().is_loopback() {
            return Err(ConfigError::OpenToTheNetwork { listen: self.listen.value });
        }
        if enforce && self.keys.value.is_empty() {
            return Err(ConfigError::NoKeys);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
