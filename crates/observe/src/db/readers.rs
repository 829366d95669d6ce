//! Read transactions beside the writer.

use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema;
use crate::error::{LogsError, Result};

/// Reads that run at a time; the others wait in line.
const AT_ONCE: usize = 4;

/// Connections that can only read, opened as they are needed.
#[derive(Clone)]
pub(crate) struct Readers {
    path: Arc<PathBuf>,
    idle: Arc<Mutex<Vec<Connection>>>,
    places: Arc<Semaphore>,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path: Arc::new(path),
            idle: Arc::default(),
            places: Arc::new(Semaphore::new(AT_ONCE)),
        }
    }

    /// Runs `read` in one transaction, so on one state of the store, off the async threads.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| LogsError::Closed)?;
        let readers = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            readers.run(read)
        });
        done.await.map_err(|_| LogsError::Closed)?
    }

    fn run<T>(&self, read: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let idle = self.idle.lock().pop();
        let connection = match idle {
            Some(connection) => connection,
            None => schema::open_reader(&self.path)?,
        };
        let transaction = connection.unchecked_transaction()?;
        let value = read(&transaction);
        transaction.finish()?;
        self.idle.lock().push(connection);
        value
    }
}
