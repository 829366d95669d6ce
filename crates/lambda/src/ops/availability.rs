//! What AWS offers and Hearth cannot honour yet is refused by name, never accepted and ignored.
//! Forms that ask for nothing (`DeadLetterConfig: {TargetArn: ""}`) are accepted as on AWS.

use hearth_model::Architecture;

use crate::api::settings::Settings;
use crate::error::Error;
use crate::record::Text;

fn refuse<T>(member: &'static str, hint: impl Into<String>) -> Result<T, Error> {
    Err(Error::NotAvailable { member, hint: hint.into() })
}

/// # Errors
/// The first member that cannot be honoured.
pub(crate) fn check_settings(settings: &Settings) -> Result<(), Error> {
    if settings.capacity_provider {
        return refuse("CapacityProviderConfig", "leave it out");
    }
    if settings.durable {
        return refuse("DurableConfig", "leave it out");
    }
    Ok(())
}

/// The members beside the shared settings, by name, with whether they ask for anything.
///
/// # Errors
/// As [`check_settings`].
pub(crate) fn check_members(given: &[(&'static str, bool, &'static str)]) -> Result<(), Error> {
    match given.iter().find(|(_, is_given, _)| *is_given) {
        None => Ok(()),
        Some((member, _, hint)) => refuse(member, *hint),
    }
}

/// # Errors
/// An architecture that this host cannot run.
pub(crate) fn check_architecture(wanted: Option<Architecture>, host: Architecture) -> Result<Architecture, Error> {
    match wanted {
        Some(other) if other != host => {
            refuse("Architectures", format!("this host runs {} and cannot run {}", host.text(), other.text()))
        }
        // The service's default is x86_64; the host's own is the only one that can run here.
        _ => Ok(host),
    }
}
