//! `FunctionConfiguration`: how a function is shown.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.1 to 3.5: which members are there,
//! and when. An absent member is absent, never null.

use hearth_model::{Version, arn};
use serde::Serialize;
use serde::ser::SerializeMap;

use crate::api::timestamp;
use crate::keys;
use crate::record::{self, Config, Edition, FileSystemUse, LayerUse, Status, Text, Variables, VpcSettings};
use crate::snapshot::{Entry, default_log_group};

/// How much of it an operation shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum View {
    Whole,
    /// Lists leave out states and the runtime's version.
    Listed,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct FunctionConfiguration {
    function_name: String,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime: Option<String>,
    role: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<String>,
    code_size: u64,
    description: String,
    timeout: u32,
    memory_size: u32,
    last_modified: String,
    code_sha256: String,
    version: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    environment: Option<Environment>,
    #[serde(rename = "KMSKeyArn", skip_serializing_if = "Option::is_none")]
    kms_key_arn: Option<String>,
    tracing_config: TracingConfig,
    revision_id: String,
    #[serde(flatten)]
    states: States,
    package_type: &'static str,
    architectures: [&'static str; 1],
    ephemeral_storage: EphemeralStorage,
    snap_start: SnapStart,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version_config: Option<RuntimeVersionConfig>,
    logging_config: LoggingConfig,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_config_response: Option<ImageConfigResponse>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    layers: Vec<Layer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    vpc_config: Option<VpcConfig>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    file_system_configs: Vec<FileSystemConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_letter_config: Option<DeadLetterConfig>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct DeadLetterConfig {
    target_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct VpcConfig {
    subnet_ids: Vec<String>,
    security_group_ids: Vec<String>,
    vpc_id: String,
    ipv6_allowed_for_dual_stack: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FileSystemConfig {
    arn: String,
    local_mount_path: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfigResponse {
    image_config: ImageConfig,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ImageConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    entry_point: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    command: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_directory: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Layer {
    arn: String,
    code_size: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Environment {
    #[serde(serialize_with = "as_map", skip_serializing_if = "Option::is_none")]
    variables: Option<Variables>,
    /// Why there are none to show.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<EnvironmentError>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EnvironmentError {
    error_code: &'static str,
    message: String,
}

impl Environment {
    fn of(entry: &Entry, config: &Config) -> Option<Self> {
        if let Some(problem) = entry.key_problem(config) {
            let (error_code, message) = keys::described(&problem);
            return Some(Self {
                variables: None,
                error: Some(EnvironmentError { error_code, message }),
            });
        }
        let variables = config.environment.clone()?;
        Some(Self {
            variables: Some(variables),
            error: None,
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct TracingConfig {
    mode: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EphemeralStorage {
    size: u32,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct SnapStart {
    apply_on: &'static str,
    optimization_status: &'static str,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeVersionConfig {
    runtime_version_arn: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LoggingConfig {
    log_format: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    application_log_level: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    system_log_level: Option<&'static str>,
    log_group: String,
}

#[derive(Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct States {
    #[serde(skip_serializing_if = "Option::is_none")]
    state: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_reason_code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_update_status_reason_code: Option<String>,
}

/// Sic: the service gives this reason for updates, too.
const CREATING: &str = "The function is being created.";

impl States {
    fn of(status: &Status) -> Self {
        let (text, code) = (Some(CREATING.to_owned()), Some("Creating".to_owned()));
        let none = Self::default();
        match status {
            Status::Creating => Self {
                state: Some("Pending"),
                state_reason: text,
                state_reason_code: code,
                ..none
            },
            Status::Active => Self {
                state: Some("Active"),
                last_update_status: Some("Successful"),
                ..none
            },
            Status::CreationFailed(failure) => Self {
                state: Some("Failed"),
                state_reason: Some(failure.reason.clone()),
                state_reason_code: Some(failure.code.clone()),
                ..none
            },
            Status::Updating => Self {
                state: Some("Active"),
                last_update_status: Some("InProgress"),
                last_update_status_reason: text,
                last_update_status_reason_code: code,
                ..none
            },
            Status::UpdateFailed(failure) => Self {
                state: Some("Active"),
                last_update_status: Some("Failed"),
                last_update_status_reason: Some(failure.reason.clone()),
                last_update_status_reason_code: Some(failure.code.clone()),
                ..none
            },
        }
    }
}

/// Shows a version. `qualifier` is the one that the caller gave, if any: it stands in the ARN.
pub(crate) fn render(entry: &Entry, version: Version, qualifier: Option<&str>, view: View) -> FunctionConfiguration {
    // The version was found in this very entry; `$LATEST` is always there.
    let edition = entry.record.edition(version).unwrap_or(&entry.record.latest);
    render_edition(entry, version, edition, qualifier, view)
}

/// Shows a version of a list: its ARN has its qualifier.
pub(crate) fn render_listed(entry: &Entry, version: Version) -> FunctionConfiguration {
    render(entry, version, Some(&version.to_string()), View::Listed)
}

/// Shows a version as it would be: what a dry run answers.
pub(crate) fn render_edition(
    entry: &Entry,
    version: Version,
    edition: &Edition,
    qualifier: Option<&str>,
    view: View,
) -> FunctionConfiguration {
    let config = &edition.config;
    let is_image = config.package.image.is_some();
    FunctionConfiguration {
        function_name: entry.key.name.to_string(),
        function_arn: qualifier.map_or_else(|| entry.arn.clone(), |q| arn::qualified(&entry.arn, q)),
        runtime: (!is_image).then(|| config.runtime.clone()),
        role: config.role.clone(),
        handler: (!is_image).then(|| config.handler.clone()),
        code_size: config.package.size_bytes,
        description: config.description.clone(),
        timeout: config.timeout_s,
        memory_size: config.memory_mib,
        last_modified: timestamp::milliseconds(edition.modified_ms),
        code_sha256: config.package.code_sha256(),
        version: version.to_string(),
        environment: Environment::of(entry, config),
        kms_key_arn: config.kms_key_arn.clone(),
        tracing_config: TracingConfig {
            mode: if config.tracing_active { "Active" } else { "PassThrough" },
        },
        revision_id: edition.revision_id.clone(),
        states: if view == View::Whole { States::of(&edition.status) } else { States::default() },
        package_type: if is_image { "Image" } else { "Zip" },
        image_config_response: config.image_config.clone().map(ImageConfigResponse::of),
        architectures: [config.architecture.text()],
        ephemeral_storage: EphemeralStorage { size: config.storage_mib },
        snap_start: SnapStart {
            apply_on: if config.snap_start { "PublishedVersions" } else { "None" },
            optimization_status: if is_optimized(version, edition) { "On" } else { "Off" },
        },
        runtime_version_config: (view == View::Whole && !is_image).then(|| RuntimeVersionConfig {
            runtime_version_arn: entry.runtime_version_arn(&config.runtime),
        }),
        layers: config.layers.iter().map(Layer::of).collect(),
        vpc_config: config.vpc.clone().map(VpcConfig::of),
        file_system_configs: config.file_systems.iter().cloned().map(FileSystemConfig::of).collect(),
        dead_letter_config: config.dead_letter.clone().map(|target_arn| DeadLetterConfig { target_arn }),
        logging_config: LoggingConfig {
            log_format: config.logging.format.text(),
            application_log_level: config.logging.application_level.map(Text::text),
            system_log_level: config.logging.system_level.map(Text::text),
            log_group: config.logging.group.clone().unwrap_or_else(|| default_log_group(&entry.key.name)),
        },
    }
}

impl ImageConfigResponse {
    fn of(config: record::ImageConfig) -> Self {
        Self {
            image_config: ImageConfig {
                entry_point: config.entry_point,
                command: config.command,
                working_directory: config.working_directory,
            },
        }
    }
}

impl VpcConfig {
    fn of(settings: VpcSettings) -> Self {
        Self {
            subnet_ids: settings.subnets,
            security_group_ids: settings.security_groups,
            vpc_id: settings.vpc_id,
            ipv6_allowed_for_dual_stack: settings.dual_stack,
        }
    }
}

impl FileSystemConfig {
    fn of(used: FileSystemUse) -> Self {
        Self {
            arn: used.arn,
            local_mount_path: used.path,
        }
    }
}

impl Layer {
    fn of(used: &LayerUse) -> Self {
        Self {
            arn: used.arn.clone(),
            code_size: used.package.size_bytes,
        }
    }
}

/// A version that starts from a snapshot: `$LATEST` never does.
fn is_optimized(version: Version, edition: &Edition) -> bool {
    edition.config.snap_start && version != Version::Latest && edition.status == Status::Active
}

#[allow(clippy::ref_option)] // The form that serde calls.
fn as_map<S: serde::Serializer>(variables: &Option<Variables>, to: S) -> Result<S::Ok, S::Error> {
    let variables = variables.iter().flat_map(|variables| &variables.0);
    let mut map = to.serialize_map(None)?;
    for (key, value) in variables {
        map.serialize_entry(key, value)?;
    }
    map.end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pending_function_has_no_update_status() {
        let states = serde_json::to_value(States::of(&Status::Creating)).unwrap_or_default();
        assert_eq!(
            states,
            serde_json::json!({
                "State": "Pending",
                "StateReason": "The function is being created.",
                "StateReasonCode": "Creating",
            })
        );
    }
}
