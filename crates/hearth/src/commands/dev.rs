//! `hearth dev`: deploys a project, deploys it again whenever its sources change, and prints what it logs.
//!
//! Sources are looked at twice a second rather than watched: that works on every file system, those of containers and
//! virtual machines included, and a project without its dependencies is a handful of files.

use std::time::Duration;

use crate::cli::Dev;
use crate::client::Client;
use crate::commands::{deploy, logs};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::project::build;
use crate::project::files::Fingerprint;

/// What the languages' tools write beside the sources when they build.
const WRITTEN_BY_TOOLS: [&str; 4] = ["Cargo.lock", "Gemfile.lock", "go.sum", "package-lock.json"];

const LOOK: Duration = Duration::from_millis(500);

pub fn run(args: &Dev) -> Result<Exit, Failure> {
    let project = deploy::open(&args.project)?;
    let client = Client::of(&args.target)?;
    let began_ms = hearth_core::Clock::system().now_ms();
    // The first one tells of a wrong command line, an absent server, an absent tool.
    let mut sources = round(args, &client)?;
    output::aside(&format!("  watching    {} (Ctrl-C ends)\n", project.folder.display()));
    let mut tail = logs::Tail::of(&client, &project.name, began_ms)?;
    loop {
        std::thread::sleep(LOOK);
        tail.print(&client)?;
        let now = build::fingerprint(&project)?;
        let Some(path) = sources.difference(&now) else { continue };
        let path = path.strip_prefix(&project.folder).unwrap_or(path);
        output::aside(&format!("  changed     {}\n", path.display()));
        sources = match round(args, &client) {
            Ok(sources) => sources,
            // A mistake in the sources is what this loop is for.
            Err(failure) => {
                output::complain(failure.message());
                now
            }
        };
    }
}

/// Deploys the project as it is now, its manifest included; the sources that this was done for.
fn round(args: &Dev, client: &Client) -> Result<Fingerprint, Failure> {
    let project = deploy::open(&args.project)?;
    let before = build::fingerprint(&project)?;
    deploy::deploy(client, &project, false)?;
    // A build may write among the sources: that is no change. What is saved while it runs is one, if it differs in size or
    // time from what the build left.
    let after = build::fingerprint(&project)?;
    Ok(if project.manifest.build.is_some() { after } else { before.with(&after, &WRITTEN_BY_TOOLS) })
}
