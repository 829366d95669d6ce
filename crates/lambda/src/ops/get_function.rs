//! GetFunction and GetFunctionConfiguration.

use std::sync::Arc;

use hearth_model::{Qualifier, Version};
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// A version of a function, and how it was asked for.
pub(crate) struct Found {
    pub(crate) entry: Arc<Entry>,
    /// One that is there.
    pub(crate) version: Version,
    pub(crate) target: Target,
}

/// Finds the version that a name and a qualifier lead to; of a weighted alias, the first one.
pub(crate) fn run(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    action: &'static str,
) -> Result<Found, Error> {
    let target = target::resolve(caller, Use::Read, name, qualifier, action)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    let version = match (target.parsed_qualifier(), &target.qualifier) {
        (None, None) | (Some(Qualifier::Latest), _) => Some(Version::Latest),
        (None, Some(_)) => None,
        (Some(Qualifier::Number(number)), _) => Some(Version::Number(number)),
        (Some(Qualifier::Alias(name)), _) => entry.record.aliases.get(&*name).map(|alias| alias.primary()),
    };
    match version.filter(|version| entry.record.edition(*version).is_some()) {
        Some(version) => Ok(Found { entry, version, target }),
        None => Err(target.not_found()),
    }
}
