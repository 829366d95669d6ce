//! Where events go that were given up: the dead-letter queue or topic of a version.
//!
//! Source: fact sheet "Lambda invocation", section 4.

use hearth_model::DestinationService;

use crate::Lambda;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::ops::destinations;

const MEMBER: &str = "DeadLetterConfig";

/// # Errors
/// A target that can be none, or whose service is not here.
pub(crate) fn check(lambda: &Lambda, settings: &Settings) -> Result<(), Error> {
    let Some(arn) = settings.dead_letter_arn.as_deref().filter(|arn| !arn.is_empty()) else {
        return Ok(());
    };
    match DestinationService::of(arn) {
        // AWS documents the refusal; its words are not recorded.
        Some(DestinationService::Sqs | DestinationService::Sns) if arn.ends_with(".fifo") => {
            Err(Error::InvalidParameter(format!("expected a standard queue or topic in {MEMBER}, found {arn}")))
        }
        Some(service @ (DestinationService::Sqs | DestinationService::Sns)) => {
            destinations::check_served(lambda, MEMBER, service, "leave out TargetArn")
        }
        _ => Err(Error::InvalidParameter(format!(
            "expected the ARN of an SQS queue or an SNS topic in {MEMBER}, found {arn}"
        ))),
    }
}

/// Of a wish that has passed [`check`]. Nothing stays as it was, an empty ARN takes it away.
pub(crate) fn merge(before: Option<&String>, settings: &Settings) -> Option<String> {
    settings.dead_letter_arn.as_ref().or(before).filter(|arn| !arn.is_empty()).cloned()
}
