//! DeleteFunction.

use std::sync::Arc;

use hearth_model::Qualifier;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::target::{self, Use};

/// Deletes a function. With a qualifier only that version is meant, and no version is published
/// yet: deleting one that is not there succeeds.
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
    // The unqualified ARN, even when a version was meant.
    let absent = || Error::FunctionNotFound { arn: target.arn.clone() };
    if lambda.functions.get(&target.key).is_none() {
        return Err(absent());
    }
    match (kind, &target.qualifier) {
        (Some(Qualifier::Number(_)), _) => Ok(()),
        (_, Some(_)) => Err(Error::InvalidParameter("Deletion of aliases is not currently supported.".to_owned())),
        (_, None) => {
            lambda.functions.remove(&target.key, absent).await?;
            lambda.collector.nudge();
            Ok(())
        }
    }
}
