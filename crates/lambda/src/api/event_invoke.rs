//! The operations on what becomes of asynchronous events: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 9.

use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, paging, read, timestamp};
use crate::error::Error;
use crate::ops::event_invoke::{self, Config, How, Wanted, Wished};
use crate::pattern::DESTINATION;
use crate::target::{self, Use};

const ONE: &str = "/2019-09-25/functions/{FunctionName}/event-invoke-config";
const ALL: &str = "/2019-09-25/functions/{FunctionName}/event-invoke-config/list";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 5] {
    let state = || Arc::clone(lambda);
    [
        change(Method::PUT, ONE, "PutFunctionEventInvokeConfig", lambda, handler(state(), put)),
        change(Method::POST, ONE, "UpdateFunctionEventInvokeConfig", lambda, handler(state(), update)),
        read(Method::GET, ONE, "GetFunctionEventInvokeConfig", handler(state(), get)),
        change(Method::DELETE, ONE, "DeleteFunctionEventInvokeConfig", lambda, handler(state(), delete)),
        read(Method::GET, ALL, "ListFunctionEventInvokeConfigs", handler(state(), list)),
    ]
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DestinationConfig {
    on_success: Option<Destination>,
    on_failure: Option<Destination>,
}

/// Shown as an empty object where nothing is set.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Destination {
    #[serde(skip_serializing_if = "Option::is_none")]
    destination: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionEventInvokeConfig {
    last_modified: f64,
    function_arn: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_retry_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    maximum_event_age_in_seconds: Option<u32>,
    destination_config: DestinationConfig,
}

fn render(config: Config) -> FunctionEventInvokeConfig {
    let shown = |destination| Some(Destination { destination });
    let record = config.record;
    FunctionEventInvokeConfig {
        last_modified: timestamp::epoch_seconds(record.modified_ms),
        function_arn: config.arn,
        maximum_retry_attempts: record.retries_max,
        maximum_event_age_in_seconds: record.age_max_s,
        destination_config: DestinationConfig {
            on_success: shown(record.on_success),
            on_failure: shown(record.on_failure),
        },
    }
}

/// The function's name and the qualifier, once they and everything noted so far hold.
fn function(request: &Request, mut violations: Violations) -> Result<(&str, Option<&str>), Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    target::check(&mut violations, Use::Read, Some(name), qualifier);
    violations.finish_with(Error::Constraint)?;
    Ok((name, qualifier))
}

fn wanted(request: &Request, violations: &mut Violations) -> Result<Wanted, Error> {
    let mut members = Members::of_body(&request.body)?;
    let retries: Option<i64> = members.take("MaximumRetryAttempts")?;
    let age: Option<i64> = members.take("MaximumEventAgeInSeconds")?;
    let config: Option<DestinationConfig> = members.take("DestinationConfig")?;
    members.finish()?;
    if let Some(retries) = retries {
        violations.range("maximumRetryAttempts", retries, 0..=2);
    }
    if let Some(age) = age {
        violations.range("maximumEventAgeInSeconds", age, 60..=21_600);
    }
    let mut destination = |given: Option<Destination>, path: &str| {
        let arn = given.and_then(|given| given.destination)?;
        DESTINATION.check(violations, path, &arn);
        violations.length(path, &arn, 0..=350);
        Some(arn).filter(|arn| !arn.is_empty())
    };
    let destinations = config.map(|config| Wished {
        on_success: destination(config.on_success, "destinationConfig.onSuccess.destination"),
        on_failure: destination(config.on_failure, "destinationConfig.onFailure.destination"),
    });
    // Both are within their ranges, or are refused with what is noted.
    let narrow = |number: Option<i64>| number.and_then(|number| u32::try_from(number).ok());
    Ok(Wanted {
        retries_max: narrow(retries),
        age_max_s: narrow(age),
        destinations,
    })
}

async fn put(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    store(&lambda, &request, How::Replace).await
}

async fn update(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    store(&lambda, &request, How::Merge).await
}

async fn store(lambda: &Arc<Lambda>, request: &Request, how: How) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let wanted = wanted(request, &mut violations)?;
    let (name, qualifier) = function(request, violations)?;
    let config = event_invoke::put(lambda, &request.caller, name, qualifier, &wanted, how).await?;
    Response::json(StatusCode::OK, &render(config))
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = function(&request, Violations::new())?;
    Response::json(StatusCode::OK, &render(event_invoke::get(&lambda, &request.caller, name, qualifier)?))
}

async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = function(&request, Violations::new())?;
    event_invoke::delete(&lambda, &request.caller, name, qualifier).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctionEventInvokeConfigsResponse {
    function_event_invoke_configs: Vec<FunctionEventInvokeConfig>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let wish = paging::parse(&request, &mut violations, 50)?;
    let (name, _) = function(&request, violations)?;
    let page = event_invoke::list(&lambda, &request.caller, name, &wish)?;
    let answer = ListFunctionEventInvokeConfigsResponse {
        function_event_invoke_configs: page.items.into_iter().map(render).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}
