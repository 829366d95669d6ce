//! The keys and aliases, in memory as they are in the store. The only file of this module that
//! touches the store.
//!
//! Documents of collection `kms` have the id `<account>/<region>/key/<uuid>` or
//! `<account>/<region>/alias/<name>`; the name may contain slashes, nothing before it can.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_core::Random;
use hearth_model::{AccountId, Region};
use hearth_store::{Change, Document, Documents, Expect, Key as DocumentKey, StoreError, Write};
use parking_lot::RwLock;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::cipher::{Material, context};
use super::operator_keys::OperatorKeys;
use super::record::{AliasRecord, KeyRecord, Wrapped};

const COLLECTION: &str = "kms";
const SCAN_PAGE: usize = 500;

/// Whose keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Scope {
    pub(super) account: AccountId,
    pub(super) region: Region,
}

impl Scope {
    pub(super) fn key_arn(&self, id: &str) -> String {
        format!("arn:aws:kms:{}:{}:key/{id}", self.region, self.account)
    }

    pub(super) fn alias_arn(&self, name: &str) -> String {
        format!("arn:aws:kms:{}:{}:alias/{name}", self.region, self.account)
    }
}

/// A key, ready for use.
#[derive(Clone, Debug)]
pub(super) struct Key {
    pub(super) record: KeyRecord,
    pub(super) arn: String,
    pub(super) material: Material,
    version: u64,
}

#[derive(Default)]
struct Shelf {
    keys: BTreeMap<String, Arc<Key>>,
    aliases: BTreeMap<String, (Arc<AliasRecord>, u64)>,
}

/// What a change of the store is about.
enum Place {
    Key(String),
    Alias(String),
}

pub(super) struct Ring {
    documents: Arc<dyn Documents>,
    operator: OperatorKeys,
    random: Random,
    shelves: RwLock<HashMap<Scope, Shelf>>,
}

impl Ring {
    pub(super) fn new(documents: Arc<dyn Documents>, operator: OperatorKeys, random: Random) -> Self {
        Self {
            documents,
            operator,
            random,
            shelves: RwLock::default(),
        }
    }

    pub(super) fn watch(&self) -> tokio::sync::mpsc::Receiver<Change> {
        self.documents.watch(COLLECTION)
    }

    /// Reads everything anew.
    pub(super) async fn load(&self) -> Result<(), StoreError> {
        let mut shelves: HashMap<Scope, Shelf> = HashMap::new();
        let mut after = None;
        loop {
            let page = self.documents.scan(COLLECTION, String::new(), after.take(), SCAN_PAGE).await?;
            for document in &page {
                let Some((scope, place)) = parse_id(&document.id) else { continue };
                let shelf = shelves.entry(scope.clone()).or_default();
                self.place(shelf, &scope, place, Some(document))?;
            }
            after = page.last().map(|document| document.id.clone());
            if page.len() < SCAN_PAGE {
                break;
            }
        }
        *self.shelves.write() = shelves;
        Ok(())
    }

    /// Encrypts anew, under the operator's key in use, what is under an older one. How many keys.
    pub(super) async fn rewrap(&self) -> Result<usize, StoreError> {
        let mut done = 0;
        for (scope, key) in self.everywhere() {
            if self.operator.is_current(&key.record.material) {
                continue;
            }
            let mut record = key.record.clone();
            record.material = self.wrap(&scope, &record.id, &key.material);
            self.put_key(&scope, record, key.material.clone(), Some(key.version)).await?;
            done += 1;
        }
        Ok(done)
    }

    /// Takes over what the store has at a document's id now.
    pub(super) async fn follow(&self, id: &str) -> Result<(), StoreError> {
        let Some((scope, place)) = parse_id(id) else { return Ok(()) };
        let document = self.documents.get(DocumentKey::new(COLLECTION, id)).await?;
        self.place(self.shelves.write().entry(scope.clone()).or_default(), &scope, place, document.as_ref())
    }

    fn place(
        &self,
        shelf: &mut Shelf,
        scope: &Scope,
        place: Place,
        document: Option<&Document>,
    ) -> Result<(), StoreError> {
        match (place, document) {
            (Place::Key(id), None) => drop(shelf.keys.remove(&id)),
            (Place::Alias(name), None) => drop(shelf.aliases.remove(&name)),
            (Place::Key(id), Some(document)) => {
                let record: KeyRecord = decode(document)?;
                let aad = wrapping(scope, &id);
                let Some(material) = self.operator.unwrap(&aad, &record.material) else {
                    return Err(StoreError::Corrupt {
                        what: format!("key {}", scope.key_arn(&id)),
                        detail: format!(
                            "it is encrypted under the operator's key {}, which the encryption key file does not \
                             have; put that file back, or add the key to it as another line",
                            record.material.under
                        ),
                    });
                };
                let key = Key {
                    arn: scope.key_arn(&id),
                    record,
                    material,
                    version: document.version,
                };
                shelf.keys.insert(id, Arc::new(key));
            }
            (Place::Alias(name), Some(document)) => {
                shelf.aliases.insert(name, (Arc::new(decode(document)?), document.version));
            }
        }
        Ok(())
    }

    pub(super) fn key(&self, scope: &Scope, id: &str) -> Option<Arc<Key>> {
        self.shelves.read().get(scope)?.keys.get(id).cloned()
    }

    pub(super) fn alias(&self, scope: &Scope, name: &str) -> Option<Arc<AliasRecord>> {
        Some(Arc::clone(&self.shelves.read().get(scope)?.aliases.get(name)?.0))
    }

    /// By id.
    pub(super) fn keys(&self, scope: &Scope) -> Vec<Arc<Key>> {
        self.shelves.read().get(scope).map_or_else(Vec::new, |shelf| shelf.keys.values().cloned().collect())
    }

    /// By name.
    pub(super) fn aliases(&self, scope: &Scope) -> Vec<Arc<AliasRecord>> {
        let of = |shelf: &Shelf| shelf.aliases.values().map(|(alias, _)| Arc::clone(alias)).collect();
        self.shelves.read().get(scope).map_or_else(Vec::new, of)
    }

    pub(super) fn everywhere(&self) -> Vec<(Scope, Arc<Key>)> {
        let shelves = self.shelves.read();
        let of = |(scope, shelf): (&Scope, &Shelf)| {
            shelf.keys.values().map(|key| (scope.clone(), Arc::clone(key))).collect::<Vec<_>>()
        };
        shelves.iter().flat_map(of).collect()
    }

    pub(super) fn wrap(&self, scope: &Scope, id: &str, material: &Material) -> Wrapped {
        self.operator.wrap(&self.random, &wrapping(scope, id), material)
    }

    /// Writes a key that is not there yet (`None`), or as it was read.
    pub(super) async fn put_key(
        &self,
        scope: &Scope,
        record: KeyRecord,
        material: Material,
        version: Option<u64>,
    ) -> Result<Arc<Key>, StoreError> {
        let write = put(key_id(scope, &record.id), &record, version)?;
        let version = self.commit(vec![write]).await?;
        let arn = scope.key_arn(&record.id);
        let key = Arc::new(Key {
            record,
            arn,
            material,
            version,
        });
        let mut shelves = self.shelves.write();
        shelves.entry(scope.clone()).or_default().keys.insert(key.record.id.clone(), Arc::clone(&key));
        Ok(key)
    }

    /// A key as it was read, with another record.
    pub(super) async fn change_key(&self, scope: &Scope, key: &Key, record: KeyRecord) -> Result<(), StoreError> {
        self.put_key(scope, record, key.material.clone(), Some(key.version)).await.map(|_| ())
    }

    /// With every alias that leads to it.
    pub(super) async fn delete_key(&self, scope: &Scope, key: &Key) -> Result<(), StoreError> {
        let mut batch = vec![Write::Delete {
            key: key_id(scope, &key.record.id),
            expect: Expect::Version(key.version),
        }];
        let aliases = self.aliases(scope).into_iter().filter(|alias| alias.target == key.record.id);
        let names: Vec<String> = aliases.map(|alias| alias.name.clone()).collect();
        batch.extend(names.iter().map(|name| Write::Delete {
            key: alias_id(scope, name),
            expect: Expect::Anything,
        }));
        self.commit(batch).await?;
        if let Some(shelf) = self.shelves.write().get_mut(scope) {
            shelf.keys.remove(&key.record.id);
            names.iter().for_each(|name| drop(shelf.aliases.remove(name)));
        }
        Ok(())
    }

    /// Writes an alias over what memory has of it.
    pub(super) async fn put_alias(&self, scope: &Scope, record: AliasRecord) -> Result<(), StoreError> {
        let version = self.alias_version(scope, &record.name);
        let write = put(alias_id(scope, &record.name), &record, version)?;
        let version = self.commit(vec![write]).await?;
        let mut shelves = self.shelves.write();
        shelves.entry(scope.clone()).or_default().aliases.insert(record.name.clone(), (Arc::new(record), version));
        Ok(())
    }

    pub(super) async fn delete_alias(&self, scope: &Scope, name: &str) -> Result<(), StoreError> {
        let key = alias_id(scope, name);
        let expect = self.alias_version(scope, name).map_or(Expect::Anything, Expect::Version);
        self.commit(vec![Write::Delete { key, expect }]).await?;
        if let Some(shelf) = self.shelves.write().get_mut(scope) {
            shelf.aliases.remove(name);
        }
        Ok(())
    }

    fn alias_version(&self, scope: &Scope, name: &str) -> Option<u64> {
        Some(self.shelves.read().get(scope)?.aliases.get(name)?.1)
    }

    async fn commit(&self, batch: Vec<Write>) -> Result<u64, StoreError> {
        Ok(self.documents.commit(batch).await?.first().copied().unwrap_or_default())
    }
}

/// What a wrapped key is bound to: its place.
fn wrapping(scope: &Scope, id: &str) -> Vec<u8> {
    context([("hearth", "kms key"), ("arn", &scope.key_arn(id))])
}

fn key_id(scope: &Scope, id: &str) -> DocumentKey {
    DocumentKey::new(COLLECTION, format!("{}/{}/key/{id}", scope.account, scope.region))
}

fn alias_id(scope: &Scope, name: &str) -> DocumentKey {
    DocumentKey::new(COLLECTION, format!("{}/{}/alias/{name}", scope.account, scope.region))
}

fn parse_id(id: &str) -> Option<(Scope, Place)> {
    let mut parts = id.splitn(4, '/');
    let scope = Scope {
        account: AccountId::parse(parts.next()?)?,
        region: Region::parse(parts.next()?)?,
    };
    match (parts.next()?, parts.next()?) {
        ("key", id) => Some((scope, Place::Key(id.to_owned()))),
        ("alias", name) => Some((scope, Place::Alias(name.to_owned()))),
        _ => None,
    }
}

fn put(key: DocumentKey, record: &impl Serialize, version: Option<u64>) -> Result<Write, StoreError> {
    let body = serde_json::to_vec(record).map_err(|e| StoreError::Io {
        action: format!("write down {COLLECTION}/{}", key.id),
        cause: e.to_string(),
    })?;
    Ok(Write::Put {
        key,
        body: body.into(),
        expect: version.map_or(Expect::Absent, Expect::Version),
    })
}

fn decode<T: DeserializeOwned>(document: &Document) -> Result<T, StoreError> {
    serde_json::from_slice(&document.body).map_err(|e| StoreError::Corrupt {
        what: format!("document {COLLECTION}/{}", document.id),
        detail: e.to_string(),
    })
}
