//! `function.toml`: a function's settings, in the words of the Lambda API but for units, which stand in the names.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::usage;
use crate::exit::Failure;

pub const FILE: &str = "function.toml";

/// Every key; all may be absent, and what is absent is left as it is on the server (or Lambda's default).
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub name: Option<String>,
    pub runtime: Option<String>,
    pub handler: Option<String>,
    pub description: Option<String>,
    /// ARN. Without one, a role is made that may write logs.
    pub role: Option<String>,
    pub memory_mib: Option<u32>,
    pub timeout_s: Option<u32>,
    /// Size of `/tmp`.
    pub storage_mib: Option<u32>,
    /// Environment variables.
    pub environment: Option<BTreeMap<String, String>>,
    /// ARNs of layer versions, in their order.
    pub layers: Option<Vec<String>>,
    /// A command of the shell that is run in the project before it is packed, in the place of what its language would do.
    pub build: Option<String>,
    /// What is packed, from the project's folder: a folder whose contents are the package, or a zip or jar that is one.
    pub package: Option<String>,
    /// Paths that stay out of the package, as patterns of `.gitignore`.
    #[serde(default)]
    pub exclude: Vec<String>,
}

impl Manifest {
    /// `None` when the folder has no such file.
    pub fn read(folder: &Path) -> Result<Option<Self>, Failure> {
        let path = folder.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(usage(format!("failed to read {}: {e}", path.display()))),
        };
        toml::from_str(&text).map(Some).map_err(|e| usage(format!("failed to understand {}: {e}", path.display())))
    }
}
