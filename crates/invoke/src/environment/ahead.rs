//! The lives of environments that are initialised ahead of demand: provisioned ones, which are kept
//! ready, and snapshots, which wait to be restored.

use std::time::Duration;

use hearth_model::SnapshotError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::actor::{Environment, Event, InitFailure, NEVER};
use super::open::{hold_snapshots, new_id, runtime_name, stream_name, stream_of};
use super::run::End;
use crate::payload::PlatformError;
use crate::pool::Order;
use crate::report::{Entry, Status};

/// An init ahead of demand may take this long, or as long as the function's timeout if that is
/// longer. Source: fact sheet "Lambda execution-environment contract", section 6.
const INIT_AHEAD: Duration = Duration::from_secs(130);

/// A restore with its hooks. Source: the same, section 1.6.
const RESTORE: Duration = Duration::from_secs(10);

impl Environment {
    fn init_ahead_limit(&self) -> Duration {
        INIT_AHEAD.max(Duration::from_secs(self.spec.timeout.0.into()))
    }

    /// Initialised once and kept. True: another one is to be started in its place.
    pub(super) async fn live_provisioned(mut self) -> bool {
        let limit = self.init_ahead_limit();
        if self.first_init(limit).await.is_some() {
            self.end().await;
            return self.pool.provisioned_ended(false, Some(super::open::INIT_FAILURE.to_owned()));
        }
        self.pool.provisioned_is_up();
        let next = self.pool.offer(&self.handle, false);
        self.serve(next).await;
        // One that dies before its first job would die again.
        let failure = (self.runs == 0 && !self.runtime.up).then(|| super::open::INIT_FAILURE.to_owned());
        self.pool.provisioned_ended(true, failure)
    }

    /// Initialised as a snapshot, which waits until a cold start takes it.
    pub(super) async fn live_suspended(mut self, told: Option<oneshot::Sender<Result<(), SnapshotError>>>) {
        let limit = self.init_ahead_limit();
        let failure = self.first_init(limit).await;
        let made = failure.as_ref().map_or(Ok(()), |failure| Err(snapshot_error(failure, &self)));
        if made.is_err() {
            self.pool.snapshot_failed();
            tell(told, made);
            return self.end().await;
        }
        if let Some(image) = self.copy().await {
            self.pool.keep_image(image);
        }
        tell(told, made);
        self.freeze().await;
        if self.pool.snapshot_is_up(&self.handle) {
            hold_snapshots(&self.plane, &self.pool);
            if self.until_restored().await {
                return self.live_restored().await;
            }
        }
        self.end().await;
    }

    /// There was no snapshot: init and restore in one, for the job that waits.
    pub(super) async fn live_unsuspended(mut self) {
        let limit = self.init_ahead_limit();
        if self.first_init(limit).await.is_some() {
            // As on demand: the first invocation tries again.
            let next = self.pool.offer(&self.handle, true);
            return self.serve(next).await;
        }
        if let Some(image) = self.copy().await {
            self.pool.keep_image(image);
        }
        hold_snapshots(&self.plane, &self.pool);
        self.live_restored().await;
    }

    /// Waits, frozen. False: it ends.
    async fn until_restored(&mut self) -> bool {
        loop {
            match self.event(Instant::now() + NEVER, true).await {
                Event::Order(Order::Restore) => {
                    self.thaw();
                    return true;
                }
                Event::Order(Order::Retire) => return false,
                // Jobs go to environments that have offered themselves.
                Event::Order(Order::Run(_)) | Event::Said(_) | Event::Appended | Event::Time => {}
                Event::Printed => self.take_output().await,
                Event::Extensions if self.mishap().await.is_none() => {}
                Event::Exited(_) | Event::Extensions => {
                    self.go_down();
                    self.finish_down().await;
                    if self.pool.withdraw_snapshot(self.handle.id) {
                        return false;
                    }
                    // Taken in the same moment: the order is on its way, and the job gets a new process.
                }
            }
        }
    }

    /// From the restore on, an environment like any other.
    pub(super) async fn live_restored(mut self) {
        let next = match self.restore().await {
            Ok(()) => self.pool.offer(&self.handle, true),
            Err(failure) => {
                self.go_down();
                match self.pool.give_up_start() {
                    Some(job) => {
                        // Nothing further runs in an environment whose restore failed.
                        self.handle.generation = 0;
                        let end = self.restore_end(failure, &job.invocation.request_id);
                        self.conclude(*job, end, Instant::now()).await
                    }
                    None => return self.end().await,
                }
            }
        };
        self.serve(next).await;
    }

    /// Makes a snapshot run on: a log stream of its own, the hooks after restore.
    pub(super) async fn restore(&mut self) -> Result<(), InitFailure> {
        let began = Instant::now();
        self.begin_stream().await;
        let start = Entry::RestoreStart {
            function: self.spec.name.as_str(),
            version: self.spec.version,
            runtime: &runtime_name(&self.launch),
            memory_size_mib: self.spec.memory.0,
        };
        self.journal.tell(self.plane.clock.now_ms(), &start);
        let restored = self.run_on(began + RESTORE).await;
        let took = began.elapsed();
        self.restore_took = restored.is_ok().then_some(took);
        let status = restored.as_ref().err().map_or(Status::Success, InitFailure::status);
        let now = self.plane.clock.now_ms();
        self.journal.tell(now, &Entry::RestoreRuntimeDone { status: &status });
        self.journal.tell(now, &Entry::RestoreReport { took, status: &status });
        restored
    }

    /// Tells a runtime that waits for its restore to run on. One that is ready already (it knows
    /// no restore) stays so.
    pub(super) async fn run_on(&mut self, limit: Instant) -> Result<(), InitFailure> {
        if !std::mem::take(&mut self.at_restore) {
            return if self.ready { Ok(()) } else { Err(InitFailure::Timeout) };
        }
        tokio::select! {
            biased;
            // A runtime that does not read is found by its end or by the limit.
            _ = self.runtime.link.restore(&[]) => {}
            () = tokio::time::sleep_until(limit) => {}
        }
        self.init(limit).await
    }

    /// What was printed from now on belongs to a stream of its own, as each environment's does.
    async fn begin_stream(&mut self) {
        self.drain_output_to_the_end();
        self.journal.finish().await;
        self.launch.log_stream = stream_name(&self.plane, &self.spec, &new_id(&self.plane));
        self.journal.turn_to(stream_of(&self.launch));
    }

    fn restore_end(&self, failure: InitFailure, id: &str) -> End {
        match failure {
            InitFailure::Posted { error_type, body } => End::failure(error_type, body),
            InitFailure::Platform(error) => End::platform(error, id),
            InitFailure::Timeout => {
                let text = format!("Restore timed out after {}.00 seconds", RESTORE.as_secs());
                End::platform(PlatformError::new("Sandbox.Timedout", text), id)
            }
        }
    }
}

fn tell(told: Option<oneshot::Sender<Result<(), SnapshotError>>>, made: Result<(), SnapshotError>) {
    // An error means that nobody waits for it.
    let _ = told.map(|told| told.send(made));
}

fn snapshot_error(failure: &InitFailure, environment: &Environment) -> SnapshotError {
    match failure {
        InitFailure::Posted { error_type, body } => SnapshotError {
            kind: error_type.clone(),
            message: String::from_utf8_lossy(body).into_owned(),
        },
        InitFailure::Platform(error) => SnapshotError {
            kind: error.kind.clone(),
            message: error.text.clone(),
        },
        InitFailure::Timeout => SnapshotError {
            kind: "Sandbox.Timedout".to_owned(),
            message: format!("the init took longer than {} seconds", environment.init_ahead_limit().as_secs()),
        },
    }
}
