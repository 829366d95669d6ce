//! The states of an environment's extensions.
//!
//! Pure: no waiting, no clock. What an extension is refused carries the type and the text that it
//! sees.

use std::sync::Arc;

use uuid::Uuid;

use super::EXTENSIONS_MAX;
use super::event::{Event, EventKind};

/// Names as AWS prints them in its 403 answers and EXTENSION lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Its process runs; it has not registered.
    Started,
    Registered,
    /// It asked for the next event.
    Ready,
    /// It has an event.
    Running,
    InitError,
    ExitError,
    /// Its process could not be started.
    LaunchError,
    /// Its process is gone.
    Exited,
}

impl State {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Started => "Started",
            Self::Registered => "Registered",
            Self::Ready => "Ready",
            Self::Running => "Running",
            Self::InitError => "InitError",
            Self::ExitError => "ExitError",
            Self::LaunchError => "LaunchError",
            Self::Exited => "Exited",
        }
    }
}

/// Where an extension runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// In the runtime's process, or as a child of it.
    Internal,
    /// A process of its own, from `/opt/extensions`.
    External,
}

/// Why an extension's call is refused. All are 403.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) kind: &'static str,
    pub(super) message: String,
}

impl Refusal {
    pub(super) fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }

    fn unknown(id: Uuid) -> Self {
        Self::new("Extension.UnknownExtensionIdentifier", format!("Unknown extension {id}"))
    }

    fn transition(from: State, to: State, whom: impl std::fmt::Display) -> Self {
        let message = format!(
            "State transition from {} to {} failed for extension {whom}. Error: State transition is not allowed",
            from.as_str(),
            to.as_str(),
        );
        Self::new("Extension.InvalidExtensionState", message)
    }
}

/// An extension ended what the environment was doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fatal {
    /// E.g. `Extension.InitError`.
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    pub(crate) extension: Kind,
    /// What it said itself.
    pub(crate) error_type: Option<String>,
}

/// One extension as logs and telemetry show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) name: String,
    pub(crate) state: State,
    /// In the order in which the extension gave them.
    pub(crate) events: Vec<&'static str>,
    pub(crate) error_type: Option<String>,
}

#[derive(Debug)]
struct Extension {
    name: String,
    /// Nil until it has registered.
    id: Uuid,
    kind: Kind,
    state: State,
    events: Vec<EventKind>,
    /// For its next `event/next`.
    pending: Option<Arc<Event>>,
    error_type: Option<String>,
}

impl Extension {
    fn new(name: String, kind: Kind) -> Self {
        Self {
            name,
            id: Uuid::nil(),
            kind,
            state: State::Started,
            events: Vec::new(),
            pending: None,
            error_type: None,
        }
    }

    fn wants(&self, kind: EventKind) -> bool {
        self.events.contains(&kind)
    }

    fn is_alive(&self) -> bool {
        matches!(self.state, State::Registered | State::Ready | State::Running)
    }
}

#[derive(Debug, Default)]
pub(super) struct Registry {
    extensions: Vec<Extension>,
    /// Registration: from the start of an init until the runtime asks for its first event.
    open: bool,
    /// Ends and errors are expected.
    shutting_down: bool,
    fatal: Option<Fatal>,
}

impl Registry {
    /// A new init: nothing is left of the one before.
    pub(super) fn begin(&mut self, external: Vec<String>) {
        *self = Self {
            extensions: external.into_iter().map(|name| Extension::new(name, Kind::External)).collect(),
            open: true,
            ..Self::default()
        };
    }

    /// No further extension. Returns how many there are.
    pub(super) fn close(&mut self) -> usize {
        self.open = false;
        self.extensions.len()
    }

    /// `register`: the identifier it has from now on is `id`.
    pub(super) fn register(&mut self, name: &str, events: &[String], id: Uuid) -> Result<(), Refusal> {
        let known = self.extensions.iter().position(|e| e.name == name && e.kind == Kind::External);
        let kind = if known.is_some() { Kind::External } else { Kind::Internal };
        let events = parse_events(events, kind)?;
        let place = match known {
            Some(place) => place,
            None => self.admit(name)?,
        };
        let extension = &mut self.extensions[place];
        if extension.state != State::Started {
            return Err(Refusal::transition(extension.state, State::Registered, name));
        }
        extension.state = State::Registered;
        extension.id = id;
        extension.events = events;
        Ok(())
    }

    /// A place for an internal extension.
    fn admit(&mut self, name: &str) -> Result<usize, Refusal> {
        if !self.open {
            return Err(Refusal::new("Extension.RegistrationClosed", "Extension registration closed already"));
        }
        if self.extensions.iter().any(|known| known.name == name) {
            let message = "Extension with this name already registered";
            return Err(Refusal::new("Extension.InvalidExtensionState", message));
        }
        if self.extensions.len() >= EXTENSIONS_MAX {
            let message = format!("Extension limit ({EXTENSIONS_MAX}) reached");
            return Err(Refusal::new("Extension.TooManyExtensions", message));
        }
        self.extensions.push(Extension::new(name.to_owned(), Kind::Internal));
        Ok(self.extensions.len() - 1)
    }

    /// `event/next`: it is done with the event before.
    pub(super) fn ask(&mut self, id: Uuid) -> Result<(), Refusal> {
        let extension = self.of(id)?;
        if !extension.is_alive() {
            return Err(Refusal::transition(extension.state, State::Ready, id));
        }
        extension.state = State::Ready;
        Ok(())
    }

    /// The event that an extension which [asked](Self::ask) is to get, if there is one. Refused
    /// once the extension is no more.
    pub(super) fn take(&mut self, id: Uuid) -> Result<Option<Arc<Event>>, Refusal> {
        let extension = self.of(id)?;
        if !extension.is_alive() {
            return Err(Refusal::transition(extension.state, State::Running, id));
        }
        let event = extension.pending.take();
        if event.is_some() {
            extension.state = State::Running;
        }
        Ok(event)
    }

    /// `init/error`.
    pub(super) fn fail_init(&mut self, id: Uuid, error_type: String) -> Result<(), Refusal> {
        let extension = self.of(id)?;
        if extension.state != State::Registered {
            return Err(Refusal::transition(extension.state, State::InitError, id));
        }
        extension.state = State::InitError;
        self.fail(id, "Extension.InitError", error_type);
        Ok(())
    }

    /// `exit/error`.
    pub(super) fn fail_exit(&mut self, id: Uuid, error_type: String) -> Result<(), Refusal> {
        let extension = self.of(id)?;
        if !extension.is_alive() {
            return Err(Refusal::transition(extension.state, State::ExitError, id));
        }
        extension.state = State::ExitError;
        self.fail(id, "Extension.ExitError", error_type);
        Ok(())
    }

    fn fail(&mut self, id: Uuid, kind: &'static str, error_type: String) {
        let shutting_down = self.shutting_down;
        let Ok(extension) = self.of(id) else { return };
        extension.error_type = Some(error_type.clone());
        let (name, extension) = (extension.name.clone(), extension.kind);
        // The first one is the cause; others follow from it.
        if !shutting_down && self.fatal.is_none() {
            self.fatal = Some(Fatal {
                kind,
                name,
                extension,
                error_type: Some(error_type),
            });
        }
    }

    /// An external one's process is gone, or (`LaunchError`) never was.
    pub(super) fn end(&mut self, name: &str, state: State) {
        let shutting_down = self.shutting_down;
        let found = self.extensions.iter_mut().find(|e| e.name == name && e.kind == Kind::External);
        let Some(extension) = found else { return };
        extension.pending = None;
        let said_so = matches!(extension.state, State::InitError | State::ExitError);
        if !said_so && (shutting_down || state == State::LaunchError) {
            extension.state = state;
        }
        if shutting_down || said_so || self.fatal.is_some() {
            return;
        }
        let kind = if state == State::LaunchError { "Extension.LaunchError" } else { "Extension.Crash" };
        extension.error_type = Some(kind.to_owned());
        self.fatal = Some(Fatal {
            kind,
            name: name.to_owned(),
            extension: Kind::External,
            error_type: None,
        });
    }

    /// Gives everyone who registered for it an event.
    pub(super) fn begin_event(&mut self, event: Event) {
        let kind = event.kind();
        self.shutting_down |= kind == EventKind::Shutdown;
        let event = Arc::new(event);
        for extension in self.extensions.iter_mut().filter(|e| e.is_alive() && e.wants(kind)) {
            extension.pending = Some(Arc::clone(&event));
        }
    }

    /// Everyone who was told of the invocation asked for the next event.
    pub(super) fn is_settled(&self) -> bool {
        self.extensions
            .iter()
            .filter(|e| e.wants(EventKind::Invoke))
            .all(|e| e.state == State::Ready && e.pending.is_none())
    }

    pub(super) fn all_external_registered(&self) -> bool {
        self.external().all(|e| e.state != State::Started)
    }

    /// Every external one asked for its first event.
    pub(super) fn all_external_ready(&self) -> bool {
        self.external().all(|e| e.state == State::Ready)
    }

    /// Every one of either kind asked for its first event: no further subscription to telemetry.
    pub(super) fn all_ready(&self) -> bool {
        !self.open && self.extensions.iter().all(|e| matches!(e.state, State::Ready | State::Running))
    }

    /// External ones that are to end by themselves after SHUTDOWN.
    pub(super) fn told_to_end(&self) -> Vec<String> {
        self.external().filter(|e| e.is_alive() && e.wants(EventKind::Shutdown)).map(|e| e.name.clone()).collect()
    }

    pub(super) fn has_external(&self) -> bool {
        self.external().next().is_some()
    }

    fn external(&self) -> impl Iterator<Item = &Extension> {
        self.extensions.iter().filter(|e| e.kind == Kind::External)
    }

    pub(super) fn fatal(&self) -> Option<&Fatal> {
        self.fatal.as_ref()
    }

    pub(super) fn name(&self, id: Uuid) -> Result<&str, Refusal> {
        let found = self.extensions.iter().find(|e| e.id == id && !id.is_nil());
        found.map(|e| e.name.as_str()).ok_or_else(|| Refusal::unknown(id))
    }

    pub(super) fn summaries(&self) -> Vec<Summary> {
        self.extensions
            .iter()
            .map(|e| Summary {
                name: e.name.clone(),
                state: e.state,
                events: e.events.iter().map(|kind| kind.as_str()).collect(),
                error_type: e.error_type.clone(),
            })
            .collect()
    }

    fn of(&mut self, id: Uuid) -> Result<&mut Extension, Refusal> {
        let found = self.extensions.iter_mut().find(|e| e.id == id && !id.is_nil());
        found.ok_or_else(|| Refusal::unknown(id))
    }
}

fn parse_events(events: &[String], kind: Kind) -> Result<Vec<EventKind>, Refusal> {
    let mut parsed = Vec::new();
    for text in events {
        let refuse = |why: &str| Refusal::new("Extension.InvalidEventType", format!("{text}: {why}"));
        let event = EventKind::parse(text).ok_or_else(|| refuse("expected INVOKE or SHUTDOWN"))?;
        if kind == Kind::Internal && event == EventKind::Shutdown {
            return Err(refuse("not supported for internal extensions"));
        }
        if !parsed.contains(&event) {
            parsed.push(event);
        }
    }
    Ok(parsed)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ONE: Uuid = Uuid::from_u128(1);
    const TWO: Uuid = Uuid::from_u128(2);

    fn registry(external: &[&str]) -> Registry {
        let mut registry = Registry::default();
        registry.begin(external.iter().map(|&name| name.to_owned()).collect());
        registry
    }

    fn events(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    fn invoke(id: &str) -> Event {
        Event::Invoke {
            deadline_ms: 0,
            request_id: id.into(),
            invoked_arn: String::new(),
            trace_header: String::new(),
        }
    }

    #[track_caller]
    fn check_refused<T: std::fmt::Debug>(found: Result<T, Refusal>, kind: &str, message: &str) {
        let refusal = found.unwrap_err();
        assert_eq!((refusal.kind, refusal.message.as_str()), (kind, message));
    }

    #[test]
    fn an_external_extension_goes_from_start_to_event_and_back() {
        let mut registry = registry(&["e"]);
        assert!(!registry.all_external_registered());
        registry.register("e", &events(&["INVOKE", "SHUTDOWN"]), ONE).unwrap();
        assert!(registry.all_external_registered() && !registry.all_external_ready());
        registry.ask(ONE).unwrap();
        assert!(registry.all_external_ready() && registry.is_settled());
        assert_eq!(registry.take(ONE), Ok(None));
        registry.begin_event(invoke("a"));
        assert!(!registry.is_settled(), "it has not taken the event");
        assert!(registry.take(ONE).unwrap().is_some());
        assert!(!registry.is_settled(), "it has not asked again");
        registry.ask(ONE).unwrap();
        assert!(registry.is_settled());
        assert_eq!(registry.take(ONE), Ok(None), "an event is given once");
    }

    #[test]
    fn only_subscribers_hold_an_invocation() {
        let mut registry = registry(&["e"]);
        registry.register("e", &events(&["SHUTDOWN"]), ONE).unwrap();
        registry.ask(ONE).unwrap();
        registry.begin_event(invoke("a"));
        assert!(registry.is_settled());
        assert_eq!(registry.take(ONE), Ok(None));
    }

    #[test]
    fn registration_is_refused_in_the_words_of_aws() {
        let mut registry = registry(&["e"]);
        let bad = registry.register("i", &events(&["SHUTDOWN"]), ONE);
        check_refused(bad, "Extension.InvalidEventType", "SHUTDOWN: not supported for internal extensions");
        registry.register("e", &events(&["SHUTDOWN"]), ONE).unwrap();
        check_refused(
            registry.register("e", &events(&[]), TWO),
            "Extension.InvalidExtensionState",
            "State transition from Registered to Registered failed for extension e. Error: State transition is not allowed",
        );
        registry.register("i", &events(&["INVOKE"]), TWO).unwrap();
        check_refused(
            registry.register("i", &events(&[]), TWO),
            "Extension.InvalidExtensionState",
            "Extension with this name already registered",
        );
        for n in 2..EXTENSIONS_MAX {
            registry.register(&format!("i{n}"), &[], Uuid::from_u128(n as u128 + 1)).unwrap();
        }
        let more = registry.register("more", &[], Uuid::from_u128(99));
        check_refused(more, "Extension.TooManyExtensions", "Extension limit (10) reached");
        assert_eq!(registry.close(), EXTENSIONS_MAX);
        let late = registry.register("late", &[], Uuid::from_u128(99));
        check_refused(late, "Extension.RegistrationClosed", "Extension registration closed already");
        check_refused(
            registry.ask(Uuid::from_u128(99)),
            "Extension.UnknownExtensionIdentifier",
            "Unknown extension 00000000-0000-0000-0000-000000000063",
        );
        assert!(registry.ask(Uuid::nil()).is_err(), "who has not registered has no identifier");
    }

    #[test]
    fn the_first_error_is_the_cause_and_an_end_after_it_is_no_crash() {
        let mut registry = registry(&["e", "f"]);
        registry.register("e", &events(&["INVOKE"]), ONE).unwrap();
        registry.fail_init(ONE, "Extension.Bad".into()).unwrap();
        registry.end("e", State::Exited);
        registry.end("f", State::Exited);
        let fatal = registry.fatal().unwrap();
        assert_eq!((fatal.kind, fatal.name.as_str()), ("Extension.InitError", "e"));
        assert_eq!(fatal.error_type.as_deref(), Some("Extension.Bad"));
        check_refused(
            registry.ask(ONE),
            "Extension.InvalidExtensionState",
            "State transition from InitError to Ready failed for extension 00000000-0000-0000-0000-000000000001. Error: State transition is not allowed",
        );
        assert_eq!(registry.summaries()[0].state, State::InitError);
    }

    #[test]
    fn an_end_is_a_crash_unless_it_was_asked_for() {
        let mut crashed = registry(&["e"]);
        crashed.end("e", State::Exited);
        assert_eq!(crashed.fatal().unwrap().kind, "Extension.Crash");
        assert_eq!(crashed.summaries()[0].state, State::Started, "AWS shows the state it crashed in");
        let mut unstarted = registry(&["e"]);
        unstarted.end("e", State::LaunchError);
        assert_eq!(unstarted.fatal().unwrap().kind, "Extension.LaunchError");
        let mut ended = registry(&["e", "silent"]);
        ended.register("e", &events(&["SHUTDOWN"]), ONE).unwrap();
        ended.register("silent", &[], TWO).unwrap();
        ended.ask(ONE).unwrap();
        let shutdown = Event::Shutdown {
            reason: super::super::ShutdownReason::Spindown,
            deadline_ms: 1,
        };
        ended.begin_event(shutdown);
        assert_eq!(ended.told_to_end(), ["e"]);
        assert!(ended.take(ONE).unwrap().is_some());
        ended.end("e", State::Exited);
        assert!(ended.told_to_end().is_empty());
        assert_eq!(ended.fatal(), None);
    }

    #[test]
    fn a_new_init_forgets_the_old_one() {
        let mut registry = registry(&["e"]);
        registry.register("e", &[], ONE).unwrap();
        registry.fail_exit(ONE, "x".into()).unwrap();
        registry.begin(vec!["e".into()]);
        assert_eq!(registry.fatal(), None);
        assert!(registry.ask(ONE).is_err());
        assert!(!registry.all_external_registered());
    }
}
