//! The operations on code signing configurations: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::{self, Violations};
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, paging, read, timestamp};
use crate::code_signing::{Policy, config_arn};
use crate::error::Error;
use crate::ops::code_signing::{self, Shown, Wish};
use crate::pattern::{CODE_SIGNING_CONFIG, SERVICE_ARN};
use crate::target::{self, Use};

const ALL: &str = "/2020-04-22/code-signing-configs";
const ONE: &str = "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}";
const USERS: &str = "/2020-04-22/code-signing-configs/{CodeSigningConfigArn}/functions";
const OF_FUNCTION: &str = "/2020-06-30/functions/{FunctionName}/code-signing-config";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 9] {
    let state = || Arc::clone(lambda);
    let (get, put, delete) = (Method::GET, Method::PUT, Method::DELETE);
    [
        change(Method::POST, ALL, "CreateCodeSigningConfig", lambda, handler(state(), create)),
        read(get.clone(), ALL, "ListCodeSigningConfigs", handler(state(), list)),
        read(get.clone(), ONE, "GetCodeSigningConfig", handler(state(), show)),
        change(put.clone(), ONE, "UpdateCodeSigningConfig", lambda, handler(state(), update)),
        change(delete.clone(), ONE, "DeleteCodeSigningConfig", lambda, handler(state(), remove)),
        read(get.clone(), USERS, "ListFunctionsByCodeSigningConfig", handler(state(), list_functions)),
        read(get, OF_FUNCTION, "GetFunctionCodeSigningConfig", handler(state(), get_function)),
        change(put, OF_FUNCTION, "PutFunctionCodeSigningConfig", lambda, handler(state(), put_function)),
        change(delete, OF_FUNCTION, "DeleteFunctionCodeSigningConfig", lambda, handler(state(), delete_function)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Publishers {
    signing_profile_version_arns: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Policies {
    untrusted_artifact_on_deployment: Option<String>,
}

/// The members that creation and update share.
fn take(members: &mut Members<'_>, violations: &mut Violations, is_new: bool) -> Result<Wish, Error> {
    let description: Option<String> = members.take("Description")?;
    if let Some(description) = &description {
        violations.length("description", description, 0..=256);
    }
    let publishers = members.take::<Publishers>("AllowedPublishers")?;
    if is_new {
        violations.required("allowedPublishers", publishers.as_ref());
    }
    let has_publishers = publishers.is_some();
    let publishers = publishers.and_then(|publishers| publishers.signing_profile_version_arns);
    let path = "allowedPublishers.signingProfileVersionArns";
    match &publishers {
        Some(arns) => {
            violations.size(path, &validation::list(arns), arns.len(), 1..=20);
            let constraints = [validation::matching(SERVICE_ARN.text()), "Member must not be null".to_owned()];
            violations.items(path, arns, &constraints, arns.iter().all(|arn| SERVICE_ARN.matches(arn)));
        }
        None if has_publishers => violations.required::<Vec<String>>(path, None),
        None => {}
    }
    let policy = members.take::<Policies>("CodeSigningPolicies")?.and_then(|p| p.untrusted_artifact_on_deployment);
    if let Some(policy) = &policy {
        let allowed = Policy::ALL.map(|(_, text)| text);
        violations.enum_set("codeSigningPolicies.untrustedArtifactOnDeployment", policy, &allowed);
    }
    Ok(Wish {
        description,
        publishers,
        policy: policy.as_deref().and_then(Policy::of),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CodeSigningConfig {
    code_signing_config_id: String,
    code_signing_config_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    allowed_publishers: AllowedPublishers,
    code_signing_policies: CodeSigningPolicies,
    last_modified: String,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AllowedPublishers {
    signing_profile_version_arns: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CodeSigningPolicies {
    untrusted_artifact_on_deployment: &'static str,
}

impl From<Shown> for CodeSigningConfig {
    fn from((key, record): Shown) -> Self {
        Self {
            code_signing_config_arn: config_arn(&key),
            code_signing_config_id: key.id,
            description: record.description,
            allowed_publishers: AllowedPublishers {
                signing_profile_version_arns: record.publishers,
            },
            code_signing_policies: CodeSigningPolicies {
                untrusted_artifact_on_deployment: record.policy.text(),
            },
            last_modified: timestamp::milliseconds(record.modified_ms),
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct One {
    code_signing_config: CodeSigningConfig,
}

fn one(status: StatusCode, shown: Shown) -> Result<Response, ApiError> {
    Response::json(
        status,
        &One {
            code_signing_config: shown.into(),
        },
    )
}

async fn create(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let wish = take(&mut members, &mut violations, true)?;
    let tags = members.take::<BTreeMap<String, String>>("Tags")?.unwrap_or_default();
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    one(StatusCode::CREATED, code_signing::create(&lambda, &request.caller, wish, tags).await?)
}

/// The ARN of the path, once everything noted so far holds.
fn config_of(request: &Request, mut violations: Violations) -> Result<&str, Error> {
    let arn = request.label("CodeSigningConfigArn");
    check_config(&mut violations, arn);
    violations.finish_with(Error::Constraint)?;
    Ok(arn)
}

/// Notes an ARN that is none of a code signing configuration.
pub(super) fn check_config(violations: &mut Violations, arn: &str) {
    violations.length("codeSigningConfigArn", arn, 0..=200);
    CODE_SIGNING_CONFIG.check(violations, "codeSigningConfigArn", arn);
}

async fn show(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let arn = config_of(&request, Violations::new())?;
    one(StatusCode::OK, code_signing::get(&lambda, &request.caller, arn).await?)
}

async fn update(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let wish = take(&mut members, &mut violations, false)?;
    members.finish()?;
    let arn = config_of(&request, violations)?;
    one(StatusCode::OK, code_signing::update(&lambda, &request.caller, arn, wish).await?)
}

async fn remove(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let arn = config_of(&request, Violations::new())?;
    code_signing::delete(&lambda, &request.caller, arn).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListCodeSigningConfigsResponse {
    code_signing_configs: Vec<CodeSigningConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let wish = paging::parse(&request, &mut violations, 10_000)?;
    violations.finish_with(Error::Constraint)?;
    let page = code_signing::list(&lambda, &request.caller, &wish).await?;
    let answer = ListCodeSigningConfigsResponse {
        code_signing_configs: page.items.into_iter().map(CodeSigningConfig::from).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctionsResponse {
    function_arns: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list_functions(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let wish = paging::parse(&request, &mut violations, 10_000)?;
    let arn = config_of(&request, violations)?;
    let page = code_signing::list_functions(&lambda, &request.caller, arn, &wish).await?;
    let answer = ListFunctionsResponse {
        function_arns: page.items,
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}

#[derive(Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionCodeSigningConfig {
    #[serde(skip_serializing_if = "Option::is_none")]
    code_signing_config_arn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    function_name: Option<String>,
}

fn function(request: &Request, mut violations: Violations) -> Result<&str, Error> {
    let name = request.label("FunctionName");
    target::check(&mut violations, Use::Read, Some(name), None);
    violations.finish_with(Error::Constraint)?;
    Ok(name)
}

/// A function without one has an answer without members.
async fn get_function(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = function(&request, Violations::new())?;
    let answer = match code_signing::get_function(&lambda, &request.caller, name)? {
        Some((name, arn)) => FunctionCodeSigningConfig {
            code_signing_config_arn: Some(arn),
            function_name: Some(name.to_string()),
        },
        None => FunctionCodeSigningConfig::default(),
    };
    Response::json(StatusCode::OK, &answer)
}

async fn put_function(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let arn: Option<String> = members.take("CodeSigningConfigArn")?;
    members.finish()?;
    let mut violations = Violations::new();
    violations.required("codeSigningConfigArn", arn.as_ref());
    if let Some(arn) = &arn {
        check_config(&mut violations, arn);
    }
    let name = function(&request, violations)?;
    let arn = arn.unwrap_or_default();
    let name = code_signing::put_function(&lambda, &request.caller, name, &arn).await?;
    let answer = FunctionCodeSigningConfig {
        code_signing_config_arn: Some(arn),
        function_name: Some(name.to_string()),
    };
    Response::json(StatusCode::OK, &answer)
}

async fn delete_function(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = function(&request, Violations::new())?;
    code_signing::delete_function(&lambda, &request.caller, name).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}
