//! From Pending to Active, and from InProgress to Successful.
//!
//! The package is unpacked first, then, for a version with SnapStart, its snapshot made, then the
//! change is committed as active, then its spec is visible. After a crash in between, the next
//! start does it again: every step can be repeated. A package that cannot be unpacked, or an init
//! that fails, fails the change, and what served before goes on serving.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_image::ImageError;
use hearth_model::{FunctionKey, Version};
use parking_lot::Mutex;

use crate::Lambda;
use crate::error::Error;
use crate::ops::{code, image};
use crate::package::PackageError;
use crate::record::{Config, Edition, Failure, FunctionRecord, Status, VersionRecord};
use crate::snapshot::{Entry, Files};

/// The disk may be full for a moment; the package is not read more often than this.
const UNPACK_ATTEMPTS: u32 = 4;
const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(10);

/// Brings a function's last change to its end in the background.
pub(crate) fn start(lambda: &Arc<Lambda>, key: &FunctionKey) {
    let (lambda, key) = (Arc::clone(lambda), key.clone());
    lambda.tasks.clone().spawn(TaskKind::Activation, "lambda activation", async move {
        activate(&lambda, &key).await;
    });
}

/// [`start`], when there is something to bring to its end.
pub(crate) fn start_if_needed(lambda: &Arc<Lambda>, key: &FunctionKey) {
    let entry = lambda.functions.get(key);
    if entry.is_some_and(|entry| entry.lacks_code() || entry.record.is_in_transition()) {
        start(lambda, key);
    }
}

async fn activate(lambda: &Arc<Lambda>, key: &FunctionKey) {
    let Some(entry) = lambda.functions.get(key) else {
        return;
    };
    supply(lambda, &entry).await;
    if matches!(entry.record.latest.status, Status::Creating | Status::Updating) {
        let unpacked = unpack(lambda, key, &entry.record.latest.config).await;
        finish(lambda, &entry, Version::Latest, unpacked).await;
    }
    let creating = |version: &VersionRecord| version.edition.status == Status::Creating;
    for (number, version) in entry.record.versions.iter().filter(|(_, version)| creating(version)) {
        make_version(lambda, &entry, *number, version).await;
    }
}

/// Nothing to commit: configurations serve, or are about to, and this process lacks their files.
async fn supply(lambda: &Arc<Lambda>, entry: &Entry) {
    for config in entry.lacking() {
        match unpack(lambda, &entry.key, config).await {
            Ok(files) => lambda.functions.supply_files(&entry.key, &[files]).await,
            Err(error) => tracing::error!(function = %entry.key.name, %error, "a function has no files to run"),
        }
    }
}

/// Brings a version that was published to where it can be invoked.
async fn make_version(lambda: &Arc<Lambda>, begun: &Entry, number: u64, version: &VersionRecord) {
    // Another activation may be at it: an init must not run twice.
    let Some(_turn) = lambda.making.begin(&version.incarnation, number) else {
        return;
    };
    let unpacked = unpack(lambda, &begun.key, &version.edition.config).await;
    let ready = match unpacked {
        Ok(files) if version.edition.config.snap_start => match snapshot(lambda, begun, number, &files).await {
            Ok(()) => Ok(files),
            // The data plane is going away: the next start makes the snapshot.
            Err(_) if lambda.shutdown.is_started() => return,
            Err(error) => Err(error),
        },
        other => other,
    };
    finish(lambda, begun, Version::Number(number), ready).await;
}

/// Runs a version's init once, ahead of its first invocation.
async fn snapshot(lambda: &Lambda, begun: &Entry, number: u64, files: &Files) -> Result<(), Error> {
    lambda.functions.supply_files(&begun.key, std::slice::from_ref(files)).await;
    let now = lambda.functions.get(&begun.key).filter(|now| now.record.incarnation == begun.record.incarnation);
    let absent = || Error::FunctionNotFound { arn: begun.arn.clone() };
    let spec = now.and_then(|now| now.spec(number)).ok_or_else(absent)?;
    let made = async { lambda.preparation.joined().await.snapshot(spec).await };
    tokio::select! {
        made = made => made.map_err(Error::Snapshot),
        // What was begun is begun anew at the next start.
        () = lambda.shutdown.started() => Err(absent()),
    }
}

async fn unpack(lambda: &Lambda, key: &FunctionKey, config: &Config) -> Result<Files, Error> {
    let mut wait = RETRY_FIRST;
    for attempt in 1.. {
        let result = {
            // A burst of deployments must not take every thread and all of the disk.
            // Images have turns of their own: a pull may take minutes.
            let turns = if config.package.image.is_some() { &lambda.pulling } else { &lambda.unpacking };
            let _permit = turns.acquire().await;
            code::files(lambda, config).await
        };
        match result {
            Err(error) if attempt < UNPACK_ATTEMPTS && is_passing(&error) => {
                tracing::warn!(function = %key.name, %error, attempt, "a package could not be unpacked, trying again");
            }
            done => return done,
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(RETRY_LAST);
    }
    unreachable!("attempts are numbered without end")
}

/// True for what another attempt may mend.
fn is_passing(error: &Error) -> bool {
    match error {
        Error::Package(PackageError::Image(error)) => error.is_passing(),
        error => matches!(error, Error::Package(PackageError::Io { .. }) | Error::Store(_)),
    }
}

/// Commits the end of the change, unless the function has changed or gone meanwhile. Tries until
/// it succeeds or the server stops: the client was told that the change will end.
async fn finish(lambda: &Lambda, begun: &Entry, version: Version, ready: Result<Files, Error>) {
    // The next start begins it anew.
    if let Err(Error::Package(PackageError::Image(ImageError::Stopping))) = ready {
        return;
    }
    let failure = ready.as_ref().err().map(failure);
    if let Err(error) = &ready {
        tracing::error!(function = %begun.key.name, %version, %error, "a function could not be activated");
    }
    let files: Vec<_> = ready.into_iter().collect();
    let mut wait = RETRY_FIRST;
    loop {
        let edit = |now: &Entry| ended(begun, now, version, failure.as_ref(), &lambda.random.uuid().to_string());
        let superseded = || Error::FunctionNotFound { arn: begun.arn.clone() };
        match lambda.functions.change(&begun.key, &files, superseded, edit).await {
            // The package before may be unused now.
            Ok(_) => return lambda.collector.nudge(),
            // A deletion or another change has taken over. Or this very change has ended already, by
            // another process or by a write that was reported as failed: then the files are wanted.
            Err(Error::FunctionNotFound { .. }) => {
                lambda.functions.supply_files(&begun.key, &files).await;
                return lambda.collector.nudge();
            }
            Err(error) => {
                tracing::error!(function = %begun.key.name, %error, "an activation could not be stored, trying again");
            }
        }
        tokio::select! {
            () = lambda.shutdown.started() => return,
            () = tokio::time::sleep(wait) => wait = (wait * 2).min(RETRY_LAST),
        }
    }
}

/// The function with the change of a version at an end, or a refusal when it is not that change any
/// more.
fn ended(
    begun: &Entry,
    now: &Entry,
    version: Version,
    failure: Option<&Failure>,
    revision_id: &str,
) -> Result<FunctionRecord, Error> {
    let same = |now: &Edition, begun: &Edition| now.config.serial == begun.config.serial && now.status == begun.status;
    let is_same = now.record.incarnation == begun.record.incarnation
        && now.record.edition(version).zip(begun.record.edition(version)).is_some_and(|(now, begun)| same(now, begun));
    if !is_same {
        return Err(Error::FunctionNotFound { arn: begun.arn.clone() });
    }
    let mut record = now.record.clone();
    match version {
        Version::Latest => {
            end(&mut record.latest, failure, revision_id);
            if failure.is_none() {
                record.previous = None;
            }
        }
        Version::Number(number) => {
            record.edit_version(number, |version| end(&mut version.edition, failure, revision_id));
        }
    }
    Ok(record)
}

fn end(edition: &mut Edition, failure: Option<&Failure>, revision_id: &str) {
    revision_id.clone_into(&mut edition.revision_id);
    edition.status = match (&edition.status, failure) {
        (Status::Creating, Some(failure)) => Status::CreationFailed(failure.clone()),
        (_, Some(failure)) => Status::UpdateFailed(failure.clone()),
        (_, None) => Status::Active,
    };
}

fn failure(error: &Error) -> Failure {
    let (code, reason) = match error {
        Error::Package(cause) if cause.is_clients_fault() => ("InvalidZipFileException", cause.client_message()),
        Error::Package(PackageError::Image(cause)) => {
            (image::failure_code(cause), format!("The image could not be pulled: {cause}"))
        }
        Error::Snapshot(cause) => (snapshot_code(&cause.kind), cause.to_string()),
        // The server's log has the cause.
        _ => ("InternalError", "The deployment package could not be unpacked.".to_owned()),
    };
    Failure {
        code: code.to_owned(),
        reason,
    }
}

/// The reason codes that the service's model has for a failed init.
fn snapshot_code(kind: &str) -> &'static str {
    match kind {
        "Sandbox.Timedout" => "FunctionError.InitTimeout",
        "Runtime.InvalidEntrypoint" => "FunctionError.InvalidEntryPoint",
        "Runtime.OutOfMemory" | "Runtime.OutOfMemoryError" => "FunctionError.InitResourceExhausted",
        // Hearth's own word for an interpreter that the host lacks.
        "Runtime.Unavailable" => "InvalidRuntime",
        kind if kind.starts_with("Extension.") => "FunctionError.ExtensionInitError",
        kind if kind.starts_with("Runtime.") => "FunctionError.RuntimeInitError",
        kind if kind.starts_with("Sandbox.") => "InternalError",
        _ => "FunctionError",
    }
}

/// The versions that are being made by this process.
#[derive(Debug, Default)]
pub(crate) struct Making {
    versions: Mutex<HashSet<(String, u64)>>,
}

/// The right to make a version; given back when dropped.
struct Turn<'m> {
    making: &'m Making,
    version: (String, u64),
}

impl Making {
    /// `None` when somebody makes it already.
    fn begin(&self, incarnation: &str, number: u64) -> Option<Turn<'_>> {
        let version = (incarnation.to_owned(), number);
        // Not as an argument: a turn that is made is given back.
        let is_new = self.versions.lock().insert(version.clone());
        if is_new { Some(Turn { making: self, version }) } else { None }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.making.versions.lock().remove(&self.version);
    }
}
