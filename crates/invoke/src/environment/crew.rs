//! The extensions of an environment, as the environment sees them: the processes of the external
//! ones, what they print, and how far all of them have come.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, StreamExt};
use hearth_model::Credentials;
use hearth_sandbox::{Companion, Exit, ExitStatus, Process, Sandbox};

use super::journal::{Journal, Source};
use super::launch::Launch;
use super::lines::Lines;
use super::process::StartError;
use crate::extensions::{self, EXTENSIONS_MAX, Extensions, Fatal, Identity, Kind, State};
use crate::payload::{PlatformError, signal_name};
use crate::runtime_api::{Provider, Services};
use crate::service::Plane;

/// Where layers put them, as their processes see it.
const FOLDER: &str = "/opt/extensions";

/// Variables that are the runtime's alone.
/// Source: fact sheet "Lambda execution-environment contract", section 2.
const RUNTIMES_OWN: [&str; 7] = [
    "AWS_EXECUTION_ENV",
    "AWS_LAMBDA_LOG_GROUP_NAME",
    "AWS_LAMBDA_LOG_STREAM_NAME",
    "AWS_XRAY_CONTEXT_MISSING",
    "AWS_XRAY_DAEMON_ADDRESS",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
];

/// What one drain reads at the most from each.
const DRAIN_BYTES_MAX: usize = 256 * 1024;

/// How far extensions have come since the init began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Any may register.
    Open,
    /// None has.
    Absent,
    /// There are some, and there will be no others.
    Present,
}

/// One external extension.
struct Member {
    name: String,
    process: Companion,
    lines: Lines,
}

pub(super) struct Crew {
    services: Services,
    identity: Arc<Identity>,
    /// To be started from the layers.
    external: Vec<String>,
    members: Vec<Member>,
    /// How those that are gone ended.
    ends: Vec<(String, String)>,
    stage: Stage,
    /// Extensions may yet subscribe to telemetry.
    subscription_open: bool,
}

impl Services {
    pub(super) fn new(plane: &Arc<Plane>, launch: &Launch) -> Self {
        let provider = |token: &String| {
            let (plane, spec) = (Arc::clone(plane), Arc::clone(&launch.spec));
            Arc::new(Provider::new(token.clone(), move || super::actor::issue(&plane, &spec)))
        };
        Self {
            extensions: Arc::new(Extensions::new(plane.random.clone())),
            telemetry: Arc::new(crate::telemetry::Telemetry::new(plane.clock.clone(), plane.tasks.clone())),
            credentials: launch.credentials_token.as_ref().map(provider),
            api: plane.api(&launch.spec.account),
        }
    }
}

impl Crew {
    /// What the function's layers bring.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(super) fn of(launch: &Launch, services: &Services) -> Result<Self, String> {
        let spec = &launch.spec;
        let external = match launch.opt() {
            Some(opt) => extensions::external(&opt)
                .map_err(|error| format!("failed to list the extensions of the function: {error}"))?,
            None => Vec::new(),
        };
        Ok(Self {
            services: services.clone(),
            identity: Arc::new(Identity {
                function_name: spec.name.to_string(),
                function_version: spec.version.to_string(),
                handler: spec.handler.clone(),
                account_id: spec.account.to_string(),
            }),
            external,
            members: Vec::new(),
            ends: Vec::new(),
            stage: Stage::Open,
            subscription_open: true,
        })
    }

    /// More external ones than may be.
    pub(super) fn excess(&self) -> Option<PlatformError> {
        let text = || format!("Extension limit ({EXTENSIONS_MAX}) reached");
        (self.external.len() > EXTENSIONS_MAX).then(|| PlatformError::new("Extension.LaunchError", text()))
    }

    /// An init begins: whatever was there before is forgotten.
    pub(super) fn begin(&mut self) {
        self.members.clear();
        self.ends.clear();
        self.stage = Stage::Open;
        self.subscription_open = true;
        self.services.extensions.begin(Arc::clone(&self.identity), self.external.clone());
        self.services.telemetry.begin();
    }

    /// External ones start before the runtime.
    pub(super) fn goes_first(&self) -> bool {
        !self.external.is_empty()
    }

    /// Starts the external ones.
    ///
    /// # Errors
    /// The host's alone; one that cannot be executed is noted as [fatal](Extensions::fatal).
    pub(super) async fn start(
        &mut self,
        sandbox: &Sandbox,
        launch: &Launch,
        credentials: &Credentials,
    ) -> Result<(), StartError> {
        for name in self.external.clone() {
            let (lines, writer) = Lines::open().map_err(|error| StartError::Host(error.to_string()))?;
            let process = process(&name, launch, credentials, writer).map_err(|e| StartError::Host(e.to_string()))?;
            let program = super::process::Program::of(&process);
            match sandbox.spawn(process).await {
                Ok(process) => self.members.push(Member { name, process, lines }),
                Err(error) => match super::process::start_error(&error, &program) {
                    StartError::Function(error) => {
                        self.services.extensions.end(&name, State::LaunchError);
                        self.ends.push((name, error.text));
                    }
                    host @ StartError::Host(_) => return Err(host),
                },
            }
        }
        Ok(())
    }

    /// Whether there is anybody to give events to and to wait for.
    pub(super) fn is_present(&self) -> bool {
        self.stage == Stage::Present || !self.members.is_empty()
    }

    /// Whether anything can still come from extensions.
    pub(super) fn is_heard(&self) -> bool {
        self.stage != Stage::Absent
    }

    pub(super) fn has_members(&self) -> bool {
        !self.members.is_empty()
    }

    pub(super) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// The runtime asked for its first event. Returns whether there are extensions.
    pub(super) fn close(&mut self) -> bool {
        let any = self.services.extensions.close_registration();
        self.stage = if any { Stage::Present } else { Stage::Absent };
        self.close_subscription();
        any
    }

    /// Once all of them ask for events, telemetry takes no further subscriber.
    pub(super) fn close_subscription(&mut self) {
        if self.subscription_open && (self.stage == Stage::Absent || self.services.extensions.all_ready()) {
            self.subscription_open = false;
            self.services.telemetry.close_subscription();
        }
    }

    /// Waits until one of them printed something.
    pub(super) async fn readable(&self) {
        let mut all: FuturesUnordered<_> = self.members.iter().map(|member| member.lines.readable()).collect();
        if all.next().await.is_none() {
            std::future::pending::<()>().await;
        }
    }

    /// Waits until one of them ends.
    pub(super) async fn ended(&self) -> (usize, Exit) {
        let numbered = self.members.iter().enumerate();
        let mut all: FuturesUnordered<_> =
            numbered.map(|(place, member)| async move { (place, member.process.wait().await) }).collect();
        match all.next().await {
            Some(ended) => ended,
            None => std::future::pending().await,
        }
    }

    /// One of them has [ended](Crew::ended).
    pub(super) fn bury(&mut self, place: usize, exit: &Exit, now_ms: i64, journal: &mut Journal) {
        let mut member = self.members.swap_remove(place);
        drain(&mut member.lines, now_ms, journal, true);
        self.services.extensions.end(&member.name, State::Exited);
        let text = match exit.status {
            ExitStatus::Code(code) => format!("exit code {code}"),
            ExitStatus::Signal(signal) => format!("signal: {}", signal_name(signal)),
        };
        self.ends.push((member.name, text));
    }

    /// Takes what was printed so far. `to_the_end`: unfinished lines too.
    pub(super) fn drain(&mut self, now_ms: i64, journal: &mut Journal, to_the_end: bool) {
        for member in &mut self.members {
            drain(&mut member.lines, now_ms, journal, to_the_end);
        }
    }

    /// Their processes are gone.
    pub(super) fn dismiss(&mut self, now_ms: i64, journal: &mut Journal) {
        self.drain(now_ms, journal, true);
        self.members.clear();
    }

    /// Whether the end of the extension that failed is known, or will never be.
    pub(super) fn knows_end_of(&self, fatal: &Fatal) -> bool {
        fatal.extension == Kind::Internal || self.ends.iter().any(|(name, _)| *name == fatal.name)
    }

    /// What the caller is told of a failed extension.
    pub(super) fn failure(&self, fatal: &Fatal) -> PlatformError {
        let end = self.ends.iter().find(|(name, _)| *name == fatal.name).map(|(_, text)| text.clone());
        let text = end.or_else(|| fatal.error_type.clone()).unwrap_or_else(|| fatal.kind.to_owned());
        PlatformError::new(fatal.kind, text)
    }
}

fn drain(lines: &mut Lines, now_ms: i64, journal: &mut Journal, to_the_end: bool) {
    let mut buffer = [0; 8 * 1024];
    let mut budget = DRAIN_BYTES_MAX;
    let mut take = |line: Vec<u8>| {
        journal.print(now_ms, Source::Extension, String::from_utf8_lossy(&line).into_owned());
    };
    while budget > 0 {
        let read = lines.read(&mut buffer, &mut take);
        if read == 0 {
            break;
        }
        budget = budget.saturating_sub(read);
    }
    if to_the_end {
        lines.finish(take);
    }
}

/// The process of an external extension.
fn process(
    name: &str,
    launch: &Launch,
    credentials: &Credentials,
    writer: std::os::fd::OwnedFd,
) -> io::Result<Process> {
    let mut process = Process::new(PathBuf::from(FOLDER).join(name));
    process.env = environment(launch.environment(credentials));
    process.stdout = Some(writer.try_clone()?);
    process.stderr = Some(writer);
    Ok(process)
}

/// The runtime's variables, without those that are its alone.
fn environment(runtimes: Vec<(String, String)>) -> Vec<(OsString, OsString)> {
    let shared =
        runtimes.into_iter().filter(|(name, _)| !name.starts_with('_') && !RUNTIMES_OWN.contains(&name.as_str()));
    shared.map(|(name, value)| (name.into(), value.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extensions_do_not_get_what_is_the_runtimes() {
        let all = ["_HANDLER", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT", "AWS_LAMBDA_RUNTIME_API", "OWN", "AWS_REGION"];
        let found = environment(all.iter().map(|&name| (name.to_owned(), String::new())).collect());
        let names: Vec<_> = found.iter().filter_map(|(name, _)| name.to_str()).collect();
        assert_eq!(names, ["AWS_LAMBDA_RUNTIME_API", "OWN", "AWS_REGION"]);
    }
}
