//! The operations on runtime management: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 11.

use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, functions, read};
use crate::error::Error;
use crate::ops::runtime_management::{self, Managed};
use crate::pattern::RUNTIME_VERSION_ARN;
use crate::record::RuntimeUpdate;
use crate::target::{self, Use};

const PATH: &str = "/2021-07-20/functions/{FunctionName}/runtime-management-config";
const MODES: &[&str] = &["Auto", "Manual", "FunctionUpdate"];

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 2] {
    let state = || Arc::clone(lambda);
    [
        read(Method::GET, PATH, "GetRuntimeManagementConfig", handler(state(), get)),
        change(Method::PUT, PATH, "PutRuntimeManagementConfig", lambda, handler(state(), put)),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RuntimeManagementConfig {
    update_runtime_on: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    runtime_version_arn: Option<String>,
    function_arn: String,
}

impl From<Managed> for RuntimeManagementConfig {
    fn from(managed: Managed) -> Self {
        let (update_runtime_on, runtime_version_arn) = match managed.update {
            RuntimeUpdate::Auto => ("Auto", None),
            RuntimeUpdate::FunctionUpdate => ("FunctionUpdate", None),
            RuntimeUpdate::Manual { arn } => ("Manual", Some(arn)),
        };
        Self {
            update_runtime_on,
            runtime_version_arn,
            function_arn: managed.arn,
        }
    }
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = functions::named(&request)?;
    let managed = runtime_management::get(&lambda, &request.caller, name, qualifier)?;
    Response::json(StatusCode::OK, &RuntimeManagementConfig::from(managed))
}

async fn put(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let mode: Option<String> = members.take("UpdateRuntimeOn")?;
    let arn: Option<String> = members.take("RuntimeVersionArn")?;
    members.finish()?;
    let mut violations = Violations::new();
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    target::check(&mut violations, Use::Read, Some(name), qualifier);
    violations.required("updateRuntimeOn", mode.as_ref());
    if let Some(mode) = &mode {
        violations.enum_set("updateRuntimeOn", mode, MODES);
    }
    if let Some(arn) = &arn {
        violations.length("runtimeVersionArn", arn, 26..=2_048);
        RUNTIME_VERSION_ARN.check(&mut violations, "runtimeVersionArn", arn);
    }
    violations.finish_with(Error::Constraint)?;
    let update = update(mode.as_deref().unwrap_or_default(), arn)?;
    let managed = runtime_management::put(&lambda, &request.caller, name, qualifier, update).await?;
    Response::json(StatusCode::OK, &RuntimeManagementConfig::from(managed))
}

/// The service's own words are not recorded; they say the same.
fn update(mode: &str, arn: Option<String>) -> Result<RuntimeUpdate, Error> {
    match (mode, arn) {
        ("Manual", Some(arn)) => Ok(RuntimeUpdate::Manual { arn }),
        ("Manual", None) => {
            Err(Error::InvalidParameter("RuntimeVersionArn is required when UpdateRuntimeOn is Manual.".to_owned()))
        }
        (_, Some(_)) => Err(Error::InvalidParameter(
            "RuntimeVersionArn can be given only when UpdateRuntimeOn is Manual.".to_owned(),
        )),
        ("FunctionUpdate", None) => Ok(RuntimeUpdate::FunctionUpdate),
        (_, None) => Ok(RuntimeUpdate::Auto),
    }
}
