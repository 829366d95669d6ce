//! Changes of functions: one at a time per function, durable before they are seen, told to the
//! observers after.
//!
//! The store decides: every write names the version that it was made from. A write that lost a
//! race to another process is made again from what is there now.

use std::sync::Arc;

use hearth_core::Random;
use hearth_model::{CatalogObserver, FunctionKey};
use hearth_store::StoreError;
use parking_lot::RwLock;
use tokio::sync::{Mutex, MutexGuard};

use crate::db::{Before, Db};
use crate::error::Error;
use crate::keys::Keys;
use crate::record::FunctionRecord;
use crate::snapshot::{Entry, Files, Snapshot};
use crate::{FileSystems, RuntimeVersions};

/// Functions that share a lock wait for each other's commits, so there are many.
const LOCKS: usize = 256;
/// A process that loses this many races in a row tells its client to try again.
const ATTEMPTS: usize = 8;

pub(crate) struct Functions {
    db: Db,
    pub(crate) snapshot: Arc<Snapshot>,
    locks: Vec<Mutex<()>>,
    observers: RwLock<Vec<Arc<dyn CatalogObserver>>>,
}

impl Functions {
    pub(crate) fn new(
        db: Db,
        random: Random,
        runtimes: RuntimeVersions,
        file_systems: Arc<FileSystems>,
        keys: Keys,
    ) -> Self {
        Self {
            db,
            snapshot: Arc::new(Snapshot::new(random, runtimes, file_systems).with_keys(keys)),
            locks: (0..LOCKS).map(|_| Mutex::new(())).collect(),
            observers: RwLock::default(),
        }
    }

    pub(crate) fn observe(&self, observer: Arc<dyn CatalogObserver>) {
        self.observers.write().push(observer);
    }

    pub(crate) fn get(&self, key: &FunctionKey) -> Option<Arc<Entry>> {
        self.snapshot.get(key)
    }

    /// Reads all functions from the store; the entries as they stand.
    pub(crate) async fn load(&self) -> Result<Vec<Arc<Entry>>, StoreError> {
        let stored = self.db.load().await?;
        Ok(stored.into_iter().map(|s| self.snapshot.put(&s.key, s.record, s.version, &[])).collect())
    }

    /// Makes a function. Of two at the same time, one succeeds.
    pub(crate) async fn create(&self, key: &FunctionKey, record: FunctionRecord) -> Result<Arc<Entry>, Error> {
        let _turn = self.lock(key).await;
        let exists = || Error::AlreadyExists { name: key.name.to_string() };
        if self.get(key).is_some() {
            return Err(exists());
        }
        match self.db.put(key, &record, Before::Absent).await {
            Ok(version) => Ok(self.publish(key, record, version, &[])),
            Err(StoreError::Conflict { .. }) => {
                self.read_anew(key).await?;
                Err(exists())
            }
            Err(cause) => Err(self.after_failure(key, cause).await),
        }
    }

    /// Changes a function. `edit` sees it as it stands and gives what it is to be, or a refusal; it
    /// may be asked again. What it gives unchanged is not written. `files` are at hand,
    /// and what then serves may want them.
    pub(crate) async fn change(
        &self,
        key: &FunctionKey,
        files: &[Files],
        absent: impl Fn() -> Error,
        edit: impl Fn(&Entry) -> Result<FunctionRecord, Error>,
    ) -> Result<Arc<Entry>, Error> {
        let _turn = self.lock(key).await;
        let mut arn = String::new();
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.get(key) else {
                return Err(absent());
            };
            let record = edit(&entry)?;
            if record == entry.record {
                return Ok(entry);
            }
            match self.db.put(key, &record, Before::Stored(entry.version, &entry.record)).await {
                Ok(version) => return Ok(self.publish(key, record, version, files)),
                Err(StoreError::Conflict { .. }) => drop(self.read_anew(key).await?),
                Err(cause) => return Err(self.after_failure(key, cause).await),
            }
            arn.clone_from(&entry.arn);
        }
        Err(Error::UpdateInProgress { arn })
    }

    /// Deletes a function.
    pub(crate) async fn remove(&self, key: &FunctionKey, absent: impl Fn() -> Error) -> Result<(), Error> {
        let _turn = self.lock(key).await;
        let mut arn = String::new();
        for _ in 0..ATTEMPTS {
            let Some(entry) = self.get(key) else {
                return Err(absent());
            };
            match self.db.delete(key, &entry.record, entry.version).await {
                Ok(()) => {
                    self.snapshot.remove(key);
                    self.tell(key);
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => drop(self.read_anew(key).await?),
                Err(cause) => return Err(self.after_failure(key, cause).await),
            }
            arn.clone_from(&entry.arn);
        }
        Err(Error::UpdateInProgress { arn })
    }

    /// Gives a function that lacks files what it lacks.
    pub(crate) async fn supply_files(&self, key: &FunctionKey, files: &[Files]) {
        let _turn = self.lock(key).await;
        if let Some(entry) = self.get(key).filter(|entry| entry.lacks_code()) {
            self.publish(key, entry.record.clone(), entry.version, files);
        }
    }

    /// Brings one function to where the store has it; the entry that this made, if any.
    pub(crate) async fn refresh(&self, key: &FunctionKey) -> Result<Option<Arc<Entry>>, Error> {
        let _turn = self.lock(key).await;
        self.read_anew(key).await
    }

    async fn read_anew(&self, key: &FunctionKey) -> Result<Option<Arc<Entry>>, Error> {
        match self.db.get(key).await? {
            Some(stored) if self.get(key).is_some_and(|entry| entry.version == stored.version) => Ok(None),
            Some(stored) => Ok(Some(self.publish(key, stored.record, stored.version, &[]))),
            None => {
                if self.get(key).is_some() {
                    self.snapshot.remove(key);
                    self.tell(key);
                }
                Ok(None)
            }
        }
    }

    /// A write that failed may have been made all the same: what is shown follows the store.
    async fn after_failure(&self, key: &FunctionKey, cause: StoreError) -> Error {
        if let Err(error) = self.read_anew(key).await {
            tracing::warn!(function = %key.name, %error, "a function could not be read after a failed write");
        }
        cause.into()
    }

    fn publish(&self, key: &FunctionKey, record: FunctionRecord, version: u64, files: &[Files]) -> Arc<Entry> {
        let entry = self.snapshot.put(key, record, version, files);
        self.tell(key);
        entry
    }

    fn tell(&self, key: &FunctionKey) {
        for observer in self.observers.read().iter() {
            observer.function_changed(key);
        }
    }

    async fn lock(&self, key: &FunctionKey) -> MutexGuard<'_, ()> {
        let sum = key.name.as_str().bytes().fold(7_usize, |sum, byte| sum.wrapping_mul(31) ^ usize::from(byte));
        self.locks[sum % LOCKS].lock().await
    }
}
