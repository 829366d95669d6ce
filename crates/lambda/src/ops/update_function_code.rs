//! UpdateFunctionCode.

use std::sync::Arc;

use hearth_model::Architecture;
use hearth_wire::Caller;

use crate::Lambda;
use crate::api::code::CodeSource;
use crate::error::Error;
use crate::ops::source::For;
use crate::ops::{availability, code, code_signing, function_layers, publish, snap_start, source, update};
use crate::record::{Config, FunctionRecord, Package, Status};
use crate::snapshot::Entry;
use crate::target::{self, Use};
use crate::tasks::activation;

/// A wish that has passed the model's constraints.
pub(crate) struct UpdateFunctionCode {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) code: CodeSource,
    pub(crate) architecture: Option<Architecture>,
    pub(crate) publish: bool,
    pub(crate) publish_to: bool,
    pub(crate) dry_run: bool,
    pub(crate) revision_id: Option<String>,
}

/// What came of it.
pub(crate) enum Updated {
    Done(Arc<Entry>),
    /// With the number of the version.
    Published(Arc<Entry>, u64),
    /// The function as it stands, and as it would be.
    WouldBe(Arc<Entry>, Box<FunctionRecord>),
}

/// Replaces the code of `$LATEST`; the old code serves until the activation.
pub(crate) async fn run(lambda: &Arc<Lambda>, caller: &Caller, wish: UpdateFunctionCode) -> Result<Updated, Error> {
    let target = target::resolve(caller, Use::Write, &wish.name, None, "UpdateFunctionCode")?;
    target::refuse_version(&target)?;
    let entry = lambda.functions.get(&target.key).ok_or_else(|| target.not_found())?;
    availability::check_members(&[("PublishTo", wish.publish_to, "leave it out")])?;
    // What the client leaves open stays; that it can run here was checked when it was chosen.
    let architecture = match wish.architecture {
        Some(wanted) => availability::check_architecture(Some(wanted), lambda.host_architecture)?,
        None => entry.record.latest.config.architecture,
    };
    let what = For::Function {
        is_image: entry.record.latest.config.package.image.is_some(),
        doing: "updating",
    };
    source::check(&wish.code, what)?;
    update::check(&entry, wish.revision_id.as_deref())?;
    let given = source::take(lambda, caller, &wish.code, what).await?;
    let key = &target.key;
    code_signing::check(lambda, caller, key.name.as_str(), entry.record.code_signing.as_deref()).await?;
    let copies = if wish.publish { 2 } else { 1 };
    let replaced = entry.record.latest.config.package.size_bytes;
    code::check_storage(lambda, &key.account, &key.region, Some(replaced), given.len() * copies).await?;
    if wish.dry_run {
        let package = code::inspect(given).await?;
        let mut record = entry.record.clone();
        record.latest.config = with_code(&record.latest.config, package, architecture)?;
        return Ok(Updated::WouldBe(entry, Box::new(record)));
    }
    let held = code::store(lambda, given).await?;
    let edit = |entry: &Entry| {
        update::check(entry, wish.revision_id.as_deref())?;
        let config = with_code(&entry.record.latest.config, held.package.clone(), architecture)?;
        let mut record = update::begin(&entry.record, config, &lambda.clock, &lambda.random);
        if wish.publish {
            publish::publish(&mut record, Status::Creating, None, &lambda.clock, &lambda.random);
        }
        Ok(record)
    };
    let changed = lambda.functions.change(key, &[], || target.not_found(), edit).await;
    // Also after an error: a write that failed may have been made all the same.
    activation::start(lambda, key);
    changed.map(|entry| match publish::current(&entry.record).filter(|_| wish.publish) {
        Some(number) => Updated::Published(entry, number),
        None => Updated::Done(entry),
    })
}

fn with_code(before: &Config, package: Package, architecture: Architecture) -> Result<Config, Error> {
    let config = Config {
        serial: before.serial + 1,
        package,
        architecture,
        ..before.clone()
    };
    function_layers::check_sizes(&config)?;
    snap_start::check(&config)?;
    Ok(config)
}
