//! One signal for "stop taking work", seen by everyone who holds a clone.

use tokio_util::sync::CancellationToken;

/// A broadcast, once-only request to stop. Cheap to clone; children stop with their parent.
#[derive(Clone, Debug, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// A signal nobody has given yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal that is given with this one, but can be given alone.
    #[must_use]
    pub fn child(&self) -> Self {
        Self {
            token: self.token.child_token(),
        }
    }

    /// Gives the signal. Giving it twice changes nothing.
    pub fn start(&self) {
        self.token.cancel();
    }

    /// True once the signal was given.
    #[must_use]
    pub fn is_started(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Waits for the signal.
    pub async fn started(&self) {
        self.token.cancelled().await;
    }
}
