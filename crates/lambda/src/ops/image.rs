//! Container images: which members go with them, and what a reference means.
//!
//! Source of the texts: fact sheet "Lambda control-plane API", section 4 (UpdateFunctionCode; those
//! of CreateFunction are made after them), and AWS's as users report them.

use hearth_image::{ImageError, Resolved};
use hearth_model::ImageProcess;

use crate::Lambda;
use crate::api::settings::Settings;
use crate::error::Error;
use crate::record::{Config, Image, ImageConfig, Package};

/// Where a process begins whose image and function say nothing.
const ROOT: &str = "/";

/// The members that do not go with the kind of package. `doing` is `creating` or `updating`.
///
/// # Errors
/// The first of them.
pub(crate) fn check_settings(is_image: bool, settings: &Settings, doing: &str) -> Result<(), Error> {
    let invalid = |text: String| Err(Error::InvalidParameter(text));
    let has_layers = settings.layers.as_ref().is_some_and(|layers| !layers.is_empty());
    if is_image && (settings.runtime.is_some() || settings.handler.is_some() || has_layers) {
        return invalid(
            "Please don't provide Runtime or Handler or Layer when the intended function PackageType is Image."
                .to_owned(),
        );
    }
    if !is_image && merge(None, settings).is_some() {
        return invalid(format!("Please don't provide ImageConfig when {doing} a function with packageType Zip."));
    }
    let directory = settings.image_config.as_ref().and_then(|image| image.working_directory.as_deref());
    if directory.is_some_and(|directory| !directory.is_empty() && !directory.starts_with('/')) {
        return invalid("ImageConfig.WorkingDirectory has to be an absolute path.".to_owned());
    }
    Ok(())
}

/// The function's own wishes; `before` stays where none are given.
pub(crate) fn merge(before: Option<&ImageConfig>, settings: &Settings) -> Option<ImageConfig> {
    let Some(wanted) = &settings.image_config else { return before.cloned() };
    let list = |list: &Option<Vec<String>>| list.clone().filter(|list| !list.is_empty());
    let merged = ImageConfig {
        entry_point: list(&wanted.entry_point),
        command: list(&wanted.command),
        working_directory: wanted.working_directory.clone().filter(|directory| !directory.is_empty()),
    };
    (merged != ImageConfig::default()).then_some(merged)
}

/// Asks the registry, off the async threads.
///
/// # Errors
/// What the client is told of an image that cannot be had.
pub(crate) async fn resolve(lambda: &Lambda, uri: &str) -> Result<Package, Error> {
    let (images, wanted) = (lambda.packages.images.clone(), uri.to_owned());
    let resolved = tokio::task::spawn_blocking(move || images.resolve(&wanted)).await;
    let resolved = resolved.map_err(|error| Error::Image(error.to_string()))?;
    resolved.map(|image| package(uri, image)).map_err(|error| refusal(uri, &error))
}

fn package(uri: &str, image: Resolved) -> Package {
    Package {
        sha256_hex: image.pinned.digest_hex,
        image: Some(Image {
            uri: uri.to_owned(),
            resolved_uri: image.pinned.uri,
            environment: image.environment,
            entry_point: image.entry_point,
            command: image.command,
            working_directory: image.working_directory,
        }),
        ..Package::default()
    }
}

fn refusal(uri: &str, error: &ImageError) -> Error {
    Error::InvalidParameter(match error {
        ImageError::NotFound(_) => format!("Source image {uri} does not exist. Provide a valid source image."),
        ImageError::Denied(_) => format!(
            "Lambda does not have permission to access the ECR image. Check the ECR permissions. ({error}; the setting \
             `images.credentials` names the credentials of registries)"
        ),
        ImageError::MediaType(_) => format!(
            "The image manifest, config or layer media type for the source image {uri} is not supported. ({error})"
        ),
        ImageError::Io { .. } | ImageError::Stopping => return Error::Image(error.to_string()),
        ImageError::Malformed(_)
        | ImageError::NotOpen(_)
        | ImageError::Platform { .. }
        | ImageError::Invalid(_)
        | ImageError::TooLarge { .. }
        | ImageError::Unreachable(_) => format!("Source image {uri} cannot be used: {error}"),
    })
}

/// What an image that could not be unpacked is in a function's state.
pub(crate) fn failure_code(error: &ImageError) -> &'static str {
    match error {
        ImageError::NotFound(_) => "ImageDeleted",
        ImageError::Denied(_) | ImageError::NotOpen(_) => "ImageAccessDenied",
        ImageError::Malformed(_)
        | ImageError::MediaType(_)
        | ImageError::Platform { .. }
        | ImageError::Invalid(_)
        | ImageError::TooLarge { .. } => "InvalidImage",
        ImageError::Unreachable(_) | ImageError::Io { .. } | ImageError::Stopping => "InternalError",
    }
}

/// The process of a function that is an image.
pub(crate) fn process(config: &Config) -> Option<ImageProcess> {
    let image = config.package.image.as_ref()?;
    let own = config.image_config.clone().unwrap_or_default();
    let mut argv = own.entry_point.unwrap_or_else(|| image.entry_point.clone());
    argv.extend(own.command.unwrap_or_else(|| image.command.clone()));
    let directory = own.working_directory.unwrap_or_else(|| image.working_directory.clone());
    Some(ImageProcess {
        argv,
        environment: image.environment.clone(),
        working_directory: if directory.is_empty() { ROOT.to_owned() } else { directory },
    })
}
