//! The key that a function's variables are encrypted with.

use hearth_model::FunctionKey;

use crate::Lambda;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::keys;
use crate::record::Config;

/// Whether a change may be made as far as keys are concerned: the key that is given must be one that
/// can be used, and so must the one before, unless nothing of what it encrypted stays.
///
/// # Errors
/// A key that cannot be used.
pub(crate) fn check(
    lambda: &Lambda,
    function: &FunctionKey,
    before: Option<&Config>,
    settings: &Settings,
) -> Result<(), Error> {
    let given = settings.kms_key_arn.as_deref();
    if let Some(key_arn) = given.filter(|key_arn| !key_arn.is_empty()) {
        lambda.keys.check(function, key_arn).map_err(|problem| keys::refusal(&problem))?;
    }
    let replaced = given.is_some() && settings.environment.is_some();
    match before.filter(|_| !replaced).and_then(|before| lambda.keys.problem(function, before)) {
        Some(problem) => Err(keys::refusal(&problem)),
        None => Ok(()),
    }
}
