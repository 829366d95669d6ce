//! From Pending to Active, and from InProgress to Successful.
//!
//! The package is unpacked first, then the function is committed as active, then its spec is
//! visible. After a crash in between, the next start does it again: every step can be repeated. A
//! package that cannot be unpacked fails the change, and what served before goes on serving.

use std::sync::Arc;
use std::time::Duration;

use hearth_core::TaskKind;
use hearth_model::FunctionKey;

use crate::Lambda;
use crate::error::Error;
use crate::ops::code;
use crate::package::PackageError;
use crate::record::{Config, Failure, FunctionRecord, Status};
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

async fn activate(lambda: &Arc<Lambda>, key: &FunctionKey) {
    let Some(entry) = lambda.functions.get(key) else {
        return;
    };
    if let Some(config) = entry.record.serving().filter(|_| entry.lacks_code()) {
        // Nothing to commit: a configuration serves and this process lacks its files.
        match unpack(lambda, key, config).await {
            Ok(files) => lambda.functions.supply_files(key, files).await,
            Err(error) => tracing::error!(function = %key.name, %error, "an active function has no files to run"),
        }
    }
    if entry.record.is_in_transition() {
        let unpacked = unpack(lambda, key, &entry.record.latest.config).await;
        finish(lambda, &entry, unpacked).await;
    }
}

async fn unpack(lambda: &Lambda, key: &FunctionKey, config: &Config) -> Result<Files, Error> {
    let mut wait = RETRY_FIRST;
    for attempt in 1.. {
        let result = {
            // A burst of deployments must not take every thread and all of the disk.
            let _permit = lambda.unpacking.acquire().await;
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
    matches!(error, Error::Package(PackageError::Io { .. }) | Error::Store(_))
}

/// Commits the end of the change, unless the function has changed or gone meanwhile. Tries until
/// it succeeds or the server stops: the client was told that the change will end.
async fn finish(lambda: &Lambda, begun: &Entry, unpacked: Result<Files, Error>) {
    let failure = unpacked.as_ref().err().map(failure);
    if let Err(error) = &unpacked {
        tracing::error!(function = %begun.key.name, %error, "a function could not be activated");
    }
    let files = unpacked.ok();
    let mut wait = RETRY_FIRST;
    loop {
        let edit = |now: &Entry| ended(begun, now, failure.as_ref(), lambda.random.uuid().to_string());
        let superseded = || Error::FunctionNotFound { arn: begun.arn.clone() };
        match lambda.functions.change(&begun.key, files.clone(), superseded, edit).await {
            // The package before may be unused now.
            Ok(_) => return lambda.collector.nudge(),
            // A deletion or another change has taken over. Or this very change has ended already, by
            // another process or by a write that was reported as failed: then the files are wanted.
            Err(Error::FunctionNotFound { .. }) => {
                if let Some(files) = files {
                    lambda.functions.supply_files(&begun.key, files).await;
                }
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

/// The function with its change at an end, or a refusal when it is not that change any more.
fn ended(begun: &Entry, now: &Entry, failure: Option<&Failure>, revision_id: String) -> Result<FunctionRecord, Error> {
    let is_same = now.record.incarnation == begun.record.incarnation
        && now.record.latest.config.serial == begun.record.latest.config.serial
        && now.record.latest.status == begun.record.latest.status;
    if !is_same {
        return Err(Error::FunctionNotFound { arn: begun.arn.clone() });
    }
    let mut record = now.record.clone();
    record.latest.revision_id = revision_id;
    record.latest.status = match (&record.latest.status, failure) {
        (Status::Creating, Some(failure)) => Status::CreationFailed(failure.clone()),
        (_, Some(failure)) => Status::UpdateFailed(failure.clone()),
        (_, None) => Status::Active,
    };
    if failure.is_none() {
        record.previous = None;
    }
    Ok(record)
}

fn failure(error: &Error) -> Failure {
    let (code, reason) = match error {
        Error::Package(cause) if cause.is_clients_fault() => ("InvalidZipFileException", cause.client_message()),
        // The server's log has the cause.
        _ => ("InternalError", "The deployment package could not be unpacked.".to_owned()),
    };
    Failure {
        code: code.to_owned(),
        reason,
    }
}
