//! Keeps a helper running: when one dies, its sandboxes are dead as well, and another one takes its place.
//!
//! A new helper first removes what the one before left, so nothing of a dead sandbox meets a new one. Deaths in close
//! succession are a broken host or program, which starting again does not mend: each makes the next start wait longer.

use std::collections::VecDeque;
use std::process::{Child, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::helper::{Begun, Helper, gone};
use crate::error::SandboxError;
use crate::spec::Options;

/// Deaths older than this are forgotten.
const MEMORY: Duration = Duration::from_secs(60);
/// The pause after the second death within [`MEMORY`]; it doubles with each further one.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
/// From here on callers are not kept waiting for the next start.
const LONG: Duration = Duration::from_secs(2);
/// How long a caller waits for a new helper before it is told that there is none.
const PATIENCE: Duration = Duration::from_secs(10);

/// Which helper to ask.
#[derive(Debug, Clone)]
pub(super) enum Status {
    Up(Arc<Helper>),
    /// Another one is being started.
    Starting,
    /// None for a while, and why.
    Down(String),
    /// The service is being shut down.
    Closed,
}

/// The one background task.
pub(super) struct Supervisor {
    pub(super) options: Options,
    pub(super) status: watch::Sender<Status>,
    /// Becomes true when the service is to end, and the helper with it.
    pub(super) closing: watch::Receiver<bool>,
    pub(super) deaths: Deaths,
}

impl Supervisor {
    /// Ends after the helper has, when it is asked to.
    pub(super) async fn run(mut self, mut helper: Arc<Helper>, mut child: Child) {
        loop {
            let was_told = self.serve(&helper).await;
            let ended = collect(child).await;
            // It may have died as well when it was told: only of itself has it left nothing.
            if was_told && ended.is_some_and(|status| status.success()) {
                break;
            }
            let how = ended.map_or_else(|| "nobody knows how".to_owned(), |status| status.to_string());
            tracing::error!(
                pid = helper.pid,
                "the sandbox helper has ended ({how}), and its sandboxes with it; starting another one"
            );
            let Some(begun) = self.start_again().await else {
                self.clean_up().await;
                break;
            };
            Begun { helper, child, .. } = begun;
            tracing::info!(pid = helper.pid, "the sandbox helper runs again");
        }
        self.status.send_replace(Status::Closed);
    }

    /// Returns when the helper is gone: true when it was told to end.
    async fn serve(&mut self, helper: &Helper) -> bool {
        let mut reading = std::pin::pin!(helper.read_answers());
        tokio::select! {
            () = &mut reading => false,
            () = asked_to_close(&mut self.closing) => {
                helper.shut_down().await;
                reading.await;
                true
            }
        }
    }

    /// What a dead helper left is removed by one that begins, and does nothing else.
    async fn clean_up(&self) {
        match Helper::begin(&self.options).await {
            Ok(Begun { helper, child, .. }) => {
                helper.shut_down().await;
                helper.read_answers().await;
                collect(child).await;
            }
            Err(error) => tracing::error!("failed to clean up behind the sandbox helper: {error}"),
        }
    }

    /// Tries until there is a helper again; `None` when the service ends before that.
    async fn start_again(&mut self) -> Option<Begun> {
        loop {
            let pause = self.deaths.next_pause(Instant::now());
            self.status.send_replace(if pause < LONG {
                Status::Starting
            } else {
                Status::Down(format!("it ended again and again; the next start is in {} s", pause.as_secs()))
            });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = asked_to_close(&mut self.closing) => return None,
            }
            match Helper::begin(&self.options).await {
                Ok(begun) => {
                    self.status.send_replace(Status::Up(Arc::clone(&begun.helper)));
                    return Some(begun);
                }
                Err(error) => tracing::error!("failed to start another sandbox helper: {error}"),
            }
        }
    }
}

async fn asked_to_close(closing: &mut watch::Receiver<bool>) {
    // An error means that nobody is left to ask; then it is time as well.
    let _ = closing.wait_for(|closing| *closing).await;
}

/// Waits for the end of the process.
pub(super) async fn collect(mut child: Child) -> Option<ExitStatus> {
    tokio::task::spawn_blocking(move || child.wait().ok()).await.ok().flatten()
}

/// The helper to ask, waiting for it while another one is being started.
///
/// # Errors
/// [`SandboxError::HelperGone`] says why there is none.
pub(super) async fn current(status: &watch::Receiver<Status>) -> Result<Arc<Helper>, SandboxError> {
    let mut status = status.clone();
    let known = status.wait_for(|status| match status {
        // Dead, which the supervisor is about to notice.
        Status::Up(helper) => !helper.is_gone(),
        Status::Starting => false,
        Status::Down(_) | Status::Closed => true,
    });
    let known = tokio::time::timeout(PATIENCE, known).await;
    let known = known.map_err(|_| gone("another one has not come up yet"))?;
    match known.map(|status| status.clone()) {
        Ok(Status::Up(helper)) => Ok(helper),
        Ok(Status::Down(why)) => Err(gone(&why)),
        Ok(Status::Starting | Status::Closed) | Err(_) => Err(gone("the service was shut down")),
    }
}

/// When helpers died.
#[derive(Debug, Default)]
pub(super) struct Deaths(VecDeque<Instant>);

impl Deaths {
    /// Notes one, and says how long to wait before the next start.
    fn next_pause(&mut self, now: Instant) -> Duration {
        self.0.retain(|death| now.duration_since(*death) < MEMORY);
        let earlier = self.0.len() as u32;
        self.0.push_back(now);
        match earlier.checked_sub(1) {
            None => Duration::ZERO,
            Some(doublings) => (FIRST_PAUSE * 2u32.pow(doublings.min(16))).min(MEMORY),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_death_costs_no_time_and_many_cost_more_and_more() {
        let mut deaths = Deaths::default();
        let start = Instant::now();
        let pauses: Vec<u128> = (0..10).map(|_| deaths.next_pause(start).as_millis()).collect();
        assert_eq!(pauses, [0, 250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000]);
        assert_eq!(deaths.next_pause(start + MEMORY), Duration::ZERO);
    }
}
