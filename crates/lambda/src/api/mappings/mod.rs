//! The operations on event source mappings: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 12.

mod input;
mod render;

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, paging, read};
use crate::error::Error;
use crate::ops::mappings::{self, Selection};
use crate::pattern::SERVICE_ARN;
use crate::target::{self, Use};

const ALL: &str = "/2015-03-31/event-source-mappings";
const ONE: &str = "/2015-03-31/event-source-mappings/{UUID}";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 5] {
    let state = || Arc::clone(lambda);
    [
        change(Method::POST, ALL, "CreateEventSourceMapping", lambda, handler(state(), create)),
        read(Method::GET, ALL, "ListEventSourceMappings", handler(state(), list)),
        read(Method::GET, ONE, "GetEventSourceMapping", handler(state(), get)),
        change(Method::PUT, ONE, "UpdateEventSourceMapping", lambda, handler(state(), update)),
        change(Method::DELETE, ONE, "DeleteEventSourceMapping", lambda, handler(state(), delete)),
    ]
}

async fn create(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let source = input::take_source(&mut members, &mut violations)?;
    let wish = input::take(&mut members, &mut violations, true)?;
    let tags = members.take::<BTreeMap<String, String>>("Tags")?.unwrap_or_default();
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    let made = mappings::create(&lambda, &request.caller, source, wish, tags).await?;
    Response::json(StatusCode::ACCEPTED, &render::mapping(&made))
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let found = mappings::get(&lambda, &request.caller, request.label("UUID")).await?;
    Response::json(StatusCode::OK, &render::mapping(&found))
}

async fn update(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let wish = input::take(&mut members, &mut violations, false)?;
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    let changed = mappings::update(&lambda, &request.caller, request.label("UUID"), wish).await?;
    Response::json(StatusCode::ACCEPTED, &render::mapping(&changed))
}

async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let gone = mappings::delete(&lambda, &request.caller, request.label("UUID")).await?;
    Response::json(StatusCode::ACCEPTED, &render::mapping(&gone))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListEventSourceMappingsResponse {
    event_source_mappings: Vec<Map<String, Value>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let (source, function) = (request.query("EventSourceArn"), request.query("FunctionName"));
    if let Some(arn) = source {
        SERVICE_ARN.check(&mut violations, "eventSourceArn", arn);
    }
    if let Some(name) = function {
        target::check(&mut violations, Use::Read, Some(name), None);
    }
    let page = paging::parse(&request, &mut violations, 10_000)?;
    violations.finish_with(Error::Constraint)?;
    let selection = Selection {
        source: source.map(ToOwned::to_owned),
        function: function.map(ToOwned::to_owned),
        page,
    };
    let page = mappings::list(&lambda, &request.caller, &selection).await?;
    let answer = ListEventSourceMappingsResponse {
        event_source_mappings: page.items.iter().map(render::mapping).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}
