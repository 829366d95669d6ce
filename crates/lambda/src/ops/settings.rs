//! From what a client wants to the configuration that a function is to have.

use hearth_model::FunctionName;

use crate::Lambda;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::ops::{availability, dead_letter, environment, image, logging, runtime, snap_start};
use crate::record::Config;

/// An account may use this much; the model admits more, for managed instances.
const MEMORY_MAX_MIB: i64 = 10_240;

/// The checks of the service's own code, in its order as far as that is known.
///
/// # Errors
/// The first refusal.
pub(crate) fn check(lambda: &Lambda, settings: &Settings) -> Result<(), Error> {
    if let Some(name) = &settings.runtime {
        runtime::check(name)?;
    }
    if settings.memory_size.is_some_and(|size| size > MEMORY_MAX_MIB) {
        // As quoted for accounts with a lower limit, code and text alike.
        return Err(Error::Constraint(format!(
            "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to \
             {MEMORY_MAX_MIB}"
        )));
    }
    availability::check_settings(settings)?;
    dead_letter::check(lambda, settings)?;
    if snap_start::wanted(settings) == Some(true) {
        lambda.preparation.check("SnapStart")?;
    }
    settings.environment.as_ref().map_or(Ok(()), environment::check)
}

/// The configuration with what was wanted put over it; what was not mentioned stays.
///
/// # Errors
/// A configuration that contradicts itself.
pub(crate) fn merge(name: &FunctionName, before: &Config, settings: &Settings) -> Result<Config, Error> {
    let logging = match &settings.logging {
        Some(wanted) => logging::merge(name, &before.logging, wanted)?,
        None => before.logging.clone(),
    };
    let text = |wanted: &Option<String>, before: &String| wanted.clone().unwrap_or_else(|| before.clone());
    let config = Config {
        serial: before.serial + 1,
        runtime: text(&settings.runtime, &before.runtime),
        handler: text(&settings.handler, &before.handler),
        role: text(&settings.role, &before.role),
        description: text(&settings.description, &before.description),
        timeout_s: number(settings.timeout, before.timeout_s),
        memory_mib: number(settings.memory_size, before.memory_mib),
        storage_mib: number(settings.storage_size, before.storage_mib),
        architecture: before.architecture,
        environment: settings.environment.clone().or_else(|| before.environment.clone()),
        sealed: before.sealed.clone().filter(|_| settings.environment.is_none()),
        // An empty one takes it away.
        kms_key_arn: match &settings.kms_key_arn {
            Some(given) => Some(given.clone()).filter(|given| !given.is_empty()),
            None => before.kms_key_arn.clone(),
        },
        logging,
        tracing_active: settings.tracing_mode.as_ref().map_or(before.tracing_active, |mode| mode == "Active"),
        // These two are looked up by who merges.
        vpc: before.vpc.clone(),
        file_systems: before.file_systems.clone(),
        package: before.package.clone(),
        image_config: image::merge(before.image_config.as_ref(), settings),
        snap_start: snap_start::wanted(settings).unwrap_or(before.snap_start),
        layers: before.layers.clone(),
        dead_letter: dead_letter::merge(before.dead_letter.as_ref(), settings),
    };
    snap_start::check(&config)?;
    Ok(config)
}

/// A wanted number that has passed its range check.
fn number(wanted: Option<i64>, before: u32) -> u32 {
    wanted.and_then(|wanted| u32::try_from(wanted).ok()).unwrap_or(before)
}

/// Says in the server's log that the host lacks a runtime: the function is made all the same, and
/// its invocations say so, too.
pub(crate) fn warn_of_runtime(lambda: &Lambda, name: &FunctionName, runtime: &str) {
    if let Some(warning) = lambda.runtime_check.as_ref().and_then(|check| check(runtime)) {
        tracing::warn!(function = %name, runtime, "{warning}");
    }
}
