//! Where the data plane is joined to the control plane, which is built before it.

use std::sync::Arc;

use hearth_model::Preparation;
use tokio::sync::watch;

use crate::error::Error;

/// Holds the one who initialises ahead of demand, once there is one.
pub(crate) struct Joint {
    sender: watch::Sender<Option<Arc<dyn Preparation>>>,
}

impl Default for Joint {
    fn default() -> Self {
        Self {
            sender: watch::Sender::new(None),
        }
    }
}

impl Joint {
    pub(crate) fn join(&self, preparation: Arc<dyn Preparation>) {
        self.sender.send_replace(Some(preparation));
    }

    pub(crate) fn get(&self) -> Option<Arc<dyn Preparation>> {
        self.sender.borrow().clone()
    }

    /// Waits until there is one.
    pub(crate) async fn joined(&self) -> Arc<dyn Preparation> {
        let mut receiver = self.sender.subscribe();
        let joined = receiver.wait_for(Option::is_some).await.map(|found| found.clone());
        match joined {
            Ok(Some(preparation)) => preparation,
            // The sender lives as long as this does.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// # Errors
    /// `member` is refused while nobody would honour it.
    pub(crate) fn check(&self, member: &'static str) -> Result<(), Error> {
        if self.sender.borrow().is_some() {
            return Ok(());
        }
        Err(Error::NotAvailable {
            member,
            hint: "nothing initialises environments ahead of demand here".to_owned(),
        })
    }
}
