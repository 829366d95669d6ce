//! Changes of resources that are one document each: durable when they are told.
//!
//! They are read from the store on each request: no invocation needs them.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use hearth_model::{AccountId, Region};
use hearth_store::StoreError;
use tokio::sync::{Mutex, MutexGuard};

use crate::db::resources::{ResourceKey, Stored};
use crate::db::{Db, Precondition};
use crate::error::Error;

/// A process that loses this many races in a row tells its client to try again.
const ATTEMPTS: usize = 8;

/// The resources of one kind.
pub(crate) struct Resources<R> {
    db: Db,
    turn: Mutex<()>,
    kind: PhantomData<fn() -> R>,
}

/// The right to change resources of one kind: whoever holds it is alone in this process.
pub(crate) struct Turn<'r, R> {
    of: &'r Resources<R>,
    _guard: MutexGuard<'r, ()>,
}

/// A resource that can have tags.
pub(crate) trait Tagged {
    fn tags(&mut self) -> &mut BTreeMap<String, String>;
}

impl<R: Stored> Resources<R> {
    pub(crate) fn new(db: Db) -> Self {
        Self {
            db,
            turn: Mutex::new(()),
            kind: PhantomData,
        }
    }

    pub(crate) async fn get(&self, key: &ResourceKey) -> Result<Option<R>, Error> {
        Ok(self.db.resource(key).await?.map(|(record, _)| record))
    }

    /// Those of an account in a region, or everyone's, in the order of their ids.
    pub(crate) async fn list(&self, scope: Option<(&AccountId, &Region)>) -> Result<Vec<(ResourceKey, R)>, Error> {
        Ok(self.db.resources(scope).await?)
    }

    pub(crate) async fn turn(&self) -> Turn<'_, R> {
        Turn {
            of: self,
            _guard: self.turn.lock().await,
        }
    }
}

impl<R: Stored> Turn<'_, R> {
    /// Makes a resource whose id nobody has.
    pub(crate) async fn create(&self, key: &ResourceKey, record: &R) -> Result<(), Error> {
        Ok(self.of.db.put_resource(key, record, Precondition::Absent).await?)
    }

    /// Changes a resource: `edit` sees it as it stands, and may be asked again. As it is then;
    /// `None` when there is none.
    pub(crate) async fn change(
        &self,
        key: &ResourceKey,
        edit: impl Fn(&mut R) -> Result<(), Error>,
    ) -> Result<Option<R>, Error> {
        for _ in 0..ATTEMPTS {
            let Some((mut record, version)) = self.of.db.resource::<R>(key).await? else {
                return Ok(None);
            };
            edit(&mut record)?;
            match self.of.db.put_resource(key, &record, Precondition::Version(version)).await {
                Ok(()) => return Ok(Some(record)),
                Err(StoreError::Conflict { .. }) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Err(Error::UpdateInProgress { arn: key.id.clone() })
    }

    /// Deletes a resource; what it was, if it was there.
    pub(crate) async fn remove(&self, key: &ResourceKey) -> Result<Option<R>, Error> {
        for _ in 0..ATTEMPTS {
            let Some((record, version)) = self.of.db.resource::<R>(key).await? else {
                return Ok(None);
            };
            match self.of.db.delete_resource::<R>(key, version).await {
                Ok(()) => return Ok(Some(record)),
                Err(StoreError::Conflict { .. }) => {}
                Err(cause) => return Err(cause.into()),
            }
        }
        Err(Error::UpdateInProgress { arn: key.id.clone() })
    }
}
