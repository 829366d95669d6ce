//! A function as it is stored and held in memory: our own form, not AWS's.
//!
//! It is stored as a head and, beside it, a document for each published version and each alias;
//! `db` takes it apart and puts it together. In memory it is one value, and cheap to copy.
//!
//! Forms are read by older-or-newer rules: a field keeps its meaning for ever, a new field has a
//! default, and what a newer Hearth added is carried along by an older one.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hearth_model::{Architecture, LogFormat, LogLevel, UrlAuth, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::live;
use crate::package::layers_key;
use crate::policy::Policy;
use crate::url::UrlRecord;

/// The form written today.
pub(crate) const FORM: u32 = 1;

/// A function as a whole. What is not marked as skipped is its head.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct FunctionRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// A UUID that tells this function from a deleted one of the same name.
    pub(crate) incarnation: String,
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// Reserved concurrency; absent when the function shares the account's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reserved_concurrency: Option<u32>,
    pub(crate) latest: Edition,
    /// What serves invocations while `latest` is not ready: the configuration before the update
    /// that is under way, or that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) previous: Option<Config>,
    /// The highest version number given out; never used again, whatever is deleted. 0 for none.
    #[serde(default)]
    pub(crate) versions_made: u64,
    /// Provisioned concurrency by qualifier: a version's number or an alias' name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) provisioned: BTreeMap<String, ProvisionedRecord>,
    /// Resource policies by qualifier; the empty one is that of the function without.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) policies: BTreeMap<String, Policy>,
    /// The ARN of the code signing configuration that looks at what is deployed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) code_signing: Option<String>,
    /// When a version's runtime is updated, by version; absent for [`RuntimeUpdate::Auto`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) runtime_updates: BTreeMap<String, RuntimeUpdate>,
    /// Function URLs, by the same keys. That of an alias outlives it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) urls: BTreeMap<String, UrlRecord>,
    /// What becomes of events, by qualifier: `$LATEST`, a version's number or an alias' name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) event_invoke: BTreeMap<String, EventInvokeRecord>,
    /// The function may call itself again and again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) recursion_allowed: bool,
    /// Published versions by number; each a document of its own.
    #[serde(skip)]
    pub(crate) versions: Arc<BTreeMap<u64, Arc<VersionRecord>>>,
    /// Aliases by name; each a document of its own.
    #[serde(skip)]
    pub(crate) aliases: Arc<BTreeMap<String, Arc<AliasRecord>>>,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// A published version. Its configuration never changes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct VersionRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// The function's; a version that a deletion left behind is nobody's.
    pub(crate) incarnation: String,
    pub(crate) edition: Edition,
    /// The description of `$LATEST` when this version was published: publishing again is no change
    /// while that stays, whatever description the version itself was given.
    #[serde(default)]
    pub(crate) description_of_latest: String,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// An alias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AliasRecord {
    /// The form it was written in.
    pub(crate) v: u32,
    /// The function's, as in [`VersionRecord`].
    pub(crate) incarnation: String,
    /// `None` is `$LATEST`.
    pub(crate) version: Option<u64>,
    #[serde(default)]
    pub(crate) description: String,
    /// A second version and its share of the invocations.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) additional: Option<AdditionalVersion>,
    /// A UUID.
    pub(crate) revision_id: String,
    /// Members of newer forms.
    #[serde(flatten)]
    pub(crate) newer: serde_json::Map<String, serde_json::Value>,
}

/// Where a part of an alias' invocations goes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AdditionalVersion {
    pub(crate) version: u64,
    /// 0 to 1.
    pub(crate) weight: f64,
}

/// Environments that are kept initialised for a version or for what an alias points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProvisionedRecord {
    pub(crate) environments: u32,
    /// Unix milliseconds of the last change by a client.
    pub(crate) modified_ms: i64,
}

/// When a version's runtime is updated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RuntimeUpdate {
    Auto,
    FunctionUpdate,
    /// Never: it is held to this version of its runtime.
    Manual {
        arn: String,
    },
}

/// What becomes of events of one qualifier. What a client did not set is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventInvokeRecord {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) retries_max: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) age_max_s: Option<u32>,
    /// ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_success: Option<String>,
    /// ARN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) on_failure: Option<String>,
    /// Unix milliseconds.
    pub(crate) modified_ms: i64,
}

/// Code and configuration of `$LATEST` or of a version, and how far it has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Edition {
    pub(crate) config: Config,
    /// A UUID.
    pub(crate) revision_id: String,
    /// Unix milliseconds of the last change by a client.
    pub(crate) modified_ms: i64,
    pub(crate) status: Status,
}

/// How far the last change has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    /// Not invocable yet.
    Creating,
    Active,
    /// Never became invocable.
    CreationFailed(Failure),
    /// `previous` serves.
    Updating,
    /// `previous` serves until the next update.
    UpdateFailed(Failure),
}

/// Why a change did not come about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Failure {
    /// One of the service's reason codes, e.g. `InternalError`.
    pub(crate) code: String,
    pub(crate) reason: String,
}

/// Code and configuration of one version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Config {
    /// Counts the changes of this function: two configurations with the same number are the same.
    pub(crate) serial: u64,
    pub(crate) runtime: String,
    pub(crate) handler: String,
    pub(crate) role: String,
    pub(crate) description: String,
    pub(crate) timeout_s: u32,
    pub(crate) memory_mib: u32,
    pub(crate) storage_mib: u32,
    #[serde(with = "text")]
    pub(crate) architecture: Architecture,
    /// Absent until a client gives an environment, even an empty one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) environment: Option<Variables>,
    /// The variables as they are stored: see [`crate::keys`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sealed: Option<String>,
    /// As given; absent for the account's own key for functions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) kms_key_arn: Option<String>,
    pub(crate) logging: LoggingSettings,
    /// Its invocations are traced, and not those of traced callers alone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tracing_active: bool,
    /// Absent until the function is in a network for the first time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vpc: Option<VpcSettings>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) file_systems: Vec<FileSystemUse>,
    /// Versions published of this start from a snapshot.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) snap_start: bool,
    pub(crate) package: Package,
    /// Of a container image; absent when all is as the image has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image_config: Option<ImageConfig>,
    /// In the order in which they go over each other.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<LayerUse>,
    /// ARN of the queue or topic for events that were given up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) dead_letter: Option<String>,
}

/// The network of a function; without subnets, of one that was in a network once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct VpcSettings {
    pub(crate) subnets: Vec<String>,
    pub(crate) security_groups: Vec<String>,
    pub(crate) vpc_id: String,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) dual_stack: bool,
}

/// A file system as a function uses it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct FileSystemUse {
    /// Of the access point.
    pub(crate) arn: String,
    /// Where it is shown, `/mnt/<name>`.
    pub(crate) path: String,
}

/// A layer version as a function uses it. It carries all that is needed to run: the layer version
/// may be deleted meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LayerUse {
    /// With its version.
    pub(crate) arn: String,
    pub(crate) package: Package,
}

/// Environment variables in the order given.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Variables(pub(crate) Vec<(String, String)>);

impl fmt::Debug for Variables {
    // Values may be secrets; they stay out of logs and error messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(key, _)| key)).finish()
    }
}

/// Where and how the function logs. Levels are there exactly when the format is JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LoggingSettings {
    #[serde(with = "text")]
    pub(crate) format: LogFormat,
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub(crate) application_level: Option<LogLevel>,
    #[serde(default, with = "optional_text", skip_serializing_if = "Option::is_none")]
    pub(crate) system_level: Option<LogLevel>,
    /// Absent for `/aws/lambda/<name>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) group: Option<String>,
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self {
            format: LogFormat::Text,
            application_level: None,
            system_level: None,
            group: None,
        }
    }
}

/// A deployment package, as it was uploaded, or what stands in for one.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    /// Lowercase hexadecimal: of the zip, a folder's [`live::name`], or an image's digest.
    pub(crate) sha256_hex: String,
    pub(crate) size_bytes: u64,
    /// Of its files together. 0 where it was stored before this was noted: then it counts nothing
    /// towards the limit on a function with its layers.
    #[serde(default)]
    pub(crate) unzipped_bytes: u64,
    /// A folder of the host that is run as it stands; there is no zip then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) folder: Option<String>,
    /// A container image, whose digest the hash is; there is no zip then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) image: Option<Image>,
}

/// A container image, as it was when the client named it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Image {
    /// As the client gave it.
    pub(crate) uri: String,
    /// With the digest in the place of a tag.
    pub(crate) resolved_uri: String,
    /// What the image says of its process.
    #[serde(default)]
    pub(crate) environment: Vec<(String, String)>,
    #[serde(default)]
    pub(crate) entry_point: Vec<String>,
    #[serde(default)]
    pub(crate) command: Vec<String>,
    #[serde(default)]
    pub(crate) working_directory: String,
}

/// What a function wants otherwise than its image. Something is given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ImageConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry_point: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) command: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) working_directory: Option<String>,
}

impl Package {
    /// A folder that is run as it stands.
    pub(crate) fn of_folder(folder: &str) -> Self {
        Self {
            sha256_hex: live::name(folder),
            folder: Some(folder.to_owned()),
            ..Self::default()
        }
    }

    /// The hash as the service writes it: in base64, or an image's digest as it is.
    pub(crate) fn code_sha256(&self) -> String {
        if self.image.is_some() {
            return self.sha256_hex.clone();
        }
        hex::decode(&self.sha256_hex).map(|bytes| STANDARD.encode(bytes)).unwrap_or_default()
    }
}

impl Config {
    /// Every package that must be kept for it.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        std::iter::once(&self.package).chain(self.layers.iter().map(|layer| &layer.package))
    }

    /// Names the tree that is shown as `/opt`; `None` without layers.
    pub(crate) fn layers_key(&self) -> Option<String> {
        let hashes: Vec<&str> = self.layers.iter().map(|layer| layer.package.sha256_hex.as_str()).collect();
        (!hashes.is_empty()).then(|| layers_key(&hashes))
    }

    /// True when nothing that a client can set differs, the description left aside.
    pub(crate) fn is_same_but_for_description(&self, other: &Self) -> bool {
        let of = |config: &Self| Self {
            serial: 0,
            description: String::new(),
            // What was stored long ago does not know this of itself.
            package: Package {
                unzipped_bytes: 0,
                ..config.package.clone()
            },
            ..config.clone()
        };
        of(self) == of(other)
    }
}

impl FunctionRecord {
    /// What answers invocations of `$LATEST` now; `None` when nothing can.
    pub(crate) fn serving(&self) -> Option<&Config> {
        match self.latest.status {
            Status::Active => Some(&self.latest.config),
            Status::Updating | Status::UpdateFailed(_) => self.previous.as_ref(),
            Status::Creating | Status::CreationFailed(_) => None,
        }
    }

    /// `$LATEST` or a published version.
    pub(crate) fn edition(&self, version: Version) -> Option<&Edition> {
        match version {
            Version::Latest => Some(&self.latest),
            Version::Number(number) => self.versions.get(&number).map(|version| &version.edition),
        }
    }

    /// Every version, `$LATEST` first and then by number.
    pub(crate) fn editions(&self) -> impl Iterator<Item = (Version, &Edition)> {
        let published = self.versions.iter().map(|(number, version)| (Version::Number(*number), &version.edition));
        std::iter::once((Version::Latest, &self.latest)).chain(published)
    }

    /// Every package that must be kept for it.
    pub(crate) fn packages(&self) -> impl Iterator<Item = &Package> {
        self.configs().flat_map(Config::packages)
    }

    /// Every configuration that serves or may serve.
    pub(crate) fn configs(&self) -> impl Iterator<Item = &Config> {
        self.editions().map(|(_, edition)| &edition.config).chain(&self.previous)
    }

    /// Bytes of the packages of `$LATEST` and of every version, as the account's usage counts them.
    pub(crate) fn code_bytes(&self) -> u64 {
        self.editions().map(|(_, edition)| edition.config.package.size_bytes).sum()
    }

    /// True while a change waits for its activation, of a version too.
    pub(crate) fn is_in_transition(&self) -> bool {
        self.editions().any(|(_, edition)| matches!(edition.status, Status::Creating | Status::Updating))
    }

    /// Puts a version in its place.
    pub(crate) fn put_version(&mut self, number: u64, version: VersionRecord) {
        Arc::make_mut(&mut self.versions).insert(number, Arc::new(version));
    }

    /// Changes a version that is there.
    pub(crate) fn edit_version(&mut self, number: u64, edit: impl FnOnce(&mut VersionRecord)) {
        if let Some(version) = Arc::make_mut(&mut self.versions).get_mut(&number) {
            edit(Arc::make_mut(version));
        }
    }

    /// When a version's runtime is updated.
    pub(crate) fn runtime_update(&self, version: Version) -> RuntimeUpdate {
        self.runtime_updates.get(&version.to_string()).cloned().unwrap_or(RuntimeUpdate::Auto)
    }

    pub(crate) fn set_runtime_update(&mut self, version: Version, update: RuntimeUpdate) {
        match update {
            RuntimeUpdate::Auto => self.runtime_updates.remove(&version.to_string()),
            other => self.runtime_updates.insert(version.to_string(), other),
        };
    }

    /// Puts an alias in its place.
    pub(crate) fn put_alias(&mut self, name: &str, alias: AliasRecord) {
        Arc::make_mut(&mut self.aliases).insert(name.to_owned(), Arc::new(alias));
    }

    /// Takes away what was set for a version or an alias that is deleted.
    pub(crate) fn forget_qualifier(&mut self, qualifier: &str) {
        self.provisioned.remove(qualifier);
        self.policies.remove(qualifier);
        self.runtime_updates.remove(qualifier);
        self.event_invoke.remove(qualifier);
    }

    /// Provisioned environments of the function in all.
    pub(crate) fn provisioned_sum(&self) -> u32 {
        self.provisioned.values().fold(0, |sum, one| sum.saturating_add(one.environments))
    }

    /// What it takes out of the concurrency that functions share: the reserved part, or what is
    /// provisioned when nothing is reserved.
    pub(crate) fn concurrency_taken(&self) -> u32 {
        self.reserved_concurrency.unwrap_or_else(|| self.provisioned_sum())
    }
}

impl AliasRecord {
    /// `$LATEST` or a number.
    pub(crate) fn primary(&self) -> Version {
        self.version.map_or(Version::Latest, Version::Number)
    }

    /// The versions it leads to.
    pub(crate) fn targets(&self) -> impl Iterator<Item = Version> {
        let additional = self.additional.map(|additional| Version::Number(additional.version));
        std::iter::once(self.primary()).chain(additional)
    }
}

/// Values that are stored as their API text.
pub(crate) trait Text: Sized + Copy + 'static {
    const ALL: &'static [(Self, &'static str)];
    fn same(self, other: Self) -> bool;

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(value, _)| value.same(self)).map_or("", |(_, text)| text)
    }

    fn of(text: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, found)| *found == text).map(|(value, _)| *value)
    }
}

impl Text for Architecture {
    const ALL: &'static [(Self, &'static str)] = &[(Self::X86_64, "x86_64"), (Self::Arm64, "arm64")];
    fn same(self, other: Self) -> bool {
        self == other
    }
}

impl Text for UrlAuth {
    const ALL: &'static [(Self, &'static str)] = &[(Self::None, "NONE"), (Self::Iam, "AWS_IAM")];
    fn same(self, other: Self) -> bool {
        self == other
    }
}

impl Text for LogFormat {
    const ALL: &'static [(Self, &'static str)] = &[(Self::Text, "Text"), (Self::Json, "JSON")];
    fn same(self, other: Self) -> bool {
        self == other
    }
}

impl Text for LogLevel {
    const ALL: &'static [(Self, &'static str)] = &[
        (Self::Trace, "TRACE"),
        (Self::Debug, "DEBUG"),
        (Self::Info, "INFO"),
        (Self::Warn, "WARN"),
        (Self::Error, "ERROR"),
        (Self::Fatal, "FATAL"),
    ];
    fn same(self, other: Self) -> bool {
        self == other
    }
}

pub(crate) mod text {
    use super::{Deserialize, Deserializer, Serializer, Text};

    pub(crate) fn serialize<T: Text, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(value.text())
    }

    pub(crate) fn deserialize<'de, T: Text, D: Deserializer<'de>>(from: D) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        T::of(&text).ok_or_else(|| serde::de::Error::custom(format!("unknown value {text:?}")))
    }
}

pub(crate) mod optional_text {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Text};

    pub(crate) fn serialize<T: Text, S: Serializer>(value: &Option<T>, to: S) -> Result<S::Ok, S::Error> {
        value.map(Text::text).serialize(to)
    }

    pub(crate) fn deserialize<'de, T: Text, D: Deserializer<'de>>(from: D) -> Result<Option<T>, D::Error> {
        let Some(text) = Option::<String>::deserialize(from)? else {
            return Ok(None);
        };
        T::of(&text).map(Some).ok_or_else(|| serde::de::Error::custom(format!("unknown value {text:?}")))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) mod tests {
    use super::*;

    /// A function that is active and has one variable.
    pub(crate) fn sample() -> FunctionRecord {
        FunctionRecord {
            v: FORM,
            incarnation: "6a0d".to_owned(),
            tags: BTreeMap::from([("team".to_owned(), "blue".to_owned())]),
            reserved_concurrency: None,
            latest: Edition {
                config: Config {
                    serial: 1,
                    runtime: "python3.12".to_owned(),
                    handler: "app.handler".to_owned(),
                    role: "arn:aws:iam::000000000000:role/r".to_owned(),
                    description: String::new(),
                    timeout_s: 3,
                    memory_mib: 128,
                    storage_mib: 512,
                    architecture: Architecture::X86_64,
                    environment: Some(Variables(vec![("TOKEN".to_owned(), "hush".to_owned())])),
                    sealed: None,
                    kms_key_arn: None,
                    logging: LoggingSettings::default(),
                    tracing_active: false,
                    vpc: None,
                    file_systems: Vec::new(),
                    snap_start: false,
                    package: Package {
                        sha256_hex: "ab".repeat(32),
                        size_bytes: 7,
                        unzipped_bytes: 9,
                        ..Package::default()
                    },
                    image_config: None,
                    layers: Vec::new(),
                    dead_letter: None,
                },
                revision_id: "r1".to_owned(),
                modified_ms: 1_000,
                status: Status::Active,
            },
            previous: None,
            versions_made: 0,
            provisioned: BTreeMap::new(),
            policies: BTreeMap::new(),
            code_signing: None,
            runtime_updates: BTreeMap::new(),
            urls: BTreeMap::new(),
            event_invoke: BTreeMap::new(),
            recursion_allowed: false,
            versions: Arc::default(),
            aliases: Arc::default(),
            newer: serde_json::Map::new(),
        }
    }

    /// The sample as its first published version.
    pub(crate) fn sample_version() -> VersionRecord {
        let latest = sample().latest;
        VersionRecord {
            v: FORM,
            incarnation: sample().incarnation,
            description_of_latest: String::new(),
            edition: latest,
            newer: serde_json::Map::new(),
        }
    }

    /// An alias of version 1.
    pub(crate) fn sample_alias() -> AliasRecord {
        AliasRecord {
            v: FORM,
            incarnation: sample().incarnation,
            version: Some(1),
            description: String::new(),
            additional: None,
            revision_id: "a1".to_owned(),
            newer: serde_json::Map::new(),
        }
    }

    #[test]
    fn a_head_of_before_versions_is_read() {
        let mut value = serde_json::to_value(sample()).unwrap();
        let head = value.as_object_mut().unwrap();
        assert!(head.remove("versions_made").is_some());
        assert_eq!(head.get("versions").or(head.get("aliases")).or(head.get("provisioned")), None);
        assert_eq!(serde_json::from_value::<FunctionRecord>(value).unwrap(), sample());
    }

    #[test]
    fn hashes_are_shown_in_base64() {
        let package = Package {
            sha256_hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".to_owned(),
            ..Package::default()
        };
        assert_eq!(package.code_sha256(), "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=");
    }

    #[test]
    fn versions_are_compared_by_what_a_client_can_set() {
        let config = sample().latest.config;
        let mut other = config.clone();
        (other.serial, other.description) = (9, "new".to_owned());
        assert!(config.is_same_but_for_description(&other));
        other.timeout_s += 1;
        assert!(!config.is_same_but_for_description(&other));
    }

    #[test]
    fn what_is_written_is_read() {
        let mut record = sample();
        record.latest.config.logging = LoggingSettings {
            format: LogFormat::Json,
            application_level: Some(LogLevel::Warn),
            system_level: Some(LogLevel::Info),
            group: Some("/x".to_owned()),
        };
        record.latest.status = Status::UpdateFailed(Failure {
            code: "InternalError".to_owned(),
            reason: "disk".to_owned(),
        });
        record.previous = Some(record.latest.config.clone());
        let bytes = serde_json::to_vec(&record).unwrap();
        assert_eq!(serde_json::from_slice::<FunctionRecord>(&bytes).unwrap(), record);
    }

    #[test]
    fn members_of_a_newer_form_survive_a_rewrite() {
        let mut value = serde_json::to_value(sample()).unwrap();
        value["colour"] = serde_json::json!({"of": "night"});
        value["latest"]["config"]["layers_of_the_future"] = serde_json::json!([1]);
        let record: FunctionRecord = serde_json::from_value(value).unwrap();
        let again = serde_json::to_value(&record).unwrap();
        assert_eq!(again["colour"]["of"], "night");
    }

    #[test]
    fn debug_output_keeps_secrets() {
        let text = format!("{:?}", sample());
        assert!(text.contains("TOKEN") && !text.contains("hush"), "{text}");
    }

    #[test]
    fn the_previous_configuration_serves_while_an_update_runs() {
        let mut record = sample();
        assert_eq!(record.serving(), Some(&record.latest.config));
        record.latest.status = Status::Creating;
        assert_eq!(record.serving(), None);
        record.latest.status = Status::Updating;
        record.previous = Some(record.latest.config.clone());
        assert_eq!(record.serving(), record.previous.as_ref());
    }
}
