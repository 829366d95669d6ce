//! Running a tool of a language: its output goes to the user, and its absence is told with what to do.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};

use crate::exit::{Exit, Failure};
use crate::output;

pub struct Tool {
    /// As it is told of: the program, or what the project says of it.
    name: String,
    /// What is run, for people.
    line: Option<String>,
    command: Command,
    hint: Option<&'static str>,
}

impl Tool {
    pub fn new(program: &str, folder: &Path) -> Self {
        let mut command = Command::new(program);
        // Standard output is for this program's own answer.
        command.current_dir(folder).stdin(Stdio::null()).stdout(std::io::stderr());
        Self {
            name: format!("`{program}`"),
            line: None,
            command,
            hint: None,
        }
    }

    /// A command of the shell, and what is said of it when it fails.
    pub fn shell(text: &str, name: &str, folder: &Path) -> Self {
        let mut tool = Self::new("sh", folder).args(["-c", text]);
        tool.name = name.to_owned();
        tool.line = Some(text.to_owned());
        tool
    }

    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.command.args(args);
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    /// A variable, unless the user has an idea of it.
    pub fn env_default(self, name: &str, value: &str) -> Self {
        if std::env::var_os(name).is_some() { self } else { self.env(name, value) }
    }

    /// What it is and where it comes from, for those who have not got it.
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = Some(hint);
        self
    }

    pub fn run(mut self) -> Result<(), Failure> {
        output::aside(&format!("  building    {}\n", self.line()));
        let status = self.command.status().map_err(|e| self.absent(&e))?;
        if status.success() { Ok(()) } else { Err(self.failed(status)) }
    }

    /// What it writes to standard output.
    pub fn read(mut self) -> Result<String, Failure> {
        let output = self.command.stdout(Stdio::piped()).stderr(Stdio::inherit()).output();
        let output = output.map_err(|e| self.absent(&e))?;
        if !output.status.success() {
            return Err(self.failed(output.status));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn line(&self) -> String {
        if let Some(line) = &self.line {
            return line.clone();
        }
        let words = std::iter::once(self.command.get_program()).chain(self.command.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }

    fn absent(&self, error: &std::io::Error) -> Failure {
        let why = match error.kind() {
            ErrorKind::NotFound => "it is not on the PATH".to_owned(),
            _ => error.to_string(),
        };
        let hint = self.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        Failure::new(Exit::Failed, format!("failed to run {}: {why}{hint}", self.name))
    }

    fn failed(&self, status: ExitStatus) -> Failure {
        Failure::new(Exit::Failed, format!("failed to run {}: it ended with {status}, see above", self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hint_is_for_those_who_lack_the_tool() {
        let folder = Path::new("/");
        let lacking = Tool::new("no-such-tool", folder).hint("it comes with X").run().unwrap_err();
        assert_eq!(lacking.message(), "failed to run `no-such-tool`: it is not on the PATH; it comes with X");
        let failing = Tool::new("false", folder).hint("it comes with X").run().unwrap_err();
        assert_eq!(failing.message(), "failed to run `false`: it ended with exit status: 1, see above");
    }
}
