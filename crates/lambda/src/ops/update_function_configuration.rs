//! UpdateFunctionConfiguration.

use std::sync::Arc;

use hearth_wire::Caller;

use crate::Lambda;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::ops::{
    code_signing, file_systems, function_layers, image, role, settings, snap_start, update, variable_key, vpc,
};
use crate::snapshot::Entry;
use crate::target::{self, Use};
use crate::tasks::activation;

/// A wish that has passed the model's constraints.
pub(crate) struct UpdateFunctionConfiguration {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) settings: Settings,
    pub(crate) revision_id: Option<String>,
}

/// Changes what is mentioned; the configuration before serves until the activation.
pub(crate) async fn run(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    wish: UpdateFunctionConfiguration,
) -> Result<Arc<Entry>, Error> {
    let target = target::resolve(caller, Use::Write, &wish.name, None, "UpdateFunctionConfiguration")?;
    target::refuse_version(&target)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    image::check_settings(entry.record.latest.config.package.image.is_some(), &wish.settings, "updating")?;
    settings::check(lambda, &wish.settings)?;
    variable_key::check(lambda, &target.key, Some(&entry.record.latest.config), &wish.settings)?;
    role::check(lambda, &target.key.account, wish.settings.role.as_deref()).await?;
    if wish.settings.layers.as_ref().is_some_and(|layers| !layers.is_empty()) {
        // Layers are code, and no more signed than packages.
        let config = entry.record.code_signing.as_deref();
        code_signing::check(lambda, caller, target.key.name.as_str(), config).await?;
    }
    let layers = match &wish.settings.layers {
        Some(arns) => Some(function_layers::resolve(lambda, caller, arns).await?),
        None => None,
    };
    let before = entry.record.latest.config.vpc.as_ref();
    let vpc = vpc::resolve(lambda, &target.key, before, &wish.settings.vpc).await?;
    let file_systems = match &wish.settings.file_systems {
        Some(wanted) => Some(file_systems::resolve(lambda, wanted)?),
        None => None,
    };
    let edit = |entry: &Entry| {
        update::check(entry, wish.revision_id.as_deref())?;
        let mut config = settings::merge(&target.key.name, &entry.record.latest.config, &wish.settings)?;
        if let Some(layers) = &layers {
            config.layers.clone_from(layers);
            function_layers::check_sizes(&config)?;
        }
        config.vpc.clone_from(&vpc);
        if let Some(file_systems) = &file_systems {
            config.file_systems.clone_from(file_systems);
        }
        snap_start::check(&config)?;
        Ok(update::begin(&entry.record, config, &lambda.clock, &lambda.random))
    };
    let changed = lambda.functions.change(&target.key, &[], || target.not_found(), edit).await;
    // Also after an error: a write that failed may have been made all the same.
    activation::start(lambda, &target.key);
    if let (Ok(_), Some(runtime)) = (&changed, &wish.settings.runtime) {
        settings::warn_of_runtime(lambda, &target.key.name, runtime);
    }
    changed
}
