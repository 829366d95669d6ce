//! The spec of a function that runs folders: a new one for each state of them.

use std::sync::Arc;

use hearth_model::{FunctionSpec, LiveCode, Lookup};
use parking_lot::Mutex;

/// Generations between two writes of a function's document: more than folders change.
pub(crate) const GENERATION_BITS: u32 = 24;

/// What serves a function as its folders are now.
#[derive(Debug)]
pub(crate) struct LiveSpec {
    folders: Vec<Arc<dyn LiveCode>>,
    now: Mutex<Now>,
}

#[derive(Debug)]
struct Now {
    /// Of all folders together: each rises, and so does their sum.
    revisions: u64,
    spec: Arc<FunctionSpec>,
}

impl LiveSpec {
    /// `None` for a function that runs no folder. `before` served the same configuration: environments
    /// may run that are of its state.
    pub(crate) fn of(spec: &Arc<FunctionSpec>, before: Option<&Self>) -> Option<Arc<Self>> {
        let dirs = std::iter::once(&spec.code).chain(&spec.layers);
        let folders: Vec<_> = dirs.filter_map(|dir| dir.live().cloned()).collect();
        if folders.is_empty() {
            return None;
        }
        let revisions = before.map(|before| before.now.lock().revisions);
        Some(Arc::new(Self {
            now: Mutex::new(Now {
                revisions: revisions.unwrap_or_else(|| look(&folders).unwrap_or_default()),
                spec: Arc::clone(spec),
            }),
            folders,
        }))
    }

    pub(crate) fn generation(&self) -> u64 {
        self.now.lock().spec.generation
    }

    /// Looks at the folders.
    pub(crate) fn lookup(&self) -> Lookup {
        let revisions = match look(&self.folders) {
            Ok(revisions) => revisions,
            Err(reason) => {
                return Lookup::NotReady {
                    state: "Failed",
                    reason: Some(reason),
                };
            }
        };
        let mut now = self.now.lock();
        // Another look may have been faster, with a newer state.
        if revisions > now.revisions {
            let mut spec = FunctionSpec::clone(&now.spec);
            spec.generation += 1;
            *now = Now {
                revisions,
                spec: Arc::new(spec),
            };
        }
        Lookup::Ready(Arc::clone(&now.spec))
    }
}

fn look(folders: &[Arc<dyn LiveCode>]) -> Result<u64, String> {
    folders.iter().map(|folder| folder.look()).sum()
}
