//! The end of an environment's processes.
//!
//! Without extensions they are killed. With them the runtime is asked to end first (SIGTERM), then
//! those that registered for it are told of the shutdown, and who is left at the deadline is
//! killed. Source: fact sheet "Lambda execution-environment contract", section 2.

use std::time::Duration;

use tokio::time::Instant;

use super::actor::Environment;
use crate::extensions::{Event, ShutdownReason};

/// All the time there is, with external extensions.
const EXTERNAL: Duration = Duration::from_millis(2_000);

/// The runtime's share of that: 30 %.
const EXTERNAL_RUNTIME: Duration = Duration::from_millis(600);

/// All the time there is, with internal extensions alone.
const INTERNAL: Duration = Duration::from_millis(500);

/// The runtime's share of that.
const INTERNAL_RUNTIME: Duration = Duration::from_millis(300);

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

impl Environment {
    /// Ends what [went down](Environment::go_down), if it has not been ended yet.
    pub(super) async fn finish_down(&mut self) {
        let Some(reason) = self.downfall.take() else { return };
        self.farewell(reason).await;
        self.kill();
        self.crew.dismiss(self.plane.clock.now_ms(), &mut self.journal);
        self.runtime.output.close(&mut self.journal);
        self.frozen = false;
        self.journal.flush().await;
    }

    /// The last thing in an environment's life.
    pub(super) async fn part(&mut self) {
        if self.downfall.is_none() && self.runtime.up {
            self.downfall = self.crew.is_present().then_some(ShutdownReason::Spindown);
        }
        self.finish_down().await;
    }

    async fn farewell(&mut self, reason: ShutdownReason) {
        self.thaw();
        let extensions = std::sync::Arc::clone(&self.runtime.services.extensions);
        let (all, runtimes) =
            if extensions.has_external() { (EXTERNAL, EXTERNAL_RUNTIME) } else { (INTERNAL, INTERNAL_RUNTIME) };
        let began = Instant::now();
        let deadline = began + all;
        if self.runtime.has_begun() {
            let signal = if reason == ShutdownReason::Timeout { SIGKILL } else { SIGTERM };
            // Errors mean that there is nobody left to tell.
            let _ = self.runtime.sandbox.signal(signal);
            self.end_runtime(began + runtimes).await;
            let _ = self.runtime.sandbox.signal(SIGKILL);
        }
        let left_ms = u64::try_from(deadline.saturating_duration_since(Instant::now()).as_millis()).unwrap_or(u64::MAX);
        let now_ms = u64::try_from(self.plane.clock.now_ms()).unwrap_or_default();
        extensions.give(Event::Shutdown {
            reason,
            deadline_ms: now_ms.saturating_add(left_ms),
        });
        while !extensions.told_to_end().is_empty() && self.crew.has_members() {
            if !self.parting_event(deadline).await {
                return;
            }
        }
    }

    /// Waits for the runtime's end, and for subscribers to take what there is to tell.
    async fn end_runtime(&mut self, until: Instant) {
        let telemetry = std::sync::Arc::clone(&self.runtime.services.telemetry);
        let sandbox = std::sync::Arc::clone(&self.runtime.sandbox);
        let ended = async {
            sandbox.wait().await;
            telemetry.flush(until).await;
        };
        tokio::pin!(ended);
        loop {
            tokio::select! {
                biased;
                () = &mut ended => break,
                goes_on = self.parting_event(until) => if !goes_on {
                    break;
                },
            }
        }
        self.drain_output();
    }

    /// Takes what is printed, and notes who ends. False: the time is up.
    async fn parting_event(&mut self, until: Instant) -> bool {
        let has_room = self.journal.has_room();
        tokio::select! {
            biased;
            (place, exit) = self.crew.ended(), if self.crew.has_members() => {
                self.crew.bury(place, &exit, self.plane.clock.now_ms(), &mut self.journal);
            }
            () = self.crew.readable(), if has_room => self.drain_output(),
            () = self.runtime.output.readable(), if has_room => self.drain_output(),
            () = self.journal.appended(), if self.journal.is_appending() => {}
            () = tokio::time::sleep_until(until) => return false,
        }
        if !self.journal.is_appending() {
            self.journal.flush().await;
        }
        true
    }
}
