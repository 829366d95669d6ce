//! What the two updates of a function share: when they are refused, and what they leave behind.

use hearth_core::{Clock, Random};

use crate::error::Error;
use crate::record::{Config, Edition, FunctionRecord, Status};
use crate::snapshot::Entry;

/// # Errors
/// A revision that is not the latest, or a change that is still under way.
pub(crate) fn check(entry: &Entry, revision_id: Option<&str>) -> Result<(), Error> {
    let latest = &entry.record.latest;
    if revision_id.is_some_and(|given| given != latest.revision_id) {
        return Err(Error::StaleRevision);
    }
    match latest.status {
        Status::Creating => Err(Error::NotActive { state: "Pending" }),
        Status::Updating => Err(Error::UpdateInProgress { arn: entry.arn.clone() }),
        Status::Active | Status::CreationFailed(_) | Status::UpdateFailed(_) => Ok(()),
    }
}

/// The function with a new configuration that waits for its activation. What serves now goes on
/// serving; a function that never served is created anew.
pub(crate) fn begin(record: &FunctionRecord, config: Config, clock: &Clock, random: &Random) -> FunctionRecord {
    let serving = record.serving().cloned();
    FunctionRecord {
        latest: Edition {
            config,
            revision_id: random.uuid().to_string(),
            modified_ms: clock.now_ms(),
            status: if serving.is_some() { Status::Updating } else { Status::Creating },
        },
        previous: serving,
        ..record.clone()
    }
}
