//! The one executable: server, command line, and the re-executed sandbox helper.
//!
//! `main` shows the whole life: parse, load, run one command, answer with an exit code.
#![forbid(unsafe_code)]
// Nothing of a binary can be reached from outside: `pub` means "for the other modules" here.
#![allow(unreachable_pub)]

mod banner;
mod cli;
mod client;
mod commands;
mod deployment;
mod exit;
mod flags;
mod output;
mod project;

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // Before any thread exists: this may be the helper that makes sandboxes, started again by the server.
    if std::env::args_os().nth(1).is_some_and(|argument| argument == hearth_sandbox::HELPER_ARG) {
        hearth_sandbox::run_helper();
    }
    let cli = match cli::Cli::try_parse() {
        Ok(cli) => cli,
        Err(usage) => return exit::of_usage(&usage),
    };
    match commands::run(cli) {
        Ok(code) => code.into(),
        Err(failure) => failure.report(),
    }
}
