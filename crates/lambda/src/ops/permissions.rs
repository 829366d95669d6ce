//! AddPermission, RemovePermission and GetPolicy.
//!
//! Source: fact sheet "Lambda control-plane API", sections 3.4 and 6. A policy's revision is its own:
//! a change of a policy moves no revision of the function, and the other way round.

use std::sync::Arc;

use hearth_model::Qualifier;
use hearth_wire::Caller;

use crate::Lambda;
use crate::error::Error;
use crate::policy::{self, Policy, Principal, Statement};
use crate::record::FunctionRecord;
use crate::snapshot::Entry;
use crate::target::{self, Target, Use};

/// A wish for one more statement, past the model's constraints.
pub(crate) struct AddPermission {
    /// Name or ARN.
    pub(crate) name: String,
    pub(crate) qualifier: Option<String>,
    pub(crate) statement: Statement,
    pub(crate) revision_id: Option<String>,
}

/// A policy, and the ARN of what it is of.
pub(crate) struct Found {
    pub(crate) arn: String,
    pub(crate) policy: Policy,
}

/// Adds a statement. Gives the ARN that it is about.
pub(crate) async fn add(lambda: &Arc<Lambda>, caller: &Caller, wish: &AddPermission) -> Result<String, Error> {
    let target = resolve(caller, &wish.name, wish.qualifier.as_deref(), "AddPermission")?;
    if target.parsed_qualifier() == Some(Qualifier::Latest) {
        return Err(Error::InvalidParameter("We currently do not support adding policies for $LATEST.".to_owned()));
    }
    check_statement(&wish.statement)?;
    let arn = target.asked_arn();
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        check_exists(&target, &record)?;
        check_revision(&target, &record, wish.revision_id.as_deref())?;
        let before = record.policies.remove(target.scope());
        let policy = Policy::with(before, wish.statement.clone(), &arn, &lambda.random)?;
        record.policies.insert(target.scope().to_owned(), policy);
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], || absent(&target), edit).await?;
    Ok(arn)
}

/// Removes a statement; with the last one the policy goes.
pub(crate) async fn remove(
    lambda: &Arc<Lambda>,
    caller: &Caller,
    name: &str,
    qualifier: Option<&str>,
    sid: &str,
    revision_id: Option<&str>,
) -> Result<(), Error> {
    let target = resolve(caller, name, qualifier, "RemovePermission")?;
    let nothing = || match target.parsed_qualifier() {
        Some(Qualifier::Alias(_)) => absent(&target),
        _ => Error::ResourceNotFound(format!("No policy found for: {}", target.asked_arn())),
    };
    let edit = |entry: &Entry| {
        let mut record = entry.record.clone();
        check_exists(&target, &record)?;
        let none = || Error::ResourceNotFound("No policy is associated with the given resource.".to_owned());
        let policy = record.policies.remove(target.scope()).ok_or_else(none)?;
        policy::check_revision(Some(&policy), revision_id, GET_POLICY)?;
        if let Some(left) = policy.without(sid, &lambda.random)? {
            record.policies.insert(target.scope().to_owned(), left);
        }
        Ok(record)
    };
    lambda.functions.change(&target.key, &[], nothing, edit).await.map(|_| ())
}

/// Whatever is missing, the answer is the same.
pub(crate) fn get(lambda: &Lambda, caller: &Caller, name: &str, qualifier: Option<&str>) -> Result<Found, Error> {
    let target = resolve(caller, name, qualifier, "GetPolicy")?;
    let entry = lambda.functions.get(&target.key);
    let policy = entry.and_then(|entry| entry.record.policies.get(target.scope()).cloned());
    Ok(Found {
        arn: target.asked_arn(),
        policy: policy
            .ok_or_else(|| Error::ResourceNotFound("The resource you requested does not exist.".to_owned()))?,
    })
}

/// What a refusal of a revision tells to call.
const GET_POLICY: &str = "GetPolicy";

fn resolve(caller: &Caller, name: &str, qualifier: Option<&str>, action: &'static str) -> Result<Target, Error> {
    target::resolve(caller, Use::Read, name, qualifier, action)
}

/// The service's own checks. All texts but the first are unverified.
fn check_statement(statement: &Statement) -> Result<(), Error> {
    let refuse = |text: &str| Err(Error::InvalidParameter(text.to_owned()));
    if Principal::parse(&statement.principal).is_none() {
        return refuse("The provided principal was invalid. Please check the principal and try again.");
    }
    if statement.url_auth.is_some() && statement.action != "lambda:InvokeFunctionUrl" {
        return refuse("FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action");
    }
    if statement.via_url && statement.action != "lambda:InvokeFunction" {
        return refuse("InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action");
    }
    let of_source = statement.source_arn.is_some() || statement.source_account.is_some();
    if statement.event_source_token.is_some() && of_source {
        return refuse("EventSourceToken cannot be combined with SourceArn or SourceAccount");
    }
    Ok(())
}

fn check_exists(target: &Target, record: &FunctionRecord) -> Result<(), Error> {
    let exists = match target.parsed_qualifier() {
        None | Some(Qualifier::Latest) => true,
        Some(Qualifier::Number(number)) => record.versions.contains_key(&number),
        Some(Qualifier::Alias(name)) => record.aliases.contains_key(&*name),
    };
    if exists { Ok(()) } else { Err(absent(target)) }
}

fn absent(target: &Target) -> Error {
    match target.parsed_qualifier() {
        Some(Qualifier::Alias(name)) if !name.contains('$') => Error::AliasNotFound { arn: target.asked_arn() },
        _ => target.not_found(),
    }
}

/// Before there is a policy, the revision of the function, the version or the alias is taken for
/// it: recorded for aliases.
fn check_revision(target: &Target, record: &FunctionRecord, given: Option<&str>) -> Result<(), Error> {
    let policy = record.policies.get(target.scope());
    if policy.is_none() && given.is_some() {
        let of_resource = match target.parsed_qualifier() {
            None | Some(Qualifier::Latest) => Some(&record.latest.revision_id),
            Some(Qualifier::Number(number)) => record.versions.get(&number).map(|v| &v.edition.revision_id),
            Some(Qualifier::Alias(name)) => record.aliases.get(&*name).map(|alias| &alias.revision_id),
        };
        if of_resource.map(String::as_str) == given {
            return Ok(());
        }
    }
    policy::check_revision(policy, given, GET_POLICY)
}
