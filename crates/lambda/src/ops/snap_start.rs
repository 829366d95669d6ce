//! Which functions may start from snapshots.
//!
//! Source: fact sheet "Lambda control-plane API", section 3.2 (runtimes), and "Improving startup
//! performance with Lambda SnapStart", AWS Lambda developer guide (what it excludes).

use crate::api::settings::Settings;
use crate::error::Error;
use crate::record::Config;

const STORAGE_MAX_MIB: u32 = 512;

/// Whether a client wants it; `None` when it does not say.
pub(crate) fn wanted(settings: &Settings) -> Option<bool> {
    settings.snap_start.as_deref().map(|moment| moment == "PublishedVersions")
}

/// # Errors
/// SnapStart with what excludes it.
pub(crate) fn check(config: &Config) -> Result<(), Error> {
    if !config.snap_start {
        return Ok(());
    }
    if !is_supported(&config.runtime) {
        return Err(Error::InvalidParameter(format!(
            "{} is not supported for SnapStart enabled functions.",
            config.runtime
        )));
    }
    if config.packages().any(|package| package.folder.is_some()) {
        return Err(Error::InvalidParameter(
            "SnapStart is not supported for functions that run a folder (S3Bucket hot-reload), which may change at any \
             time."
                .to_owned(),
        ));
    }
    if !config.file_systems.is_empty() {
        return Err(Error::InvalidParameter(
            "SnapStart is not supported for functions with FileSystemConfigs.".to_owned(),
        ));
    }
    if config.storage_mib > STORAGE_MAX_MIB {
        // AWS documents the refusal; its words are not recorded.
        return Err(Error::InvalidParameter(format!(
            "SnapStart is not supported for functions with ephemeral storage larger than {STORAGE_MAX_MIB} MB."
        )));
    }
    Ok(())
}

/// `java11`, `python3.12`, `dotnet8` and what came after them.
fn is_supported(runtime: &str) -> bool {
    let at_least = |prefix: &str, first: u32| {
        let number = runtime.strip_prefix(prefix).and_then(|number| number.parse::<u32>().ok());
        number.is_some_and(|number| number >= first)
    };
    at_least("java", 11) || at_least("python3.", 12) || at_least("dotnet", 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::tests::sample;

    #[test]
    fn runtimes_and_storage() {
        let refusal = |runtime: &str, storage_mib| {
            let config = Config {
                runtime: runtime.to_owned(),
                storage_mib,
                snap_start: true,
                ..sample().latest.config
            };
            check(&config).err().map(|error| error.to_string())
        };
        for good in ["java11", "java17", "java21", "java25", "python3.12", "python3.14", "dotnet8", "dotnet10"] {
            assert_eq!(refusal(good, 512), None, "{good}");
        }
        for bad in ["python3.11", "python3.9", "nodejs22.x", "provided.al2023", "dotnet6", "java8.al2", "ruby3.4"] {
            let text = format!("{bad} is not supported for SnapStart enabled functions.");
            assert_eq!(refusal(bad, 512), Some(text));
        }
        assert!(refusal("python3.12", 513).is_some());
    }
}
