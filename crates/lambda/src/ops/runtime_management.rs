//! PutRuntimeManagementConfig and GetRuntimeManagementConfig.
//!
//! A function runs on the host's interpreter, whichever that is when the server starts: nothing is
//! kept of an older one. So `Auto` and `FunctionUpdate` change nothing of what runs, and `Manual`
//! can name the version in use alone; when the host has another one later, the function's
//! invocations are refused rather than run on it (see `snapshot`).
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::sync::Arc;

use hearth_model::Version;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::ops::get_function::{self, Found};
use crate::record::RuntimeUpdate;
use crate::snapshot::Entry;

/// How a version's runtime is managed, with the ARN of the version.
pub(crate) struct Managed {
    pub(crate) arn: String,
    pub(crate) update: RuntimeUpdate,
}

pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str, qualifier: Option<&str>) -> Result<Managed, Error> {
    let found = find(lambda, caller, name, qualifier, "GetRuntimeManagementConfig")?;
    let update = found.entry.record.runtime_update(found.version);
    Ok(Managed {
        arn: found.target.asked_arn(),
        update,
    })
}

pub(crate) async fn put(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    update: RuntimeUpdate,
) -> Result<Managed, Error> {
    let Found { version, target, .. } = find(lambda, caller, name, qualifier, "PutRuntimeManagementConfig")?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        let Some(edition) = record.edition(version) else {
            return Err(target.not_found());
        };
        if let RuntimeUpdate::Manual { arn } = &update {
            let in_use = entry.runtime_version_arn(&edition.config.runtime);
            if *arn != in_use {
                return Err(Error::NotAvailable {
                    member: "RuntimeVersionArn",
                    hint: format!("{} runs on the host's interpreter, which is {in_use}", edition.config.runtime),
                });
            }
        }
        record.set_runtime_update(version, update.clone());
        Ok(record)
    };
    let entry: Arc<Entry> = lambda.functions.change(&target.key, &[], || target.not_found(), edit).await?;
    let update = entry.record.runtime_update(version);
    Ok(Managed {
        arn: target.asked_arn(),
        update,
    })
}

/// Versions have a runtime, aliases do not.
fn find(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    action: &'static str,
) -> Result<Found, Error> {
    let found = get_function::run(lambda, caller, name, qualifier, action)?;
    let is_version = |qualifier: &String| *qualifier == found.version.to_string();
    match found.target.qualifier.as_ref().is_none_or(is_version) {
        true => Ok(found),
        false => Err(found.target.not_found()),
    }
}

/// What is said of a version that is held to a runtime that the host does not have.
pub(crate) fn mismatch(version: Version, wanted: &str, in_use: &str) -> String {
    format!(
        "version {version} of the function is held to runtime version {wanted} and the host has {in_use}: put the \
         latter, or UpdateRuntimeOn=Auto, by PutRuntimeManagementConfig"
    )
}
