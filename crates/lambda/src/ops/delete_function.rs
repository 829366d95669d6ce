//! DeleteFunction.

use std::sync::Arc;

use hearth_model::{Qualifier, Version};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// Deletes a function with its versions and aliases. With a qualifier only that version is meant,
/// and deleting one that is not there succeeds.
pub(crate) async fn run(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
) -> Result<(), Error> {
    let target = target::resolve(caller, Use::Read, name, qualifier, "DeleteFunction")?;
    let kind = target.parsed_qualifier();
    if kind == Some(Qualifier::Latest) {
        // Said even when there is no such function.
        return Err(Error::InvalidParameter(
            "$LATEST version cannot be deleted without deleting the function.".to_owned(),
        ));
    }
    if lambda.functions.get(&target.key).is_none() {
        return Err(absent(&target));
    }
    match (kind, &target.qualifier) {
        (Some(Qualifier::Number(number)), _) => delete_version(lambda, &target, number).await?,
        (_, Some(_)) => {
            return Err(Error::InvalidParameter("Deletion of aliases is not currently supported.".to_owned()));
        }
        (_, None) => lambda.functions.remove(&target.key, || absent(&target)).await?,
    }
    lambda.collector.nudge();
    Ok(())
}

/// Its number is not given out again.
async fn delete_version(lambda: &Lambda, target: &Target, number: u64) -> Result<(), Error> {
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        if !record.versions.contains_key(&number) {
            return Ok(record);
        }
        let aliases = record.aliases.iter();
        let users = aliases.filter(|(_, alias)| alias.targets().any(|version| version == Version::Number(number)));
        let names: Vec<&str> = users.map(|(name, _)| name.as_str()).collect();
        if !names.is_empty() {
            return Err(Error::Conflict(format!(
                "Unable to delete version because the following aliases reference it: [{}]",
                names.join(", ")
            )));
        }
        Arc::make_mut(&mut record.versions).remove(&number);
        record.forget_qualifier(&number.to_string());
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || absent(target), edit).await.map(|_| ())
}

/// The unqualified ARN, even when a version was meant.
fn absent(target: &Target) -> Error {
    Error::FunctionNotFound { arn: target.arn.clone() }
}
