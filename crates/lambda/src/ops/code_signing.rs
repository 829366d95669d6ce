//! Code signing configurations, which functions have them, and what they refuse.
//!
//! There is no signer here, so no code is signed: a configuration that enforces signatures refuses
//! every package and every layer, one that warns says so in the server's log.
//!
//! Source: fact sheet "Lambda control-plane API", section 11; the words of the refusal are as users
//! quote them.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::FunctionName;
use hearth_wire::Caller;

use crate::Lambda;
use crate::code_signing::{CodeSigningRecord, Policy, config_arn};
use crate::db::resources::ResourceKey;
use crate::error::Error;
use crate::ops::page::{self, List, Page};
use crate::ops::{get_function, tags};
use crate::record::FORM;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// A wish that has passed the model's constraints; what it does not mention is absent.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    pub(crate) description: Option<String>,
    pub(crate) publishers: Option<Vec<String>>,
    pub(crate) policy: Option<Policy>,
}

/// A configuration, as it is shown.
pub(crate) type Shown = (ResourceKey, CodeSigningRecord);

pub(crate) async fn create(
    lambda: &Lambda,
    caller: &Caller,
    wish: Wish,
    given: BTreeMap<String, String>,
) -> Result<Shown, Error> {
    tags::check(&given)?;
    let key = ResourceKey {
        account: caller.account.clone(),
        region: caller.region.clone(),
        // 17 characters, as the service's.
        id: format!("csc-{}", &hex::encode(lambda.random.bytes::<9>())[..17]),
    };
    let record = CodeSigningRecord {
        v: FORM,
        description: wish.description,
        publishers: wish.publishers.unwrap_or_default(),
        policy: wish.policy.unwrap_or_default(),
        modified_ms: lambda.clock.now_ms(),
        tags: given,
        newer: serde_json::Map::new(),
    };
    lambda.code_signing.turn().await.create(&key, &record).await?;
    Ok((key, record))
}

pub(crate) async fn get(lambda: &Lambda, caller: &Caller, arn: &str) -> Result<Shown, Error> {
    let key = own_key(caller, arn)?;
    let record = lambda.code_signing.get(&key).await?.ok_or_else(|| absent(arn))?;
    Ok((key, record))
}

/// Changes what is mentioned. Code that is deployed already stays.
pub(crate) async fn update(lambda: &Lambda, caller: &Caller, arn: &str, wish: Wish) -> Result<Shown, Error> {
    let key = own_key(caller, arn)?;
    let now = lambda.clock.now_ms();
    let edit = |record: &mut CodeSigningRecord| {
        if let Some(description) = &wish.description {
            record.description = Some(description.clone());
        }
        if let Some(publishers) = &wish.publishers {
            record.publishers.clone_from(publishers);
        }
        record.policy = wish.policy.unwrap_or(record.policy);
        record.modified_ms = now;
        Ok(())
    };
    let record = lambda.code_signing.turn().await.change(&key, edit).await?.ok_or_else(|| absent(arn))?;
    Ok((key, record))
}

/// Deletes a configuration that no function has.
pub(crate) async fn delete(lambda: &Lambda, caller: &Caller, arn: &str) -> Result<(), Error> {
    let key = own_key(caller, arn)?;
    // Attaching takes its turn, too.
    let turn = lambda.code_signing.turn().await;
    if lambda.code_signing.get(&key).await?.is_some() && !users(lambda, caller, arn).is_empty() {
        // The service's own words are not recorded.
        return Err(Error::Conflict(format!(
            "Cannot delete the code signing configuration {arn}: functions use it. Remove it from them first."
        )));
    }
    turn.remove(&key).await?.map(|_| ()).ok_or_else(|| absent(arn))
}

pub(crate) async fn list(lambda: &Lambda, caller: &Caller, wish: &page::Wish) -> Result<Page<Shown>, Error> {
    const LIST: List = List {
        kind: "code-signing-config",
        operation: "ListCodeSigningConfigs",
    };
    let after = LIST.after(wish)?;
    let all = lambda.code_signing.list(Some((&caller.account, &caller.region))).await?;
    let rest = all.into_iter().filter(|(key, _)| after.as_ref().is_none_or(|after| key.id > *after));
    Ok(LIST.cut(wish, rest, |(key, _)| key.id.clone()))
}

/// The ARNs of the functions that have a configuration.
pub(crate) async fn list_functions(
    lambda: &Lambda,
    caller: &Caller,
    arn: &str,
    wish: &page::Wish,
) -> Result<Page<String>, Error> {
    const LIST: List = List {
        kind: "function-by-code-signing-config",
        operation: "ListFunctionsByCodeSigningConfig",
    };
    get(lambda, caller, arn).await?;
    let after = LIST.after(wish)?;
    let users = users(lambda, caller, arn).into_iter().map(|entry| entry.arn.clone());
    Ok(LIST.cut(wish, users.filter(|arn| after.as_ref().is_none_or(|after| arn > after)), Clone::clone))
}

/// In the order of their names.
fn users(lambda: &Lambda, caller: &Caller, arn: &str) -> Vec<Arc<Entry>> {
    let mut functions = lambda.functions.snapshot.page(&caller.account, &caller.region, None, usize::MAX);
    functions.retain(|entry| entry.record.code_signing.as_deref() == Some(arn));
    functions
}

/// Gives a function a configuration, which looks at what is deployed from now on. The function's
/// name.
pub(crate) async fn put_function(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    config: &str,
) -> Result<FunctionName, Error> {
    // Said before anything of the function.
    let _turn = lambda.code_signing.turn().await;
    policy(lambda, caller, config).await?;
    set_function(lambda, caller, name, Some(config), "PutFunctionCodeSigningConfig").await
}

/// Takes a function's configuration away; that it has none is no error.
pub(crate) async fn delete_function(lambda: &Lambda, caller: &Caller, name: &str) -> Result<(), Error> {
    set_function(lambda, caller, name, None, "DeleteFunctionCodeSigningConfig").await.map(|_| ())
}

/// A function's configuration, with the function's name; `None` when it has none.
pub(crate) fn get_function(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
) -> Result<Option<(FunctionName, String)>, Error> {
    let found = get_function::run(lambda, caller, name, None, "GetFunctionCodeSigningConfig")?;
    let config = found.entry.record.code_signing.clone();
    Ok(config.map(|config| (found.target.key.name, config)))
}

async fn set_function(
    lambda: &Lambda,
    caller: &Caller,
    name: &str,
    config: Option<&str>,
    action: &'static str,
) -> Result<FunctionName, Error> {
    let target: Target = target::resolve(caller, Use::Read, name, None, action)?;
    target::refuse_version(&target)?;
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        record.code_signing = config.map(ToOwned::to_owned);
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || target.not_found(), edit).await?;
    Ok(target.key.name)
}

/// Looks at what is to be deployed: nothing is signed, so all depends on the policy of the
/// function's configuration.
///
/// # Errors
/// A configuration that enforces signatures, or is not there.
pub(crate) async fn check(lambda: &Lambda, caller: &Caller, name: &str, config: Option<&str>) -> Result<(), Error> {
    let Some(config) = config else {
        return Ok(());
    };
    match policy(lambda, caller, config).await? {
        Policy::Enforce => Err(Error::CodeVerificationFailed { name: name.to_owned() }),
        Policy::Warn => {
            tracing::warn!(function = name, code_signing_config = config, "unsigned code is deployed");
            Ok(())
        }
    }
}

async fn policy(lambda: &Lambda, caller: &Caller, config: &str) -> Result<Policy, Error> {
    let absent = || Error::CodeSigningConfigNotFound { arn: config.to_owned() };
    let key = own_key(caller, config).map_err(|_| absent())?;
    Ok(lambda.code_signing.get(&key).await?.ok_or_else(absent)?.policy)
}

/// The ARN has passed the model's pattern. Those of others are not told apart from what is not there.
fn own_key(caller: &Caller, arn: &str) -> Result<ResourceKey, Error> {
    ResourceKey::of_arn(arn)
        .filter(|key| key.account == caller.account && key.region == caller.region && config_arn(key) == arn)
        .ok_or_else(|| absent(arn))
}

fn absent(arn: &str) -> Error {
    Error::CodeSigningConfigAbsent { arn: arn.to_owned() }
}
