//! `hearth init`: writes a small project, with tests and the commands to build it.

use std::path::Path;

use hearth_node::config::{Config, Flags, Host};
use hearth_node::{Layout, host};
use hearth_runtimes::{Runtimes, State, definitions};
use serde_json::json;

use crate::cli::Init;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};
use crate::project::templates::Template;
use crate::project::usage;

pub fn run(args: &Init) -> Result<Exit, Failure> {
    let template = args.language.template();
    let folder = args.folder.clone().unwrap_or_else(|| format!("hello-{}", template.name).into());
    let name = args.name.clone().or_else(|| name_of(&folder)).ok_or_else(|| usage("expected --name"))?;
    check_name(&name)?;
    let runtime = match &args.runtime {
        Some(runtime) => runtime.clone(),
        None => runtime_of(template)?,
    };
    let files = template.write(&folder, &name, &runtime)?;
    match args.answer.output {
        Format::Table => output::line(&said(&folder, &runtime, &files))?,
        Format::Json => output::json(&json!({ "folder": folder, "name": name, "runtime": runtime, "files": files }))?,
    }
    Ok(Exit::Ok)
}

fn said(folder: &Path, runtime: &str, files: &[String]) -> String {
    let mut lines = vec![format!("{} ({runtime}):", folder.display())];
    lines.extend(files.iter().map(|file| format!("  {file}")));
    lines.push(String::new());
    lines.push("Try next:".to_owned());
    lines.push(format!("  cd {}", folder.display()));
    lines.push(format!("  {:<30}  # {}", "hearth deploy", "README.md has the commands for its tests"));
    lines.push("  hearth dev".to_owned());
    lines.join("\n")
}

/// A function's name may be 64 letters, digits, dashes and underscores.
fn check_name(name: &str) -> Result<(), Failure> {
    let fits = !name.is_empty() && name.len() <= 64;
    if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Ok(());
    }
    Err(usage(format!("expected a name of up to 64 letters, digits, - and _, found {name:?}; give one with --name")))
}

fn name_of(folder: &Path) -> Option<String> {
    let absolute = std::path::absolute(folder).ok()?;
    absolute.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// The newest runtime of the language that this host can run, or else the newest that there is.
fn runtime_of(template: &Template) -> Result<String, Failure> {
    if let Some(fixed) = template.runtime {
        return Ok(fixed.to_owned());
    }
    let config = Config::load(&Host::current(), &Flags::default())?;
    let listings = Runtimes::discover(&host::discovery(&config, &Layout::of(&config.data.value))).list();
    let of_language = |id: &str| definitions().iter().any(|one| one.id == id && one.language == template.language);
    let fitting: Vec<_> = listings.iter().filter(|one| of_language(one.id)).collect();
    let ready = fitting.iter().rev().find(|one| one.state == State::Ready);
    let chosen = ready.or(fitting.last());
    chosen.map(|one| one.id.to_owned()).ok_or_else(|| usage("expected --runtime"))
}
