//! Connections that only read, lent to blocking threads.

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::{database_error, schema};
use crate::traits::StoreError;

/// A small pool. A permit stands for a connection that is in it.
#[derive(Debug)]
pub(super) struct Readers {
    permits: Arc<Semaphore>,
    idle: Arc<Mutex<Vec<Connection>>>,
    size: u32,
}

impl Readers {
    pub(super) fn open(database: &Path, size: usize) -> Result<Self, StoreError> {
        let size = size.clamp(1, 64);
        let connections = (0..size)
            .map(|_| schema::open_for_reading(database))
            .collect::<Result<Vec<_>, _>>()
            .map_err(|e| database_error("open the database for reading", &e))?;
        Ok(Self {
            permits: Arc::new(Semaphore::new(size)),
            idle: Arc::new(Mutex::new(connections)),
            size: u32::try_from(size).unwrap_or(1),
        })
    }

    /// Runs `query` off the async threads. It sees everything that was answered before.
    pub(super) async fn run<T, F>(&self, action: &'static str, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits).acquire_owned().await.map_err(|_| StoreError::Closed)?;
        let idle = Arc::clone(&self.idle);
        let work = move || {
            let connection = idle.lock().pop().ok_or(StoreError::Closed)?;
            let result = query(&connection).map_err(|e| database_error(action, &e));
            idle.lock().push(connection);
            // Only now may the next one look for a connection.
            drop(permit);
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| StoreError::io(action, e))?
    }

    /// Waits for reads that run and closes the connections.
    pub(super) async fn close(&self) {
        if let Ok(all) = self.permits.acquire_many(self.size).await {
            self.permits.close();
            drop(all);
        }
        let connections = std::mem::take(&mut *self.idle.lock());
        // Closing touches the disk.
        let _ = tokio::task::spawn_blocking(move || drop(connections)).await;
    }
}
