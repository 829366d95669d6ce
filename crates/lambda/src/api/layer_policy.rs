//! The operations on the policies of layer versions, and the documents that they show.

use std::sync::Arc;

use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::api::layers::named_version;
use crate::api::members::Members;
use crate::error::Error;
use crate::layer::{LayerKey, LayerStatement};
use crate::ops::layer_policy;
use crate::pattern::{LAYER_ACTION, LAYER_PRINCIPAL, ORGANIZATION_ID, STATEMENT_ID};

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

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'s> {
    version: &'static str,
    id: &'static str,
    statement: Vec<Statement<'s>>,
}

/// In the order of members that the service has.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement<'s> {
    sid: &'s str,
    effect: &'static str,
    principal: Principal,
    action: &'static str,
    resource: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<Condition<'s>>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Principal {
    Everyone(&'static str),
    Account {
        #[serde(rename = "AWS")]
        root_arn: String,
    },
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Condition<'s> {
    string_equals: StringEquals<'s>,
}

#[derive(Serialize)]
struct StringEquals<'s> {
    #[serde(rename = "aws:PrincipalOrgID")]
    organization_id: &'s str,
}

impl<'s> Statement<'s> {
    fn of(key: &LayerKey, number: u64, statement: &'s LayerStatement) -> Self {
        let principal = match statement.principal.as_str() {
            "*" => Principal::Everyone("*"),
            root_arn if root_arn.starts_with("arn:") => Principal::Account {
                root_arn: root_arn.to_owned(),
            },
            account => Principal::Account {
                root_arn: format!("arn:{}:iam::{account}:root", key.region.partition()),
            },
        };
        Self {
            sid: &statement.sid,
            effect: "Allow",
            principal,
            action: "lambda:GetLayerVersion",
            resource: key.version_arn(number),
            condition: statement.organization_id.as_deref().map(|organization_id| Condition {
                string_equals: StringEquals { organization_id },
            }),
        }
    }
}

/// A policy as it is shown: its length is what the service limits.
pub(crate) fn document(key: &LayerKey, number: u64, statements: &[LayerStatement]) -> Result<String, Error> {
    json(&Document {
        version: "2012-10-17",
        id: "default",
        statement: statements.iter().map(|statement| Statement::of(key, number, statement)).collect(),
    })
}

fn json(value: &impl Serialize) -> Result<String, Error> {
    serde_json::to_string(value).map_err(|e| Error::WrongShape(e.to_string()))
}

pub(super) async fn add(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = version(&request)?;
    let statement = parse_statement(&request)?;
    let version = layer_policy::add(&lambda, &request.caller, key, number, &statement, revision(&request)).await?;
    let answer = AddLayerVersionPermissionResponse {
        statement: json(&Statement::of(&version.key, number, &statement))?,
        revision_id: version.record.policy.map(|policy| policy.revision_id).unwrap_or_default(),
    };
    Response::json(StatusCode::CREATED, &answer)
}

fn parse_statement(request: &Request) -> Result<LayerStatement, Error> {
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
    Ok(LayerStatement {
        sid: sid.unwrap_or_default(),
        principal: principal.unwrap_or_default(),
        organization_id,
    })
}

pub(super) async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = version(&request)?;
    let policy = layer_policy::get(&lambda, &request.caller, &key, number).await?;
    let answer = GetLayerVersionPolicyResponse {
        policy: document(&key, number, &policy.statements)?,
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
