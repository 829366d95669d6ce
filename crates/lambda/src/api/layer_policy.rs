//! The operations on the policies of layer versions.

use std::sync::Arc;

use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::api::layers::named_version;
use crate::api::members::Members;
use crate::api::policy_document;
use crate::error::Error;
use crate::layer::LayerKey;
use crate::ops::layer_policy;
use crate::pattern::{LAYER_ACTION, LAYER_PRINCIPAL, ORGANIZATION_ID, STATEMENT_ID};
use crate::policy::Statement;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AddLayerVersionPermissionResponse {
    /// JSON as text.
    statement: String,
    revision_id: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetLayerVersionPolicyResponse {
    /// JSON as text.
    policy: String,
    revision_id: String,
}

pub(super) async fn add(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = version(&request)?;
    let statement = parse_statement(&request)?;
    let version = layer_policy::add(&lambda, &request.caller, key, number, &statement, revision(&request)).await?;
    let answer = AddLayerVersionPermissionResponse {
        statement: policy_document::statement(&version.key.version_arn(number), &statement)?,
        revision_id: version.record.policy.map(|policy| policy.revision_id).unwrap_or_default(),
    };
    Response::json(StatusCode::CREATED, &answer)
}

fn parse_statement(request: &Request) -> Result<Statement, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let sid: Option<String> = members.take("StatementId")?;
    let action: Option<String> = members.take("Action")?;
    let principal: Option<String> = members.take("Principal")?;
    let organization_id: Option<String> = members.take("OrganizationId")?;
    members.finish()?;
    violations.required("statementId", sid.as_ref());
    if let Some(sid) = &sid {
        STATEMENT_ID.check(&mut violations, "statementId", sid);
        violations.length("statementId", sid, 1..=100);
    }
    violations.required("action", action.as_ref());
    if let Some(action) = &action {
        LAYER_ACTION.check(&mut violations, "action", action);
        violations.length("action", action, 0..=22);
    }
    violations.required("principal", principal.as_ref());
    if let Some(principal) = &principal {
        LAYER_PRINCIPAL.check(&mut violations, "principal", principal);
    }
    if let Some(organization_id) = &organization_id {
        ORGANIZATION_ID.check(&mut violations, "organizationId", organization_id);
        violations.length("organizationId", organization_id, 0..=34);
    }
    violations.finish_with(Error::Constraint)?;
    Ok(Statement {
        sid: sid.unwrap_or_default(),
        action: action.unwrap_or_default(),
        principal: principal.unwrap_or_default(),
        organization_id,
        ..Statement::default()
    })
}

pub(super) async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = version(&request)?;
    let policy = layer_policy::get(&lambda, &request.caller, &key, number).await?;
    let answer = GetLayerVersionPolicyResponse {
        policy: policy_document::of(&key.version_arn(number), &policy.statements)?,
        revision_id: policy.revision_id,
    };
    Response::json(StatusCode::OK, &answer)
}

pub(super) async fn remove(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = version(&request)?;
    let sid = request.label("StatementId");
    let mut violations = Violations::new();
    STATEMENT_ID.check(&mut violations, "statementId", sid);
    violations.length("statementId", sid, 1..=100);
    violations.finish_with(Error::Constraint).map_err(ApiError::from)?;
    layer_policy::remove(&lambda, &request.caller, &key, number, sid, revision(&request)).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// A version that cannot be is one that does not exist.
fn version(request: &Request) -> Result<(LayerKey, u64), Error> {
    let (key, number) = named_version(request)?;
    let absent = || {
        let arn = hearth_model::arn::qualified(&key.arn(), &number.to_string());
        Error::ResourceNotFound(format!("Layer version {arn} does not exist."))
    };
    let number = u64::try_from(number).map_err(|_| absent())?;
    Ok((key, number))
}

fn revision(request: &Request) -> Option<&str> {
    request.query("RevisionId").filter(|revision| !revision.is_empty())
}
