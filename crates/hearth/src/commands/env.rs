//! `hearth env`: what to export so that AWS tools talk to this server.

use std::net::SocketAddr;

use hearth_node::config::{AuthMode, Config};
use serde_json::{Map, Value};

use crate::cli::{Env, EnvShell};
use crate::client::endpoint_of;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub fn run(args: &Env) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let variables = variables(&config, config.listen.value);
    match args.answer.output {
        Format::Json => {
            let members: Map<String, Value> = variables.into_iter().map(|(k, v)| (k.to_owned(), v.into())).collect();
            output::json(&members)?;
        }
        Format::Table => {
            let shell = args.shell.unwrap_or_else(|| shell_of(std::env::var("SHELL").ok().as_deref()));
            let lines: Vec<String> = variables.iter().map(|(name, value)| line(shell, name, value)).collect();
            output::line(&lines.join("\n"))?;
        }
    }
    Ok(Exit::Ok)
}

/// In `open` mode any key will do, and AWS tools want one; in `enforce` mode the user has to bring
/// one, and secrets are not printed here.
pub fn variables(config: &Config, listen: SocketAddr) -> Vec<(&'static str, String)> {
    let mut variables = vec![("AWS_ENDPOINT_URL", endpoint_of(listen))];
    if config.auth_mode.value == AuthMode::Open {
        variables.push(("AWS_ACCESS_KEY_ID", "test".to_owned()));
        variables.push(("AWS_SECRET_ACCESS_KEY", "test".to_owned()));
    }
    variables.push(("AWS_DEFAULT_REGION", config.region.value.to_string()));
    variables
}

fn shell_of(path: Option<&str>) -> EnvShell {
    match path.and_then(|path| path.rsplit('/').next()) {
        Some("fish") => EnvShell::Fish,
        Some("zsh") => EnvShell::Zsh,
        Some("pwsh") => EnvShell::Powershell,
        _ => EnvShell::Bash,
    }
}

/// The values hold no quotes: they are an address, a region and a fixed word.
pub fn line(shell: EnvShell, name: &str, value: &str) -> String {
    match shell {
        EnvShell::Bash | EnvShell::Zsh => format!("export {name}={value}"),
        EnvShell::Fish => format!("set -gx {name} {value}"),
        EnvShell::Powershell => format!("$Env:{name} = \"{value}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_has_its_form() {
        let of = |path| line(shell_of(path), "A", "b");
        assert_eq!(of(Some("/bin/bash")), "export A=b");
        assert_eq!(of(None), "export A=b");
        assert_eq!(of(Some("/usr/bin/zsh")), "export A=b");
        assert_eq!(of(Some("/usr/bin/fish")), "set -gx A b");
        assert_eq!(of(Some("/usr/bin/pwsh")), "$Env:A = \"b\"");
    }
}
