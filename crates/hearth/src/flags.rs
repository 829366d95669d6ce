//! The settings as command-line flags, made from the one table of settings.

use std::path::PathBuf;

use clap::builder::ValueParser;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use hearth_node::config::{Config, ConfigError, ENTRIES, Entry, Flags, Host};

const CONFIG: &str = "config";

/// `--config FILE` and one flag for every setting that has one.
#[derive(Clone, Debug, Default)]
pub struct SettingFlags(Flags);

impl SettingFlags {
    /// The configuration with these flags on top.
    pub fn load(&self) -> Result<Config, ConfigError> {
        Config::load(&Host::current(), &self.0)
    }
}

impl Args for SettingFlags {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(ValueParser::path_buf())
            .help("Configuration file [env: HEARTH_CONFIG; else ./hearth.toml, ~/.config/hearth/, /etc/hearth/]");
        ENTRIES.iter().filter_map(flag).fold(command.arg(file), Command::arg)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for SettingFlags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = |entry: &Entry| Some((entry.key, matches.get_one::<String>(entry.key)?.clone()));
        Ok(Self(Flags {
            file: matches.get_one::<PathBuf>(CONFIG).cloned(),
            values: ENTRIES.iter().filter(|entry| entry.flag.is_some()).filter_map(given).collect(),
        }))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn flag(entry: &Entry) -> Option<Arg> {
    let name = entry.flag?.strip_prefix("--")?;
    let env = entry.env.map_or_else(String::new, |env| format!("env: {env}; "));
    let help = format!("{} [{env}default: {}]", entry.help.replace('`', ""), entry.default);
    Some(Arg::new(entry.key).long(name).value_name(value_name(entry)).help(help))
}

fn value_name(entry: &Entry) -> &'static str {
    match entry.key {
        "listen" => "ADDR:PORT",
        "data" => "DIR",
        "drain_s" => "SECONDS",
        "concurrency" => "N",
        "log.filter" => "FILTER",
        _ => "VALUE",
    }
}
