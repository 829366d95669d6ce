//! GetFunction and GetFunctionConfiguration.

use std::sync::Arc;

use hearth_model::Qualifier;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// A function, and how it was asked for.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    pub(crate) target: Target,
}

/// Finds the version that a name and a qualifier lead to.
pub(crate) fn run(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    action: &'static str,
) -> Result<Found, Error> {
    let target = target::resolve(caller, Use::Read, name, qualifier, action)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    match target.parsed_qualifier() {
        None if target.qualifier.is_some() => Err(target.not_found()),
        None | Some(Qualifier::Latest) => Ok(Found { entry, target }),
        // Nothing is published and no alias made yet.
        Some(Qualifier::Number(_) | Qualifier::Alias(_)) => Err(target.not_found()),
    }
}
