//! PublishVersion.

use std::sync::Arc;

use hearth_model::Version;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::get_function::Found;
use crate::ops::{availability, code, publish, update};
use crate::record::Status;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};
use crate::tasks::activation;

/// A wish that has passed the model's constraints.
pub(crate) struct PublishVersion {
    /// Name or ARN.
    pub(crate) name: String,
    /// In base64; `$LATEST` must still have this code.
    pub(crate) code_sha256: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) revision_id: Option<String>,
    pub(crate) publish_to: bool,
}

/// Makes a version of `$LATEST`, or finds the one that was made of it. With SnapStart it is pending
/// until its snapshot is there.
pub(crate) async fn run(lambda: &Arc<Lambda>, caller: &Caller, wish: PublishVersion) -> Result<Found, Error> {
    let target = target::resolve(caller, Use::Write, &wish.name, None, "PublishVersion")?;
    target::refuse_version(&target)?;
    availability::check_members(&[("PublishTo", wish.publish_to, "leave it out")])?;
    check_storage(lambda, &target).await?;
    let edit = |entry: &Entry| {
        update::check(entry, wish.revision_id.as_deref())?;
        publish::check_active(&entry.record)?;
        check_code(entry, wish.code_sha256.as_deref())?;
        let mut record = entry.record.clone();
        let status = if record.latest.config.snap_start { Status::Creating } else { Status::Active };
        publish::publish(&mut record, status, wish.description.as_deref(), &lambda.clock, &lambda.random);
        Ok(record)
    };
    let changed = lambda.functions.change(&target.key, &[], || target.not_found(), edit).await;
    // Also after an error: a write that failed may have been made all the same.
    activation::start_if_needed(lambda, &target.key);
    let entry = changed?;
    let number = publish::current(&entry.record).ok_or_else(|| target.not_found())?;
    Ok(Found {
        entry,
        version: Version::Number(number),
        target,
    })
}

/// Each version counts its package once more.
async fn check_storage(lambda: &Lambda, target: &Target) -> Result<(), Error> {
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    if publish::current(&entry.record).is_some() {
        return Ok(());
    }
    let (key, size_bytes) = (&target.key, entry.record.latest.config.package.size_bytes);
    code::check_storage(lambda, &key.account, &key.region, None, size_bytes).await
}

fn check_code(entry: &Entry, given: Option<&str>) -> Result<(), Error> {
    let current = entry.record.latest.config.package.code_sha256();
    match given {
        Some(given) if given != current => Err(Error::InvalidParameter(format!(
            "CodeSHA256 ({given}) is different from current CodeSHA256 in $LATEST ({current}). Please try again with the \
             CodeSHA256 in $LATEST."
        ))),
        _ => Ok(()),
    }
}
