//! `hearth init`: writes a small project, with tests and the commands to build it.

use std::path::Path;

use hearth_node::config::{Config, Flags, Host};
use hearth_node::{Layout, host};
use hearth_runtimes::{Language, Listing, Runtimes, State, definition};
use serde_json::json;

use crate::cli::Init;
use crate::exit::{Exit, Failure};
use crate::output::{self, Format};
use crate::project::templates::Template;
use crate::project::{toolchain, usage};

pub fn run(args: &Init) -> Result<Exit, Failure> {
    let template = args.language.template();
    let folder = args.folder.clone().unwrap_or_else(|| format!("hello-{}", template.name).into());
    let name = args.name.clone().or_else(|| name_of(&folder)).ok_or_else(|| usage("expected --name"))?;
    check_name(&name)?;
    let listings = listings()?;
    let runtime = match &args.runtime {
        Some(runtime) => runtime.clone(),
        None => runtime_of(template, &listings)?,
    };
    let files = template.write(&folder, &name, &runtime)?;
    if let Some(note) = listings.iter().find(|one| one.id == runtime).and_then(note) {
        output::aside(&note);
    }
    match args.answer.output {
        Format::Table => output::line(&said(&folder, &runtime, &files, &template.commands(&name)))?,
        Format::Json => output::json(&json!({ "folder": folder, "name": name, "runtime": runtime, "files": files }))?,
    }
    Ok(Exit::Ok)
}

fn said(folder: &Path, runtime: &str, files: &[String], commands: &[String]) -> String {
    let mut lines = vec![format!("{} ({runtime}):", folder.display())];
    lines.extend(files.iter().map(|file| format!("  {file}")));
    lines.push(String::new());
    lines.push("Try next:".to_owned());
    lines.push(format!("  cd {}", folder.display()));
    lines.extend(aligned(commands));
    lines.join("\n")
}

/// Commands, and what each is for below the other.
fn aligned(commands: &[String]) -> Vec<String> {
    let parts: Vec<_> = commands.iter().map(|line| line.split_once("  # ").unwrap_or((line, ""))).collect();
    let width = parts.iter().map(|(command, _)| command.trim_end().len()).max().unwrap_or_default();
    let line = |(command, about): &(&str, &str)| match *about {
        "" => format!("  {command}"),
        about => format!("  {:width$}  # {about}", command.trim_end()),
    };
    parts.iter().map(line).collect()
}

/// For who deploys to the server of this host, which cannot run it.
fn note(listing: &Listing) -> Option<String> {
    if matches!(listing.state, State::Ready | State::Aliased) {
        return None;
    }
    let hint = listing.hint.as_ref().map(|hint| format!(": {hint}")).unwrap_or_default();
    Some(format!("note: this host does not run {}{hint}\n", listing.id))
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

fn listings() -> Result<Vec<Listing>, Failure> {
    let config = Config::load(&Host::current(), &Flags::default())?;
    Ok(Runtimes::discover(&host::discovery(&config, &Layout::of(&config.data.value))).list())
}

fn runtime_of(template: &Template, listings: &[Listing]) -> Result<String, Failure> {
    if let Some(fixed) = template.runtime {
        return Ok(fixed.to_owned());
    }
    let chosen = choose(listings, template.language, toolchain::version(template.language).as_deref());
    chosen.map(|one| one.id.to_owned()).ok_or_else(|| usage("expected --runtime"))
}

/// The newest runtime of the language that this host can run and that its tools build for (a compiler knows no version
/// after its own, and tests are run by what is on the search path); or else the newest that it can run; or that there is.
fn choose<'a>(listings: &'a [Listing], language: Language, tools: Option<&[u64]>) -> Option<&'a Listing> {
    let fitting = listings.iter().filter_map(|one| Some((one, definition(one.id)?)));
    fitting
        .filter(|(_, known)| known.language == language)
        .max_by_key(|(one, known)| {
            let runs = match one.state {
                State::Ready => 2,
                State::Aliased => 1,
                State::Missing | State::Unsupported => 0,
            };
            let version = toolchain::numbers(known.version.as_bytes()).unwrap_or_default();
            let is_built = tools.is_none_or(|tools| version.as_slice() <= tools);
            (runs, is_built, version)
        })
        .map(|(one, _)| one)
}

#[cfg(test)]
mod tests {
    use hearth_runtimes::definitions;

    use super::*;

    #[track_caller]
    fn check(language: Language, ready: &[&str], aliased: &[&str], tools: Option<&[u64]>, expected: &str) {
        let listings: Vec<Listing> = definitions()
            .iter()
            .map(|one| Listing {
                id: one.id,
                state: match one.id {
                    id if ready.contains(&id) => State::Ready,
                    id if aliased.contains(&id) => State::Aliased,
                    _ => State::Missing,
                },
                executable: None,
                version: None,
                alias: None,
                hint: None,
            })
            .collect();
        assert_eq!(choose(&listings, language, tools).map(|one| one.id), Some(expected));
    }

    #[test]
    fn the_runtime_is_one_that_the_host_has_the_tools_for() {
        let java = ["java17", "java25"];
        check(Language::Java, &java, &[], Some(&[17, 0, 15]), "java17");
        check(Language::Java, &java, &[], Some(&[21, 0, 2]), "java17");
        check(Language::Java, &java, &[], Some(&[26]), "java25");
        check(Language::Java, &java, &[], None, "java25");
        check(Language::Java, &["java25"], &[], Some(&[17, 0, 15]), "java25");
        check(Language::Java, &[], &[], Some(&[21, 0, 2]), "java21");
        check(Language::Python, &["python3.9", "python3.11", "python3.13"], &[], Some(&[3, 11, 7]), "python3.11");
        check(Language::Ruby, &[], &["ruby3.2"], Some(&[3, 1, 2]), "ruby3.2");
        check(Language::Ruby, &[], &[], None, "ruby3.4");
    }

    #[test]
    fn what_to_do_next_is_aligned() {
        let commands = ["a", "b c     # about b", "longer  # about it"].map(ToOwned::to_owned);
        assert_eq!(aligned(&commands), ["  a", "  b c     # about b", "  longer  # about it"]);
        let commands =
            ["go test     # test it", "hearth invoke greeter -p @event.json  # run it"].map(ToOwned::to_owned);
        assert_eq!(aligned(&commands)[0].find('#'), aligned(&commands)[1].find('#'));
    }

    #[test]
    fn what_the_host_lacks_is_told() {
        let listing = |state, hint: Option<&str>| Listing {
            id: "ruby3.4",
            state,
            executable: None,
            version: None,
            alias: None,
            hint: hint.map(ToOwned::to_owned),
        };
        assert_eq!(note(&listing(State::Aliased, None)), None);
        let told = note(&listing(State::Missing, Some("rbenv install")));
        assert_eq!(told.as_deref(), Some("note: this host does not run ruby3.4: rbenv install\n"));
    }
}
