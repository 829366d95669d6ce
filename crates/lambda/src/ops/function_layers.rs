//! The layers of a function: which may be used, and how large they may be together.
//!
//! Source of the texts: fact sheet "Lambda control-plane API", section 7.4. Those on sizes are
//! AWS's as users report them.

use std::collections::HashMap;

use hearth_model::arn;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::layer_target;
use crate::ops::layers;
use crate::package::Limits;
use crate::record::{Config, LayerUse, Package};

const LAYERS_MAX: usize = 5;

/// The layer versions that a client names, in its order. The ARNs have passed the model's pattern.
pub(crate) async fn resolve(lambda: &Lambda, caller: &Caller, arns: &[String]) -> Result<Vec<LayerUse>, Error> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    if arns.len() > LAYERS_MAX {
        return invalid(format!("Cannot reference more than {LAYERS_MAX} layers."));
    }
    let mut uses = Vec::with_capacity(arns.len());
    let mut seen = HashMap::new();
    for arn in arns {
        let region = arn::split(arn).map_or("", |parts| parts.region);
        if !region.is_empty() && region != caller.region.as_str() {
            return invalid(format!(
                "Layers are not in the same region as the function. Layers are expected to be in region {}.",
                caller.region
            ));
        }
        let absent = || Error::InvalidParameter(format!("Layer version {arn} does not exist."));
        let (key, number) = layer_target::version_of_arn(arn).ok_or_else(absent)?;
        let record = layers::accessible(lambda, caller, &key, number).await?.ok_or_else(absent)?;
        let version_arn = key.version_arn(number);
        if let Some(earlier) = seen.insert(key, arn) {
            return invalid(format!(
                "Two different versions of the same layer are not allowed to be referenced in the same function. \
                 {earlier} and {arn} are versions of the same layer."
            ));
        }
        if record.package.folder.is_some() && arns.len() > 1 {
            return invalid(format!(
                "Layer version {arn} is a folder (S3Bucket hot-reload), which is shown as it stands: it has to be the \
                 function's only layer."
            ));
        }
        // From here on the function keeps the package. It was a layer's a moment ago, so the
        // collector's grace covers the time until the function is committed.
        uses.push(LayerUse {
            arn: version_arn,
            package: record.package,
        });
    }
    Ok(uses)
}

/// # Errors
/// Code and layers that are larger together than Lambda allows.
pub(crate) fn check_sizes(config: &Config) -> Result<(), Error> {
    let limit = Limits::default().unzipped_bytes;
    let size = |package: &Package| package.unzipped_bytes;
    let layers: u64 = config.layers.iter().map(|layer| size(&layer.package)).sum();
    let all = layers.saturating_add(size(&config.package));
    if layers > limit {
        return Err(Error::InvalidParameter(format!("Layers consume more than the available size of {limit} bytes")));
    }
    if layers > 0 && all > limit {
        return Err(Error::InvalidParameter(format!(
            "Function code combined with layers exceeds the maximum allowed size of {limit} bytes. The actual size is \
             {all} bytes."
        )));
    }
    Ok(())
}
