//! `hearth deploy`: builds a project by its ecosystem's rules, and creates or updates its function.

use serde_json::json;

use crate::cli::{Deploy, ProjectArgs};
use crate::client::Client;
use crate::deployment::{self, Deployed};
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};
use crate::project::build::{self, Package};
use crate::project::{Overrides, Project};

pub fn run(args: &Deploy) -> Result<Exit, Failure> {
    let project = open(&args.project)?;
    let client = Client::of(&args.target)?;
    let deployed = deploy(&client, &project, args.publish)?;
    let configuration = &deployed.configuration;
    match args.answer.output {
        Format::Table => output::line(configuration["FunctionArn"].as_str().unwrap_or_default())?,
        Format::Json => output::json(&json!({ "change": deployed.change.text(), "configuration": configuration }))?,
    }
    Ok(Exit::Ok)
}

pub fn open(args: &ProjectArgs) -> Result<Project, Failure> {
    let overrides = Overrides {
        name: args.name.clone(),
        runtime: args.runtime.clone(),
        handler: args.handler.clone(),
    };
    Project::open(&args.folder, &overrides)
}

/// Builds, packs, deploys and waits, and says so on standard error. A server that is not there is told of before a build that
/// may take minutes.
pub fn deploy(client: &Client, project: &Project, publish: bool) -> Result<Deployed, Failure> {
    deployment::current(client, &project.name)?;
    let package = build::build(project)?;
    output::aside(&format!("  packed      {}\n", size(&package)));
    deployment::deploy(client, project, &package, publish)
}

fn size(package: &Package) -> String {
    #[allow(clippy::cast_precision_loss)] // For people to read.
    let kib = package.bytes.len() as f64 / 1024.0;
    let size = if kib < 1024.0 { format!("{kib:.1} KiB") } else { format!("{:.1} MiB", kib / 1024.0) };
    match package.files {
        Some(1) => format!("1 file, {size}"),
        Some(files) => format!("{files} files, {size}"),
        None => size,
    }
}
