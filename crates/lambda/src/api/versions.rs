//! The operations on versions: parse, check, run, render.

use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::Lambda;
use crate::api::configuration::{self, FunctionConfiguration, View};
use crate::api::members::Members;
use crate::api::{change, functions, paging, read};
use crate::error::Error;
use crate::ops::list_functions;
use crate::ops::publish_version::{self, PublishVersion};
use crate::target::{self, Use};

const PATH: &str = "/2015-03-31/functions/{FunctionName}/versions";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 2] {
    let state = || Arc::clone(lambda);
    [
        change(Method::POST, PATH, "PublishVersion", lambda, handler(state(), publish)),
        read(Method::GET, PATH, "ListVersionsByFunction", handler(state(), list)),
    ]
}

async fn publish(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let wish = parse_publish(&request)?;
    let found = publish_version::run(&lambda, &request.caller, wish).await?;
    let qualifier = found.version.to_string();
    let shown = configuration::render(&found.entry, found.version, Some(&qualifier), View::Whole);
    Response::json(StatusCode::CREATED, &shown)
}

fn parse_publish(request: &Request) -> Result<PublishVersion, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let name = request.label("FunctionName");
    target::check(&mut violations, Use::Write, Some(name), None);
    let description: Option<String> = members.take("Description")?;
    if let Some(description) = &description {
        violations.length("description", description, 0..=256);
    }
    let wish = PublishVersion {
        name: name.to_owned(),
        code_sha256: members.take::<String>("CodeSha256")?.filter(|hash| !hash.is_empty()),
        description,
        revision_id: functions::take_revision(&mut members)?,
        publish_to: members.take_raw("PublishTo").is_some(),
    };
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    Ok(wish)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListVersionsByFunctionResponse {
    versions: Vec<FunctionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = request.label("FunctionName");
    let mut violations = Violations::new();
    target::check(&mut violations, Use::Read, Some(name), None);
    let wish = paging::parse(&request, &mut violations, 10_000)?;
    violations.finish_with(Error::Constraint)?;
    let page = list_functions::versions(&lambda, &request.caller, name, &wish)?;
    let versions = page.items.iter().map(|(entry, version)| configuration::render_listed(entry, *version));
    let answer = ListVersionsByFunctionResponse {
        versions: versions.collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}
