//! One file per command.

mod completion;
mod config;
mod deploy;
mod dev;
mod doctor;
pub mod env;
mod init;
mod invoke;
pub mod logs;
mod runtimes;
mod serve;
pub mod version;

use crate::cli::{Cli, Command, ConfigCommand};
use crate::exit::{Exit, Failure};

pub fn run(cli: Cli) -> Result<Exit, Failure> {
    match cli.command {
        None => serve::run(&cli.serve),
        Some(Command::Serve(args)) => serve::run(&args.settings),
        Some(Command::Doctor(args)) => doctor::run(&args),
        Some(Command::Runtimes(args)) => runtimes::run(&args),
        Some(Command::Env(args)) => env::run(&args),
        Some(Command::Init(args)) => init::run(&args),
        Some(Command::Deploy(args)) => deploy::run(&args),
        Some(Command::Dev(args)) => dev::run(&args),
        Some(Command::Invoke(args)) => invoke::run(&args),
        Some(Command::Logs(args)) => logs::run(&args),
        Some(Command::Config(ConfigCommand::Show(args))) => config::show(&args),
        Some(Command::Version(answer)) => version::run(&answer),
        Some(Command::Completion { shell }) => completion::run(shell),
    }
}
