//! The command line's grammar.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use crate::flags::SettingFlags;
use crate::output::Format;

/// AWS Lambda that you run yourself.
#[derive(Debug, Parser)]
#[command(name = "hearth", version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    #[command(flatten)]
    pub serve: SettingFlags,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the server (what `hearth` alone does)
    Serve(Serve),
    /// Say what this host offers for isolation and runtimes, and what is missing
    Doctor(Doctor),
    /// List the runtimes and the interpreters found for them
    Runtimes(Report),
    /// Print what to export so that AWS tools use this server: eval "$(hearth env)"
    Env(Env),
    /// Write a small project for a function, with tests and the commands to build it
    Init(Init),
    /// Build a project, create or update its function, and wait until it can be invoked
    Deploy(Deploy),
    /// Deploy a project whenever its sources change, and print what it logs
    Dev(Dev),
    /// Run a function and print its result
    Invoke(Invoke),
    /// Print what a function logged
    Logs(Logs),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the version
    Version(Answer),
    /// Print a completion script
    Completion { shell: Shell },
}

#[derive(Debug, Args)]
pub struct Serve {
    #[command(flatten)]
    pub settings: SettingFlags,
}

#[derive(Debug, Args)]
pub struct Answer {
    /// How to print the answer
    #[arg(short, long, value_enum, default_value_t)]
    pub output: Format,
}

#[derive(Debug, Args)]
pub struct Report {
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub settings: SettingFlags,
}

#[derive(Debug, Args)]
pub struct Doctor {
    /// Change what can be changed safely, and say what was changed
    #[arg(long)]
    pub fix: bool,
    /// With --fix: only say what would be changed
    #[arg(long, requires = "fix")]
    pub dry_run: bool,
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub settings: SettingFlags,
}

#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Print each effective value and where it came from
    Show(Report),
}

#[derive(Debug, Args)]
pub struct Env {
    /// Whose syntax to use [default: from $SHELL]
    #[arg(long, value_enum)]
    pub shell: Option<EnvShell>,
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub settings: SettingFlags,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EnvShell {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// Which server to ask.
#[derive(Debug, Args)]
pub struct Target {
    /// The server [env: AWS_ENDPOINT_URL; default: where this configuration listens]
    #[arg(long, value_name = "URL")]
    pub endpoint_url: Option<String>,
    /// The region of the function [env: AWS_REGION, AWS_DEFAULT_REGION; default: the configured one]
    #[arg(long)]
    pub region: Option<String>,
}

#[derive(Debug, Args)]
pub struct Init {
    /// The language
    #[arg(value_enum)]
    pub language: InitLanguage,
    /// The folder to make [default: hello-LANGUAGE]
    pub folder: Option<PathBuf>,
    /// The function's name [default: the folder's]
    #[arg(long)]
    pub name: Option<String>,
    /// The runtime [default: the newest that this host runs and has the tools for]
    #[arg(long)]
    pub runtime: Option<String>,
    #[command(flatten)]
    pub answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InitLanguage {
    Python,
    Nodejs,
    Typescript,
    Java,
    Csharp,
    Go,
    Ruby,
    Rust,
    Bash,
}

/// Which project, and what goes over its `function.toml`.
#[derive(Debug, Args)]
pub struct ProjectArgs {
    /// The project's folder
    #[arg(default_value = ".")]
    pub folder: PathBuf,
    /// The function's name
    #[arg(long)]
    pub name: Option<String>,
    /// Such as python3.13
    #[arg(long)]
    pub runtime: Option<String>,
    /// Such as app.handler
    #[arg(long)]
    pub handler: Option<String>,
}

#[derive(Debug, Args)]
pub struct Deploy {
    #[command(flatten)]
    pub project: ProjectArgs,
    /// Also publish a version
    #[arg(long)]
    pub publish: bool,
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct Dev {
    #[command(flatten)]
    pub project: ProjectArgs,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct Invoke {
    /// Name or ARN
    pub function: String,
    /// The event: JSON, @FILE, or - for standard input
    #[arg(short, long, default_value = "{}")]
    pub payload: String,
    /// Version or alias
    #[arg(long)]
    pub qualifier: Option<String>,
    /// Do not wait: the event is on disk when this ends, and runs on its own
    #[arg(long = "async", conflicts_with_all = ["tail", "stream", "client_context"])]
    pub later: bool,
    /// Also print the end of the invocation's log, on standard error
    #[arg(long)]
    pub tail: bool,
    /// Print the answer while the function makes it
    #[arg(long)]
    pub stream: bool,
    /// Client context for the function: JSON
    #[arg(long, value_name = "JSON")]
    pub client_context: Option<String>,
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub target: Target,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// Name or ARN
    pub function: String,
    /// Go on printing what is logged from now on
    #[arg(short, long)]
    pub follow: bool,
    /// How far back to begin, e.g. 30s, 10m, 2h, 1d
    #[arg(long, default_value = "10m", value_parser = crate::commands::logs::parse_ago)]
    pub since: i64,
    /// A CloudWatch Logs filter pattern
    #[arg(long, value_name = "PATTERN")]
    pub filter: Option<String>,
    #[command(flatten)]
    pub answer: Answer,
    #[command(flatten)]
    pub target: Target,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_grammar_holds_together() {
        Cli::command().debug_assert();
    }

    #[test]
    fn serve_is_the_default() {
        let cli = Cli::try_parse_from(["hearth", "--listen", "127.0.0.1:1"]).unwrap();
        assert!(cli.command.is_none());
        assert_eq!(cli.serve.load().unwrap().listen.value.port(), 1);
    }
}
