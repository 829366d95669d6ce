//! The only file that touches the store.
//!
//! Documents of collection `function` have the id `<account>/<region>/<name>/<part>`: all that
//! belongs to one function stands together. Part `head` is the function with its `$LATEST`;
//! versions and aliases will stand beside it. None of the pieces can contain a slash.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use hearth_model::{AccountId, FunctionKey, FunctionName, Region};
use hearth_store::{BlobId, Blobs, Change, Document, Documents, Expect, Key, StoreError, Write};

use crate::record::{FunctionRecord, Package};

pub(crate) mod layers;

const COLLECTION: &str = "function";
const HEAD: &str = "head";
const SCAN_PAGE: usize = 500;

/// A function as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored {
    pub(crate) key: FunctionKey,
    pub(crate) record: FunctionRecord,
    /// Of the document.
    pub(crate) version: u64,
}

/// What a write takes for granted.
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
}

impl Db {
    pub(crate) fn new(documents: Arc<dyn Documents>, blobs: Arc<dyn Blobs>) -> Self {
        Self {
            documents,
            blobs,
            unread: Arc::default(),
        }
    }

    /// True when the store has functions, or parts of them, that this Hearth does not know: damaged
    /// ones, or a newer Hearth's. They may refer to any package.
    pub(crate) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Every function that can be read; one that cannot does not keep the others from being served.
    pub(crate) async fn load(&self) -> Result<Vec<Stored>, StoreError> {
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.documents.scan(COLLECTION, String::new(), after.take(), SCAN_PAGE).await?;
            let is_last = page.len() < SCAN_PAGE;
            after = page.last().map(|document| document.id.clone());
            for document in page {
                match self.read(document) {
                    Ok(stored) => found.push(stored),
                    Err(error) => tracing::error!(%error, "a function is left out, and no package deleted"),
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    pub(crate) async fn get(&self, key: &FunctionKey) -> Result<Option<Stored>, StoreError> {
        let document = self.documents.get(head(key)).await?;
        document.map(|document| self.read(document)).transpose()
    }

    fn read(&self, document: Document) -> Result<Stored, StoreError> {
        let read = decode(document);
        if read.is_err() {
            self.unread.store(true, Ordering::Relaxed);
        }
        read
    }

    /// Writes a function; the document's new version.
    pub(crate) async fn put(
        &self,
        key: &FunctionKey,
        record: &FunctionRecord,
        precondition: Precondition,
    ) -> Result<u64, StoreError> {
        let body = serde_json::to_vec(record).map_err(|e| StoreError::Io {
            action: format!("write down function {}", key.name),
            cause: e.to_string(),
        })?;
        let write = Write::Put {
            key: head(key),
            body: body.into(),
            expect: expect(precondition),
        };
        Ok(self.documents.commit(vec![write]).await?.first().copied().unwrap_or_default())
    }

    /// Deletes a function with everything that is stored of it.
    pub(crate) async fn delete(&self, key: &FunctionKey, version: u64) -> Result<(), StoreError> {
        let write = Write::Delete {
            key: head(key),
            expect: Expect::Version(version),
        };
        self.documents.commit(vec![write]).await.map(|_| ())
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
    /// The next function that changed, with its document's version (`None` when it was deleted).
    /// `None` when the stream has ended.
    pub(crate) async fn next(&mut self) -> Option<(FunctionKey, Option<u64>)> {
        loop {
            let change = self.changes.recv().await?;
            if let Some(key) = head_key(&change.key.id) {
                return Some((key, change.document.map(|document| document.version)));
            }
            self.unread.store(true, Ordering::Relaxed);
        }
    }
}

fn head(key: &FunctionKey) -> Key {
    Key::new(COLLECTION, format!("{}/{}/{}/{HEAD}", key.account, key.region, key.name))
}

fn head_key(id: &str) -> Option<FunctionKey> {
    let mut parts = id.split('/');
    let key = FunctionKey {
        account: AccountId::parse(parts.next()?)?,
        region: Region::parse(parts.next()?)?,
        name: FunctionName::parse(parts.next()?)?,
    };
    (parts.next() == Some(HEAD) && parts.next().is_none()).then_some(key)
}

fn decode(document: Document) -> Result<Stored, StoreError> {
    let Document { id, version, body } = document;
    let corrupt = |detail: String| StoreError::Corrupt {
        what: format!("document {COLLECTION}/{id}"),
        detail,
    };
    let key = head_key(&id).ok_or_else(|| corrupt("a part of a function that this Hearth does not know".to_owned()))?;
    let record = serde_json::from_slice(&body).map_err(|e| corrupt(e.to_string()))?;
    Ok(Stored { key, record, version })
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
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_function() {
        let key = FunctionKey {
            account: AccountId::fallback(),
            region: Region::fallback(),
            name: FunctionName::parse("my_f-1").unwrap_or_else(|| unreachable!()),
        };
        assert_eq!(head(&key).id, "000000000000/us-east-1/my_f-1/head");
        assert_eq!(head_key(&head(&key).id), Some(key));
        for other in ["", "000000000000/us-east-1/f", "000000000000/us-east-1/f/alias/live", "x/us-east-1/f/head"] {
            assert_eq!(head_key(other), None, "{other}");
        }
    }
}
