//! The store as operations see it: changes in line with the writer, reads beside it.
//!
//! Reads see what was appended before them: a read first has the writer commit what waits in its
//! group, so `aws logs` straight after an invocation finds all of it.

use std::sync::Arc;

use hearth_core::Clock;
use rusqlite::{Connection, Transaction};
use tokio::sync::oneshot;

use crate::db::readers::Readers;
use crate::db::writer::Writer;
use crate::error::{LogsError, Result};
use crate::inbox::{GroupKey, Inbox, Scope};

/// Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    pub(crate) inbox: Arc<Inbox<Writer>>,
    pub(crate) readers: Readers,
    pub(crate) clock: Clock,
}

impl Store {
    /// Commits what waits for this group, then reads.
    pub(crate) async fn read_group<T: Send + 'static>(
        &self,
        group: &GroupKey,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(Scope::Group(group.clone()), |_| Ok(())).await?;
        self.readers.read(read).await
    }

    /// Commits whatever waits, then reads.
    pub(crate) async fn read_all<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(Scope::All, |_| Ok(())).await?;
        self.readers.read(read).await
    }

    /// Commits what waits for this group, then changes something. `now_ms` is given to `change`.
    pub(crate) async fn change<T: Send + 'static>(
        &self,
        group: &GroupKey,
        change: impl FnOnce(&Transaction<'_>, i64) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(Scope::Group(group.clone()), |writer| {
            let now_ms = writer.now_ms();
            writer.change(|transaction| change(transaction, now_ms))
        })
        .await
    }

    /// As [`Store::change`], for changes that take streams or events away.
    pub(crate) async fn remove<T: Send + 'static>(
        &self,
        group: &GroupKey,
        change: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.ask(Scope::Group(group.clone()), |writer| {
            let done = writer.change(change);
            writer.forget();
            writer.wake_chores();
            done
        })
        .await
    }

    async fn ask<T: Send + 'static>(
        &self,
        scope: Scope,
        job: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (answer, answered) = oneshot::channel();
        let accepted = self
            .inbox
            .request(scope, |writer| {
                // Nobody listens when the client is gone.
                let _ = answer.send(job(writer));
            })
            .await;
        if !accepted {
            return Err(LogsError::Closed);
        }
        answered.await.map_err(|_| LogsError::Closed)?
    }
}
