//! The members that CreateFunction and UpdateFunctionConfiguration share.

use hearth_wire::validation::{self, Violations};
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::api::members::Members;
use crate::error::Error;
use crate::ops::environment;
use crate::pattern::{
    ANY_ARN, ENVIRONMENT_KEY, FILE_SYSTEM_ARN, HANDLER, LAYER_VERSION_ARN, LOCAL_MOUNT_PATH, LOG_GROUP, Pattern, ROLE,
    SECURITY_GROUP_ID, SUBNET_ID,
};
use crate::record::Variables;

/// What a client wants of a function's configuration; what it does not mention is absent.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    pub(crate) runtime: Option<String>,
    pub(crate) handler: Option<String>,
    pub(crate) role: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) timeout: Option<i64>,
    pub(crate) memory_size: Option<i64>,
    pub(crate) storage_size: Option<i64>,
    pub(crate) environment: Option<Variables>,
    pub(crate) logging: Option<LoggingConfig>,
    pub(crate) tracing_mode: Option<String>,
    pub(crate) snap_start: Option<String>,
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) dead_letter_arn: Option<String>,
    /// An empty list takes all away.
    pub(crate) layers: Option<Vec<String>>,
    pub(crate) vpc: VpcConfig,
    /// An empty list takes all away.
    pub(crate) file_systems: Option<Vec<FileSystemConfig>>,
    /// An empty one takes all away.
    pub(crate) image_config: Option<ImageConfig>,
    pub(crate) capacity_provider: bool,
    pub(crate) durable: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct LoggingConfig {
    pub(crate) log_format: Option<String>,
    pub(crate) application_log_level: Option<String>,
    pub(crate) system_log_level: Option<String>,
    pub(crate) log_group: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct VpcConfig {
    pub(crate) subnet_ids: Option<Vec<String>>,
    pub(crate) security_group_ids: Option<Vec<String>>,
    pub(crate) ipv6_allowed_for_dual_stack: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ImageConfig {
    pub(crate) entry_point: Option<Vec<String>>,
    pub(crate) command: Option<Vec<String>>,
    pub(crate) working_directory: Option<String>,
}

impl VpcConfig {
    pub(crate) fn dual_stack(&self) -> Option<bool> {
        self.ipv6_allowed_for_dual_stack
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct FileSystemConfig {
    pub(crate) arn: Option<String>,
    pub(crate) local_mount_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Environment {
    variables: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct EphemeralStorage {
    size: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct TracingConfig {
    mode: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct SnapStart {
    apply_on: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeadLetterConfig {
    target_arn: Option<String>,
}

const LOG_FORMATS: &[&str] = &["JSON", "Text"];
const APPLICATION_LEVELS: &[&str] = &["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
const SYSTEM_LEVELS: &[&str] = &["DEBUG", "INFO", "WARN"];
const TRACING_MODES: &[&str] = &["Active", "PassThrough"];
const SNAP_START_MOMENTS: &[&str] = &["PublishedVersions", "None"];

impl Settings {
    /// Takes the shared members; notes those whose inner ones are missing.
    pub(crate) fn take(members: &mut Members<'_>, violations: &mut Violations) -> Result<Self, Error> {
        let storage = members.take::<EphemeralStorage>("EphemeralStorage")?;
        if storage.as_ref().is_some_and(|storage| storage.size.is_none()) {
            violations.required::<i64>("ephemeralStorage.size", None);
        }
        let environment = members.take::<Environment>("Environment")?;
        Ok(Self {
            runtime: members.take("Runtime")?,
            handler: members.take("Handler")?,
            role: members.take("Role")?,
            description: members.take("Description")?,
            timeout: members.take("Timeout")?,
            memory_size: members.take("MemorySize")?,
            storage_size: storage.and_then(|storage| storage.size),
            environment: environment.map(|e| variables(e.variables.unwrap_or_default())).transpose()?,
            logging: members.take("LoggingConfig")?,
            tracing_mode: members.take::<TracingConfig>("TracingConfig")?.and_then(|tracing| tracing.mode),
            snap_start: members.take::<SnapStart>("SnapStart")?.and_then(|snap_start| snap_start.apply_on),
            kms_key_arn: members.take("KMSKeyArn")?,
            dead_letter_arn: members.take::<DeadLetterConfig>("DeadLetterConfig")?.and_then(|d| d.target_arn),
            layers: members.take("Layers")?,
            vpc: members.take("VpcConfig")?.unwrap_or_default(),
            file_systems: members.take("FileSystemConfigs")?,
            image_config: members.take("ImageConfig")?,
            capacity_provider: members.take_raw("CapacityProviderConfig").is_some(),
            durable: members.take_raw("DurableConfig").is_some(),
        })
    }

    /// Notes what the model refuses.
    pub(crate) fn check(&self, violations: &mut Violations) {
        if let Some(role) = &self.role {
            ROLE.check(violations, "role", role);
        }
        if let Some(handler) = self.handler.as_deref() {
            violations.length("handler", handler, 0..=128);
            HANDLER.check(violations, "handler", handler);
        }
        if let Some(description) = &self.description {
            violations.length("description", description, 0..=256);
        }
        if let Some(timeout) = self.timeout {
            violations.range("timeout", timeout, 1..=900);
        }
        if let Some(memory) = self.memory_size {
            violations.range("memorySize", memory, 128..=32_768);
        }
        if let Some(size) = self.storage_size {
            violations.range("ephemeralStorage.size", size, 512..=10_240);
        }
        self.check_image(violations);
        self.check_choices(violations);
        self.check_arns(violations);
        self.check_vpc(violations);
        self.check_file_systems(violations);
    }

    /// The one defect that is told alone: its value may be secret, and is left out of the text.
    ///
    /// # Errors
    /// A key that is not of the model's form.
    pub(crate) fn check_environment(&self) -> Result<(), Error> {
        let mut keys = self.environment.iter().flat_map(|variables| &variables.0).map(|(key, _)| key);
        // `_HANDLER` is not of the form either, and has a refusal of its own.
        if keys.all(|key| ENVIRONMENT_KEY.matches(key) || environment::is_reserved(key)) {
            return Ok(());
        }
        Err(Error::Constraint(format!(
            "1 validation error detected: Value at 'environment.variables' failed to satisfy constraint: Map keys \
             must satisfy constraint: [{}]",
            validation::matching(ENVIRONMENT_KEY.text())
        )))
    }

    fn check_choices(&self, violations: &mut Violations) {
        if let Some(mode) = &self.tracing_mode {
            violations.enum_set("tracingConfig.mode", mode, TRACING_MODES);
        }
        if let Some(moment) = &self.snap_start {
            violations.enum_set("snapStart.applyOn", moment, SNAP_START_MOMENTS);
        }
        let Some(logging) = &self.logging else {
            return;
        };
        if let Some(format) = &logging.log_format {
            violations.enum_set("loggingConfig.logFormat", format, LOG_FORMATS);
        }
        if let Some(level) = &logging.application_log_level {
            violations.enum_set("loggingConfig.applicationLogLevel", level, APPLICATION_LEVELS);
        }
        if let Some(level) = &logging.system_log_level {
            violations.enum_set("loggingConfig.systemLogLevel", level, SYSTEM_LEVELS);
        }
        if let Some(group) = &logging.log_group {
            violations.length("loggingConfig.logGroup", group, 1..=512);
            LOG_GROUP.check(violations, "loggingConfig.logGroup", group);
        }
    }

    fn check_image(&self, violations: &mut Violations) {
        let Some(image) = &self.image_config else { return };
        for (path, list) in [("imageConfig.entryPoint", &image.entry_point), ("imageConfig.command", &image.command)] {
            if let Some(list) = list {
                violations.size(path, &validation::list(list), list.len(), 0..=1_500);
            }
        }
        if let Some(directory) = &image.working_directory {
            violations.length("imageConfig.workingDirectory", directory, 0..=1_000);
        }
    }

    fn check_arns(&self, violations: &mut Violations) {
        if let Some(arn) = &self.kms_key_arn {
            // Sic: the service lowers the first letter alone.
            ANY_ARN.check(violations, "kMSKeyArn", arn);
        }
        if let Some(arn) = &self.dead_letter_arn {
            ANY_ARN.check(violations, "deadLetterConfig.targetArn", arn);
        }
        let good = |arn: &str| (1..=2_048).contains(&arn.len()) && LAYER_VERSION_ARN.matches(arn);
        if let Some(layers) = &self.layers {
            let constraints = item_constraints(2_048, 1, &LAYER_VERSION_ARN);
            violations.items("layers", layers, &constraints, layers.iter().all(|arn| good(arn)));
        }
    }

    fn check_file_systems(&self, violations: &mut Violations) {
        let Some(list) = &self.file_systems else {
            return;
        };
        let shown: Vec<&str> = list.iter().map(|one| one.arn.as_deref().unwrap_or_default()).collect();
        violations.size("fileSystemConfigs", &validation::list(&shown), list.len(), 0..=1);
        for (index, one) in list.iter().enumerate() {
            let path = |member: &str| format!("fileSystemConfigs.{}.member.{member}", index + 1);
            violations.required(&path("arn"), one.arn.as_ref());
            violations.required(&path("localMountPath"), one.local_mount_path.as_ref());
            if let Some(arn) = &one.arn {
                violations.length_max(&path("arn"), arn, 256);
                FILE_SYSTEM_ARN.check(violations, &path("arn"), arn);
            }
            if let Some(mount) = &one.local_mount_path {
                violations.length_max(&path("localMountPath"), mount, 160);
                LOCAL_MOUNT_PATH.check(violations, &path("localMountPath"), mount);
            }
        }
    }

    fn check_vpc(&self, violations: &mut Violations) {
        let lists = [
            ("vpcConfig.subnetIds", &self.vpc.subnet_ids, 16, &SUBNET_ID),
            ("vpcConfig.securityGroupIds", &self.vpc.security_group_ids, 5, &SECURITY_GROUP_ID),
        ];
        for (path, list, max, pattern) in lists {
            if let Some(list) = list {
                violations.size(path, &validation::list(list), list.len(), 0..=max);
                let all_good = list.iter().all(|id| id.len() <= 1_024 && pattern.matches(id));
                violations.items(path, list, &item_constraints(1_024, 0, pattern), all_good);
            }
        }
    }
}

fn item_constraints(max: usize, min: usize, pattern: &Pattern) -> [String; 4] {
    [
        validation::at_most_long(max),
        validation::at_least_long(min),
        validation::matching(pattern.text()),
        "Member must not be null".to_owned(),
    ]
}

fn variables(map: Map<String, Value>) -> Result<Variables, Error> {
    map.into_iter()
        .map(|(key, value)| match value {
            Value::String(text) => Ok((key, text)),
            // The value is not shown: it may be a secret.
            _ => Err(Error::WrongShape(format!("Environment: expected a string as the value of {key}"))),
        })
        .collect::<Result<_, _>>()
        .map(Variables)
}
