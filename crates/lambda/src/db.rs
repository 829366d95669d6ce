//! The only file that touches the store.
//!
//! Documents of collection `function` have the id `<account>/<region>/<name>/<part>`: all that
//! belongs to one function stands together. Part `head` is the function with its `$LATEST`;
//! `version/<number>` and `alias/<name>` stand beside it. None of the pieces can contain a slash.
//!
//! Every change writes the head, in one batch with the parts that change: the head's version is
//! the whole function's, whoever has it has all of it, and a crash leaves all of a change or
//! nothing. A part whose head is gone, or is another function's of the same name, is nobody's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hearth_model::{AccountId, FunctionKey, FunctionName, Region};
use hearth_store::{BlobId, Blobs, Change, Document, Documents, Expect, Key, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::keys::{Keys, is_plain};
use crate::record::{AliasRecord, FunctionRecord, Package, VersionRecord};

pub(crate) mod layers;
pub(crate) mod resources;

const COLLECTION: &str = "function";
const HEAD: &str = "head";
const VERSION: &str = "version";
const ALIAS: &str = "alias";
const SCAN_PAGE: usize = 500;
/// A document that says that variables were in the store in clear.
const UNSCRUBBED: (&str, &str) = ("maintenance", "unscrubbed");

/// A function as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) key: FunctionKey,
    pub(crate) record: FunctionRecord,
    /// Of the head.
    pub(crate) version: u64,
}

/// What a write of a function takes for granted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Before<'r> {
    Absent,
    /// The head's version, and what was read with it.
    Stored(u64, &'r FunctionRecord),
}

/// What a write of one document takes for granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Precondition {
    Absent,
    Version(u64),
}

/// Functions and packages in the store.
#[derive(Clone)]
pub(crate) struct Db {
    documents: Arc<dyn Documents>,
    blobs: Arc<dyn Blobs>,
    /// True once a document was met that this Hearth cannot read.
    unread: Arc<AtomicBool>,
    keys: Keys,
}

impl Db {
    pub(crate) fn new(documents: Arc<dyn Documents>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            documents,
            blobs,
            unread: Arc::default(),
            keys: Keys::default(),
        }
    }

    /// Encrypts variables from now on.
    #[must_use]
    pub(crate) fn with_keys(mut self, keys: Keys) -> Self {
        self.keys = keys;
        self
    }

    /// Encrypts the variables that were stored in clear, by a Hearth that did not encrypt. How many
    /// documents had some. Whatever is not understood is left as it is. It is noted that the files may
    /// still have them, see [`Db::is_unscrubbed`].
    pub(crate) async fn encrypt_plain(&self) -> Result<usize, StoreError> {
        if !self.keys.are_there() {
            return Ok(0);
        }
        let mut done = 0;
        for document in self.scan(String::new()).await? {
            let Some((key, part)) = parse_id(&document.id) else { continue };
            let body = match part {
                Part::Head => match decode::<FunctionRecord>(&document) {
                    Ok(record) if record.configs().any(is_plain) => {
                        self.keys.prepare(&key, &record).await?;
                        encode(&key.name, &self.keys.sealed_head(&key, &record)?)?
                    }
                    _ => continue,
                },
                Part::Version(_) => match decode::<VersionRecord>(&document) {
                    // Its head stands before it, and has prepared what it takes: unless the head has no variables.
                    Ok(version) if is_plain(&version.edition.config) => {
                        self.keys.prepare_own(&key).await?;
                        encode(&key.name, &self.keys.sealed_version(&key, &version)?)?
                    }
                    _ => continue,
                },
                Part::Alias(_) => continue,
            };
            if done == 0 {
                self.documents.commit(vec![note(Some(Bytes::from_static(b"{}")))]).await?;
            }
            let write = Write::Put {
                key: Key::new(COLLECTION, document.id.clone()),
                body,
                expect: Expect::Version(document.version),
            };
            self.documents.commit(vec![write]).await?;
            done += 1;
        }
        Ok(done)
    }

    /// True from the first start that encrypts until somebody has seen to the store's free room.
    pub(crate) async fn is_unscrubbed(&self) -> Result<bool, StoreError> {
        let (collection, id) = UNSCRUBBED;
        Ok(self.documents.get(Key::new(collection, id)).await?.is_some())
    }

    pub(crate) async fn scrubbed(&self) -> Result<(), StoreError> {
        self.documents.commit(vec![note(None)]).await.map(|_| ())
    }

    /// True when the store has functions, or parts of them, that this Hearth does not know: damaged
    /// ones, or a newer Hearth's. They may refer to any package.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Every function that can be read; one that cannot does not keep the others from being served.
    pub(crate) async fn load(&self) -> Result<Vec<Stored>, StoreError> {
        let mut functions: BTreeMap<FunctionKey, Vec<(Part, Document)>> = BTreeMap::new();
        for document in self.scan(String::new()).await? {
            match parse_id(&document.id) {
                Some((key, part)) => functions.entry(key).or_default().push((part, document)),
                None => self.note_unread(&unknown_part(&document.id)),
            }
        }
        let mut found = Vec::with_capacity(functions.len());
        for (key, parts) in functions {
            match assemble(&key, parts, &self.keys) {
                Ok(stored) => found.extend(stored),
                Err(error) => self.note_unread(&error),
            }
        }
        Ok(found)
    }

    /// One function, as it was at one moment.
    pub(crate) async fn get(&self, key: &FunctionKey) -> Result<Option<Stored>, StoreError> {
        loop {
            let documents = self.scan(prefix(key)).await?;
            // Pages are read one after the other; a head that stands still says that all else did.
            let now = self.documents.get(head(key)).await?.map(|document| document.version);
            let head_id = head(key).id;
            let scanned = documents.iter().find(|document| document.id == head_id).map(|document| document.version);
            if now != scanned {
                continue;
            }
            let mut parts = Vec::with_capacity(documents.len());
            for document in documents {
                match parse_id(&document.id) {
                    Some((_, part)) => parts.push((part, document)),
                    None => self.note_unread(&unknown_part(&document.id)),
                }
            }
            return assemble(key, parts, &self.keys).inspect_err(|error| self.note_unread(error));
        }
    }

    async fn scan(&self, prefix: String) -> Result<Vec<Document>, StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.documents.scan(COLLECTION, prefix.clone(), after.take(), SCAN_PAGE).await?;
            let is_last = page.len() < SCAN_PAGE;
            after = page.last().map(|document| document.id.clone());
            found.extend(page);
            if is_last {
                return Ok(found);
            }
        }
    }

    fn note_unread(&self, error: &StoreError) {
        self.unread.store(true, Ordering::Relaxed);
        tracing::error!(%error, "a function is left out, and no package deleted");
    }

    /// Writes a function: its head, and the parts that differ from `before`. The head's new version.
    pub(crate) async fn put(
        &self,
        key: &FunctionKey,
        record: &FunctionRecord,
        before: Before<'_>,
    ) -> Result<u64, StoreError> {
        let precondition = match before {
            Before::Absent => Precondition::Absent,
            Before::Stored(version, _) => Precondition::Version(version),
        };
        self.keys.prepare(key, record).await?;
        let mut batch = vec![Write::Put {
            key: head(key),
            body: encode(&key.name, &self.keys.sealed_head(key, record)?)?,
            expect: expect(precondition),
        }];
        let none = FunctionRecord {
            versions: Arc::default(),
            aliases: Arc::default(),
            ..record.clone()
        };
        let before = match before {
            Before::Absent => &none,
            Before::Stored(_, before) => before,
        };
        if !Arc::ptr_eq(&before.versions, &record.versions) {
            let stored = |version: &VersionRecord| encode(&key.name, &self.keys.sealed_version(key, version)?);
            differences(&mut batch, key, VERSION, &before.versions, &record.versions, stored)?;
        }
        if !Arc::ptr_eq(&before.aliases, &record.aliases) {
            let stored = |alias: &AliasRecord| encode(&key.name, alias);
            differences(&mut batch, key, ALIAS, &before.aliases, &record.aliases, stored)?;
        }
        Ok(self.documents.commit(batch).await?.first().copied().unwrap_or_default())
    }

    /// Deletes a function with everything that is stored of it.
    pub(crate) async fn delete(
        &self,
        key: &FunctionKey,
        record: &FunctionRecord,
        version: u64,
    ) -> Result<(), StoreError> {
        let delete = |key, expect| Write::Delete { key, expect };
        let mut batch = vec![delete(head(key), Expect::Version(version))];
        let versions = record.versions.keys().map(|number| part(key, VERSION, number));
        let aliases = record.aliases.keys().map(|name| part(key, ALIAS, name));
        batch.extend(versions.chain(aliases).map(|key| delete(key, Expect::Anything)));
        self.documents.commit(batch).await.map(|_| ())
    }

    /// Functions that change from now on, by whomever. Ends when the reader falls behind.
    pub(crate) fn watch(&self) -> Watch {
        Watch {
            changes: self.documents.watch(COLLECTION),
            unread: Arc::clone(&self.unread),
        }
    }

    pub(crate) async fn put_package(&self, zip: Bytes) -> Result<(), StoreError> {
        self.blobs.put(zip).await.map(|_| ())
    }

    pub(crate) async fn get_package(&self, package: &Package) -> Result<Option<Bytes>, StoreError> {
        self.blobs.get(blob_id(&package.sha256_hex)?).await
    }

    /// The hash of every stored package, in lowercase hexadecimal.
    pub(crate) async fn list_packages(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.blobs.list().await?.iter().map(ToString::to_string).collect())
    }

    pub(crate) async fn delete_package(&self, sha256_hex: &str) -> Result<(), StoreError> {
        self.blobs.delete(blob_id(sha256_hex)?).await
    }
}

/// The stream of [`Db::watch`].
pub(crate) struct Watch {
    changes: tokio::sync::mpsc::Receiver<Change>,
    unread: Arc<AtomicBool>,
}

impl Watch {
    /// The next function that changed, with its head's version (`None` when it was deleted).
    /// `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(FunctionKey, Option<u64>)> {
        loop {
            let change = self.changes.recv().await?;
            match parse_id(&change.key.id) {
                Some((key, Part::Head)) => return Some((key, change.document.map(|document| document.version))),
                // The head changes in the same batch.
                Some((_, Part::Version(_) | Part::Alias(_))) => {}
                None => self.unread.store(true, Ordering::Relaxed),
            }
        }
    }
}

/// What a document is of its function.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Head,
    Version(u64),
    Alias(String),
}

/// Writes the note of [`UNSCRUBBED`], or takes it away.
fn note(body: Option<Bytes>) -> Write {
    let (collection, id) = UNSCRUBBED;
    let (key, expect) = (Key::new(collection, id), Expect::Anything);
    match body {
        Some(body) => Write::Put { key, body, expect },
        None => Write::Delete { key, expect },
    }
}

fn prefix(key: &FunctionKey) -> String {
    format!("{}/{}/{}/", key.account, key.region, key.name)
}

fn head(key: &FunctionKey) -> Key {
    Key::new(COLLECTION, prefix(key) + HEAD)
}

fn part(key: &FunctionKey, kind: &str, name: &impl ToString) -> Key {
    Key::new(COLLECTION, format!("{}{kind}/{}", prefix(key), name.to_string()))
}

fn parse_id(id: &str) -> Option<(FunctionKey, Part)> {
    let mut parts = id.split('/');
    let key = FunctionKey {
        account: AccountId::parse(parts.next()?)?,
        region: Region::parse(parts.next()?)?,
        name: FunctionName::parse(parts.next()?)?,
    };
    let part = match (parts.next()?, parts.next()) {
        (HEAD, None) => Part::Head,
        (VERSION, Some(number)) => Part::Version(number.parse().ok()?),
        (ALIAS, Some(name)) => Part::Alias(name.to_owned()),
        _ => return None,
    };
    parts.next().is_none().then_some((key, part))
}

/// A function of its documents; `None` when there is no head.
fn assemble(key: &FunctionKey, parts: Vec<(Part, Document)>, keys: &Keys) -> Result<Option<Stored>, StoreError> {
    let mut stored = None;
    let mut versions: BTreeMap<u64, Arc<VersionRecord>> = BTreeMap::new();
    let mut aliases: BTreeMap<String, Arc<AliasRecord>> = BTreeMap::new();
    for (part, document) in parts {
        match part {
            Part::Head => {
                let mut record: FunctionRecord = decode(&document)?;
                keys.open_head(key, &mut record);
                stored = Some((record, document.version));
            }
            Part::Version(number) => {
                let mut version: VersionRecord = decode(&document)?;
                keys.open_version(key, &mut version);
                versions.insert(number, Arc::new(version));
            }
            Part::Alias(name) => {
                aliases.insert(name, Arc::new(decode(&document)?));
            }
        }
    }
    Ok(stored.map(|(mut record, version)| {
        versions.retain(|_, part| part.incarnation == record.incarnation);
        aliases.retain(|_, part| part.incarnation == record.incarnation);
        (record.versions, record.aliases) = (Arc::new(versions), Arc::new(aliases));
        Stored {
            key: key.clone(),
            record,
            version,
        }
    }))
}

/// The writes that lead from one set of parts to another.
///
/// They expect nothing of the parts: the head's version, in the same batch, speaks for them.
fn differences<N: Ord + ToString, P: PartialEq>(
    batch: &mut Vec<Write>,
    key: &FunctionKey,
    kind: &str,
    before: &BTreeMap<N, Arc<P>>,
    after: &BTreeMap<N, Arc<P>>,
    stored: impl Fn(&P) -> Result<Bytes, StoreError>,
) -> Result<(), StoreError> {
    for (name, now) in after {
        if before.get(name).is_none_or(|then| !Arc::ptr_eq(then, now) && then != now) {
            batch.push(Write::Put {
                key: part(key, kind, name),
                body: stored(now)?,
                expect: Expect::Anything,
            });
        }
    }
    for name in before.keys().filter(|name| !after.contains_key(name)) {
        batch.push(Write::Delete {
            key: part(key, kind, name),
            expect: Expect::Anything,
        });
    }
    Ok(())
}

fn encode(name: &FunctionName, record: &impl Serialize) -> Result<Bytes, StoreError> {
    let body = serde_json::to_vec(record).map_err(|e| StoreError::Io {
        action: format!("write down function {name}"),
        cause: e.to_string(),
    })?;
    Ok(body.into())
}

fn decode<T: DeserializeOwned>(document: &Document) -> Result<T, StoreError> {
    serde_json::from_slice(&document.body).map_err(|e| corrupt(&document.id, e.to_string()))
}

fn unknown_part(id: &str) -> StoreError {
    corrupt(id, "a part of a function that this Hearth does not know".to_owned())
}

fn corrupt(id: &str, detail: String) -> StoreError {
    StoreError::Corrupt {
        what: format!("document {COLLECTION}/{id}"),
        detail,
    }
}

fn expect(precondition: Precondition) -> Expect {
    match precondition {
        Precondition::Absent => Expect::Absent,
        Precondition::Version(version) => Expect::Version(version),
    }
}

fn blob_id(sha256_hex: &str) -> Result<BlobId, StoreError> {
    let mut id = [0; 32];
    hex::decode_to_slice(sha256_hex, &mut id).map_err(|e| StoreError::Corrupt {
        what: format!("package hash {sha256_hex:?}"),
        detail: e.to_string(),
    })?;
    Ok(BlobId(id))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::record::tests::{sample, sample_alias, sample_version};
    use hearth_core::Clock;
    use hearth_store::Memory;

    fn key(name: &str) -> FunctionKey {
        FunctionKey {
            account: AccountId::fallback(),
            region: Region::fallback(),
            name: FunctionName::parse(name).unwrap(),
        }
    }

    fn db() -> (Db, Memory) {
        let store = Memory::new(Clock::fixed(0));
        (Db::new(Arc::new(store.clone()), Arc::new(store.clone())), store)
    }

    fn with_parts() -> FunctionRecord {
        let mut record = sample();
        record.put_version(1, sample_version());
        record.put_version(12, sample_version());
        record.put_alias("live", sample_alias());
        record
    }

    #[test]
    fn ids_lead_back_to_their_function_and_part() {
        let key = key("my_f-1");
        assert_eq!(head(&key).id, "000000000000/us-east-1/my_f-1/head");
        let parsed = |id: &str| parse_id(id).filter(|(found, _)| *found == key).map(|(_, part)| part);
        assert_eq!(parsed(&head(&key).id), Some(Part::Head));
        assert_eq!(parsed(&part(&key, VERSION, &7).id), Some(Part::Version(7)));
        assert_eq!(parsed(&part(&key, ALIAS, &"live").id), Some(Part::Alias("live".to_owned())));
        let f = "000000000000/us-east-1/f";
        for other in ["", f, &format!("{f}/alias"), &format!("{f}/version/x"), &format!("{f}/colour/1"), "x/y/f/head"] {
            assert_eq!(parse_id(other), None, "{other}");
        }
    }

    #[tokio::test]
    async fn a_function_is_taken_apart_and_put_together() {
        let (db, store) = db();
        let (f, record) = (key("f"), with_parts());
        let version = db.put(&f, &record, Before::Absent).await.unwrap();
        db.put(&key("f-2"), &sample(), Before::Absent).await.unwrap();
        assert_eq!(store.scan(COLLECTION, prefix(&f), None, 9).await.unwrap().len(), 4);
        let stored = db.get(&f).await.unwrap().unwrap();
        assert_eq!((&stored.record, stored.version), (&record, version));
        assert_eq!(db.load().await.unwrap().len(), 2);
        let mut fewer = record.clone();
        Arc::make_mut(&mut fewer.versions).remove(&1);
        let version = db.put(&f, &fewer, Before::Stored(version, &record)).await.unwrap();
        assert_eq!(db.get(&f).await.unwrap().unwrap().record, fewer);
        db.delete(&f, &fewer, version).await.unwrap();
        assert_eq!(db.get(&f).await.unwrap(), None);
        assert!(store.scan(COLLECTION, prefix(&f), None, 9).await.unwrap().is_empty(), "nothing of it is left");
        assert!(!db.has_unread());
    }

    #[tokio::test]
    async fn only_what_changed_is_written() {
        let (db, store) = db();
        let (f, mut record) = (key("f"), with_parts());
        let version = db.put(&f, &record, Before::Absent).await.unwrap();
        let of = async |part: &str| {
            Documents::get(&store, Key::new(COLLECTION, prefix(&f) + part)).await.unwrap().unwrap().version
        };
        let before = [of("version/1").await, of("version/12").await, of("alias/live").await];
        let old = record.clone();
        record.edit_version(12, |version| version.edition.revision_id = "other".to_owned());
        db.put(&f, &record, Before::Stored(version, &old)).await.unwrap();
        let after = [of("version/1").await, of("version/12").await, of("alias/live").await];
        assert_eq!((before[0], before[2]), (after[0], after[2]));
        assert_ne!(before[1], after[1]);
        let stale = db.put(&f, &record, Before::Stored(version, &old)).await;
        assert!(matches!(stale, Err(StoreError::Conflict { .. })), "{stale:?}");
    }

    #[tokio::test]
    async fn parts_of_a_deleted_function_are_nobodys() {
        let (db, _) = db();
        let (f, record) = (key("f"), with_parts());
        let version = db.put(&f, &record, Before::Absent).await.unwrap();
        // As a Hearth that knows no versions deletes it.
        db.delete(&f, &sample(), version).await.unwrap();
        assert_eq!(db.get(&f).await.unwrap(), None);
        let again = FunctionRecord {
            incarnation: "another".to_owned(),
            ..sample()
        };
        db.put(&f, &again, Before::Absent).await.unwrap();
        assert_eq!(db.get(&f).await.unwrap().unwrap().record, again);
    }
}
