//! The operations on tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::api::members::Members;
use crate::error::Error;
use crate::ops::tags;
use crate::pattern::TAGGABLE;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListTagsResponse {
    tags: BTreeMap<String, String>,
}

pub(super) async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let resource = resource(&request, &mut Violations::new())?;
    let tags = tags::list(&lambda, &request.caller, resource).await?;
    Response::json(StatusCode::OK, &ListTagsResponse { tags })
}

pub(super) async fn add(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let wanted: Option<BTreeMap<String, String>> = members.take("Tags")?;
    members.finish()?;
    let mut violations = Violations::new();
    violations.required("tags", wanted.as_ref());
    let resource = resource(&request, &mut violations)?;
    tags::add(&lambda, &request.caller, resource, wanted.unwrap_or_default()).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

pub(super) async fn remove(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let keys: Vec<String> = request.query_all("tagKeys").map(ToOwned::to_owned).collect();
    let mut violations = Violations::new();
    if keys.is_empty() {
        violations.required::<String>("tagKeys", None);
    }
    let resource = resource(&request, &mut violations)?;
    tags::remove(&lambda, &request.caller, resource, &keys).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// The resource's ARN, once everything noted so far and its own constraints hold.
fn resource<'r>(request: &'r Request, violations: &mut Violations) -> Result<&'r str, Error> {
    let resource = request.label("Resource");
    TAGGABLE.check(violations, "resource", resource);
    violations.length("resource", resource, 1..=256);
    std::mem::take(violations).finish_with(Error::Constraint)?;
    Ok(resource)
}
