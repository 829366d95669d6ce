//! The operations on functions: parse, check, run, render.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_model::Version;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::api::code::{self, CodeSource};
use crate::api::configuration::{self, FunctionConfiguration, View};
use crate::api::members::Members;
use crate::api::settings::Settings;
use crate::api::{code_signing, paging};
use crate::error::Error;
use crate::ops::create_function::{self, CreateFunction};
use crate::ops::get_function::Found;
use crate::ops::list_functions::{self, ListFunctions};
use crate::ops::update_function_code::{self, UpdateFunctionCode, Updated};
use crate::ops::update_function_configuration::{self, UpdateFunctionConfiguration};
use crate::ops::{delete_function, download, get_function};
use crate::pattern::MASTER_REGION;
use crate::record::Package;
use crate::target::{self, Use};

/// Bytes of a body that takes about a millisecond to read.
const LARGE: usize = 512 * 1024;

const PACKAGE_TYPES: &[&str] = &["Zip", "Image"];

pub(super) async fn create(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (request, wish) = parsed(request, parse_create).await?;
    let published = wish.publish;
    let entry = create_function::run(&lambda, &request.caller, wish).await?;
    // Sic: the first version, under the ARN of the function.
    let version = if published { Version::Number(1) } else { Version::Latest };
    Response::json(StatusCode::CREATED, &configuration::render(&entry, version, None, View::Whole))
}

/// Reads a request that may bring a package: a large one off the async threads, where invocations
/// run.
pub(super) async fn parsed<T: Send + 'static>(
    request: Request,
    parse: fn(&Request) -> Result<T, Error>,
) -> Result<(Request, T), ApiError> {
    let is_large = request.body.len() > LARGE;
    let work = move || parse(&request).map(|wish| (request, wish));
    let parsed = if is_large { tokio::task::spawn_blocking(work).await } else { Ok(work()) };
    Ok(parsed.map_err(|e| ApiError::internal(format!("failed to read a request: {e}")))??)
}

fn parse_create(request: &Request) -> Result<CreateFunction, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let name: Option<String> = members.take("FunctionName")?;
    target::check(&mut violations, Use::Write, name.as_deref(), None);
    let settings = Settings::take(&mut members, &mut violations)?;
    if settings.role.is_none() {
        violations.required::<String>("role", None);
    }
    settings.check(&mut violations);
    let code = match members.take_members("Code")? {
        Some(mut inner) => {
            let source = CodeSource::take(&mut inner)?;
            inner.finish()?;
            source.check(&mut violations, "code.");
            source
        }
        None => {
            violations.required::<CodeSource>("code", None);
            CodeSource::default()
        }
    };
    let architectures = code::take_architectures(&mut members)?;
    code::check_architectures(&mut violations, architectures.as_deref());
    let package_type: Option<String> = members.take("PackageType")?;
    if let Some(package_type) = &package_type {
        violations.enum_set("packageType", package_type, PACKAGE_TYPES);
    }
    let wish = CreateFunction {
        name: name.unwrap_or_default(),
        settings,
        code,
        architecture: code::architecture(architectures.as_deref()),
        package_type,
        publish: members.take("Publish")?.unwrap_or_default(),
        publish_to: members.take_raw("PublishTo").is_some(),
        tags: members.take::<BTreeMap<String, String>>("Tags")?.unwrap_or_default(),
        code_signing: members.take("CodeSigningConfigArn")?,
        tenancy: members.take_raw("TenancyConfig").is_some(),
    };
    members.finish()?;
    if let Some(arn) = &wish.code_signing {
        code_signing::check_config(&mut violations, arn);
    }
    violations.finish_with(Error::Constraint)?;
    wish.settings.check_environment()?;
    Ok(wish)
}

pub(super) async fn update_code(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (request, wish) = parsed(request, parse_update_code).await?;
    let shown = match update_function_code::run(&lambda, &request.caller, wish).await? {
        Updated::Done(entry) => configuration::render(&entry, Version::Latest, None, View::Whole),
        Updated::Published(entry, number) => {
            configuration::render(&entry, Version::Number(number), Some(&number.to_string()), View::Whole)
        }
        Updated::WouldBe(entry, record) => {
            configuration::render_edition(&entry, Version::Latest, &record.latest, None, View::Whole)
        }
    };
    Response::json(StatusCode::OK, &shown)
}

fn parse_update_code(request: &Request) -> Result<UpdateFunctionCode, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let name = request.label("FunctionName");
    target::check(&mut violations, Use::Write, Some(name), None);
    let architectures = code::take_architectures(&mut members)?;
    code::check_architectures(&mut violations, architectures.as_deref());
    let wish = UpdateFunctionCode {
        name: name.to_owned(),
        code: CodeSource::take(&mut members)?,
        architecture: code::architecture(architectures.as_deref()),
        publish: members.take("Publish")?.unwrap_or_default(),
        publish_to: members.take_raw("PublishTo").is_some(),
        dry_run: members.take("DryRun")?.unwrap_or_default(),
        revision_id: take_revision(&mut members)?,
    };
    members.finish()?;
    wish.code.check(&mut violations, "");
    violations.finish_with(Error::Constraint)?;
    Ok(wish)
}

pub(super) async fn update_configuration(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let wish = parse_update_configuration(&request)?;
    let entry = update_function_configuration::run(&lambda, &request.caller, wish).await?;
    Response::json(StatusCode::OK, &configuration::render(&entry, Version::Latest, None, View::Whole))
}

fn parse_update_configuration(request: &Request) -> Result<UpdateFunctionConfiguration, Error> {
    let mut members = Members::of_body(&request.body)?;
    let mut violations = Violations::new();
    let name = request.label("FunctionName");
    target::check(&mut violations, Use::Write, Some(name), None);
    let settings = Settings::take(&mut members, &mut violations)?;
    settings.check(&mut violations);
    let revision_id = take_revision(&mut members)?;
    members.finish()?;
    violations.finish_with(Error::Constraint)?;
    settings.check_environment()?;
    Ok(UpdateFunctionConfiguration {
        name: name.to_owned(),
        settings,
        revision_id,
    })
}

/// Terraform sends an empty revision for "any".
pub(super) fn take_revision(members: &mut Members<'_>) -> Result<Option<String>, Error> {
    Ok(members.take::<String>("RevisionId")?.filter(|revision| !revision.is_empty()))
}

pub(super) async fn get_configuration(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = named(&request)?;
    let found = get_function::run(&lambda, &request.caller, name, qualifier, request.operation)?;
    Response::json(StatusCode::OK, &shown(&found))
}

/// A version under the qualifier that it was asked for by.
pub(super) fn shown(found: &Found) -> FunctionConfiguration {
    configuration::render(&found.entry, found.version, found.target.qualifier.as_deref(), View::Whole)
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetFunctionResponse<'e> {
    configuration: FunctionConfiguration,
    code: Code,
    #[serde(skip_serializing_if = "Option::is_none")]
    tags: Option<&'e BTreeMap<String, String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    concurrency: Option<Concurrency>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Code {
    repository_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_uri: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resolved_image_uri: Option<String>,
}

impl Code {
    fn of(lambda: &Lambda, endpoint: &str, package: &Package) -> Self {
        match &package.image {
            Some(image) => Self {
                repository_type: "ECR",
                location: None,
                image_uri: Some(image.uri.clone()),
                resolved_image_uri: Some(image.resolved_uri.clone()),
            },
            None => Self {
                repository_type: "S3",
                location: Some(download::link(lambda, endpoint, package)),
                image_uri: None,
                resolved_image_uri: None,
            },
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Concurrency {
    reserved_concurrent_executions: u32,
}

pub(super) async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = named(&request)?;
    let found = get_function::run(&lambda, &request.caller, name, qualifier, request.operation)?;
    let record = &found.entry.record;
    // Tags and concurrency belong to the function, not to a version of it.
    let is_unqualified = found.target.qualifier.is_none();
    let package = record.edition(found.version).unwrap_or(&record.latest).config.package.clone();
    let reserved = record.reserved_concurrency.filter(|_| is_unqualified);
    let answer = GetFunctionResponse {
        configuration: shown(&found),
        code: Code::of(&lambda, &request.endpoint, &package),
        tags: Some(&record.tags).filter(|tags| is_unqualified && !tags.is_empty()),
        concurrency: reserved.map(|reserved| Concurrency {
            reserved_concurrent_executions: reserved,
        }),
    };
    Response::json(StatusCode::OK, &answer)
}

pub(super) async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (name, qualifier) = named(&request)?;
    delete_function::run(&lambda, &request.caller, name, qualifier).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

/// The function and qualifier of a request that only names them.
pub(super) fn named(request: &Request) -> Result<(&str, Option<&str>), Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    let mut violations = Violations::new();
    target::check(&mut violations, Use::Read, Some(name), qualifier);
    violations.finish_with(Error::Constraint)?;
    Ok((name, qualifier))
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctionsResponse {
    functions: Vec<FunctionConfiguration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

pub(super) async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let wish = parse_list(&request)?;
    let page = list_functions::run(&lambda, &request.caller, &wish)?;
    let show = |(entry, version): &list_functions::Listed| match wish.all_versions {
        true => configuration::render_listed(entry, *version),
        false => configuration::render(entry, *version, None, View::Listed),
    };
    let answer = ListFunctionsResponse {
        functions: page.items.iter().map(show).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}

fn parse_list(request: &Request) -> Result<ListFunctions, Error> {
    let mut violations = Violations::new();
    let region = request.query("MasterRegion");
    if let Some(region) = region {
        MASTER_REGION.check(&mut violations, "masterRegion", region);
    }
    let version = request.query("FunctionVersion");
    if let Some(version) = version {
        violations.enum_set("functionVersion", version, &["ALL"]);
    }
    let page = paging::parse(request, &mut violations, 10_000)?;
    violations.finish_with(Error::Constraint)?;
    Ok(ListFunctions {
        all_versions: version.is_some(),
        master_region: region.map(ToOwned::to_owned),
        page,
    })
}
