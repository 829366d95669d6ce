//! Exit codes, and the one way in which a command fails.

use std::process::ExitCode;

use hearth_node::{ConfigError, StartError};

/// What the process tells its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Ok,
    Failed,
    Usage,
    PortTaken,
    DataLocked,
    CannotIsolate,
    StoreDamaged,
    Unreachable,
    Refused,
    CutOff,
    Internal,
}

/// For the manual (`docs/operate/exit-codes.md`), in the order of the codes.
#[cfg(test)]
pub const TABLE: &[(Exit, &str)] = &[
    (Exit::Ok, "done"),
    (
        Exit::Failed,
        "the function failed (`invoke`), something required is missing (`doctor`), or a build or a deployment failed (`deploy`)",
    ),
    (Exit::Usage, "a wrong command line or configuration"),
    (Exit::PortTaken, "the address cannot be listened on: the port is taken, or the address is not this host's"),
    (Exit::DataLocked, "the data folder is held by another Hearth"),
    (Exit::CannotIsolate, "the host cannot isolate functions, or not at the level that `sandbox.min_level` asks for"),
    (Exit::StoreDamaged, "the data folder cannot be read or written, or its content is damaged"),
    (Exit::Unreachable, "no server answers at the endpoint (`invoke`, `logs`)"),
    (Exit::Refused, "the server answered with an error (`invoke`, `logs`)"),
    (Exit::CutOff, "stopped, but the drain's deadline or a second signal cut off work that was running"),
    (Exit::Internal, "a defect of Hearth or of the system; the message says which"),
];

impl Exit {
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::PortTaken => 3,
            Self::DataLocked => 4,
            Self::CannotIsolate => 5,
            Self::StoreDamaged => 6,
            Self::Unreachable => 7,
            Self::Refused => 8,
            Self::CutOff => 9,
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command did not do what it was asked to.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    /// `None` when nobody listens any more (a closed pipe).
    message: Option<String>,
}

impl Failure {
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            exit,
            message: Some(message.into()),
        }
    }

    /// The reader of our output has gone: not an error, and nobody to tell.
    pub fn unheard() -> Self {
        Self {
            exit: Exit::Ok,
            message: None,
        }
    }

    /// What the user is told; empty when nobody listens.
    pub fn message(&self) -> &str {
        self.message.as_deref().unwrap_or_default()
    }

    /// True when the server's error has this code.
    pub fn names(&self, code: &str) -> bool {
        self.message.as_deref().and_then(|text| text.split_once(':')).is_some_and(|(found, _)| found == code)
    }

    /// Tells the user, and gives the code.
    pub fn report(self) -> ExitCode {
        if let Some(message) = &self.message {
            crate::output::complain(message);
        }
        self.exit.into()
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Self::new(Exit::Usage, error.to_string())
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        let exit = match &error {
            StartError::DataFolder { .. } | StartError::Store { .. } => Exit::StoreDamaged,
            StartError::DataFolderLocked(_) => Exit::DataLocked,
            StartError::Keys(_) => Exit::Usage,
            StartError::Sandbox(_) => Exit::CannotIsolate,
            StartError::Runtimes(_) | StartError::Tables(_) => Exit::Internal,
            StartError::PortTaken { .. } | StartError::Listen { .. } => Exit::PortTaken,
        };
        Self::new(exit, error.to_string())
    }
}

/// Shows clap's answer: help and version on standard output, mistakes on standard error.
pub fn of_usage(usage: &clap::Error) -> ExitCode {
    // A closed pipe is no reason to fail.
    let _ = usage.print();
    if usage.use_stderr() { Exit::Usage.into() } else { Exit::Ok.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_lists_every_code() {
        let manual = include_str!("../../../docs/operate/exit-codes.md");
        for (exit, meaning) in TABLE {
            let row = format!("| {} | {meaning} |", exit.code());
            assert!(manual.contains(&row), "docs/operate/exit-codes.md lacks: {row}");
        }
    }
}
