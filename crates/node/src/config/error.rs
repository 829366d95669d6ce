//! What can be wrong with a configuration, in words that lead to the mend.

use std::net::SocketAddr;
use std::path::PathBuf;

use thiserror::Error;

#[derive(Debug, Error, PartialEq, Eq)]
pub enum ConfigError {
    #[error("failed to read the configuration {}: {cause}", path.display())]
    Unreadable { path: PathBuf, cause: String },
    #[error("{}, line {line}: expected TOML, found {detail}", path.display())]
    Syntax { path: PathBuf, line: usize, detail: String },
    #[error("{place}: unknown key {key:?}{}", suggestion(nearest.as_deref()))]
    UnknownKey {
        /// File and line.
        place: String,
        key: String,
        nearest: Option<String>,
    },
    #[error("{place}: {key}: expected {expected}, found {found}")]
    BadValue {
        /// File and line, variable or flag.
        place: String,
        key: String,
        expected: String,
        found: String,
    },
    #[error(
        "listening on {listen} is open to the network, but auth.mode is \"open\" and would admit everyone: set auth.mode \
         to \"enforce\" (HEARTH_AUTH=enforce or --auth enforce) and give keys, or listen on 127.0.0.1:{}",
        listen.port()
    )]
    OpenToTheNetwork { listen: SocketAddr },
    #[error(
        "auth.mode is \"enforce\" but there is no key that anyone could sign with: add a [[keys]] table with \
         access_key_id and secret_access_key_file to hearth.toml"
    )]
    NoKeys,
}

fn suggestion(nearest: Option<&str>) -> String {
    nearest.map_or_else(
        || "; `hearth config show` lists the known ones".to_owned(),
        |key| format!("; the nearest known key is {key:?}"),
    )
}
