//! Finding interpreters on the host.
//!
//! Candidates come from the configured folders, `PATH`, the usual system folders and the version managers' own
//! ([`places`]). Each is asked for its version once ([`probe`]) and the answer is kept on disk ([`cache`]) until the
//! file changes, so that a server's start does not pay for it again.
//!
//! Asking means running, so a candidate must be trusted first: it belongs to root, to the user who runs the server, or
//! to the one who became root with `sudo`, and is not writable by everyone. Folders that the operator configured are
//! trusted by that.

mod cache;
mod mounts;
mod places;
mod probe;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::table::Language;
use cache::Cache;
use places::Candidate;

/// Where to look for interpreters, and what may stand in for which runtime.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DiscoveryConfig {
    /// Looked at first: each itself, its `bin`, and the `bin` of each folder in it.
    pub search_dirs: Vec<PathBuf>,
    /// A runtime identifier, and the identifier whose interpreter serves it when its own is absent:
    /// `python3.14` -> `python3.13`.
    pub aliases: BTreeMap<String, String>,
    /// Remembers the versions of interpreters that did not change. Without it, every start asks again.
    pub cache_file: Option<PathBuf>,
    /// Look nowhere else than in `search_dirs`.
    pub only_search_dirs: bool,
}

/// An interpreter on this host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interpreter {
    pub language: Language,
    /// Exact: `3.12.1`, `20.20.2`.
    pub version: String,
    /// Without links; the same path inside a sandbox.
    pub executable: PathBuf,
    /// What it was installed under.
    pub prefix: PathBuf,
    /// Folders and single files outside the system folders (`/usr`, `/lib*`, `/bin`, `/sbin`) that a sandbox must mount
    /// read-only at the same path for this interpreter to run. Nothing else of the host is needed.
    pub needs_mounts: Vec<PathBuf>,
}

impl Interpreter {
    /// The version as numbers, for comparing.
    #[must_use]
    pub fn version_key(&self) -> Vec<u64> {
        self.version.split(['.', '-', '+']).map_while(|part| part.parse().ok()).collect()
    }
}

/// How long an interpreter may take to say its version.
const PROBE_TIMEOUT: Duration = Duration::from_secs(10);

/// Probes that run at once; more would only compete for the same cores.
const PROBES_AT_ONCE: usize = 4;

/// Every interpreter that is found, in the order of the search; those of configured folders come first.
#[must_use]
pub fn interpreters(config: &DiscoveryConfig) -> Vec<Interpreter> {
    let candidates = places::candidates(config);
    let mut cache = Cache::load(config.cache_file.as_deref());
    let unknown: Vec<&Candidate> = candidates.iter().filter(|candidate| cache.get(candidate).is_none()).collect();
    for (candidate, found) in probe_all(&unknown) {
        cache.put(candidate, found);
    }
    cache.save(&candidates);
    candidates.iter().filter_map(|candidate| cache.get(candidate).cloned().flatten()).collect()
}

fn probe_all<'a>(candidates: &[&'a Candidate]) -> Vec<(&'a Candidate, Option<Interpreter>)> {
    let mut found = Vec::with_capacity(candidates.len());
    for batch in candidates.chunks(PROBES_AT_ONCE) {
        std::thread::scope(|scope| {
            let probes: Vec<_> = batch.iter().map(|one| (*one, scope.spawn(|| probe(one)))).collect();
            found.extend(probes.into_iter().map(|(one, probe)| (one, probe.join().unwrap_or(None))));
        });
    }
    found
}

/// The interpreter behind a candidate, or `None` (with a word in the log) when it is not one.
fn probe(candidate: &Candidate) -> Option<Interpreter> {
    let identity = probe::identify(candidate.language, &candidate.executable, PROBE_TIMEOUT);
    match identity {
        Ok(identity) => {
            // What was found of .NET is one of the versions beside its program.
            let host = crate::dotnet::host(&candidate.executable).filter(|_| candidate.language == Language::Dotnet);
            let executable = host.map_or_else(|| candidate.executable.clone(), |(program, _)| program);
            Some(Interpreter {
                needs_mounts: mounts::needed(candidate.language, &executable, &identity.prefix),
                language: candidate.language,
                version: identity.version,
                executable,
                prefix: identity.prefix,
            })
        }
        Err(reason) => {
            tracing::debug!(executable = %candidate.executable.display(), %reason, "not an interpreter to use");
            None
        }
    }
}
