//! The one thread that writes: group commit.
//!
//! It takes every request that waits, runs each in a savepoint of one transaction, so that a
//! conflict in one does not fail the others, commits and syncs once, tells the watchers, and
//! answers all. Under load the cost of a sync is shared by everyone who waited for it.

use std::sync::Arc;

use bytes::Bytes;
use hearth_core::Clock;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::apply::{Failure, Session};
use super::database_error;
use super::lock::FolderLock;
use crate::traits::{Change, Lease, Queue, QueueItem, StoreError, Write};
use crate::watchers::Watchers;

/// Most requests in one transaction: keeps the first of them from waiting long.
const GROUP_MAX: usize = 512;

/// A change to make.
#[derive(Debug)]
pub(super) enum Work {
    Commit(Vec<Write>),
    EnqueueHeld {
        queue: Queue,
        body: Bytes,
        lease_ms: u64,
    },
    Lease {
        queue: Queue,
        max: usize,
        lease_ms: u64,
    },
    Complete(Lease),
    Release {
        lease: Lease,
        delay_ms: u64,
    },
    Replace {
        lease: Lease,
        body: Bytes,
        delay_ms: u64,
    },
    Extend {
        lease: Lease,
        lease_ms: u64,
    },
    /// The leases of queues whose names begin so.
    Expire(String),
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Answer {
    Versions(Vec<u64>),
    Items(Vec<QueueItem>),
    Lease(Lease),
    Done,
    /// Whether the lease held.
    Held(bool),
}

type Reply = oneshot::Sender<Result<Answer, StoreError>>;

#[derive(Debug)]
pub(super) enum Request {
    Work {
        work: Work,
        reply: Reply,
    },
    /// Leaves nothing in the files of what was deleted or overwritten.
    Scrub(Reply),
    Close(oneshot::Sender<()>),
}

/// What comes after a group of work.
enum End {
    Scrub(Reply),
    Close(oneshot::Sender<()>),
}

pub(super) struct Writer {
    session: Session,
    waiting: mpsc::Receiver<Request>,
    watchers: Arc<Watchers>,
    /// Held as long as anything may be written.
    _lock: FolderLock,
}

impl Writer {
    /// Starts the thread. It ends on [`Request::Close`], or when every sender is gone.
    pub(super) fn start(
        connection: Connection,
        waiting: mpsc::Receiver<Request>,
        clock: Clock,
        watchers: Arc<Watchers>,
        lock: FolderLock,
    ) -> Result<(), StoreError> {
        let session =
            Session::new(connection, clock).map_err(|e| database_error("read the database's sequence", &e))?;
        let writer = Self {
            session,
            waiting,
            watchers,
            _lock: lock,
        };
        std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || writer.run())
            .map(drop)
            .map_err(|e| StoreError::io("start the thread that writes", e))
    }

    fn run(mut self) {
        let mut closing = None;
        while closing.is_none() {
            let Some(first) = self.waiting.blocking_recv() else {
                break;
            };
            let (group, end) = self.gather(first);
            self.commit(group);
            match end {
                Some(End::Scrub(reply)) => drop(reply.send(self.session.scrub().map(|()| Answer::Done))),
                Some(End::Close(closed)) => closing = Some(closed),
                None => {}
            }
        }
        self.waiting.close();
        self.session.fold_log();
        // Ends the connection and frees the folder before anyone is told that it is free.
        drop(self);
        if let Some(closed) = closing {
            let _ = closed.send(());
        }
    }

    /// Everything that waits already, up to a request that is not work.
    fn gather(&mut self, first: Request) -> (Vec<(Work, Reply)>, Option<End>) {
        let mut group = Vec::new();
        let mut next = Some(first);
        while let Some(request) = next {
            match request {
                Request::Work { work, reply } => group.push((work, reply)),
                Request::Scrub(reply) => return (group, Some(End::Scrub(reply))),
                Request::Close(closed) => return (group, Some(End::Close(closed))),
            }
            next = if group.len() < GROUP_MAX { self.waiting.try_recv().ok() } else { None };
        }
        (group, None)
    }

    fn commit(&mut self, group: Vec<(Work, Reply)>) {
        if group.is_empty() {
            return;
        }
        let (work, replies): (Vec<_>, Vec<_>) = group.into_iter().unzip();
        let mut changes = Vec::new();
        let answers = match self.apply(work, &mut changes) {
            Ok(answers) => {
                self.watchers.publish(&changes);
                answers
            }
            Err(error) => {
                tracing::error!(%error, "a transaction failed; none of its changes were made");
                replies.iter().map(|_| Err(error.clone())).collect()
            }
        };
        for (reply, answer) in replies.into_iter().zip(answers) {
            // Whoever asked may have gone away.
            let _ = reply.send(answer);
        }
    }

    /// One transaction. An error outside means that none of it holds.
    fn apply(
        &mut self,
        work: Vec<Work>,
        changes: &mut Vec<Change>,
    ) -> Result<Vec<Result<Answer, StoreError>>, StoreError> {
        self.session.begin().map_err(|e| database_error("begin a transaction", &e))?;
        let mut answers = Vec::with_capacity(work.len());
        for work in work {
            match self.session.perform(work, changes) {
                Ok(answer) => answers.push(Ok(answer)),
                Err(Failure::This(error)) => answers.push(Err(error)),
                Err(Failure::All(error)) => {
                    self.session.abandon();
                    return Err(error);
                }
            }
        }
        self.session.end().map_err(|e| {
            self.session.abandon();
            database_error("commit a transaction", &e)
        })?;
        Ok(answers)
    }
}
