//! Running a tool of a language: its output goes to the user, and its failure is told with what to do.

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::exit::{Exit, Failure};
use crate::output;

pub struct Tool {
    name: String,
    command: Command,
    hint: Option<&'static str>,
}

impl Tool {
    pub fn new(program: &str, folder: &Path) -> Self {
        let mut command = Command::new(program);
        // Standard output is for this program's own answer.
        command.current_dir(folder).stdin(Stdio::null()).stdout(std::io::stderr());
        Self {
            name: program.to_owned(),
            command,
            hint: None,
        }
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// What to do when the tool is not there, or what it is.
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub fn run(mut self) -> Result<(), Failure> {
        output::aside(&format!("  building    {}\n", self.line()));
        let status = self.command.status().map_err(|e| self.failure(&e.to_string()))?;
        if status.success() { Ok(()) } else { Err(self.failure(&format!("it ended with {status}"))) }
    }

    /// What it writes to standard output.
    pub fn read(mut self) -> Result<String, Failure> {
        let output = self.command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| self.failure(&e.to_string()))?;
        if !output.status.success() {
            return Err(self.failure(&format!("it ended with {}", output.status)));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn line(&self) -> String {
        let words = self.command.get_args().map(|word| word.to_string_lossy());
        std::iter::once(self.name.as_str().into()).chain(words).collect::<Vec<_>>().join(" ")
    }

    fn failure(&self, why: &str) -> Failure {
        let hint = self.hint.map(|hint| format!(" ({hint})")).unwrap_or_default();
        Failure::new(Exit::Failed, format!("failed to run `{}`: {why}{hint}", self.line()))
    }
}

/// True when the program is on the search path.
pub fn is_there(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
