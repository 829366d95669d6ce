//! An invocation where there are extensions: it is over when the runtime and all who were told of
//! it ask for the next event. The caller does not wait for that; the function's timeout does.

use std::time::Duration;

use tokio::time::Instant;

use super::actor::{Environment, Event, InitFailure};
use super::link::Said;
use super::process::StartError;
use crate::extensions::{self, ShutdownReason};
use crate::payload::PlatformError;
use crate::report::{Entry, Phase};
use crate::runtime_api::Delivery;

/// How long the exit of an extension that reported an error may take, for its status to be told.
const LAST_WORDS: Duration = Duration::from_millis(500);

impl Environment {
    /// Starts the external extensions, waits until they have registered, then starts the runtime.
    /// Does nothing where the runtime has been started already.
    pub(super) async fn muster(&mut self, limit: Instant) -> Result<(), InitFailure> {
        if !self.crew.goes_first() || self.runtime.has_begun() {
            return Ok(());
        }
        let credentials = super::actor::issue(&self.plane, &self.spec);
        let started = self.crew.start(&self.runtime.sandbox, &self.launch, &credentials).await;
        if let Err(StartError::Host(cause)) = started {
            return Err(self.unstarted(&cause));
        }
        while !self.runtime.services.extensions.all_external_registered() {
            self.init_event(limit).await?;
        }
        self.check_extensions().await?;
        match self.runtime.start_held().await {
            Ok(()) => Ok(()),
            Err(StartError::Function(error)) => {
                self.go_down();
                Err(InitFailure::Platform(error))
            }
            Err(StartError::Host(cause)) => Err(self.unstarted(&cause)),
        }
    }

    fn unstarted(&mut self, cause: &str) -> InitFailure {
        tracing::warn!(function = %self.spec.name, %cause, "failed to start the processes of an environment");
        self.go_down();
        InitFailure::Platform(PlatformError::new("Sandbox.Failure", "the execution environment could not be started"))
    }

    /// The runtime is ready: nobody else registers, and those that are processes of their own
    /// become ready too. Does nothing after the first time.
    pub(super) async fn attend(&mut self, limit: Instant) -> Result<(), InitFailure> {
        if !self.crew.is_open() || !self.crew.close() {
            return Ok(());
        }
        while !self.runtime.services.extensions.all_external_ready() {
            self.init_event(limit).await?;
        }
        self.check_extensions().await?;
        self.crew.close_subscription();
        self.tell_extensions();
        Ok(())
    }

    /// One event of an init that waits for extensions.
    async fn init_event(&mut self, limit: Instant) -> Result<(), InitFailure> {
        match self.event(limit, false).await {
            Event::Extensions => self.check_extensions().await,
            Event::Printed => {
                self.take_output().await;
                Ok(())
            }
            Event::Exited(exit) => {
                self.go_down();
                Err(InitFailure::Platform(PlatformError::exited(&exit)))
            }
            Event::Time => {
                self.go_down_for(ShutdownReason::Timeout);
                Err(InitFailure::Timeout)
            }
            Event::Said(Said::InitError { error_type, body }) => {
                self.go_down();
                Err(InitFailure::Posted { error_type, body })
            }
            Event::Said(_) | Event::Appended | Event::Order(_) => Ok(()),
        }
    }

    /// [`Environment::mishap`] during an init.
    pub(super) async fn check_extensions(&mut self) -> Result<(), InitFailure> {
        match self.mishap().await {
            Some(error) => {
                self.tell_extensions();
                self.go_down();
                Err(InitFailure::Platform(error))
            }
            None => Ok(()),
        }
    }

    /// After an [`Event::Extensions`]: an extension may have failed, and the environment with it.
    pub(super) async fn mishap(&mut self) -> Option<PlatformError> {
        let now = self.plane.clock.now_ms();
        for record in self.runtime.services.extensions.take_notes() {
            self.journal.tell(now, &Entry::Subscription(&record));
        }
        self.crew.close_subscription();
        let fatal = self.runtime.services.extensions.fatal()?;
        let limit = Instant::now() + LAST_WORDS;
        while !self.crew.knows_end_of(&fatal) {
            match self.event(limit, false).await {
                Event::Printed => self.take_output().await,
                Event::Time | Event::Exited(_) => break,
                _ => {}
            }
        }
        Some(self.crew.failure(&fatal))
    }

    fn tell_extensions(&mut self) {
        let now = self.plane.clock.now_ms();
        for record in self.runtime.services.extensions.take_notes() {
            self.journal.tell(now, &Entry::Subscription(&record));
        }
        for summary in self.runtime.services.extensions.summaries() {
            self.journal.tell(now, &Entry::Extension(&summary));
        }
    }

    /// A new init in the same sandbox begins.
    pub(super) fn begin_again(&mut self) {
        self.crew.begin();
        let name = super::open::runtime_name(&self.launch);
        let start = super::open::init_start(&self.launch, Phase::Invoke, &name);
        self.journal.tell_telemetry(self.plane.clock.now_ms(), &start);
    }

    /// Tells extensions of an invocation.
    pub(super) fn tell_of(&self, delivery: &Delivery) {
        if !self.crew.is_present() {
            return;
        }
        self.runtime.services.extensions.give(extensions::Event::Invoke {
            deadline_ms: delivery.deadline_ms,
            request_id: delivery.request_id.clone(),
            invoked_arn: delivery.invoked_arn.clone(),
            trace_header: delivery.trace_header.clone(),
        });
    }

    /// Waits until the runtime asks for the next event.
    pub(super) async fn until_ready(&mut self, deadline: Instant) -> Result<(), PlatformError> {
        while self.runtime.up && !self.ready {
            self.late_event(deadline).await?;
        }
        Ok(())
    }

    /// Waits until everyone who was told of the invocation asks for the next event.
    pub(super) async fn until_settled(&mut self, deadline: Instant) -> Result<(), PlatformError> {
        // One that failed a moment ago will never ask.
        if self.runtime.up
            && let Some(error) = self.mishap().await
        {
            self.go_down();
            return Err(error);
        }
        while self.runtime.up && !self.runtime.services.extensions.is_settled() {
            self.late_event(deadline).await?;
        }
        Ok(())
    }

    /// One event after the answer.
    async fn late_event(&mut self, deadline: Instant) -> Result<(), PlatformError> {
        match self.event(deadline, false).await {
            Event::Said(Said::Ready) => self.ready = true,
            Event::Printed => self.take_output().await,
            Event::Extensions => {
                if let Some(error) = self.mishap().await {
                    self.go_down();
                    return Err(error);
                }
            }
            Event::Exited(exit) => {
                self.go_down();
                return Err(PlatformError::exited(&exit));
            }
            Event::Time => {
                self.go_down_for(ShutdownReason::Timeout);
                return Err(PlatformError::timed_out(self.spec.timeout.0));
            }
            Event::Said(_) | Event::Appended | Event::Order(_) => {}
        }
        Ok(())
    }
}
