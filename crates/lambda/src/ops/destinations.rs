//! Which destinations can be set.

use hearth_model::{DestinationService, FunctionKey, Qualifier, arn};

use crate::Lambda;
use crate::error::Error;

/// # Errors
/// A service that is not here is refused by its name.
pub(crate) fn check_served(
    lambda: &Lambda,
    member: &'static str,
    service: DestinationService,
    hint: &str,
) -> Result<(), Error> {
    if lambda.destinations.as_ref().is_some_and(|destinations| destinations.serves(service)) {
        return Ok(());
    }
    Err(Error::NotAvailable {
        member,
        hint: format!("there is no {service} here; {hint}"),
    })
}

/// Whether a function may have these destinations.
///
/// Source: fact sheet "Lambda control-plane API", section 9.
///
/// # Errors
/// The first that it may not.
pub(crate) fn check(
    lambda: &Lambda,
    function: &FunctionKey,
    on_success: Option<&str>,
    on_failure: Option<&str>,
) -> Result<(), Error> {
    let unfit = || {
        let shown = |arn: Option<&str>, name: &str| {
            arn.map_or_else(|| "null".to_owned(), |arn| format!("{name}(destination={arn})"))
        };
        Error::InvalidParameter(format!(
            "The provided destination config DestinationConfig(onSuccess={}, onFailure={}) is invalid.",
            shown(on_success, "OnSuccess"),
            shown(on_failure, "OnFailure"),
        ))
    };
    for (arn, is_failure) in [(on_success, false), (on_failure, true)] {
        let Some(arn) = arn else { continue };
        match DestinationService::of(arn) {
            Some(DestinationService::Lambda) => check_function(lambda, function, arn)?,
            Some(DestinationService::S3) if !is_failure => return Err(unfit()),
            Some(DestinationService::Sqs | DestinationService::Sns) if arn.ends_with(".fifo") => return Err(unfit()),
            Some(service) => check_served(lambda, "DestinationConfig", service, "give the ARN of a function")?,
            None => return Err(unfit()),
        }
    }
    Ok(())
}

fn check_function(lambda: &Lambda, function: &FunctionKey, arn: &str) -> Result<(), Error> {
    let invalid = || Error::InvalidParameter(format!("The destination ARN {arn} is invalid."));
    let (key, qualifier) = arn::parse_function(arn).ok_or_else(invalid)?;
    if key == *function {
        return Err(Error::InvalidParameter("You can't specify the function as a destination for itself.".to_owned()));
    }
    let entry = lambda.functions.get(&key).ok_or_else(invalid)?;
    let is_there = match &qualifier {
        None | Some(Qualifier::Latest) => true,
        Some(Qualifier::Number(number)) => entry.record.versions.contains_key(number),
        Some(Qualifier::Alias(name)) => entry.record.aliases.contains_key(&**name),
    };
    if is_there { Ok(()) } else { Err(invalid()) }
}
