//! What earlier starts learned about executables: the answer holds as long as path, time of change and size do.
//!
//! Executables that turned out to be no interpreter are remembered too; they would be asked again otherwise.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Interpreter;
use super::places::Candidate;

/// Raised when the stored form, or the meaning of what is stored, changes: older answers are then asked for anew.
const FORM: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Cache {
    file: Option<PathBuf>,
    entries: BTreeMap<PathBuf, Entry>,
    changed: bool,
}

#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    form: u32,
    entries: BTreeMap<PathBuf, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    mtime_ns: i128,
    size: u64,
    interpreter: Option<Interpreter>,
}

impl Cache {
    /// An unreadable cache is an empty one.
    pub(super) fn load(file: Option<&Path>) -> Self {
        let stored = file
            .and_then(|file| fs::read(file).ok())
            .and_then(|bytes| serde_json::from_slice::<Stored>(&bytes).ok())
            .filter(|stored| stored.form == FORM);
        Self {
            file: file.map(Path::to_owned),
            entries: stored.map(|stored| stored.entries).unwrap_or_default(),
            changed: false,
        }
    }

    /// What is known of the candidate; `Some(None)` is the knowledge that it is no interpreter.
    pub(super) fn get(&self, candidate: &Candidate) -> Option<&Option<Interpreter>> {
        self.entries
            .get(&candidate.executable)
            .filter(|entry| entry.mtime_ns == candidate.mtime_ns && entry.size == candidate.size)
            .map(|entry| &entry.interpreter)
    }

    pub(super) fn put(&mut self, candidate: &Candidate, interpreter: Option<Interpreter>) {
        let entry = Entry {
            mtime_ns: candidate.mtime_ns,
            size: candidate.size,
            interpreter,
        };
        self.entries.insert(candidate.executable.clone(), entry);
        self.changed = true;
    }

    /// Keeps what concerns today's candidates. A cache that cannot be written only costs time.
    pub(super) fn save(&mut self, candidates: &[Candidate]) {
        let Some(file) = self.file.clone().filter(|_| self.changed) else {
            return;
        };
        self.entries.retain(|path, _| candidates.iter().any(|candidate| candidate.executable == *path));
        let stored = Stored {
            form: FORM,
            entries: std::mem::take(&mut self.entries),
        };
        if let Err(error) = write(&file, &stored) {
            tracing::debug!(file = %file.display(), %error, "cannot keep the list of interpreters");
        }
        self.entries = stored.entries;
    }
}

fn write(file: &Path, stored: &Stored) -> io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    let draft = file.with_extension(format!("new-{}", std::process::id()));
    fs::write(&draft, serde_json::to_vec(stored)?)?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::Language;

    fn candidate(mtime_ns: i128) -> Candidate {
        Candidate {
            language: Language::Node,
            executable: "/opt/node".into(),
            mtime_ns,
            size: 10,
        }
    }

    #[test]
    fn answers_survive_a_restart_and_end_with_the_file() -> io::Result<()> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("state/interpreters.json");
        let mut cache = Cache::load(Some(&file));
        assert_eq!(cache.get(&candidate(1)), None);
        cache.put(&candidate(1), None);
        cache.save(&[candidate(1)]);

        let mut again = Cache::load(Some(&file));
        assert_eq!(again.get(&candidate(1)), Some(&None));
        assert_eq!(again.get(&candidate(2)), None, "the file has changed");
        again.put(&candidate(2), None);
        again.save(&[]);
        assert_eq!(Cache::load(Some(&file)).get(&candidate(2)), None, "the file is gone");

        fs::write(&file, "nonsense")?;
        assert!(Cache::load(Some(&file)).entries.is_empty());
        Ok(())
    }
}
