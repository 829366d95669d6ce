//! The only file that touches the store.
//!
//! Documents of collection `iam` have the id `<account>/<kind>/<name in lower case>`: names that
//! differ in case alone cannot be there twice. No piece of it can contain a slash.

use std::sync::Arc;

use bytes::Bytes;
use hearth_model::AccountId;
use hearth_store::{Change, Document, Documents, Expect, Key, StoreError, Write};

use crate::record::Record;

const COLLECTION: &str = "iam";
const SCAN_PAGE: usize = 500;

/// A record, and the version of its document.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Stored<R> {
    pub(crate) record: R,
    pub(crate) version: u64,
}

#[derive(Clone)]
pub(crate) struct Db {
    documents: Arc<dyn Documents>,
}

impl Db {
    pub(crate) fn new(documents: Arc<dyn Documents>) -> Self {
        Self { documents }
    }

    /// By name, exactly as it is written.
    pub(crate) async fn get<R: Record>(
        &self,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Stored<R>>, StoreError> {
        let found = self.get_any_case(account, name).await?;
        Ok(found.filter(|stored: &Stored<R>| stored.record.name() == name))
    }

    /// By name in whatever case.
    pub(crate) async fn get_any_case<R: Record>(
        &self,
        account: &AccountId,
        name: &str,
    ) -> Result<Option<Stored<R>>, StoreError> {
        let Some(document) = self.documents.get(key::<R>(account, name)).await? else { return Ok(None) };
        let record = decode(&document)?;
        Ok(Some(Stored {
            record,
            version: document.version,
        }))
    }

    /// All of an account, in order of their names in lower case.
    pub(crate) async fn all<R: Record>(&self, account: &AccountId) -> Result<Vec<R>, StoreError> {
        let documents = self.scan(format!("{account}/{}/", R::KIND)).await?;
        documents.iter().map(decode).collect()
    }

    /// All of all accounts; what cannot be read is left out, with a line in the log.
    pub(crate) async fn everywhere<R: Record>(&self) -> Result<Vec<(AccountId, R)>, StoreError> {
        let mut found = Vec::new();
        for document in self.scan(String::new()).await? {
            let Some((account, kind, _)) = parse_id(&document.id) else { continue };
            if kind != R::KIND {
                continue;
            }
            match decode(&document) {
                Ok(record) => found.push((account, record)),
                Err(error) => tracing::error!(%error, "an identity is left out"),
            }
        }
        Ok(found)
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

    /// Applies all of it or nothing. `false` when somebody else was faster.
    pub(crate) async fn commit(&self, batch: Vec<Write>) -> Result<bool, StoreError> {
        match self.documents.commit(batch).await {
            Ok(_) => Ok(true),
            Err(error) if error.is_conflict() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Changes from now on.
    pub(crate) fn watch(&self) -> tokio::sync::mpsc::Receiver<Change> {
        self.documents.watch(COLLECTION)
    }
}

/// Writes a record that is not there yet (`None`), or as it was read.
pub(crate) fn put<R: Record>(account: &AccountId, record: &R, version: Option<u64>) -> Result<Write, StoreError> {
    let body = serde_json::to_vec(record).map_err(|e| StoreError::Io {
        action: format!("write down {} {}", R::KIND, record.name()),
        cause: e.to_string(),
    })?;
    Ok(Write::Put {
        key: key::<R>(account, record.name()),
        body: Bytes::from(body),
        expect: version.map_or(Expect::Absent, Expect::Version),
    })
}

/// Deletes a record as it was read.
pub(crate) fn delete<R: Record>(account: &AccountId, stored: &Stored<R>) -> Write {
    Write::Delete {
        key: key::<R>(account, stored.record.name()),
        expect: Expect::Version(stored.version),
    }
}

/// Account, kind and name in lower case of a document's id.
pub(crate) fn parse_id(id: &str) -> Option<(AccountId, &str, &str)> {
    let mut parts = id.splitn(3, '/');
    Some((AccountId::parse(parts.next()?)?, parts.next()?, parts.next()?))
}

fn key<R: Record>(account: &AccountId, name: &str) -> Key {
    Key::new(COLLECTION, format!("{account}/{}/{}", R::KIND, name.to_ascii_lowercase()))
}

fn decode<R: Record>(document: &Document) -> Result<R, StoreError> {
    serde_json::from_slice(&document.body).map_err(|e| StoreError::Corrupt {
        what: format!("document {COLLECTION}/{}", document.id),
        detail: e.to_string(),
    })
}
