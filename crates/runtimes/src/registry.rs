//! From runtime identifiers to what serves them on this host.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use crate::discover::{self, DiscoveryConfig, Interpreter};
use crate::hints;
use crate::launch::ResolvedRuntime;
use crate::table::{Definition, Language, definition, definition_or_stand_in, definitions, stand_ins};

/// What was found on this host. Built once at start-up; immutable since.
#[derive(Clone, Debug, Default)]
pub struct Runtimes {
    ready: BTreeMap<&'static str, ResolvedRuntime>,
    /// Aliases that cannot work, and why.
    bad_aliases: BTreeMap<String, RuntimeUnavailable>,
    /// Interpreters that serve no runtime.
    idle: Vec<Idle>,
}

/// An interpreter that serves no runtime, and why that is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Idle {
    pub language: Language,
    pub version: String,
    pub executable: PathBuf,
    pub reason: String,
}

/// Why a function of this runtime cannot run here, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RuntimeUnavailable {
    #[error("runtime {id} is not known; \"hearth runtimes\" lists those that are")]
    Unknown { id: String },
    #[error("runtime {id} is not supported yet: this version of Hearth has no bootstrap for {language} {version}")]
    Unsupported { id: &'static str, language: Language, version: &'static str },
    #[error(
        "runtime {id} needs {} {version}, which was not found on this host; install it with \"{hint}\" and \
         restart Hearth, or add its folder to the runtimes' search path", needed(*language)
    )]
    Missing { id: &'static str, language: Language, version: &'static str, hint: String },
    #[error("runtime {id} is configured as an alias of {target}, {reason}")]
    BadAlias { id: String, target: String, reason: String },
}

/// How a runtime stands, for `hearth runtimes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Served by the interpreter that its name promises (or by the function's own executable).
    Ready,
    /// Served by another version, because the configuration says so.
    Aliased,
    /// No interpreter was found.
    Missing,
    /// There is no bootstrap for its language.
    Unsupported,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ready => "ready",
            Self::Aliased => "alias",
            Self::Missing => "not found",
            Self::Unsupported => "not supported yet",
        })
    }
}

/// One line of `hearth runtimes`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    pub id: &'static str,
    pub state: State,
    pub executable: Option<PathBuf>,
    /// The interpreter's exact version.
    pub version: Option<String>,
    /// The runtime whose interpreter serves this one.
    pub alias: Option<&'static str>,
    /// The command that would install what is missing, or the reason why an alias or the runtime does not work.
    pub hint: Option<String>,
}

impl Runtimes {
    /// Searches the host. Runs interpreters that it has not seen before: call it at start-up, off the async threads.
    #[must_use]
    pub fn discover(config: &DiscoveryConfig) -> Self {
        Self::from_interpreters(&discover::interpreters(config), &config.aliases)
    }

    /// The same from a known list of interpreters, in order of preference between equal versions.
    #[must_use]
    pub fn from_interpreters(interpreters: &[Interpreter], aliases: &BTreeMap<String, String>) -> Self {
        let own = |table: &'static [Definition]| -> BTreeMap<_, _> {
            table.iter().filter_map(|one| Some((one.id, direct(one, interpreters)?))).collect()
        };
        let mut runtimes = Self {
            ready: own(definitions()),
            ..Self::default()
        };
        let mut direct = runtimes.ready.clone();
        direct.extend(own(stand_ins()));
        for (id, target) in aliases {
            match alias(id, target, &direct) {
                Ok(Some(resolved)) => drop(runtimes.ready.insert(resolved.definition.id, resolved)),
                Ok(None) => {}
                Err(error) => drop(runtimes.bad_aliases.insert(id.clone(), error)),
            }
        }
        runtimes.idle = interpreters.iter().filter_map(|found| runtimes.idle(found)).collect();
        runtimes
    }

    /// What serves the runtime, never another version than its name or the configuration says. No I/O.
    pub fn resolve(&self, id: &str) -> Result<&ResolvedRuntime, RuntimeUnavailable> {
        if let Some(resolved) = self.ready.get(id) {
            return Ok(resolved);
        }
        if let Some(error) = self.bad_aliases.get(id) {
            return Err(error.clone());
        }
        Err(match definition(id) {
            None => RuntimeUnavailable::Unknown { id: id.to_owned() },
            Some(one) => unavailable(one),
        })
    }

    /// Every runtime that is known, in the order of the table.
    #[must_use]
    pub fn list(&self) -> Vec<Listing> {
        definitions().iter().map(|one| self.listing(one)).collect()
    }

    /// The interpreters that were found and serve nothing, in the order of the search.
    #[must_use]
    pub fn idle_interpreters(&self) -> &[Idle] {
        &self.idle
    }

    fn idle(&self, found: &Interpreter) -> Option<Idle> {
        if self.ready.values().any(|resolved| resolved.interpreter.as_ref() == Some(found)) {
            return None;
        }
        let of = |table: &'static [Definition]| {
            table.iter().find(|one| one.language == found.language && one.accepts(&found.version))
        };
        let reason = match (of(definitions()), of(stand_ins())) {
            (Some(one), _) => format!("another serves {}", one.id),
            (None, Some(one)) => format!("no runtime of this version; runtimes.aliases may name it {}", one.id),
            (None, None) => "no runtime of this version".to_owned(),
        };
        Some(Idle {
            language: found.language,
            version: found.version.clone(),
            executable: found.executable.clone(),
            reason,
        })
    }

    /// Aliases in the configuration that cannot work, for the start-up log.
    pub fn configuration_errors(&self) -> impl Iterator<Item = &RuntimeUnavailable> {
        self.bad_aliases.values()
    }

    fn listing(&self, one: &Definition) -> Listing {
        let resolved = self.ready.get(one.id);
        let interpreter = resolved.and_then(|resolved| resolved.interpreter.as_ref());
        let alias = resolved.and_then(|resolved| resolved.alias);
        let bad_alias = self.bad_aliases.get(one.id).map(ToString::to_string);
        let state = match resolved {
            Some(_) if alias.is_some() => State::Aliased,
            Some(_) => State::Ready,
            None if one.language.is_supported() && hints::install(one).is_some() => State::Missing,
            None => State::Unsupported,
        };
        let hint = match state {
            State::Missing => hints::install(one),
            State::Unsupported => Some(format!("Hearth has no bootstrap for {} {}", one.language, one.version)),
            State::Ready | State::Aliased => None,
        };
        Listing {
            id: one.id,
            state,
            executable: interpreter.map(|interpreter| interpreter.executable.clone()),
            version: interpreter.map(|interpreter| interpreter.version.clone()),
            alias,
            hint: bad_alias.or(hint),
        }
    }
}

/// The bootstrap for Java is compiled on the host.
fn needed(language: Language) -> String {
    if language == Language::Java { "a JDK (not only a JRE) of Java".to_owned() } else { language.to_string() }
}

fn unavailable(one: &'static Definition) -> RuntimeUnavailable {
    let Definition { id, language, version } = *one;
    match hints::install(one) {
        Some(hint) => RuntimeUnavailable::Missing { id, language, version, hint },
        None => RuntimeUnavailable::Unsupported { id, language, version },
    }
}

/// The runtime served by its own kind of interpreter: the newest that it accepts, the first found among equals.
fn direct(one: &'static Definition, interpreters: &[Interpreter]) -> Option<ResolvedRuntime> {
    if one.language == Language::Provided {
        return Some(ResolvedRuntime {
            definition: one,
            interpreter: None,
            alias: None,
        });
    }
    let fitting = interpreters.iter().filter(|found| found.language == one.language && one.accepts(&found.version));
    let best = fitting.rev().max_by_key(|found| (!found.version.contains('-'), found.version_key()))?;
    Some(ResolvedRuntime {
        definition: one,
        interpreter: Some(best.clone()),
        alias: None,
    })
}

/// The runtime served by another's interpreter; `None` when its own is there and the alias has nothing to do.
fn alias(
    id: &str,
    target: &str,
    direct: &BTreeMap<&'static str, ResolvedRuntime>,
) -> Result<Option<ResolvedRuntime>, RuntimeUnavailable> {
    let bad = |reason: String| RuntimeUnavailable::BadAlias {
        id: id.to_owned(),
        target: target.to_owned(),
        reason,
    };
    let one = definition(id).ok_or_else(|| bad(format!("but {id} is not a known runtime")))?;
    let other = definition_or_stand_in(target).ok_or_else(|| bad(format!("but {target} is not a known runtime")))?;
    if one.language != other.language || one.language == Language::Provided {
        return Err(bad(format!("but {} cannot stand in for {}", other.language, one.language)));
    }
    if direct.contains_key(id) {
        return Ok(None);
    }
    let served = direct.get(target).ok_or_else(|| bad(format!("but {}", unavailable(other))))?;
    Ok(Some(ResolvedRuntime {
        definition: one,
        interpreter: served.interpreter.clone(),
        alias: Some(other.id),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn python(version: &str, executable: &str) -> Interpreter {
        Interpreter {
            language: Language::Python,
            version: version.into(),
            executable: executable.into(),
            prefix: "/usr".into(),
            needs_mounts: Vec::new(),
        }
    }

    fn found(versions: &[(&str, &str)], aliases: &[(&str, &str)]) -> Runtimes {
        let interpreters: Vec<_> = versions.iter().map(|(version, path)| python(version, path)).collect();
        let aliases = aliases.iter().map(|(id, target)| ((*id).to_owned(), (*target).to_owned())).collect();
        Runtimes::from_interpreters(&interpreters, &aliases)
    }

    /// The executable that serves the runtime, or the error's text.
    #[track_caller]
    fn check(runtimes: &Runtimes, id: &str, expected: Result<&str, &str>) {
        let served = runtimes.resolve(id).map_err(|error| error.to_string());
        let served =
            served.map(|one| one.interpreter.as_ref().map_or(String::new(), |it| it.executable.display().to_string()));
        match expected {
            Ok(executable) => assert_eq!(served.as_deref(), Ok(executable)),
            Err(text) => {
                assert!(served.as_ref().is_err_and(|error| error.contains(text)), "{served:?} has no {text:?}")
            }
        }
    }

    #[test]
    fn the_newest_of_the_exact_version_serves() {
        let runtimes = found(&[("3.11.2", "/a"), ("3.11.10", "/b"), ("3.11.10", "/c"), ("3.11.11-beta", "/d")], &[]);
        check(&runtimes, "python3.11", Ok("/b"));
        check(&runtimes, "python3.12", Err("python3.12 needs Python 3.12, which was not found"));
        check(&runtimes, "python3.12", Err("install"));
        check(&runtimes, "provided.al2023", Ok(""));
        check(&runtimes, "java21", Err("java21 needs a JDK (not only a JRE) of Java 21, which was not found"));
        check(&runtimes, "java8.al2", Err("not supported"));
        check(&runtimes, "cobol85", Err("not known"));
    }

    #[test]
    fn an_alias_serves_only_what_is_absent() {
        let runtimes = found(&[("3.13.0", "/13")], &[("python3.14", "python3.13"), ("python3.13", "python3.12")]);
        check(&runtimes, "python3.14", Ok("/13"));
        check(&runtimes, "python3.13", Ok("/13"));
        let listing = runtimes.list();
        let state = |id: &str| listing.iter().find(|one| one.id == id).map(|one| (one.state, one.alias));
        assert_eq!(state("python3.14"), Some((State::Aliased, Some("python3.13"))));
        assert_eq!(state("python3.13"), Some((State::Ready, None)));
        assert_eq!(state("python3.9"), Some((State::Missing, None)));
        assert_eq!(state("java8.al2"), Some((State::Unsupported, None)));
    }

    /// Debian 12 has Ruby 3.1, which no runtime is named after.
    #[test]
    fn a_version_without_a_runtime_may_stand_in_for_one() {
        let ruby = Interpreter {
            language: Language::Ruby,
            ..python("3.1.2", "/usr/bin/ruby3.1")
        };
        let alias = BTreeMap::from([("ruby3.2".to_owned(), "ruby3.1".to_owned())]);
        let runtimes = Runtimes::from_interpreters(&[ruby], &alias);
        check(&runtimes, "ruby3.2", Ok("/usr/bin/ruby3.1"));
        check(&runtimes, "ruby3.1", Err("not known"));
        assert!(runtimes.idle_interpreters().is_empty(), "it serves a runtime");
        assert!(runtimes.list().iter().all(|one| one.id != "ruby3.1"));
        assert_eq!(runtimes.resolve("ruby3.2").map(|one| one.version_label()), Ok("ruby:3.1.v1".to_owned()));
    }

    #[test]
    fn what_serves_nothing_is_told_with_its_reason() {
        let ruby = Interpreter {
            language: Language::Ruby,
            ..python("3.1.2", "/r")
        };
        let interpreters = [python("3.11.2", "/a"), python("3.11.10", "/b"), python("3.8.1", "/c"), ruby];
        let runtimes = Runtimes::from_interpreters(&interpreters, &BTreeMap::new());
        let told: Vec<_> =
            runtimes.idle_interpreters().iter().map(|one| (one.executable.to_str(), &*one.reason)).collect();
        let expected = [
            (Some("/a"), "another serves python3.11"),
            (Some("/c"), "no runtime of this version"),
            (Some("/r"), "no runtime of this version; runtimes.aliases may name it ruby3.1"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn an_alias_that_cannot_work_says_why() {
        let aliases =
            [("python3.14", "python3.9"), ("python3.12", "nodejs20.x"), ("python3.10", "python4"), ("x", "y")];
        let runtimes = found(&[("3.13.0", "/13")], &aliases);
        check(&runtimes, "python3.14", Err("alias of python3.9, but runtime python3.9 needs Python 3.9"));
        check(&runtimes, "python3.12", Err("Node.js cannot stand in for Python"));
        check(&runtimes, "python3.10", Err("python4 is not a known runtime"));
        assert_eq!(runtimes.configuration_errors().count(), 4);
    }
}
