//! Changes of layers: durable when they are told, and numbered without a gap or a repetition.
//!
//! Layers are read from the store on each request: no invocation needs them, for a function carries
//! what it uses of them.

use hearth_store::StoreError;
use tokio::sync::{Mutex, MutexGuard};

use crate::db::layers::StoredLayerVersion;
use crate::db::{Db, Precondition};
use crate::error::Error;
use crate::layer::{LayerHead, LayerKey, LayerVersionRecord};
use crate::record::FORM;

/// Layers that share a lock wait for each other's commits.
const LOCKS: usize = 64;
/// A process that loses this many races in a row tells its client to try again.
const ATTEMPTS: usize = 8;

pub(crate) struct Layers {
    db: Db,
    locks: Vec<Mutex<()>>,
}

impl Layers {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
        }
    }

    /// Adds a version; its number.
    pub(crate) async fn publish(&self, key: &LayerKey, record: &LayerVersionRecord) -> Result<u64, Error> {
        let _turn = self.lock(key).await;
        for _ in 0..ATTEMPTS {
            let (mut head, precondition) = match self.db.layer_head(key).await? {
                Some((head, version)) => (head, Precondition::Version(version)),
                None => (first(), Precondition::Absent),
            };
            head.latest += 1;
            match self.db.add_layer_version(key, &head, precondition, record).await {
                Ok(()) => return Ok(head.latest),
                Err(StoreError::Conflict { .. }) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Err(Error::UpdateInProgress { arn: key.arn() })
    }

    /// Changes a version. `edit` sees it as it stands, or that it is not there, and may be asked
    /// again.
    pub(crate) async fn change(
        &self,
        key: &LayerKey,
        number: u64,
        edit: impl Fn(Option<LayerVersionRecord>) -> Result<LayerVersionRecord, Error>,
    ) -> Result<LayerVersionRecord, Error> {
        let _turn = self.lock(key).await;
        for _ in 0..ATTEMPTS {
            let Some(stored) = self.db.layer_version(key, number).await? else {
                return edit(None);
            };
            let record = edit(Some(stored.record.clone()))?;
            let changed = StoredLayerVersion { record, ..stored };
            match self.db.replace_layer_version(&changed).await {
                Ok(()) => return Ok(changed.record),
                Err(StoreError::Conflict { .. }) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Err(Error::UpdateInProgress { arn: key.version_arn(number) })
    }

    /// Deletes a version; one that is not there is no error.
    pub(crate) async fn remove(&self, key: &LayerKey, number: u64) -> Result<(), Error> {
        let _turn = self.lock(key).await;
        Ok(self.db.delete_layer_version(key, number).await?)
    }

    async fn lock(&self, key: &LayerKey) -> MutexGuard<'_, ()> {
        let sum = key.name.bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(byte));
        self.locks[sum % LOCKS].lock().await
    }
}

fn first() -> LayerHead {
    LayerHead {
        v: FORM,
        latest: 0,
        newer: serde_json::Map::new(),
    }
}
