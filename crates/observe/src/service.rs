//! The service: opened once, handed out in parts, closed last.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::Clock;
use hearth_model::LogSink;
use hearth_wire::aws_json::Operation;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use crate::db::readers::Readers;
use crate::db::writer::Writer;
use crate::error::OpenError;
use crate::inbox::{Inbox, Limits};
use crate::sink::Sink;
use crate::store::Store;

/// How much log data is kept unless told otherwise: 2 GiB.
pub const MAX_BYTES: u64 = 2 << 30;

/// What the service needs.
#[derive(Clone, Debug)]
pub struct Options {
    /// The folder of the log database, made when it is missing. Nothing else may use it.
    pub dir: PathBuf,
    pub clock: Clock,
    /// Bytes of log data kept; beyond it the oldest are dropped. The file may be some percent
    /// larger.
    pub max_bytes: u64,
}

/// Logs: a store of its own with one writer thread, and the CloudWatch Logs API over it.
pub struct Observe {
    store: Store,
    ended: Mutex<Option<oneshot::Receiver<()>>>,
}

impl Observe {
    /// Opens the store and starts its writer thread. Blocks for a few milliseconds.
    ///
    /// # Errors
    /// The folder or the database cannot be used.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let Options { dir, clock, max_bytes } = options;
        std::fs::create_dir_all(&dir).map_err(|source| OpenError::Folder { path: dir.clone(), source })?;
        let path = dir.join("logs.db");
        let writer = Writer::open(&path, clock.clone(), max_bytes)?;
        let inbox = Arc::new(Inbox::new(Limits::default()));
        let (end, ended) = oneshot::channel();
        let line = Arc::clone(&inbox);
        std::thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || {
                write_until_closed(&line, writer);
                // Nobody listens when the service was dropped.
                let _ = end.send(());
            })
            .map_err(OpenError::Thread)?;
        Ok(Self {
            store: Store {
                inbox,
                readers: Readers::new(path),
                clock,
            },
            ended: Mutex::new(Some(ended)),
        })
    }

    /// Where log events go. After [`Observe::close`] it drops them.
    #[must_use]
    pub fn sink(&self) -> Arc<dyn LogSink> {
        Arc::new(Sink {
            inbox: Arc::clone(&self.store.inbox),
            clock: self.store.clock.clone(),
        })
    }

    /// The operations of `Logs_20140328`: those that are served, and those that say they are not.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        crate::api::operations(&self.store)
    }

    /// Takes no more events, and waits up to `deadline` until all that were taken are written.
    /// True when they are. To be called after everything that logs has ended; calling it twice
    /// changes nothing.
    pub async fn close(&self, deadline: Duration) -> bool {
        self.store.inbox.close();
        let ended = self.ended.lock().take();
        match ended {
            Some(ended) => tokio::time::timeout(deadline, ended).await.is_ok_and(|end| end.is_ok()),
            None => true,
        }
    }
}

impl Drop for Observe {
    /// Lets the writer thread finish and end by itself.
    fn drop(&mut self) {
        self.store.inbox.close();
    }
}

/// The life of the writer thread.
fn write_until_closed(inbox: &Inbox<Writer>, mut writer: Writer) {
    /// A writer that panics must not leave appenders waiting.
    struct CloseAtEnd<'a>(&'a Inbox<Writer>);
    impl Drop for CloseAtEnd<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    let _close = CloseAtEnd(inbox);
    let mut busy = writer.chore();
    loop {
        let work = inbox.next(busy);
        writer.write(work.lots);
        for request in work.requests {
            request.run(&mut writer);
        }
        if work.last {
            break;
        }
        busy = writer.chore();
    }
    writer.finish();
}
