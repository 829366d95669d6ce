//! All functions, in memory: what the data plane and the reading operations see.
//!
//! Lookups take no lock: a shard is an immutable map behind an atomic pointer, replaced by a
//! writer. Listings go through an ordered index under a lock that writers hold for the replacing
//! alone. Writers of one function are serialised by `functions`.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use arc_swap::ArcSwap;
use hearth_model::{
    AccountId, Ahead, CodeDir, FunctionCatalog, FunctionKey, FunctionName, FunctionSpec, Logging, Lookup, MemoryMib,
    Qualifier, Region, StorageMib, TimeoutS, Version, arn,
};
use parking_lot::RwLock;

use crate::record::{Config, FunctionRecord, Status};

/// A writer copies one shard: enough of them keep that cheap with many functions.
const SHARDS: usize = 64;

/// A function as it stands now. Immutable.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: FunctionKey,
    /// Unqualified.
    pub(crate) arn: String,
    pub(crate) record: FunctionRecord,
    /// Of the stored document.
    pub(crate) version: u64,
    spec: Option<Served>,
}

/// A spec, and which configuration it was made of.
#[derive(Clone, Debug)]
struct Served {
    spec: Arc<FunctionSpec>,
    of: ServedConfig,
}

impl Served {
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

impl Entry {
    /// True when the configuration that should serve has no spec yet, for lack of its code.
    pub(crate) fn lacks_code(&self) -> bool {
        let wanted = self.record.serving().map(|config| ServedConfig::of(&self.record, config));
        wanted.is_some() && wanted.as_ref() != self.spec.as_ref().map(|served| &served.of)
    }

    fn lookup(&self) -> Lookup {
        match (&self.spec, &self.record.latest.status) {
            (Some(served), _) => Lookup::Ready(Arc::clone(&served.spec)),
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
}

impl ServedConfig {
    fn of(record: &FunctionRecord, config: &Config) -> Self {
        Self {
            incarnation: record.incarnation.clone(),
            serial: config.serial,
            reserved_concurrency: record.reserved_concurrency,
        }
    }
}

type Shard = HashMap<FunctionKey, Arc<Entry>>;

/// The snapshot.
pub(crate) struct Snapshot {
    shards: Vec<ArcSwap<Shard>>,
    ordered: RwLock<BTreeMap<FunctionKey, Arc<Entry>>>,
}

impl Snapshot {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| ArcSwap::default()).collect(),
            ordered: RwLock::default(),
        }
    }

    pub(crate) fn get(&self, key: &FunctionKey) -> Option<Arc<Entry>> {
        self.shard(key).load().get(key).map(Arc::clone)
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

    /// The names of all trees that functions need.
    pub(crate) fn trees(&self) -> HashSet<String> {
        let ordered = self.ordered.read();
        let configs = ordered.values().flat_map(|entry| entry.record.configs());
        configs.flat_map(|c| c.packages().map(|p| p.sha256_hex.clone()).chain(c.layers_key())).collect()
    }

    /// True when a function refers to the package.
    pub(crate) fn refers_to(&self, sha256_hex: &str) -> bool {
        let ordered = self.ordered.read();
        ordered.values().any(|entry| entry.record.packages().any(|package| package.sha256_hex == sha256_hex))
    }

    /// Puts a function in the place of what was there. `files` are those of the configuration that
    /// serves, when the caller has them; else those of the entry before are kept if they fit.
    pub(crate) fn put(
        &self,
        key: &FunctionKey,
        record: FunctionRecord,
        version: u64,
        files: Option<Files>,
    ) -> Arc<Entry> {
        let before = self.get(key);
        let spec = serve(key, &record, version, before.as_deref().and_then(|entry| entry.spec.as_ref()), files);
        let entry = Arc::new(Entry {
            key: key.clone(),
            arn: arn::function(&key.region, &key.account, key.name.as_str()),
            record,
            version,
            spec,
        });
        let mut ordered = self.ordered.write();
        ordered.insert(key.clone(), Arc::clone(&entry));
        self.replace_shard(key, |shard| {
            shard.insert(key.clone(), Arc::clone(&entry));
        });
        entry
    }

    pub(crate) fn remove(&self, key: &FunctionKey) {
        let mut ordered = self.ordered.write();
        ordered.remove(key);
        self.replace_shard(key, |shard| {
            shard.remove(key);
        });
    }

    /// Called under the ordered index's write lock, so that no writer's copy overtakes another's.
    fn replace_shard(&self, key: &FunctionKey, change: impl FnOnce(&mut Shard)) {
        let shard = self.shard(key);
        let mut copy = Shard::clone(&shard.load());
        change(&mut copy);
        shard.store(Arc::new(copy));
    }

    fn shard(&self, key: &FunctionKey) -> &ArcSwap<Shard> {
        // FNV-1a over the name: spreads well enough, and the map hashes the whole key anyway.
        let hash = key
            .name
            .as_str()
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}

impl FunctionCatalog for Snapshot {
    fn lookup(&self, key: &FunctionKey, qualifier: Option<&Qualifier>) -> Lookup {
        match qualifier {
            None | Some(Qualifier::Latest) => self.shard(key).load().get(key).map_or(Lookup::Absent, |e| e.lookup()),
            // No version is published and no alias made yet.
            Some(Qualifier::Number(_) | Qualifier::Alias(_)) => Lookup::Absent,
        }
    }

    fn ahead(&self, _: &FunctionKey) -> Vec<Ahead> {
        // Only published versions can have it.
        Vec::new()
    }

    fn with_ahead(&self) -> Vec<FunctionKey> {
        Vec::new()
    }
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

/// What serves invocations from now on.
///
/// An unchanged configuration keeps its spec, and with it its generation: tags do not replace
/// environments. A changed one gets a spec as soon as its code is there; until then the one before
/// serves, unless it is another function of the same name.
fn serve(
    key: &FunctionKey,
    record: &FunctionRecord,
    version: u64,
    before: Option<&Served>,
    files: Option<Files>,
) -> Option<Served> {
    let config = record.serving()?;
    let of = ServedConfig::of(record, config);
    let before = before.filter(|served| served.of.incarnation == of.incarnation);
    if let Some(served) = before.filter(|served| served.of == of) {
        return Some(served.clone());
    }
    let at_hand: Vec<Files> = files.into_iter().chain(before.map(Served::files)).collect();
    match Files::of(config, &at_hand) {
        // Versions of documents rise with every write and are never used again, so this
        // generation differs from every earlier one, of deleted functions too.
        Some(files) => Some(Served {
            spec: Arc::new(spec(key, record, config, version, files)),
            of,
        }),
        None => before.cloned(),
    }
}

fn spec(key: &FunctionKey, record: &FunctionRecord, config: &Config, generation: u64, files: Files) -> FunctionSpec {
    let default_group = default_log_group(&key.name);
    let group = config.logging.group.clone().unwrap_or_else(|| default_group.clone());
    FunctionSpec {
        account: key.account.clone(),
        region: key.region.clone(),
        name: key.name.clone(),
        arn: arn::function(&key.region, &key.account, key.name.as_str()),
        version: Version::Latest,
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
        tracing_active: false,
        reserved_concurrency: record.reserved_concurrency,
        code: files.code,
        snap_start: false,
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
    use crate::record::tests::sample;
    use crate::record::{LayerUse, Package};

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
            Lookup::Ready(spec) => Some(spec.generation),
            Lookup::NotReady { .. } | Lookup::Absent => None,
        }
    }

    #[test]
    fn tags_keep_the_generation_and_changes_move_it() {
        let (snapshot, key) = (Snapshot::new(), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, Some(code(&record)));
        assert_eq!(generation(&snapshot, &key), Some(3));
        record.tags.clear();
        snapshot.put(&key, record.clone(), 4, None);
        assert_eq!(generation(&snapshot, &key), Some(3));
        record.latest.config.serial += 1;
        snapshot.put(&key, record, 5, None);
        assert_eq!(generation(&snapshot, &key), Some(5), "the same code serves the new configuration");
    }

    #[test]
    fn the_old_code_serves_until_the_new_is_there() {
        let (snapshot, key) = (Snapshot::new(), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, Some(code(&record)));
        record.latest.config.serial += 1;
        record.latest.config.package.sha256_hex = "cd".repeat(32);
        let entry = snapshot.put(&key, record.clone(), 4, None);
        assert!(entry.lacks_code());
        assert_eq!(generation(&snapshot, &key), Some(3));
        let entry = snapshot.put(&key, record.clone(), 4, Some(code(&record)));
        assert!(!entry.lacks_code());
        assert_eq!(generation(&snapshot, &key), Some(4));
    }

    #[test]
    fn layers_serve_when_they_are_there_and_no_sooner() {
        let (snapshot, key) = (Snapshot::new(), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, Some(code(&record)));
        record.latest.config.serial += 1;
        let package = Package {
            sha256_hex: "cd".repeat(32),
            size_bytes: 1,
            unzipped_bytes: 1,
        };
        record.latest.config.layers.push(LayerUse {
            arn: "arn".to_owned(),
            package,
        });
        assert!(snapshot.put(&key, record.clone(), 4, None).lacks_code(), "the code is there, the layer is not");
        snapshot.put(&key, record.clone(), 4, Some(code(&record)));
        let layers = |snapshot: &Snapshot| match snapshot.lookup(&key, None) {
            Lookup::Ready(spec) => spec.layers.as_ref().map(|layers| layers.sha256_hex().to_owned()),
            Lookup::NotReady { .. } | Lookup::Absent => None,
        };
        assert_eq!(layers(&snapshot), record.latest.config.layers_key());
        record.latest.config.serial += 1;
        record.latest.config.layers.clear();
        assert!(!snapshot.put(&key, record, 5, None).lacks_code());
        assert_eq!(layers(&snapshot), None);
    }

    #[test]
    fn a_function_made_anew_never_serves_the_old_ones_code() {
        let (snapshot, key) = (Snapshot::new(), key("f"));
        let mut record = sample();
        snapshot.put(&key, record.clone(), 3, Some(code(&record)));
        record.incarnation = "another".to_owned();
        record.latest.config.package.sha256_hex = "cd".repeat(32);
        snapshot.put(&key, record, 9, None);
        assert_eq!(generation(&snapshot, &key), None);
    }

    #[test]
    fn pages_are_by_name_within_account_and_region() {
        let snapshot = Snapshot::new();
        for name in ["b", "a", "a-b", "C", "_"] {
            snapshot.put(&key(name), sample(), 1, None);
        }
        let elsewhere = FunctionKey {
            region: Region::parse("eu-west-1").unwrap(),
            ..key("zz")
        };
        snapshot.put(&elsewhere, sample(), 1, None);
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
    fn qualifiers_other_than_latest_are_absent() {
        let (snapshot, key) = (Snapshot::new(), key("f"));
        let record = sample();
        snapshot.put(&key, record.clone(), 3, Some(code(&record)));
        assert!(matches!(snapshot.lookup(&key, Some(&Qualifier::Latest)), Lookup::Ready(_)));
        assert!(matches!(snapshot.lookup(&key, Some(&Qualifier::Number(1))), Lookup::Absent));
        snapshot.remove(&key);
        assert!(matches!(snapshot.lookup(&key, None), Lookup::Absent));
    }
}
