//! The operations on the resource policies of functions: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 6.

use std::sync::Arc;

use hearth_model::UrlAuth;
use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, functions, policy_document, read};
use crate::error::Error;
use crate::ops::permissions::{self, AddPermission};
use crate::pattern::{
    ACTION, EVENT_SOURCE_TOKEN, ORGANIZATION_ID, PRINCIPAL, Pattern, SOURCE_ACCOUNT, SOURCE_ARN, STATEMENT_ID,
    STATEMENT_ID_TO_REMOVE,
};
use crate::policy::Statement;
use crate::record::Text;
use crate::target::{self, Use};

const POLICY: &str = "/2015-03-31/functions/{FunctionName}/policy";
const STATEMENT: &str = "/2015-03-31/functions/{FunctionName}/policy/{StatementId}";

/// The order of AWS's own message is not recorded; this is the model's.
pub(super) const URL_AUTH_TYPES: [&str; 2] = ["NONE", "AWS_IAM"];

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 3] {
    let state = || Arc::clone(lambda);
    [
        change(Method::POST, POLICY, "AddPermission", lambda, handler(state(), add)),
        read(Method::GET, POLICY, "GetPolicy", handler(state(), get)),
        change(Method::DELETE, STATEMENT, "RemovePermission", lambda, handler(state(), remove)),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddPermissionResponse {
    /// JSON as text.
    statement: String,
}

async fn add(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let wish = parse(&request)?;
    let arn = permissions::add(&lambda, &request.caller, &wish).await?;
    let answer = AddPermissionResponse {
        statement: policy_document::statement(&arn, &wish.statement)?,
    };
    Response::json(StatusCode::CREATED, &answer)
}

fn parse(request: &Request) -> Result<AddPermission, Error> {
    let mut members = Members::of_body(&request.body)?;
    let sid: Option<String> = members.take("StatementId")?;
    let url_auth: Option<String> = members.take("FunctionUrlAuthType")?;
    let statement = Statement {
        sid: sid.clone().unwrap_or_default(),
        action: String::new(),
        principal: String::new(),
        organization_id: members.take("PrincipalOrgID")?,
        source_arn: members.take("SourceArn")?,
        source_account: members.take("SourceAccount")?,
        event_source_token: members.take("EventSourceToken")?,
        url_auth: url_auth.as_deref().and_then(UrlAuth::of),
        // What does not have to come through a URL is not restricted at all.
        via_url: members.take("InvokedViaFunctionUrl")?.unwrap_or(false),
    };
    let action: Option<String> = members.take("Action")?;
    let principal: Option<String> = members.take("Principal")?;
    let revision_id = functions::take_revision(&mut members)?;
    members.finish()?;

    let mut violations = Violations::new();
    target::check(&mut violations, Use::Read, Some(request.label("FunctionName")), request.query("Qualifier"));
    check(&mut violations, "statementId", sid.as_deref(), &STATEMENT_ID, 1..=100, true);
    check(&mut violations, "action", action.as_deref(), &ACTION, 0..=usize::MAX, true);
    check(&mut violations, "principal", principal.as_deref(), &PRINCIPAL, 0..=usize::MAX, true);
    check(&mut violations, "sourceArn", statement.source_arn.as_deref(), &SOURCE_ARN, 0..=usize::MAX, false);
    check(&mut violations, "sourceAccount", statement.source_account.as_deref(), &SOURCE_ACCOUNT, 0..=12, false);
    let token = statement.event_source_token.as_deref();
    check(&mut violations, "eventSourceToken", token, &EVENT_SOURCE_TOKEN, 0..=256, false);
    check(&mut violations, "principalOrgID", statement.organization_id.as_deref(), &ORGANIZATION_ID, 12..=34, false);
    if let Some(url_auth) = &url_auth {
        violations.enum_set("functionUrlAuthType", url_auth, &URL_AUTH_TYPES);
    }
    violations.finish_with(Error::Constraint)?;
    Ok(AddPermission {
        name: request.label("FunctionName").to_owned(),
        qualifier: request.query("Qualifier").map(ToOwned::to_owned),
        statement: Statement {
            action: action.unwrap_or_default(),
            principal: principal.unwrap_or_default(),
            ..statement
        },
        revision_id,
    })
}

fn check(
    violations: &mut Violations,
    path: &str,
    value: Option<&str>,
    pattern: &Pattern,
    length: std::ops::RangeInclusive<usize>,
    required: bool,
) {
    match value {
        Some(value) => {
            pattern.check(violations, path, value);
            violations.length(path, value, length);
        }
        None if required => violations.required::<String>(path, None),
        None => {}
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetPolicyResponse {
    /// JSON as text.
    policy: String,
    revision_id: String,
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = named(&request, Violations::new())?;
    let found = permissions::get(&lambda, &request.caller, name, qualifier)?;
    let answer = GetPolicyResponse {
        policy: policy_document::of(&found.arn, &found.policy.statements)?,
        revision_id: found.policy.revision_id,
    };
    Response::json(StatusCode::OK, &answer)
}

async fn remove(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let sid = request.label("StatementId");
    let mut violations = Violations::new();
    check(&mut violations, "statementId", Some(sid), &STATEMENT_ID_TO_REMOVE, 1..=100, true);
    let (name, qualifier) = named(&request, violations)?;
    let revision_id = request.query("RevisionId").filter(|revision| !revision.is_empty());
    permissions::remove(&lambda, &request.caller, name, qualifier, sid, revision_id).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

fn named(request: &Request, mut violations: Violations) -> Result<(&str, Option<&str>), Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    target::check(&mut violations, Use::Read, Some(name), qualifier);
    violations.finish_with(Error::Constraint)?;
    Ok((name, qualifier))
}
