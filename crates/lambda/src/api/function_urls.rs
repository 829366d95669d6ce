//! The operations on function URLs: parse, check, run, render.
//!
//! Source: fact sheet "Lambda control-plane API", section 10.

use std::net::IpAddr;
use std::sync::Arc;

use hearth_model::{Region, URL_LABEL, URL_PATH, UrlAuth};
use hearth_wire::recognise::bare_host;
use hearth_wire::rest_json::Route;
use hearth_wire::validation::{self, Violations};
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use crate::Lambda;
use crate::api::members::Members;
use crate::api::permissions::URL_AUTH_TYPES;
use crate::api::{change, paging, read, timestamp};
use crate::error::Error;
use crate::ops::function_urls::{self, Asked, Found, Wanted};
use crate::pattern::{URL_QUALIFIER, is_alias_name};
use crate::record::Text;
use crate::target::{self, Use};
use crate::url::{CorsRecord, InvokeMode};

const ONE: &str = "/2021-10-31/functions/{FunctionName}/url";
const ALL: &str = "/2021-10-31/functions/{FunctionName}/urls";

const INVOKE_MODES: [&str; 2] = ["RESPONSE_STREAM", "BUFFERED"];

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 5] {
    let state = || Arc::clone(lambda);
    [
        change(Method::POST, ONE, "CreateFunctionUrlConfig", lambda, handler(state(), create)),
        read(Method::GET, ONE, "GetFunctionUrlConfig", handler(state(), get)),
        change(Method::PUT, ONE, "UpdateFunctionUrlConfig", lambda, handler(state(), update)),
        change(Method::DELETE, ONE, "DeleteFunctionUrlConfig", lambda, handler(state(), delete)),
        read(Method::GET, ALL, "ListFunctionUrlConfigs", handler(state(), list)),
    ]
}

/// As it comes and as it is shown.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Cors {
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_methods: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    allow_origins: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expose_headers: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_age: Option<i64>,
}

async fn create(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (asked, wanted) = parse(&request, true)?;
    let found = function_urls::create(&lambda, &request.caller, &asked, &wanted).await?;
    // Recorded so: what has not changed yet has no time of change, and a mode that nobody said is
    // not told.
    let answer = FunctionUrlConfig {
        last_modified_time: None,
        invoke_mode: found.url.mode.map(Text::text),
        ..render(&lambda, &request, &found)
    };
    Response::json(StatusCode::CREATED, &answer)
}

async fn update(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let (asked, wanted) = parse(&request, false)?;
    let found = function_urls::update(&lambda, &request.caller, &asked, &wanted).await?;
    let answer = FunctionUrlConfig {
        invoke_mode: found.url.mode.map(Text::text),
        ..render(&lambda, &request, &found)
    };
    Response::json(StatusCode::OK, &answer)
}

async fn get(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let asked = asked(&request, Violations::new())?;
    let found = function_urls::get(&lambda, &request.caller, &asked)?;
    Response::json(StatusCode::OK, &render(&lambda, &request, &found))
}

async fn delete(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let asked = asked(&request, Violations::new())?;
    function_urls::delete(&lambda, &request.caller, &asked).await?;
    Ok(Response::empty(StatusCode::NO_CONTENT))
}

fn parse(request: &Request, is_new: bool) -> Result<(Asked<'_>, Wanted), Error> {
    let mut members = Members::of_body(&request.body)?;
    let auth: Option<String> = members.take("AuthType")?;
    let mode: Option<String> = members.take("InvokeMode")?;
    let cors: Option<Cors> = members.take("Cors")?;
    members.finish()?;
    let mut violations = Violations::new();
    match &auth {
        Some(auth) => violations.enum_set("authType", auth, &URL_AUTH_TYPES),
        None if is_new => violations.required::<String>("authType", None),
        None => {}
    }
    if let Some(mode) = &mode {
        violations.enum_set("invokeMode", mode, &INVOKE_MODES);
    }
    if let Some(cors) = &cors {
        check_cors(&mut violations, cors);
    }
    let wanted = Wanted {
        auth: auth.as_deref().and_then(UrlAuth::of),
        mode: mode.as_deref().and_then(InvokeMode::of),
        cors: cors.map(|cors| CorsRecord {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age_s: cors.max_age.and_then(|seconds| u32::try_from(seconds).ok()),
        }),
    };
    Ok((asked(request, violations)?, wanted))
}

fn check_cors(violations: &mut Violations, cors: &Cors) {
    let mut list = |path: &str, items: &Option<Vec<String>>, most, length: std::ops::RangeInclusive<usize>| {
        let Some(items) = items else {
            return;
        };
        let path = format!("cors.{path}");
        violations.size(&path, &validation::list(items), items.len(), 0..=most);
        let constraints = [
            validation::at_most_long(*length.end()),
            validation::at_least_long(*length.start()),
            validation::matching(".*"),
            "Member must not be null".to_owned(),
        ];
        let good = |item: &String| length.contains(&item.encode_utf16().count()) && !item.contains(['\n', '\r']);
        violations.items(&path, items, &constraints, items.iter().all(good));
    };
    list("allowHeaders", &cors.allow_headers, 100, 0..=1_024);
    list("allowMethods", &cors.allow_methods, 6, 0..=6);
    list("allowOrigins", &cors.allow_origins, 100, 1..=253);
    list("exposeHeaders", &cors.expose_headers, 100, 0..=1_024);
    if let Some(max_age) = cors.max_age {
        violations.range("cors.maxAge", max_age, 0..=86_400);
    }
}

/// Aliases alone, in the name too.
fn asked<'r>(request: &'r Request, mut violations: Violations) -> Result<Asked<'r>, Error> {
    let (name, qualifier) = (request.label("FunctionName"), request.query("Qualifier"));
    let in_name = target::qualifier_in(Use::Write, name);
    if let Some(qualifier) = qualifier.or(in_name.as_deref()) {
        violations.pattern("qualifier", qualifier, URL_QUALIFIER, is_alias_name(qualifier));
        violations.length("qualifier", qualifier, 1..=128);
    }
    target::check(&mut violations, Use::Write, Some(name), None);
    violations.finish_with(Error::Constraint)?;
    Ok(Asked { name, qualifier })
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct FunctionUrlConfig<'f> {
    function_url: String,
    function_arn: &'f str,
    auth_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    cors: Option<Cors>,
    creation_time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_modified_time: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    invoke_mode: Option<&'static str>,
}

fn render<'f>(lambda: &Lambda, request: &Request, found: &'f Found) -> FunctionUrlConfig<'f> {
    let url = &found.url;
    FunctionUrlConfig {
        function_url: address(lambda.url_base.as_deref(), &request.endpoint, &found.region, &url.id),
        function_arn: &found.arn,
        auth_type: url.auth.text(),
        cors: url.cors.clone().map(|cors| Cors {
            allow_credentials: cors.allow_credentials,
            allow_headers: cors.allow_headers,
            allow_methods: cors.allow_methods,
            allow_origins: cors.allow_origins,
            expose_headers: cors.expose_headers,
            max_age: cors.max_age_s.map(i64::from),
        }),
        creation_time: timestamp::milliseconds_utc(url.created_ms),
        last_modified_time: Some(timestamp::milliseconds_utc(url.modified_ms)),
        invoke_mode: Some(url.mode.unwrap_or(InvokeMode::Buffered).text()),
    }
}

/// A URL that works for whoever asks: on this machine a host name of its own, which browsers and
/// most clients resolve by themselves; from elsewhere, where no name leads to the server but the
/// one that was used, a path. Unless the configuration knows better.
fn address(base: Option<&str>, endpoint: &str, region: &Region, id: &str) -> String {
    if let Some((scheme, domain)) = base.and_then(|base| base.split_once("://")) {
        return format!("{scheme}://{id}.{URL_LABEL}.{region}.{domain}/");
    }
    let authority = endpoint.strip_prefix("http://").unwrap_or(endpoint);
    let host = bare_host(authority).to_ascii_lowercase();
    let is_here = match host.parse::<IpAddr>() {
        Ok(address) => address.to_canonical().is_loopback() || address.is_unspecified(),
        Err(_) => ["localhost", "localhost.localstack.cloud", "amazonaws.com"]
            .iter()
            .any(|own| host.strip_suffix(own).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))),
    };
    if !is_here {
        return format!("http://{authority}{URL_PATH}{id}/");
    }
    let port = authority.rsplit_once(':').map(|(_, port)| port).filter(|port| port.parse::<u16>().is_ok());
    let port = port.map(|port| format!(":{port}")).unwrap_or_default();
    format!("http://{id}.{URL_LABEL}.{region}.localhost{port}/")
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListFunctionUrlConfigsResponse<'f> {
    function_url_configs: Vec<FunctionUrlConfig<'f>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_marker: Option<String>,
}

async fn list(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = request.label("FunctionName");
    let mut violations = Violations::new();
    let wish = paging::parse(&request, &mut violations, 50)?;
    target::check(&mut violations, Use::Write, Some(name), None);
    violations.finish_with(Error::Constraint).map_err(ApiError::from)?;
    let page = function_urls::list(&lambda, &request.caller, name, &wish)?;
    let answer = ListFunctionUrlConfigsResponse {
        function_url_configs: page.items.iter().map(|found| render(&lambda, &request, found)).collect(),
        next_marker: page.next_marker,
    };
    Response::json(StatusCode::OK, &answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(endpoint: &str, expected: &str) {
        assert_eq!(address(None, endpoint, &Region::fallback(), "abc"), expected, "{endpoint}");
    }

    #[test]
    fn a_url_works_for_whoever_asks() {
        let own = "http://abc.lambda-url.us-east-1.localhost:4566/";
        for endpoint in [
            "http://127.0.0.1:4566",
            "http://localhost:4566",
            "http://LOCALHOST:4566",
            "http://[::1]:4566",
            "http://0.0.0.0:4566",
            "http://lambda.localhost:4566",
            "http://localhost.localstack.cloud:4566",
            "http://lambda.us-east-1.amazonaws.com:4566",
        ] {
            check(endpoint, own);
        }
        check("http://127.0.0.1", "http://abc.lambda-url.us-east-1.localhost/");
        check("http://[::1]", "http://abc.lambda-url.us-east-1.localhost/");
        check("http://10.0.0.5:4566", "http://10.0.0.5:4566/_hearth/url/abc/");
        check("http://hearth.example", "http://hearth.example/_hearth/url/abc/");
        let told = address(Some("https://fn.example:8443"), "http://127.0.0.1:4566", &Region::fallback(), "abc");
        assert_eq!(told, "https://abc.lambda-url.us-east-1.fn.example:8443/");
        check("http://notlocalhost:1", "http://notlocalhost:1/_hearth/url/abc/");
    }
}
