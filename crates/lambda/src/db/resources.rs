//! Resources that are one document each: code signing configurations and event source mappings.
//!
//! A resource's document has the id `<account>/<region>/<id>`, in the collection of its kind.

use hearth_model::{AccountId, Region, arn};
use hearth_store::{Document, Expect, Key, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Db, Precondition, SCAN_PAGE, expect};

/// What a kind of resource is stored as.
pub(crate) trait Stored: Serialize + DeserializeOwned + Clone + Send + Sync + 'static {
    const COLLECTION: &'static str;
}

/// Which resource of its kind.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ResourceKey {
    pub(crate) account: AccountId,
    pub(crate) region: Region,
    pub(crate) id: String,
}

impl ResourceKey {
    /// Of a Lambda ARN whose resource is `<kind>:<id>`; `None` for another form.
    pub(crate) fn of_arn(arn: &str) -> Option<Self> {
        let parts = arn::split(arn)?;
        let (_, id) = parts.resource.split_once(':')?;
        Some(Self {
            region: Region::parse(parts.region)?,
            account: AccountId::parse(parts.account)?,
            id: id.to_owned(),
        })
    }
}

impl Db {
    /// A resource, and its document's version.
    pub(crate) async fn resource<R: Stored>(&self, key: &ResourceKey) -> Result<Option<(R, u64)>, StoreError> {
        let document = self.documents.get(document_key::<R>(key)).await?;
        document.map(|document| Ok((read(&document)?, document.version))).transpose()
    }

    /// Those of an account in a region, or everyone's, in the order of their ids. One that cannot be
    /// read is left out.
    pub(crate) async fn resources<R: Stored>(
        &self,
        scope: Option<(&AccountId, &Region)>,
    ) -> Result<Vec<(ResourceKey, R)>, StoreError> {
        let prefix = scope.map(|(account, region)| format!("{account}/{region}/")).unwrap_or_default();
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.documents.scan(R::COLLECTION, prefix.clone(), after.take(), SCAN_PAGE).await?;
            let is_last = page.len() < SCAN_PAGE;
            after = page.last().map(|document| document.id.clone());
            for document in &page {
                match parse(&document.id).map(|key| read(document).map(|record| (key, record))) {
                    Some(Ok(one)) => found.push(one),
                    Some(Err(error)) => tracing::error!(%error, "a resource is left out"),
                    None => tracing::error!(kind = R::COLLECTION, id = document.id, "a resource of no one is left out"),
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    pub(crate) async fn put_resource<R: Stored>(
        &self,
        key: &ResourceKey,
        record: &R,
        precondition: Precondition,
    ) -> Result<(), StoreError> {
        let body = serde_json::to_vec(record).map_err(|e| StoreError::Io {
            action: format!("write down {} {}", R::COLLECTION, key.id),
            cause: e.to_string(),
        })?;
        let write = Write::Put {
            key: document_key::<R>(key),
            body: body.into(),
            expect: expect(precondition),
        };
        self.documents.commit(vec![write]).await.map(|_| ())
    }

    pub(crate) async fn delete_resource<R: Stored>(&self, key: &ResourceKey, version: u64) -> Result<(), StoreError> {
        let write = Write::Delete {
            key: document_key::<R>(key),
            expect: Expect::Version(version),
        };
        self.documents.commit(vec![write]).await.map(|_| ())
    }
}

fn document_key<R: Stored>(key: &ResourceKey) -> Key {
    Key::new(R::COLLECTION, format!("{}/{}/{}", key.account, key.region, key.id))
}

fn parse(id: &str) -> Option<ResourceKey> {
    let mut parts = id.split('/');
    let key = ResourceKey {
        account: AccountId::parse(parts.next()?)?,
        region: Region::parse(parts.next()?)?,
        id: parts.next()?.to_owned(),
    };
    parts.next().is_none().then_some(key)
}

fn read<R: Stored>(document: &Document) -> Result<R, StoreError> {
    serde_json::from_slice(&document.body).map_err(|e| StoreError::Corrupt {
        what: format!("document {}/{}", R::COLLECTION, document.id),
        detail: e.to_string(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn arns_and_ids_lead_to_the_same_resource() {
        let arn = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-0123456789abcdef0";
        let key = ResourceKey::of_arn(arn).unwrap();
        assert_eq!(key.id, "csc-0123456789abcdef0");
        assert_eq!(parse(&format!("123456789012/us-east-1/{}", key.id)), Some(key));
        for other in ["", "123456789012/us-east-1", "123456789012/us-east-1/a/b", "x/us-east-1/a"] {
            assert_eq!(parse(other), None, "{other}");
        }
    }
}
