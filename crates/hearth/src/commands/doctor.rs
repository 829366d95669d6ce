//! `hearth doctor`: what this host offers, what it lacks, and what would mend that.

use std::net::SocketAddr;
use std::path::Path;

use hearth_node::config::Config;
use hearth_node::{Layout, host, listener};
use hearth_runtimes::{Runtimes, State};
use serde::Serialize;
use serde_json::json;

use crate::cli::Report;
use crate::client::is_hearth;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Check {
    area: &'static str,
    name: String,
    state: Verdict,
    detail: String,
    advice: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    /// Hearth runs, and would run better or safer.
    Weak,
    /// Hearth does not run.
    Missing,
}

impl Verdict {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Weak => "weak",
            Self::Missing => "MISSING",
        }
    }
}

impl Check {
    fn new(area: &'static str, name: impl Into<String>, state: Verdict, detail: impl Into<String>) -> Self {
        Self {
            area,
            name: name.into(),
            state,
            detail: detail.into(),
            advice: None,
        }
    }

    fn advise(self, advice: impl Into<String>) -> Self {
        Self {
            advice: Some(advice.into()),
            ..self
        }
    }
}

pub fn run(args: &Report) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let layout = Layout::of(&config.data.value);
    let mut checks = isolation(&config, &layout);
    checks.push(runtimes(&config, &layout));
    checks.push(data_folder(&config.data.value));
    checks.push(port(&config));
    let sound = checks.iter().all(|check| check.state != Verdict::Missing);
    match args.answer.output {
        Format::Table => show(&checks)?,
        Format::Json => output::json(&json!({
            "ok": sound,
            "level": hearth_sandbox::level().to_string(),
            "checks": checks,
        }))?,
    }
    Ok(if sound { Exit::Ok } else { Exit::Failed })
}

fn show(checks: &[Check]) -> Result<(), Failure> {
    let row = |check: &Check| {
        vec![check.state.as_str().to_owned(), check.area.to_owned(), check.name.clone(), check.detail.clone()]
    };
    output::table(&["", "AREA", "CHECK", "FOUND"], &checks.iter().map(row).collect::<Vec<_>>())?;
    for check in checks {
        if let Some(advice) = check.advice.as_ref() {
            output::line(&format!("\n{}, {}: {advice}", check.area, check.name))?;
        }
    }
    Ok(())
}

fn isolation(config: &Config, layout: &Layout) -> Vec<Check> {
    let (level, wanted) = (hearth_sandbox::level(), host::min_level(config));
    let reached = if level < wanted { Verdict::Missing } else { Verdict::Ok };
    let mut checks = vec![Check::new("isolation", "level", reached, format!("{level}, wanted at least {wanted}"))];
    for mechanism in hearth_sandbox::doctor(&host::sandbox_options(config, layout)) {
        let state = match mechanism.in_force {
            true => Verdict::Ok,
            // Without namespaces there is no sandbox at all.
            false if mechanism.name == "namespaces" => Verdict::Missing,
            false => Verdict::Weak,
        };
        let check = Check::new("isolation", mechanism.name, state, mechanism.detail);
        checks.push(Check {
            advice: mechanism.how_to_improve,
            ..check
        });
    }
    checks
}

fn runtimes(config: &Config, layout: &Layout) -> Check {
    let listings = Runtimes::discover(&host::discovery(config, layout)).list();
    let usable = listings.iter().filter(|listing| matches!(listing.state, State::Ready | State::Aliased));
    let ids: Vec<&str> = usable.map(|listing| listing.id).collect();
    let interpreted = ids.iter().any(|id| !id.starts_with("provided"));
    let state = if interpreted { Verdict::Ok } else { Verdict::Weak };
    let check = Check::new("runtimes", "interpreters", state, ids.join(" "));
    if interpreted { check } else { check.advise("`hearth runtimes` says what would install them") }
}

fn data_folder(path: &Path) -> Check {
    let name = "data folder";
    // The nearest folder that is there decides whether the rest can be made.
    let there = path.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("/"));
    match rustix::fs::access(there, rustix::fs::Access::WRITE_OK | rustix::fs::Access::EXEC_OK) {
        Ok(()) if there == path => Check::new("host", name, Verdict::Ok, path.display().to_string()),
        Ok(()) => Check::new("host", name, Verdict::Ok, format!("{}, to be made", path.display())),
        Err(error) => {
            Check::new("host", name, Verdict::Missing, format!("{} cannot be written: {error}", there.display()))
                .advise("choose another with --data DIR, or change its owner")
        }
    }
}

fn port(config: &Config) -> Check {
    let listen = config.listen.value;
    match std::net::TcpListener::bind(listen) {
        Ok(_) => Check::new("host", "port", Verdict::Ok, format!("{listen} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => taken(listen),
        Err(error) => Check::new("host", "port", Verdict::Missing, format!("{listen}: {error}"))
            .advise("choose an address of this host with --listen ADDR:PORT"),
    }
}

fn taken(listen: SocketAddr) -> Check {
    let by = listener::holder(listen.port()).map_or_else(String::new, |holder| format!(" by {holder}"));
    if is_hearth(listen) {
        return Check::new("host", "port", Verdict::Ok, format!("{listen} is served{by}"));
    }
    Check::new("host", "port", Verdict::Missing, format!("{listen} is taken{by}"))
        .advise(format!("choose another with --listen {}:PORT", listen.ip()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_cannot_be_made_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(data_folder(dir.path()).detail, dir.path().display().to_string());
        assert!(data_folder(&dir.path().join("a/b")).detail.ends_with("/a/b, to be made"));
        assert_eq!(data_folder(Path::new("/proc/1/fdinfo/x")).state, Verdict::Missing);
    }
}
