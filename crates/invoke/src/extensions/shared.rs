//! What an environment and the connections of its extensions share.

use std::sync::Arc;

use hearth_core::Random;
use parking_lot::Mutex;
use tokio::sync::Notify;
use uuid::Uuid;

use super::event::Event;
use super::registry::{Fatal, Refusal, Registry, State, Summary};
use crate::report::Record;

/// What a registration is answered with.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) function_name: String,
    pub(crate) function_version: String,
    pub(crate) handler: String,
    pub(crate) account_id: String,
}

#[derive(Debug, Default)]
struct Inner {
    registry: Registry,
    /// Absent until the environment belongs to a function; nobody can register before.
    identity: Option<Arc<Identity>>,
    /// For the environment's log.
    notes: Vec<Record>,
}

/// An extension may subscribe as often as it likes, and fill nobody's memory by it.
const NOTES_MAX: usize = 32;

/// The extensions of one environment.
#[derive(Debug)]
pub(crate) struct Extensions {
    random: Random,
    inner: Mutex<Inner>,
    /// Wakes those who wait for an event.
    given: Notify,
    /// Wakes the environment, which looks what has changed.
    changed: Notify,
}

impl Extensions {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            inner: Mutex::default(),
            given: Notify::new(),
            changed: Notify::new(),
        }
    }

    /// An init begins, for the first time or again: registration opens.
    pub(crate) fn begin(&self, identity: Arc<Identity>, external: Vec<String>) {
        let mut inner = self.inner.lock();
        inner.identity = Some(identity);
        inner.registry.begin(external);
        drop(inner);
        // Calls of processes that are no more.
        self.given.notify_waiters();
    }

    /// The runtime asked for its first event. Returns whether there are extensions.
    pub(crate) fn close_registration(&self) -> bool {
        self.inner.lock().registry.close() > 0
    }

    /// Waits until an extension has done something. For the environment alone; cancel-safe.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    pub(crate) fn all_external_registered(&self) -> bool {
        self.inner.lock().registry.all_external_registered()
    }

    pub(crate) fn all_external_ready(&self) -> bool {
        self.inner.lock().registry.all_external_ready()
    }

    pub(crate) fn all_ready(&self) -> bool {
        self.inner.lock().registry.all_ready()
    }

    pub(crate) fn is_settled(&self) -> bool {
        self.inner.lock().registry.is_settled()
    }

    pub(crate) fn has_external(&self) -> bool {
        self.inner.lock().registry.has_external()
    }

    pub(crate) fn told_to_end(&self) -> Vec<String> {
        self.inner.lock().registry.told_to_end()
    }

    pub(crate) fn fatal(&self) -> Option<Fatal> {
        self.inner.lock().registry.fatal().cloned()
    }

    pub(crate) fn summaries(&self) -> Vec<Summary> {
        self.inner.lock().registry.summaries()
    }

    /// Gives those who registered for it an event.
    pub(crate) fn give(&self, event: Event) {
        self.inner.lock().registry.begin_event(event);
        self.given.notify_waiters();
    }

    /// An external one's process ended or could not start.
    pub(crate) fn end(&self, name: &str, state: State) {
        self.inner.lock().registry.end(name, state);
        self.given.notify_waiters();
    }

    pub(super) fn register(&self, name: &str, events: &[String]) -> Result<(Uuid, Arc<Identity>), Refusal> {
        let id = self.random.uuid();
        let mut inner = self.inner.lock();
        inner.registry.register(name, events, id)?;
        // Registration is closed as long as there is none.
        let identity = inner
            .identity
            .clone()
            .ok_or_else(|| Refusal::new("Extension.RegistrationClosed", "Extension registration closed already"))?;
        drop(inner);
        self.changed.notify_one();
        Ok((id, identity))
    }

    /// `event/next`: waits for the event.
    pub(super) async fn next(&self, id: Uuid) -> Result<Arc<Event>, Refusal> {
        self.inner.lock().registry.ask(id)?;
        self.changed.notify_one();
        loop {
            let given = self.given.notified();
            tokio::pin!(given);
            // Registered before the look, so that no event slips between look and wait.
            given.as_mut().enable();
            if let Some(event) = self.inner.lock().registry.take(id)? {
                return Ok(event);
            }
            given.await;
        }
    }

    pub(super) fn fail_init(&self, id: Uuid, error_type: String) -> Result<(), Refusal> {
        self.inner.lock().registry.fail_init(id, error_type)?;
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn fail_exit(&self, id: Uuid, error_type: String) -> Result<(), Refusal> {
        self.inner.lock().registry.fail_exit(id, error_type)?;
        self.changed.notify_one();
        Ok(())
    }

    /// The name of a registered extension.
    pub(super) fn name(&self, id: Uuid) -> Result<String, Refusal> {
        self.inner.lock().registry.name(id).map(str::to_owned)
    }

    /// For an event's own identifier.
    pub(super) fn fresh_id(&self) -> Uuid {
        self.random.uuid()
    }

    /// Something that the environment is to write to the log.
    pub(crate) fn note(&self, record: Record) {
        let mut inner = self.inner.lock();
        if inner.notes.len() < NOTES_MAX {
            inner.notes.push(record);
        }
        drop(inner);
        self.changed.notify_one();
    }

    pub(crate) fn take_notes(&self) -> Vec<Record> {
        std::mem::take(&mut self.inner.lock().notes)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::ShutdownReason;
    use super::*;

    fn identity() -> Arc<Identity> {
        Arc::new(Identity {
            function_name: "f".into(),
            function_version: "$LATEST".into(),
            handler: "app.handler".into(),
            account_id: "000000000000".into(),
        })
    }

    fn extensions() -> Arc<Extensions> {
        Arc::new(Extensions::new(Random::seeded(1)))
    }

    #[tokio::test]
    async fn nobody_registers_before_there_is_a_function() {
        let extensions = extensions();
        assert_eq!(extensions.register("i", &[]).unwrap_err().kind, "Extension.RegistrationClosed");
        extensions.begin(identity(), Vec::new());
        assert!(extensions.register("i", &[]).is_ok());
        assert!(extensions.close_registration());
    }

    #[tokio::test]
    async fn an_event_reaches_who_waits_and_who_comes_later() {
        let extensions = extensions();
        extensions.begin(identity(), vec!["a".into(), "b".into()]);
        let invoke = vec!["INVOKE".to_owned()];
        let (a, _) = extensions.register("a", &invoke).unwrap();
        let (b, _) = extensions.register("b", &invoke).unwrap();
        let waiting = tokio::spawn({
            let extensions = Arc::clone(&extensions);
            async move { extensions.next(a).await }
        });
        while !matches!(extensions.summaries()[0].state, State::Ready) {
            extensions.changed().await;
        }
        let event = Event::Invoke {
            deadline_ms: 1,
            request_id: "id".into(),
            invoked_arn: String::new(),
            trace_header: String::new(),
        };
        extensions.give(event.clone());
        assert_eq!(*waiting.await.unwrap().unwrap(), event);
        assert_eq!(*extensions.next(b).await.unwrap(), event);
        assert!(!extensions.is_settled());
    }

    #[tokio::test]
    async fn who_waits_is_told_when_the_environment_starts_over() {
        let extensions = extensions();
        extensions.begin(identity(), vec!["a".into()]);
        let (a, _) = extensions.register("a", &[]).unwrap();
        let waiting = tokio::spawn({
            let extensions = Arc::clone(&extensions);
            async move { extensions.next(a).await }
        });
        while !extensions.all_external_ready() {
            extensions.changed().await;
        }
        extensions.begin(identity(), vec!["a".into()]);
        assert_eq!(waiting.await.unwrap().unwrap_err().kind, "Extension.UnknownExtensionIdentifier");
        // An end is an end also for who waits.
        let (a, _) = extensions.register("a", &[]).unwrap();
        extensions.give(Event::Shutdown {
            reason: ShutdownReason::Spindown,
            deadline_ms: 1,
        });
        extensions.end("a", State::Exited);
        assert_eq!(extensions.next(a).await.unwrap_err().kind, "Extension.InvalidExtensionState");
    }
}
