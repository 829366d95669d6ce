//! The operations on reserved and provisioned concurrency: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 8.

use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, paging, read, timestamp};
use crate::error::Error;
use crate::ops::concurrency;
use crate::ops::provisioned::{self, Config, PutProvisioned, State};
use crate::target::{self, Use};

/// Three API dates, all the service's own.
const RESERVED: &str = "/2017-10-31/functions/{FunctionName}/concurrency";
const RESERVED_TO_READ: &str = "/2019-09-30/functions/{FunctionName}/concurrency";
const PROVISIONED: &str = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency";
const PROVISIONED_ALL: &str = "/2019-09-30/functions/{FunctionName}/provisioned-concurrency?List=ALL";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 7] {
    let state = || Arc::clone(lambda);
    [
        change(Method::PUT, RESERVED, "PutFunctionConcurrency", lambda, handler(state(), put_reserved)),
        read(Method::GET, RESERVED_TO_READ, "GetFunctionConcurrency", handler(state(), get_reserved)),
        change(Method::DELETE, RESERVED, "DeleteFunctionConcurrency", lambda, handler(state(), delete_reserved)),
        change(Method::PUT, PROVISIONED, "PutProvisionedConcurrencyConfig", lambda, handler(state(), put_provisioned)),
        read(Method::GET, PROVISIONED, "GetProvisionedConcurrencyConfig", handler(state(), get_provisioned)),
        change(
            Method::DELETE,
            PROVISIONED,
            "DeleteProvisionedConcurrencyConfig",
            lambda,
            handler(state(), delete_provisioned),
        ),
        read(Method::GET, PROVISIONED_ALL, "ListProvisionedConcurrencyConfigs", handler(state(), list_provisioned)),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Reserved {
    #[serde(skip_serializing_if = "Option::is_none")]
    reserved_concurrent_executions: Option<u32>,
}

async fn put_reserved(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let wanted: Option<i64> = members.take("ReservedConcurrentExecutions")?;
    members.finish()?;
    let mut violations = Violations::new();
    count(&mut violations, "reservedConcurrentExecutions", wanted, 0);
    let name = function(&request, violations)?;
    let reserved = concurrency::put(&lambda, &request.caller, name, narrow(wanted)).await?;
    let answer = Reserved {
        reserved_concurrent_executions: Some(reserved),
    };
    Response::json(StatusCode::OK, &answer)
}

async fn get_reserved(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = function(&request, Violations::new())?;
    let answer = Reserved {
        reserved_concurrent_executions: concurrency::get(&lambda, &request.caller, name)?,
    };
    Response::json(StatusCode::OK, &answer)
}

async fn delete_reserved(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = function(&request, Violations::new())?;
    concurrency::delete(&lambda, &request.caller, name).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// Notes a number that is missing or below `min`.
fn count(violations: &mut Violations, path: &str, wanted: Option<i64>, min: i64) {
    violations.required(path, wanted.as_ref());
    if let Some(wanted) = wanted {
        violations.range(path, wanted, min..=i64::MAX);
    }
}

/// Of a number that passed [`count`]. One beyond all limits stays so.
fn narrow(wanted: Option<i64>) -> u32 {
    u32::try_from(wanted.unwrap_or_default()).unwrap_or(u32::MAX)
}

/// The function's name, once it and everything noted so far holds.
fn function(request: &Request, mut violations: Violations) -> Result<&str, Error> {
    let name = request.label("FunctionName");
    target::check(&mut violations, Use::Write, Some(name), None);
    violations.finish_with(Error::Constraint)?;
    Ok(name)
}

/// As [`function`], with the qualifier, which must be there.
fn qualified(request: &Request, mut violations: Violations) -> Result<(&str, &str), Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    if qualifier.is_none() {
        violations.required::<String>("qualifier", None);
    }
    target::check(&mut violations, Use::Write, Some(name), qualifier);
    violations.finish_with(Error::Constraint)?;
    Ok((name, qualifier.unwrap_or_default()))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Provisioned {
    /// In lists alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    function_arn: Option<String>,
    requested_provisioned_concurrent_executions: u32,
    available_provisioned_concurrent_executions: u32,
    allocated_provisioned_concurrent_executions: u32,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    status_reason: Option<String>,
    last_modified: String,
}

fn render(config: Config) -> Provisioned {
    let (status, status_reason) = match config.state {
        State::InProgress => ("IN_PROGRESS", None),
        State::Ready => ("READY", None),
        State::Failed { reason } => ("FAILED", Some(reason)),
    };
    Provisioned {
        function_arn: None,
        requested_provisioned_concurrent_executions: config.requested,
        available_provisioned_concurrent_executions: config.available,
        allocated_provisioned_concurrent_executions: config.allocated,
        status,
        status_reason,
        last_modified: timestamp::seconds(config.modified_ms),
    }
}

async fn put_provisioned(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let wanted: Option<i64> = members.take("ProvisionedConcurrentExecutions")?;
    members.finish()?;
    let mut violations = Violations::new();
    count(&mut violations, "provisionedConcurrentExecutions", wanted, 1);
    let (name, qualifier) = qualified(&request, violations)?;
    let wish = PutProvisioned {
        name: name.to_owned(),
        qualifier: qualifier.to_owned(),
        environments: narrow(wanted),
    };
    let config = provisioned::put(&lambda, &request.caller, &wish).await?;
    Response::json(StatusCode::ACCEPTED, &render(config))
}

async fn get_provisioned(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = qualified(&request, Violations::new())?;
    Response::json(StatusCode::OK, &render(provisioned::get(&lambda, &request.caller, name, qualifier)?))
}

async fn delete_provisioned(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = qualified(&request, Violations::new())?;
    provisioned::delete(&lambda, &request.caller, name, qualifier).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListProvisionedConcurrencyConfigsResponse {
    provisioned_concurrency_configs: Vec<Provisioned>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list_provisioned(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let wish = paging::parse(&request, &mut violations, 50)?;
    let name = function(&request, violations)?;
    let page = provisioned::list(&lambda, &request.caller, name, &wish)?;
    let render_listed = |config: Config| Provisioned {
        function_arn: Some(config.arn.clone()),
        ..render(config)
    };
    let answer = ListProvisionedConcurrencyConfigsResponse {
        provisioned_concurrency_configs: page.items.into_iter().map(render_listed).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}
