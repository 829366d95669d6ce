//! Layers in the store.
//!
//! Documents of collection `layer`: `<account>/<region>/<name>/head` counts a layer's versions, and
//! `<account>/<region>/<name>/version/<20 digits>` are they, in the order of their numbers.

use hearth_model::{AccountId, Region};
use hearth_store::{Document, Expect, Key, StoreError, Write};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Db, Precondition, SCAN_PAGE, expect};
use crate::layer::{LayerHead, LayerKey, LayerVersionRecord};

const COLLECTION: &str = "layer";
const HEAD: &str = "head";
const VERSION: &str = "version";

/// A layer version as it stands in the store.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StoredLayerVersion {
    pub(crate) key: LayerKey,
    pub(crate) number: u64,
    pub(crate) record: LayerVersionRecord,
    /// Of the document.
    pub(crate) version: u64,
}

/// Whose layer versions are meant.
#[derive(Clone, Copy, Debug)]
pub(crate) enum LayerScope<'k> {
    Everyone,
    Region(&'k AccountId, &'k Region),
    Layer(&'k LayerKey),
}

impl Db {
    /// A layer's head, and its document's version.
    pub(crate) async fn layer_head(&self, key: &LayerKey) -> Result<Option<(LayerHead, u64)>, StoreError> {
        let document = self.documents.get(head(key)).await?;
        document.map(|document| Ok((self.layer_body(&document)?, document.version))).transpose()
    }

    pub(crate) async fn layer_version(
        &self,
        key: &LayerKey,
        number: u64,
    ) -> Result<Option<StoredLayerVersion>, StoreError> {
        let document = self.documents.get(version(key, number)).await?;
        document.map(|document| self.read_layer_version(key.clone(), number, &document)).transpose()
    }

    /// By layer, each with its oldest version first. One that cannot be read is left out.
    pub(crate) async fn layer_versions(&self, scope: LayerScope<'_>) -> Result<Vec<StoredLayerVersion>, StoreError> {
        let prefix = match scope {
            LayerScope::Everyone => String::new(),
            LayerScope::Region(account, region) => format!("{account}/{region}/"),
            LayerScope::Layer(key) => format!("{}/{VERSION}/", base(key)),
        };
        let mut found = Vec::new();
        let mut after = None;
        loop {
            let page = self.documents.scan(COLLECTION, prefix.clone(), after.take(), SCAN_PAGE).await?;
            let is_last = page.len() < SCAN_PAGE;
            after = page.last().map(|document| document.id.clone());
            for document in page {
                let read = match parse(&document.id) {
                    Some((_, Part::Head)) => continue,
                    Some((key, Part::Version(number))) => self.read_layer_version(key, number, &document),
                    None => Err(self.unreadable(&document, "a part of a layer that this Hearth does not know")),
                };
                match read {
                    Ok(stored) => found.push(stored),
                    Err(error) => tracing::error!(%error, "a layer version is left out, and no package deleted"),
                }
            }
            if is_last {
                return Ok(found);
            }
        }
    }

    /// Adds a version, and counts it in the head, which has to be as `precondition` says.
    pub(crate) async fn add_layer_version(
        &self,
        key: &LayerKey,
        head_record: &LayerHead,
        precondition: Precondition,
        record: &LayerVersionRecord,
    ) -> Result<(), StoreError> {
        let head = Write::Put {
            key: head(key),
            body: body(key, head_record)?.into(),
            expect: expect(precondition),
        };
        let version = Write::Put {
            key: version(key, head_record.latest),
            body: body(key, record)?.into(),
            expect: Expect::Absent,
        };
        self.documents.commit(vec![head, version]).await.map(|_| ())
    }

    /// Replaces a version that is as it was read.
    pub(crate) async fn replace_layer_version(&self, changed: &StoredLayerVersion) -> Result<(), StoreError> {
        let write = Write::Put {
            key: version(&changed.key, changed.number),
            body: body(&changed.key, &changed.record)?.into(),
            expect: Expect::Version(changed.version),
        };
        self.documents.commit(vec![write]).await.map(|_| ())
    }

    /// Deleting one that is not there succeeds.
    pub(crate) async fn delete_layer_version(&self, key: &LayerKey, number: u64) -> Result<(), StoreError> {
        let write = Write::Delete {
            key: version(key, number),
            expect: Expect::Anything,
        };
        self.documents.commit(vec![write]).await.map(|_| ())
    }

    fn read_layer_version(
        &self,
        key: LayerKey,
        number: u64,
        document: &Document,
    ) -> Result<StoredLayerVersion, StoreError> {
        Ok(StoredLayerVersion {
            key,
            number,
            record: self.layer_body(document)?,
            version: document.version,
        })
    }

    fn layer_body<T: DeserializeOwned>(&self, document: &Document) -> Result<T, StoreError> {
        serde_json::from_slice(&document.body).map_err(|e| self.unreadable(document, &e.to_string()))
    }

    /// What cannot be read may refer to any package.
    fn unreadable(&self, document: &Document, detail: &str) -> StoreError {
        self.unread.store(true, std::sync::atomic::Ordering::Relaxed);
        StoreError::Corrupt {
            what: format!("document {COLLECTION}/{}", document.id),
            detail: detail.to_owned(),
        }
    }
}

fn body(key: &LayerKey, record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(record).map_err(|e| StoreError::Io {
        action: format!("write down layer {}", key.name),
        cause: e.to_string(),
    })
}

fn base(key: &LayerKey) -> String {
    format!("{}/{}/{}", key.account, key.region, key.name)
}

fn head(key: &LayerKey) -> Key {
    Key::new(COLLECTION, format!("{}/{HEAD}", base(key)))
}

fn version(key: &LayerKey, number: u64) -> Key {
    Key::new(COLLECTION, format!("{}/{VERSION}/{number:020}", base(key)))
}

enum Part {
    Head,
    Version(u64),
}

fn parse(id: &str) -> Option<(LayerKey, Part)> {
    let mut parts = id.split('/');
    let key = LayerKey {
        account: AccountId::parse(parts.next()?)?,
        region: Region::parse(parts.next()?)?,
        name: parts.next()?.to_owned(),
    };
    let part = match (parts.next()?, parts.next()) {
        (HEAD, None) => Part::Head,
        (VERSION, Some(number)) => Part::Version(number.parse().ok()?),
        _ => return None,
    };
    parts.next().is_none().then_some((key, part))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn ids_lead_back_to_their_layer_in_the_order_of_numbers() {
        let key = LayerKey {
            account: AccountId::fallback(),
            region: Region::fallback(),
            name: "my_l-1".to_owned(),
        };
        assert_eq!(version(&key, 7).id, "000000000000/us-east-1/my_l-1/version/00000000000000000007");
        assert!(version(&key, 9).id < version(&key, 10).id);
        assert!(matches!(parse(&head(&key).id), Some((found, Part::Head)) if found == key));
        assert!(matches!(parse(&version(&key, u64::MAX).id), Some((found, Part::Version(u64::MAX))) if found == key));
        for other in ["", "000000000000/us-east-1/l", "000000000000/us-east-1/l/version", "x/us-east-1/l/head"] {
            assert!(parse(other).is_none(), "{other}");
        }
    }
}
