//! GetFunctionRecursionConfig and PutFunctionRecursionConfig.
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
use crate::api::{change, read};
use crate::error::Error;
use crate::ops::recursion;
use crate::pattern::UNQUALIFIED_NAME;

const PATH: &str = "/2024-08-31/functions/{FunctionName}/recursion-config";
const ALLOW: &str = "Allow";
const TERMINATE: &str = "Terminate";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 2] {
    let state = || Arc::clone(lambda);
    [
        read(Method::GET, PATH, "GetFunctionRecursionConfig", handler(state(), get)),
        change(Method::PUT, PATH, "PutFunctionRecursionConfig", lambda, handler(state(), put)),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct RecursionConfig {
    recursive_loop: &'static str,
}

fn render(allowed: bool) -> Result<Response, ApiError> {
    let recursive_loop = if allowed { ALLOW } else { TERMINATE };
    Response::json(StatusCode::OK, &RecursionConfig { recursive_loop })
}

fn function(request: &Request, mut violations: Violations) -> Result<&str, Error> {
    let name = request.label("FunctionName");
    UNQUALIFIED_NAME.check(&mut violations, "functionName", name);
    violations.length("functionName", name, 1..=140);
    violations.finish_with(Error::Constraint)?;
    Ok(name)
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = function(&request, Violations::new())?;
    render(recursion::get(&lambda, &request.caller, name)?)
}

async fn put(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let wanted: Option<String> = members.take("RecursiveLoop")?;
    members.finish()?;
    let mut violations = Violations::new();
    violations.required("recursiveLoop", wanted.as_ref());
    if let Some(wanted) = &wanted {
        violations.enum_set("recursiveLoop", wanted, &[TERMINATE, ALLOW]);
    }
    let name = function(&request, violations)?;
    let allowed = wanted.as_deref() == Some(ALLOW);
    recursion::put(&lambda, &request.caller, name, allowed).await?;
    render(allowed)
}
