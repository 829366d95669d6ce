//! All functions, in memory: what the data plane and the reading operations see.
//!
//! Lookups take no lock (see `shards`). Listings go through an ordered index under a lock that
//! writers hold for the replacing alone. Writers of one function are serialised by `functions`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use hearth_core::Random;
use hearth_model::{
    AccountId, Ahead, CodeDir, EventPolicy, FileSystem, FunctionCatalog, FunctionKey, FunctionName, FunctionSpec,
    KeyProblem, Logging, Lookup, MemoryMib, Qualifier, Region, StorageMib, TimeoutS, Version, arn,
};
use parking_lot::RwLock;

use crate::keys::Keys;
use crate::live::{GENERATION_BITS, LiveSpec};
use crate::ops::{file_systems, image, runtime_management};
use crate::record::{
    AdditionalVersion, AliasRecord, Config, Edition, FileSystemUse, FunctionRecord, RuntimeUpdate, Status,
    VersionRecord,
};
use crate::shards::Shards;
use crate::url::Urls;
use crate::{FileSystems, RuntimeVersions};

/// A function as it stands now. Immutable.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: FunctionKey,
    /// Unqualified.
    pub(crate) arn: String,
    pub(crate) record: FunctionRecord,
    /// Of the stored head.
    pub(crate) version: u64,
    latest: Option<Served>,
    /// Of published versions whose files are here, those that are not active yet included: a version
    /// that becomes active keeps the spec that its snapshot was made of.
    versions: Arc<HashMap<u64, Served>>,
    routes: HashMap<Box<str>, Route>,
    runtimes: RuntimeVersions,
    keys: Keys,
    /// Versions that are held to a runtime which the host does not have, with what to say of them.
    mismatched: HashMap<Version, String>,
    /// Versions that mount what the configuration does not map, with what to say of them.
    unmapped: HashMap<Version, String>,
}

/// A spec, and which configuration it was made of.
#[derive(Clone, Debug)]
struct Served {
    spec: Arc<FunctionSpec>,
    of: ServedConfig,
    /// Of a function that runs folders as they stand.
    live: Option<Arc<LiveSpec>>,
}

impl Served {
    /// What an invocation gets now.
    fn lookup(&self) -> Lookup {
        self.live.as_ref().map_or_else(|| Lookup::Ready(Arc::clone(&self.spec)), |live| live.lookup())
    }

    fn generation(&self) -> u64 {
        self.live.as_ref().map_or(self.spec.generation, |live| live.generation())
    }

    fn files(&self) -> Files {
        Files {
            code: Arc::clone(&self.spec.code),
            layers: self.spec.layers.clone(),
        }
    }
}

/// What a configuration runs, unpacked.
#[derive(Clone, Debug)]
pub(crate) struct Files {
    pub(crate) code: Arc<CodeDir>,
    /// `None` without layers.
    pub(crate) layers: Option<Arc<CodeDir>>,
}

impl Files {
    /// Those of a configuration, put together from what is at hand; `None` when some are not.
    fn of(config: &Config, at_hand: &[Self]) -> Option<Self> {
        let code = at_hand.iter().map(|files| &files.code).find(|code| code.sha256_hex() == config.package.sha256_hex);
        let layers = match config.layers_key() {
            None => None,
            Some(key) => {
                let found = at_hand.iter().filter_map(|files| files.layers.as_ref());
                Some(Arc::clone(found.into_iter().find(|layers| layers.sha256_hex() == key)?))
            }
        };
        Some(Self {
            code: Arc::clone(code?),
            layers,
        })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct ServedConfig {
    incarnation: String,
    serial: u64,
    reserved_concurrency: Option<u32>,
}

/// Where an alias leads.
#[derive(Clone, Copy, Debug)]
struct Route {
    primary: Version,
    additional: Option<AdditionalVersion>,
}

impl Entry {
    /// True when a configuration that should serve has no spec, for lack of its files.
    pub(crate) fn lacks_code(&self) -> bool {
        self.lacking().next().is_some()
    }

    /// The configurations whose files are wanted here and missing.
    pub(crate) fn lacking(&self) -> impl Iterator<Item = &Config> {
        let latest = self.record.serving().filter(|config| !self.serves(self.latest.as_ref(), config));
        let versions = self.record.versions.iter().filter_map(|(number, version)| {
            let wanted = matches!(version.edition.status, Status::Active | Status::Creating);
            let config = &version.edition.config;
            (wanted && !self.serves(self.versions.get(number), config)).then_some(config)
        });
        latest.into_iter().chain(versions)
    }

    /// The spec of a version, be it active or about to be.
    pub(crate) fn spec(&self, version: u64) -> Option<Arc<FunctionSpec>> {
        self.versions.get(&version).map(|served| Arc::clone(&served.spec))
    }

    fn serves(&self, served: Option<&Served>, config: &Config) -> bool {
        served.is_some_and(|served| served.of.is(&self.record, config))
    }

    fn lookup(&self, qualifier: Option<&Qualifier>, random: &Random) -> Lookup {
        match qualifier {
            None | Some(Qualifier::Latest) => self.lookup_version(Version::Latest),
            Some(Qualifier::Number(number)) => self.lookup_version(Version::Number(*number)),
            Some(Qualifier::Alias(name)) => match self.routes.get(&**name) {
                Some(route) => self.lookup_version(route.draw(random)),
                None => Lookup::Absent,
            },
        }
    }

    /// The ARN of the version of a runtime that is in use.
    pub(crate) fn runtime_version_arn(&self, runtime: &str) -> String {
        self.runtimes.arn(runtime, &self.key.region)
    }

    /// Why the variables of one of its configurations cannot be had now.
    pub(crate) fn key_problem(&self, config: &Config) -> Option<KeyProblem> {
        self.keys.problem(&self.key, config)
    }

    fn lookup_version(&self, version: Version) -> Lookup {
        if let Some(reason) = self.mismatched.get(&version) {
            return Lookup::NoRuntime { reason: reason.clone() };
        }
        if let Some(reason) = self.unmapped.get(&version) {
            return Lookup::NoFileSystem { reason: reason.clone() };
        }
        let Some(edition) = self.record.edition(version) else {
            return Lookup::Absent;
        };
        let served = match version {
            Version::Latest => self.latest.as_ref(),
            // What is being made has a spec already and does not serve yet.
            Version::Number(number) => self.versions.get(&number).filter(|_| edition.status == Status::Active),
        };
        match (served, &edition.status) {
            (Some(served), _) => {
                // An update under way, or one that failed, leaves the configuration before to serve.
                let config = match version {
                    Version::Latest => self.record.serving().unwrap_or(&edition.config),
                    Version::Number(_) => &edition.config,
                };
                match (self.key_problem(config), served.lookup()) {
                    (Some(problem), Lookup::Ready(spec)) => Lookup::KeyUnusable { problem, spec },
                    (_, found) => found,
                }
            }
            (None, Status::CreationFailed(failure) | Status::UpdateFailed(failure)) => Lookup::NotReady {
                state: "Failed",
                reason: Some(failure.reason.clone()),
            },
            (None, Status::Creating | Status::Updating | Status::Active) => Lookup::NotReady {
                state: "Pending",
                reason: None,
            },
        }
    }

    /// An alias of two versions has the dead letters of its first.
    fn event_policy(&self, qualifier: Option<&Qualifier>) -> EventPolicy {
        let qualifier = qualifier.unwrap_or(&Qualifier::Latest);
        let version = match qualifier {
            Qualifier::Latest => Some(Version::Latest),
            Qualifier::Number(number) => Some(Version::Number(*number)),
            Qualifier::Alias(name) => self.record.aliases.get(&**name).map(|alias| alias.primary()),
        };
        let edition = version.and_then(|version| self.record.edition(version));
        let set = self.record.event_invoke.get(&qualifier.to_string()).cloned().unwrap_or_default();
        let usual = EventPolicy::default();
        EventPolicy {
            retries_max: set.retries_max.unwrap_or(usual.retries_max),
            age_max_s: set.age_max_s.unwrap_or(usual.age_max_s),
            on_success: set.on_success,
            on_failure: set.on_failure,
            dead_letter: edition.and_then(|edition| edition.config.dead_letter.clone()),
        }
    }

    fn needs_ahead(&self) -> bool {
        !self.record.provisioned.is_empty() || self.record.versions.values().any(|version| starts_ahead(version))
    }

    fn ahead(&self) -> Vec<Ahead> {
        let of = |version| Ahead {
            version,
            environments: 0,
            snap_start: false,
        };
        let mut found: BTreeMap<Version, Ahead> = BTreeMap::new();
        for (number, _) in self.record.versions.iter().filter(|(_, version)| starts_ahead(version)) {
            let version = Version::Number(*number);
            found.entry(version).or_insert_with(|| of(version)).snap_start = true;
        }
        for (qualifier, provisioned) in &self.record.provisioned {
            for (version, environments) in shares(&self.record, qualifier, provisioned.environments) {
                let ahead = found.entry(version).or_insert_with(|| of(version));
                ahead.environments = ahead.environments.saturating_add(environments);
            }
        }
        found.into_values().collect()
    }
}

fn starts_ahead(version: &VersionRecord) -> bool {
    version.edition.config.snap_start && version.edition.status == Status::Active
}

/// How provisioned environments fall to versions: all to a version or to an alias' one version, in
/// proportion to the weights to an alias' two.
pub(crate) fn shares(record: &FunctionRecord, qualifier: &str, environments: u32) -> Vec<(Version, u32)> {
    let alias = match Qualifier::parse(qualifier) {
        Some(Qualifier::Number(number)) if record.versions.contains_key(&number) => {
            return vec![(Version::Number(number), environments)];
        }
        Some(Qualifier::Alias(name)) => record.aliases.get(&*name),
        _ => None,
    };
    let Some(alias) = alias else {
        return Vec::new();
    };
    let Some(additional) = alias.additional else {
        return vec![(alias.primary(), environments)];
    };
    let wanted = (f64::from(environments) * additional.weight).round();
    // A share of a u32 by a weight of 0 to 1 is one, too.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let moved = (wanted as u32).min(environments);
    let both = [(alias.primary(), environments - moved), (Version::Number(additional.version), moved)];
    both.into_iter().filter(|(_, environments)| *environments > 0).collect()
}

impl Route {
    /// One version for one invocation. Only a weighted alias asks for randomness.
    fn draw(self, random: &Random) -> Version {
        match self.additional {
            Some(additional) if fraction(random) < additional.weight => Version::Number(additional.version),
            _ => self.primary,
        }
    }
}

/// From 0 up to, and without, 1: all the bits that a double holds.
#[allow(clippy::cast_precision_loss)]
fn fraction(random: &Random) -> f64 {
    const BITS: u64 = 1 << 53;
    random.below(BITS) as f64 / BITS as f64
}

impl ServedConfig {
    fn of(record: &FunctionRecord, config: &Config) -> Self {
        Self {
            incarnation: record.incarnation.clone(),
            serial: config.serial,
            reserved_concurrency: record.reserved_concurrency,
        }
    }

    /// Made of this very configuration, with the function as it is now.
    fn is(&self, record: &FunctionRecord, config: &Config) -> bool {
        self.is_of(record, config) && self.reserved_concurrency == record.reserved_concurrency
    }

    /// Made of this very configuration.
    fn is_of(&self, record: &FunctionRecord, config: &Config) -> bool {
        self.serial == config.serial && self.incarnation == record.incarnation
    }
}

/// The snapshot.
pub(crate) struct Snapshot {
    /// Splits the traffic of weighted aliases.
    random: Random,
    shards: Shards<FunctionKey, Arc<Entry>>,
    pub(crate) urls: Urls,
    ordered: RwLock<BTreeMap<FunctionKey, Arc<Entry>>>,
    runtimes: RuntimeVersions,
    keys: Keys,
    file_systems: Arc<FileSystems>,
}

impl Snapshot {
    pub(crate) fn new(random: Random, runtimes: RuntimeVersions, file_systems: Arc<FileSystems>) -> Self {
        Self {
            random,
            runtimes,
            file_systems,
            shards: Shards::new(),
            urls: Urls::new(),
            keys: Keys::default(),
            ordered: RwLock::default(),
        }
    }

    /// Functions that name a key are looked up with whether it may be used.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    pub(crate) fn get(&self, key: &FunctionKey) -> Option<Arc<Entry>> {
        self.shards.with(key.name.as_str(), key, |entry| entry.map(Arc::clone))
    }

    /// The functions of an account in a region, by name, after `after`.
    pub(crate) fn page(
        &self,
        account: &AccountId,
        region: &Region,
        after: Option<&str>,
        limit: usize,
    ) -> Vec<Arc<Entry>> {
        self.ordered
            .read()
            .range(first_of(account, region, after)..)
            .take_while(|(key, _)| key.account == *account && key.region == *region)
            .filter(|(key, _)| after.is_none_or(|after| key.name.as_str() > after))
            .take(limit)
            .map(|(_, entry)| Arc::clone(entry))
            .collect()
    }

    /// Every function of every account.
    pub(crate) fn all(&self) -> Vec<Arc<Entry>> {
        self.ordered.read().values().map(Arc::clone).collect()
    }

    /// The hashes of all packages that functions refer to.
    pub(crate) fn packages(&self) -> HashSet<String> {
        let ordered = self.ordered.read();
        let packages = ordered.values().flat_map(|entry| entry.record.packages());
        packages.map(|package| package.sha256_hex.clone()).collect()
    }

    /// The names of all trees that functions need: of zips and their layers, and of images.
    pub(crate) fn trees(&self) -> (HashSet<String>, HashSet<String>) {
        let ordered = self.ordered.read();
        let (mut zips, mut images) = (HashSet::new(), HashSet::new());
        for config in ordered.values().flat_map(|entry| entry.record.configs()) {
            for package in config.packages() {
                match (&package.image, &package.folder) {
                    (Some(_), _) => images.insert(package.sha256_hex.clone()),
                    (None, None) => zips.insert(package.sha256_hex.clone()),
                    (None, Some(_)) => false,
                };
            }
            zips.extend(config.layers_key());
        }
        (zips, images)
    }

    /// True when a function refers to the package.
    pub(crate) fn refers_to(&self, sha256_hex: &str) -> bool {
        let ordered = self.ordered.read();
        ordered.values().any(|entry| entry.record.packages().any(|package| package.sha256_hex == sha256_hex))
    }

    /// Puts a function in the place of what was there. `files` are at hand at the caller's; those of
    /// the entry before are kept where they fit.
    pub(crate) fn put(&self, key: &FunctionKey, record: FunctionRecord, version: u64, files: &[Files]) -> Arc<Entry> {
        let shown = self.get(key);
        let before = shown.as_deref().filter(|before| before.record.incarnation == record.incarnation);
        let maker = Maker {
            key,
            record: &record,
            generation: version << GENERATION_BITS,
            before,
            files,
            file_systems: &self.file_systems,
        };
        let entry = Arc::new(Entry {
            latest: maker.latest(),
            versions: maker.versions(),
            routes: routes(&record),
            mismatched: self.mismatched(key, &record),
            unmapped: self.unmapped(&record),
            runtimes: self.runtimes.clone(),
            keys: self.keys.clone(),
            key: key.clone(),
            arn: arn::function(&key.region, &key.account, key.name.as_str()),
            record,
            version,
        });
        let mut ordered = self.ordered.write();
        ordered.insert(key.clone(), Arc::clone(&entry));
        self.shards.change(key.name.as_str(), |shard| {
            shard.insert(key.clone(), Arc::clone(&entry));
        });
        self.urls.replace(key, shown.as_deref().map(|shown| &shown.record), Some(&entry.record));
        entry
    }

    fn mismatched(&self, key: &FunctionKey, record: &FunctionRecord) -> HashMap<Version, String> {
        let mut found = HashMap::new();
        // Nearly every function has none.
        if record.runtime_updates.is_empty() {
            return found;
        }
        for (version, edition) in record.editions() {
            if let RuntimeUpdate::Manual { arn } = record.runtime_update(version) {
                let in_use = self.runtimes.arn(&edition.config.runtime, &key.region);
                if arn != in_use {
                    found.insert(version, runtime_management::mismatch(version, &arn, &in_use));
                }
            }
        }
        found
    }

    fn unmapped(&self, record: &FunctionRecord) -> HashMap<Version, String> {
        let lacking = |config: &Config| {
            let arns = config.file_systems.iter().map(|used| &used.arn);
            arns.into_iter().find(|arn| !self.file_systems.contains_key(*arn)).cloned()
        };
        let serving = |version: Version, edition: &Edition| match version {
            Version::Latest => record.serving().and_then(lacking),
            Version::Number(_) => lacking(&edition.config),
        };
        let found = record.editions().filter_map(|(version, edition)| Some((version, serving(version, edition)?)));
        found.map(|(version, arn)| (version, file_systems::unmapped(&arn))).collect()
    }

    pub(crate) fn remove(&self, key: &FunctionKey) {
        let mut ordered = self.ordered.write();
        let shown = ordered.remove(key);
        self.shards.change(key.name.as_str(), |shard| {
            shard.remove(key);
        });
        self.urls.replace(key, shown.as_deref().map(|shown| &shown.record), None);
    }
}

impl FunctionCatalog for Snapshot {
    fn lookup(&self, key: &FunctionKey, qualifier: Option<&Qualifier>) -> Lookup {
        self.shards.with(key.name.as_str(), key, |entry| {
            entry.map_or(Lookup::Absent, |entry| entry.lookup(qualifier, &self.random))
        })
    }

    fn event_policy(&self, key: &FunctionKey, qualifier: Option<&Qualifier>) -> EventPolicy {
        self.get(key).map(|entry| entry.event_policy(qualifier)).unwrap_or_default()
    }

    fn allows_recursion(&self, key: &FunctionKey) -> bool {
        self.get(key).is_some_and(|entry| entry.record.recursion_allowed)
    }

    fn ahead(&self, key: &FunctionKey) -> Vec<Ahead> {
        self.get(key).map(|entry| entry.ahead()).unwrap_or_default()
    }

    fn with_ahead(&self) -> Vec<FunctionKey> {
        let ordered = self.ordered.read();
        ordered.values().filter(|entry| entry.needs_ahead()).map(|entry| entry.key.clone()).collect()
    }
}

fn routes(record: &FunctionRecord) -> HashMap<Box<str>, Route> {
    let route = |alias: &AliasRecord| Route {
        primary: alias.primary(),
        additional: alias.additional,
    };
    record.aliases.iter().map(|(name, alias)| (name.as_str().into(), route(alias))).collect()
}

/// The smallest key that a listing may begin with.
fn first_of(account: &AccountId, region: &Region, after: Option<&str>) -> FunctionKey {
    // `-` sorts before every other character of a name.
    let name = after.and_then(FunctionName::parse).or_else(|| FunctionName::parse("-"));
    FunctionKey {
        account: account.clone(),
        region: region.clone(),
        name: name.unwrap_or_else(|| unreachable!("a dash is a function name")),
    }
}

/// Makes the specs of a function that has changed.
struct Maker<'m> {
    key: &'m FunctionKey,
    record: &'m FunctionRecord,
    /// Versions of documents rise with every write and are never used again, so this generation
    /// differs from every earlier one, of deleted functions too.
    generation: u64,
    /// Of the same function, not of another of its name.
    before: Option<&'m Entry>,
    files: &'m [Files],
    file_systems: &'m FileSystems,
}

impl Maker<'_> {
    /// What serves invocations of `$LATEST` from now on: until a changed configuration has its files
    /// here, the one before serves.
    fn latest(&self) -> Option<Served> {
        let before = self.before.and_then(|before| before.latest.as_ref());
        let config = self.record.serving()?;
        self.served(Version::Latest, config, before).or_else(|| before.cloned())
    }

    fn versions(&self) -> Arc<HashMap<u64, Served>> {
        if let Some(before) = self.before.filter(|before| {
            Arc::ptr_eq(&before.record.versions, &self.record.versions)
                && before.record.reserved_concurrency == self.record.reserved_concurrency
                && !before.lacks_code()
        }) {
            return Arc::clone(&before.versions);
        }
        let served = |number: &u64, version: &VersionRecord| {
            let before = self.before.and_then(|before| before.versions.get(number));
            self.served(Version::Number(*number), &version.edition.config, before)
        };
        let versions = self.record.versions.iter();
        Arc::new(versions.filter_map(|(number, version)| Some((*number, served(number, version)?))).collect())
    }

    /// An unchanged configuration keeps its spec: tags do not replace environments. Nor does
    /// reserved concurrency, which is no matter of theirs: it makes a spec of the same generation.
    fn served(&self, version: Version, config: &Config, before: Option<&Served>) -> Option<Served> {
        let before = before.filter(|served| served.of.is_of(self.record, config));
        if let Some(served) = before.filter(|served| served.of.is(self.record, config)) {
            return Some(served.clone());
        }
        let generation = before.map_or(self.generation, Served::generation);
        let files = self.files(config)?;
        let spec = Arc::new(FunctionSpec {
            file_systems: self.mounts(config),
            ..spec(self.key, self.record, config, version, generation, files)
        });
        let live = before.and_then(|served| served.live.as_deref());
        Some(Served {
            live: LiveSpec::of(&spec, live),
            spec,
            of: ServedConfig::of(self.record, config),
        })
    }

    /// What is mapped; a version that mounts anything else is not invoked.
    fn mounts(&self, config: &Config) -> Vec<FileSystem> {
        let mount = |used: &FileSystemUse| {
            Some(FileSystem {
                folder: self.file_systems.get(&used.arn)?.clone(),
                path: used.path.clone().into(),
            })
        };
        config.file_systems.iter().filter_map(mount).collect()
    }

    /// Put together from what is at hand.
    fn files(&self, config: &Config) -> Option<Files> {
        let before = self.before.into_iter().flat_map(|before| before.latest.iter().chain(before.versions.values()));
        let at_hand: Vec<Files> = self.files.iter().cloned().chain(before.map(Served::files)).collect();
        Files::of(config, &at_hand)
    }
}

fn spec(
    key: &FunctionKey,
    record: &FunctionRecord,
    config: &Config,
    version: Version,
    generation: u64,
    files: Files,
) -> FunctionSpec {
    let default_group = default_log_group(&key.name);
    let group = config.logging.group.clone().unwrap_or_else(|| default_group.clone());
    FunctionSpec {
        account: key.account.clone(),
        region: key.region.clone(),
        name: key.name.clone(),
        arn: arn::function(&key.region, &key.account, key.name.as_str()),
        version,
        generation,
        runtime: config.runtime.clone(),
        handler: config.handler.clone(),
        role_arn: config.role.clone(),
        memory: MemoryMib(config.memory_mib),
        timeout: TimeoutS(config.timeout_s),
        storage: StorageMib(config.storage_mib),
        architecture: config.architecture,
        environment: config.environment.clone().unwrap_or_default().0,
        logging: Logging {
            format: config.logging.format,
            application_level: config.logging.application_level,
            system_level: config.logging.system_level,
            custom_group: group != default_group,
            group,
        },
        tracing_active: config.tracing_active,
        file_systems: Vec::new(),
        reserved_concurrency: record.reserved_concurrency,
        code: files.code,
        image: image::process(config),
        // `$LATEST` never starts from a snapshot.
        snap_start: config.snap_start && version != Version::Latest,
        layers: files.layers,
    }
}

/// The log group of a function that names none.
pub(crate) fn default_log_group(name: &FunctionName) -> String {
    format!("/aws/lambda/{name}")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::tests::{sample, sample_alias, sample_version};
    use crate::record::{LayerUse, Package, ProvisionedRecord};

    fn key(name: &str) -> FunctionKey {
        FunctionKey {
            account: AccountId::fallback(),
            region: Region::fallback(),
            name: FunctionName::parse(name).unwrap(),
        }
    }

    fn code(record: &FunctionRecord) -> Files {
        let config = &record.latest.config;
        Files {
            code: Arc::new(CodeDir::new("/code".into(), config.package.sha256_hex.clone())),
            layers: config.layers_key().map(|key| Arc::new(CodeDir::new("/layers".into(), key))),
        }
    }

    fn generation(snapshot: &Snapshot, key: &FunctionKey) -> Option<u64> {
        match snapshot.lookup(key, None) {
            Lookup::Ready(spec) => Some(spec.generation >> GENERATION_BITS),
            _ => None,
        }
    }

    #[test]
    fn a_version_held_to_another_runtime_does_not_run() {
        let host = RuntimeVersions::new(|runtime, region| Some(arn::runtime_version(region, runtime)));
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), host, Arc::default()), key("f"));
        let mut record = sample();
        let held = |arn: &str| RuntimeUpdate::Manual { arn: arn.to_owned() };
        record.set_runtime_update(Version::Latest, held("arn:aws:lambda:us-east-1::runtime:python3.12"));
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        assert_eq!(generation(&snapshot, &key), Some(3));
        record.set_runtime_update(Version::Latest, held("arn:aws:lambda:us-east-1::runtime:older"));
        snapshot.put(&key, record.clone(), 4, &[]);
        let found = snapshot.lookup(&key, None);
        let text = "version $LATEST of the function is held to runtime version arn:aws:lambda:us-east-1::runtime:older";
        assert!(matches!(&found, Lookup::NoRuntime { reason } if reason.starts_with(text)), "{found:?}");
        record.set_runtime_update(Version::Latest, RuntimeUpdate::Auto);
        snapshot.put(&key, record, 5, &[]);
        assert_eq!(generation(&snapshot, &key), Some(3), "its environments stay");
    }

    #[test]
    fn tags_keep_the_generation_and_changes_move_it() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        assert_eq!(generation(&snapshot, &key), Some(3));
        record.tags.clear();
        snapshot.put(&key, record.clone(), 4, &[]);
        assert_eq!(generation(&snapshot, &key), Some(3));
        record.latest.config.serial += 1;
        snapshot.put(&key, record, 5, &[]);
        assert_eq!(generation(&snapshot, &key), Some(5), "the same code serves the new configuration");
    }

    #[test]
    fn the_old_code_serves_until_the_new_is_there() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        record.latest.config.serial += 1;
        record.latest.config.package.sha256_hex = "cd".repeat(32);
        let entry = snapshot.put(&key, record.clone(), 4, &[]);
        assert!(entry.lacks_code());
        assert_eq!(generation(&snapshot, &key), Some(3));
        let entry = snapshot.put(&key, record.clone(), 4, &[code(&record)]);
        assert!(!entry.lacks_code());
        assert_eq!(generation(&snapshot, &key), Some(4));
    }

    #[test]
    fn layers_serve_when_they_are_there_and_no_sooner() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        record.latest.config.serial += 1;
        let package = Package {
            sha256_hex: "cd".repeat(32),
            ..Package::default()
        };
        record.latest.config.layers.push(LayerUse {
            arn: "arn".to_owned(),
            package,
        });
        assert!(snapshot.put(&key, record.clone(), 4, &[]).lacks_code(), "the code is there, the layer is not");
        snapshot.put(&key, record.clone(), 4, &[code(&record)]);
        let layers = |snapshot: &Snapshot| match snapshot.lookup(&key, None) {
            Lookup::Ready(spec) => spec.layers.as_ref().map(|layers| layers.sha256_hex().to_owned()),
            _ => None,
        };
        assert_eq!(layers(&snapshot), record.latest.config.layers_key());
        record.latest.config.serial += 1;
        record.latest.config.layers.clear();
        assert!(!snapshot.put(&key, record, 5, &[]).lacks_code());
        assert_eq!(layers(&snapshot), None);
    }

    #[test]
    fn a_function_made_anew_never_serves_the_old_ones_code() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        record.incarnation = "another".to_owned();
        record.latest.config.package.sha256_hex = "cd".repeat(32);
        snapshot.put(&key, record, 9, &[]);
        assert_eq!(generation(&snapshot, &key), None);
    }

    #[test]
    fn pages_are_by_name_within_account_and_region() {
        let snapshot = Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default());
        for name in ["b", "a", "a-b", "C", "_"] {
            snapshot.put(&key(name), sample(), 1, &[]);
        }
        let elsewhere = FunctionKey {
            region: Region::parse("eu-west-1").unwrap(),
            ..key("zz")
        };
        snapshot.put(&elsewhere, sample(), 1, &[]);
        let names = |after: Option<&str>, limit| {
            let page = snapshot.page(&AccountId::fallback(), &Region::fallback(), after, limit);
            page.iter().map(|entry| entry.key.name.to_string()).collect::<Vec<_>>()
        };
        assert_eq!(names(None, 9), ["C", "_", "a", "a-b", "b"]);
        assert_eq!(names(None, 2), ["C", "_"]);
        assert_eq!(names(Some("_"), 9), ["a", "a-b", "b"]);
        assert_eq!(names(Some("aa"), 9), ["b"]);
    }

    #[test]
    fn qualifiers_lead_to_versions() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        record.put_version(1, sample_version());
        record.put_version(2, sample_version());
        record.edit_version(2, |version| version.edition.status = Status::Creating);
        record.put_alias("live", sample_alias());
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        let found = |qualifier: &str| match snapshot.lookup(&key, Qualifier::parse(qualifier).as_ref()) {
            Lookup::Ready(spec) => spec.version.to_string(),
            Lookup::NotReady { state, .. } => state.to_owned(),
            Lookup::NoRuntime { reason } | Lookup::NoFileSystem { reason } => reason,
            Lookup::Absent => "absent".to_owned(),
            Lookup::KeyUnusable { problem, .. } => format!("{problem:?}"),
        };
        for (qualifier, expected) in
            [("$LATEST", "$LATEST"), ("1", "1"), ("live", "1"), ("2", "Pending"), ("3", "absent"), ("dead", "absent")]
        {
            assert_eq!(found(qualifier), expected, "{qualifier}");
        }
        snapshot.remove(&key);
        assert_eq!((found("$LATEST"), found("1"), found("live")), ("absent".into(), "absent".into(), "absent".into()));
    }

    #[test]
    fn weighted_aliases_split_by_their_weights() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let split = |weight: f64| {
            let mut record = sample();
            record.put_version(1, sample_version());
            record.put_version(2, sample_version());
            let additional = Some(AdditionalVersion { version: 2, weight });
            record.put_alias("live", AliasRecord { additional, ..sample_alias() });
            snapshot.put(&key, record.clone(), 3, &[code(&record)]);
            let live = Qualifier::parse("live");
            let second = |_: &u32| match snapshot.lookup(&key, live.as_ref()) {
                Lookup::Ready(spec) => spec.version == Version::Number(2),
                other => panic!("{other:?}"),
            };
            (0..10_000).filter(second).count()
        };
        assert_eq!(split(0.0), 0);
        assert_eq!(split(1.0), 10_000);
        let quarter = split(0.25);
        assert!((2_300..2_700).contains(&quarter), "{quarter} of 10,000 at a weight of 0.25");
    }

    #[test]
    fn reserved_concurrency_keeps_the_generation() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        record.put_version(1, sample_version());
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        record.reserved_concurrency = Some(4);
        snapshot.put(&key, record, 4, &[]);
        for qualifier in ["$LATEST", "1"] {
            let Lookup::Ready(spec) = snapshot.lookup(&key, Qualifier::parse(qualifier).as_ref()) else {
                panic!("{qualifier} serves")
            };
            assert_eq!((spec.generation >> GENERATION_BITS, spec.reserved_concurrency), (3, Some(4)), "{qualifier}");
        }
    }

    #[test]
    fn a_version_keeps_the_spec_that_its_snapshot_was_made_of() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        let mut version = sample_version();
        (version.edition.status, version.edition.config.snap_start) = (Status::Creating, true);
        record.put_version(1, version);
        let entry = snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        let prepared = entry.spec(1).unwrap();
        assert!(prepared.snap_start);
        assert_eq!(snapshot.ahead(&key), []);
        record.edit_version(1, |version| version.edition.status = Status::Active);
        snapshot.put(&key, record, 4, &[]);
        let Lookup::Ready(spec) = snapshot.lookup(&key, Some(&Qualifier::Number(1))) else { panic!("active") };
        assert!(Arc::ptr_eq(&spec, &prepared));
        let ahead = Ahead {
            version: Version::Number(1),
            environments: 0,
            snap_start: true,
        };
        assert_eq!((snapshot.ahead(&key), snapshot.with_ahead()), (vec![ahead], vec![key]));
    }

    #[test]
    fn what_is_ahead_is_summed_by_version() {
        let (snapshot, key) = (Snapshot::new(Random::seeded(7), RuntimeVersions::default(), Arc::default()), key("f"));
        let mut record = sample();
        record.put_version(1, sample_version());
        record.put_version(2, sample_version());
        let additional = Some(AdditionalVersion { version: 2, weight: 0.3 });
        record.put_alias("canary", AliasRecord { additional, ..sample_alias() });
        record.put_alias("live", sample_alias());
        for (qualifier, environments) in [("canary", 10), ("live", 5), ("2", 1), ("gone", 9), ("7", 9)] {
            let provisioned = ProvisionedRecord { environments, modified_ms: 0 };
            record.provisioned.insert(qualifier.to_owned(), provisioned);
        }
        snapshot.put(&key, record.clone(), 3, &[code(&record)]);
        let sums = |snapshot: &Snapshot| {
            snapshot.ahead(&key).iter().map(|a| (a.version.to_string(), a.environments)).collect::<Vec<_>>()
        };
        assert_eq!(sums(&snapshot), [("1".to_owned(), 12), ("2".to_owned(), 4)]);
        record.provisioned.clear();
        snapshot.put(&key, record, 4, &[]);
        assert!(sums(&snapshot).is_empty() && snapshot.with_ahead().is_empty());
    }
}
