//! The operations on aliases: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 5.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::{Version, arn};
use hearth_wire::rest_json::Route;
use hearth_wire::validation::{self, Violations};
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Lambda;
use crate::api::members::Members;
use crate::api::{change, functions, paging, read};
use crate::error::Error;
use crate::ops::aliases::{self, Alias, Found, Wanted};
use crate::pattern::{ADDITIONAL_VERSION, ALIAS_NAME, VERSION, is_alias_name};
use crate::target::{self, Use};

const ALL: &str = "/2015-03-31/functions/{FunctionName}/aliases";
const ONE: &str = "/2015-03-31/functions/{FunctionName}/aliases/{Name}";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 5] {
    let state = || Arc::clone(lambda);
    [
        change(Method::POST, ALL, "CreateAlias", lambda, handler(state(), create)),
        read(Method::GET, ALL, "ListAliases", handler(state(), list)),
        read(Method::GET, ONE, "GetAlias", handler(state(), get)),
        change(Method::PUT, ONE, "UpdateAlias", lambda, handler(state(), update)),
        change(Method::DELETE, ONE, "DeleteAlias", lambda, handler(state(), delete)),
    ]
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RoutingConfig {
    additional_version_weights: Option<BTreeMap<String, f64>>,
}

async fn create(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut members = Members::of_body(&request.body)?;
    let name: Option<String> = members.take("Name")?;
    let mut violations = Violations::new();
    violations.required("name", name.as_ref());
    let wish = parse(&request, members, violations, name.unwrap_or_default(), Operation::Create)?;
    let found = aliases::create(&lambda, &request.caller, wish).await?;
    Response::json(StatusCode::CREATED, &render(&found))
}

async fn update(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let members = Members::of_body(&request.body)?;
    let name = request.label("Name").to_owned();
    let wish = parse(&request, members, Violations::new(), name, Operation::Update)?;
    let found = aliases::update(&lambda, &request.caller, wish).await?;
    Response::json(StatusCode::OK, &render(&found))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    Update,
}

fn parse(
    request: &Request,
    mut members: Members<'_>,
    mut violations: Violations,
    name: String,
    operation: Operation,
) -> Result<Alias, Error> {
    let function = request.label("FunctionName");
    target::check(&mut violations, Use::Write, Some(function), None);
    check_name(&mut violations, &name);
    let version: Option<String> = members.take("FunctionVersion")?;
    if operation == Operation::Create {
        violations.required("functionVersion", version.as_ref());
    }
    if let Some(version) = &version {
        VERSION.check(&mut violations, "functionVersion", version);
        violations.length("functionVersion", version, 1..=1_024);
    }
    let description: Option<String> = members.take("Description")?;
    if let Some(description) = &description {
        violations.length("description", description, 0..=256);
    }
    let routing = members.take::<RoutingConfig>("RoutingConfig")?;
    let weights = routing.map(|routing| routing.additional_version_weights.unwrap_or_default());
    if let Some(weights) = &weights {
        check_weights(&mut violations, weights);
    }
    let revision_id = match operation {
        Operation::Create => None,
        Operation::Update => functions::take_revision(&mut members)?,
    };
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    Ok(Alias {
        wanted: Wanted {
            version: version.as_deref().map(parse_version),
            description,
            weights: weights.map(|weights| weights.iter().map(|(key, weight)| (number(key), *weight)).collect()),
        },
        function: function.to_owned(),
        name,
        revision_id,
    })
}

fn check_name(violations: &mut Violations, name: &str) {
    if !name.is_empty() {
        violations.pattern("name", name, ALIAS_NAME, is_alias_name(name));
        violations.length("name", name, 1..=128);
    }
}

fn check_weights(violations: &mut Violations, weights: &BTreeMap<String, f64>) {
    let path = "routingConfig.additionalVersionWeights";
    let shown: Vec<_> = weights.iter().map(|(key, weight)| (key.as_str(), format!("{weight:?}"))).collect();
    let shown = validation::map(shown.iter().map(|(key, weight)| (*key, weight.as_str())));
    let good_key = |key: &String| (1..=1_024).contains(&key.len()) && ADDITIONAL_VERSION.matches(key);
    if !weights.keys().all(good_key) {
        let constraints = [
            validation::at_most_long(1_024),
            validation::at_least_long(1),
            validation::matching(ADDITIONAL_VERSION.text()),
        ];
        let text = format!("Map keys must satisfy constraint: [{}]", constraints.join(", "));
        violations.violate(path, Some(&shown), &text);
    }
    if !weights.values().all(|weight| (0.0..=1.0).contains(weight)) {
        violations.violate(
            path,
            Some(&shown),
            "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have \
             value greater than or equal to 0.0, Member must not be null]",
        );
    }
}

/// Of text that passed the pattern.
fn parse_version(text: &str) -> Version {
    if text.starts_with('$') { Version::Latest } else { Version::Number(number(text)) }
}

/// A number that is too large for any version stays one that is not there.
fn number(text: &str) -> u64 {
    text.parse().unwrap_or(u64::MAX)
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (function, name) = named(&request)?;
    let found = aliases::get(&lambda, &request.caller, function, name)?;
    Response::json(StatusCode::OK, &render(&found))
}

async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (function, name) = named(&request)?;
    aliases::delete(&lambda, &request.caller, function, name).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

fn named(request: &Request) -> Result<(&str, &str), Error> {
    let (function, name) = (request.label("FunctionName"), request.label("Name"));
    let mut violations = Violations::new();
    check_name(&mut violations, name);
    target::check(&mut violations, Use::Write, Some(function), None);
    violations.finish_with(Error::Constraint)?;
    Ok((function, name))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AliasConfiguration<'a> {
    alias_arn: String,
    name: &'a str,
    function_version: String,
    description: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    routing_config: Option<Routing>,
    revision_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Routing {
    additional_version_weights: BTreeMap<String, f64>,
}

fn render(found: &Found) -> AliasConfiguration<'_> {
    let alias = &found.alias;
    AliasConfiguration {
        alias_arn: arn::qualified(&found.entry.arn, &found.name),
        name: &found.name,
        function_version: alias.primary().to_string(),
        description: &alias.description,
        routing_config: alias.additional.map(|additional| Routing {
            additional_version_weights: BTreeMap::from([(additional.version.to_string(), additional.weight)]),
        }),
        revision_id: &alias.revision_id,
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListAliasesResponse<'a> {
    aliases: Vec<AliasConfiguration<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let function = request.label("FunctionName");
    let mut violations = Violations::new();
    target::check(&mut violations, Use::Write, Some(function), None);
    let version = request.query("FunctionVersion");
    if let Some(version) = version {
        VERSION.check(&mut violations, "functionVersion", version);
        violations.length("functionVersion", version, 1..=1_024);
    }
    let wish = paging::parse(&request, &mut violations, 10_000)?;
    violations.finish_with(Error::Constraint)?;
    let page = aliases::list(&lambda, &request.caller, function, version.map(parse_version), &wish)?;
    let answer = ListAliasesResponse {
        aliases: page.items.iter().map(render).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}
