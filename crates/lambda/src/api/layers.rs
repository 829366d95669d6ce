//! The operations on layers: parse, check, run, render.

use std::sync::Arc;

use hearth_wire::validation::{self, Violations};
use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::api::code::{ARCHITECTURES, CodeSource};
use crate::api::functions::parsed;
use crate::api::members::Members;
use crate::api::paging;
use crate::api::timestamp;
use crate::error::Error;
use crate::layer::LayerKey;
use crate::layer_target;
use crate::ops::download;
use crate::ops::layers::{self, LayerVersion, PublishLayerVersion, Selection};
use crate::ops::page::Page;
use crate::pattern::LAYER_VERSION_ARN;

/// Every runtime that a layer may name, in the order in which the service prints them: more than
/// functions may have.
const RUNTIMES: &[&str] = &[
    "ruby3.5",
    "ruby2.6",
    "dotnetcore1.0",
    "python3.7",
    "nodejs8.10",
    "nasa",
    "ruby2.7",
    "python2.7-greengrass",
    "dotnetcore2.0",
    "python3.8",
    "java21",
    "dotnet6",
    "dotnetcore2.1",
    "python3.9",
    "java11",
    "nodejs6.10",
    "provided",
    "dotnetcore3.1",
    "dotnet8",
    "java25",
    "java17",
    "nodejs",
    "nodejs4.3",
    "java8.al2",
    "go1.x",
    "dotnet10",
    "nodejs20.x",
    "go1.9",
    "byol",
    "nodejs10.x",
    "provided.al2023",
    "nodejs22.x",
    "python3.10",
    "java8",
    "nodejs12.x",
    "python3.11",
    "nodejs24.x",
    "nodejs8.x",
    "python3.12",
    "nodejs14.x",
    "nodejs8.9",
    "nodejs26.x",
    "python3.13",
    "python3.14",
    "nodejs16.x",
    "python3.15",
    "provided.al2",
    "nodejs4.3-edge",
    "nodejs18.x",
    "ruby3.2",
    "python3.4",
    "ruby3.3",
    "ruby3.4",
    "ruby2.5",
    "python3.6",
    "python2.7",
];
const RUNTIMES_MAX: usize = 15;

/// A layer version by itself.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerVersionResponse<'v> {
    content: Content,
    layer_arn: String,
    #[serde(flatten)]
    item: LayerVersionItem<'v>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    location: String,
    code_sha256: String,
    code_size: u64,
}

/// A layer version in a list.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerVersionItem<'v> {
    layer_version_arn: String,
    version: u64,
    description: &'v str,
    created_date: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_runtimes: Option<&'v [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    license_info: Option<&'v str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compatible_architectures: Option<&'v [String]>,
}

impl<'v> From<&'v LayerVersion> for LayerVersionItem<'v> {
    fn from(version: &'v LayerVersion) -> Self {
        let record = &version.record;
        Self {
            layer_version_arn: version.key.version_arn(version.number),
            version: version.number,
            description: &record.description,
            created_date: timestamp::milliseconds(record.created_ms),
            compatible_runtimes: record.runtimes.as_deref(),
            license_info: record.license.as_deref(),
            compatible_architectures: record.architectures.as_deref(),
        }
    }
}

fn render(lambda: &Lambda, endpoint: &str, status: StatusCode, version: &LayerVersion) -> Result<Response, ApiError> {
    let package = &version.record.package;
    let answer = LayerVersionResponse {
        content: Content {
            location: download::link(lambda, endpoint, package),
            code_sha256: package.code_sha256(),
            code_size: package.size_bytes,
        },
        layer_arn: version.key.arn(),
        item: version.into(),
    };
    Response::json(status, &answer)
}

pub(super) async fn publish(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (request, wish) = parsed(request, parse_publish).await?;
    let version = layers::publish(&lambda, &request.caller, wish).await?;
    render(&lambda, &request.endpoint, StatusCode::CREATED, &version)
}

fn parse_publish(request: &Request) -> Result<PublishLayerVersion, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let name = request.label("LayerName");
    layer_target::check(&mut violations, name);
    let description: Option<String> = members.take("Description")?;
    if let Some(description) = &description {
        violations.length("description", description, 0..=256);
    }
    let content = match members.take_members("Content")? {
        Some(mut inner) => {
            let source = CodeSource::take_of_layer(&mut inner)?;
            inner.finish()?;
            source.check(&mut violations, "content.");
            source
        }
        None => {
            violations.required::<CodeSource>("content", None);
            CodeSource::default()
        }
    };
    let runtimes: Option<Vec<String>> = members.take("CompatibleRuntimes")?;
    check_runtimes(&mut violations, runtimes.as_deref());
    let architectures: Option<Vec<String>> = members.take("CompatibleArchitectures")?;
    check_architectures(&mut violations, architectures.as_deref());
    let license: Option<String> = members.take("LicenseInfo")?;
    if let Some(license) = &license {
        violations.length("licenseInfo", license, 0..=512);
    }
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    Ok(PublishLayerVersion {
        name: name.to_owned(),
        content,
        description: description.unwrap_or_default(),
        license,
        runtimes,
        architectures,
    })
}

/// Unlike other lists, this one fails by the bare set of words.
fn check_runtimes(violations: &mut Violations, given: Option<&[String]>) {
    let Some(given) = given else {
        return;
    };
    let shown = validation::list(given);
    violations.size("compatibleRuntimes", &shown, given.len(), 0..=RUNTIMES_MAX);
    if !given.iter().all(|runtime| RUNTIMES.contains(&runtime.as_str())) {
        violations.violate("compatibleRuntimes", Some(&shown), &validation::one_of(RUNTIMES));
    }
}

fn check_architectures(violations: &mut Violations, given: Option<&[String]>) {
    let Some(given) = given else {
        return;
    };
    let path = "compatibleArchitectures";
    violations.size(path, &validation::list(given), given.len(), 0..=ARCHITECTURES.len());
    let constraints = [validation::one_of(ARCHITECTURES), "Member must not be null".to_owned()];
    let all_good = given.iter().all(|item| ARCHITECTURES.contains(&item.as_str()));
    violations.items(path, given, &constraints, all_good);
}

pub(super) async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = named_version(&request)?;
    let number = at_least_one(number)?;
    let version = layers::get(&lambda, &request.caller, key, number).await?;
    render(&lambda, &request.endpoint, StatusCode::OK, &version)
}

pub(super) async fn get_by_arn(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let arn = request.query("Arn");
    violations.required("arn", arn.as_ref());
    if let Some(arn) = arn {
        LAYER_VERSION_ARN.check(&mut violations, "arn", arn);
        violations.length("arn", arn, 1..=140);
    }
    violations.finish_with(Error::Constraint).map_err(ApiError::from)?;
    let arn = arn.unwrap_or_default();
    // One of AWS's own, which are not here.
    if arn.contains(":awslayer:") {
        return Err(Error::ResourceNotFound(layers::NOT_THERE.to_owned()).into());
    }
    let (key, number) = layer_target::resolve_version(&request.caller, arn)?;
    let version = layers::get(&lambda, &request.caller, key, number).await?;
    render(&lambda, &request.endpoint, StatusCode::OK, &version)
}

pub(super) async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (key, number) = named_version(&request)?;
    let number = at_least_one(number)?;
    layers::delete(&lambda, &request.caller, &key, number).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// The layer and version that a request's path names.
pub(super) fn named_version(request: &Request) -> Result<(LayerKey, i64), Error> {
    let (name, number) = (request.label("LayerName"), request.label("VersionNumber"));
    let mut violations = Violations::new();
    layer_target::check(&mut violations, name);
    violations.finish_with(Error::Constraint)?;
    let number = number.parse().map_err(|_| not_a_number(number))?;
    Ok((layer_target::resolve(&request.caller, name)?, number))
}

fn at_least_one(number: i64) -> Result<u64, Error> {
    match u64::try_from(number) {
        Ok(number) if number > 0 => Ok(number),
        _ => Err(Error::InvalidParameter("Layer Version Cannot be less than 1".to_owned())),
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListLayersResponse<'v> {
    layers: Vec<LayerItem<'v>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<&'v str>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct LayerItem<'v> {
    layer_name: &'v str,
    layer_arn: String,
    latest_matching_version: LayerVersionItem<'v>,
}

impl<'v> From<&'v LayerVersion> for LayerItem<'v> {
    fn from(version: &'v LayerVersion) -> Self {
        Self {
            layer_name: &version.key.name,
            layer_arn: version.key.arn(),
            latest_matching_version: version.into(),
        }
    }
}

pub(super) async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    let selection = selection(&request, &mut violations)?;
    violations.finish_with(Error::Constraint).map_err(ApiError::from)?;
    let Page { items, next_marker } = layers::list(&lambda, &request.caller, &selection).await?;
    let answer = ListLayersResponse {
        layers: items.iter().map(LayerItem::from).collect(),
        next_marker: next_marker.as_deref(),
    };
    Response::json(StatusCode::OK, &answer)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListLayerVersionsResponse<'v> {
    layer_versions: Vec<LayerVersionItem<'v>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<&'v str>,
}

pub(super) async fn list_versions(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = request.label("LayerName");
    let mut violations = Violations::new();
    layer_target::check(&mut violations, name);
    let selection = selection(&request, &mut violations)?;
    violations.finish_with(Error::Constraint).map_err(ApiError::from)?;
    let Page { items, next_marker } = layers::list_versions(&lambda, &request.caller, name, &selection).await?;
    let answer = ListLayerVersionsResponse {
        layer_versions: items.iter().map(LayerVersionItem::from).collect(),
        next_marker: next_marker.as_deref(),
    };
    Response::json(StatusCode::OK, &answer)
}

fn selection(request: &Request, violations: &mut Violations) -> Result<Selection, Error> {
    let given = |name| request.query(name).map(ToOwned::to_owned);
    let (runtime, architecture) = (given("CompatibleRuntime"), given("CompatibleArchitecture"));
    if let Some(runtime) = &runtime {
        violations.enum_set("compatibleRuntime", runtime, RUNTIMES);
    }
    if let Some(architecture) = &architecture {
        violations.enum_set("compatibleArchitecture", architecture, ARCHITECTURES);
    }
    Ok(Selection {
        runtime,
        architecture,
        page: paging::parse(request, violations, 50)?,
    })
}

fn not_a_number(text: &str) -> Error {
    Error::WrongShape(format!("VersionNumber: expected an integer, found {text:?}"))
}
