//! `hearth runtimes`: every runtime, and the interpreter found for it.

use std::path::Path;

use hearth_node::{Layout, host};
use hearth_runtimes::{Listing, Runtimes};
use serde_json::{Value, json};

use crate::cli::Report;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};

pub fn run(args: &Report) -> Result<Exit, Failure> {
    let config = args.settings.load()?;
    let listings = Runtimes::discover(&host::discovery(&config, &Layout::of(&config.data.value))).list();
    match args.answer.output {
        Format::Table => output::table(
            &["RUNTIME", "STATE", "VERSION", "FOUND AT, OR WHAT WOULD INSTALL IT"],
            &listings.iter().map(row).collect::<Vec<_>>(),
        )?,
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
