//! `hearth runtimes`: every runtime, and the interpreter found for it.

use std::path::Path;

use hearth_node::{Layout, host};
use hearth_runtimes::{Idle, Listing, Runtimes};
use serde_json::{Value, json};

use crate::cli::Report;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub fn run(args: &Report) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let runtimes = Runtimes::discover(&host::discovery(&config, &Layout::of(&config.data.value)));
    let listings = runtimes.list();
    match args.answer.output {
        Format::Table => {
            let rows: Vec<_> = listings.iter().map(row).collect();
            output::table(&["RUNTIME", "STATE", "VERSION", "FOUND AT, OR WHAT WOULD INSTALL IT"], &rows)?;
            let idle: Vec<_> = runtimes.idle_interpreters().iter().map(idle).collect();
            if !idle.is_empty() {
                output::line("")?;
                output::table(&["ALSO FOUND", "VERSION", "FOUND AT", "WHY IT SERVES NOTHING"], &idle)?;
            }
        }
        Format::Json => output::json(&listings.iter().map(object).collect::<Vec<_>>())?,
    }
    Ok(Exit::Ok)
}

fn row(listing: &Listing) -> Vec<String> {
    let state = match &listing.alias {
        Some(other) => format!("{} of {other}", listing.state),
        None => listing.state.to_string(),
    };
    let place = path(listing.executable.as_deref()).or_else(|| listing.hint.clone()).unwrap_or_default();
    vec![listing.id.to_owned(), state, listing.version.clone().unwrap_or_default(), place]
}

fn idle(one: &Idle) -> Vec<String> {
    vec![one.language.to_string(), one.version.clone(), one.executable.display().to_string(), one.reason.clone()]
}

fn object(listing: &Listing) -> Value {
    json!({
        "id": listing.id,
        "state": listing.state.to_string(),
        "version": listing.version,
        "executable": path(listing.executable.as_deref()),
        "alias": listing.alias,
        "hint": listing.hint,
    })
}

fn path(path: Option<&Path>) -> Option<String> {
    path.map(|path| path.display().to_string())
}
