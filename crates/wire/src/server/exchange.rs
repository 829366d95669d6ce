//! One request, from its head to its answer.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt;
use hearth_model::{KeyRefusal, Region};
use http::header::EXPECT;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body;
use http_body_util::Full;

use super::body::{BodyError, Held, Intake};
use super::browser::{self, Admitted};
use super::local::{self, LocalRequest, LocalRoute};
use super::{Api, FrontDoor, Mount};
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::recognise::{Host, Recognised, by_form, recognise};
use crate::request::{Caller, Request};
use crate::response::Response;
use crate::rest_json::Oversize;
use crate::sigv4::{Claims, Content, Mode, SignatureError};
use crate::{Handler, HandlerFuture, render};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// More than any form that names its action needs.
const FORM_LIMIT: usize = 1024 * 1024;

/// An error, and the protocol to tell it in.
struct Refusal {
    protocol: Protocol,
    error: ApiError,
}

impl Refusal {
    fn of(protocol: Protocol) -> impl Fn(ApiError) -> Self {
        move |error| Self { protocol, error }
    }
}

/// An operation that was found for a request.
struct Found<'a> {
    operation: &'static str,
    labels: Vec<(&'static str, String)>,
    body_limit: usize,
    oversize: Oversize,
    handler: &'a Handler,
}

impl FrontDoor {
    /// Answers a request. Never fails: every failure is an answer.
    pub(super) async fn answer<B>(
        &self,
        request: hyper::Request<B>,
        local: Option<SocketAddr>,
    ) -> hyper::Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let (parts, body) = request.into_parts();
        let request_id = self.random.uuid().to_string();
        // A UUID can always stand in a header.
        let id_header = HeaderValue::from_str(&request_id).unwrap_or_else(|_| HeaderValue::from_static("-"));
        let expects_continue = parts.headers.contains_key(EXPECT);
        let mut intake = Intake::new(body, expects_continue, &self.limits, &self.memory);
        let (mut response, origin) = self.respond(parts, &mut intake, request_id, &id_header, local).await;
        intake.discard().await;
        if let Some(origin) = origin {
            browser::expose(&mut response.headers, origin);
        }
        response.headers.insert(REQUEST_ID.clone(), id_header);
        response.into_http()
    }

    async fn respond<B>(
        &self,
        parts: Parts,
        intake: &mut Intake<'_, B>,
        request_id: String,
        id_header: &HeaderValue,
        local: Option<SocketAddr>,
    ) -> (Response, Admitted)
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let origin = match self.browser.check(&parts, self.mode == Mode::Open) {
            Ok(origin) => origin,
            Err(error) => return (render::error(Protocol::RestJson, &error, &request_id), None),
        };
        if browser::is_preflight(&parts) {
            return (browser::preflight(&parts), origin);
        }
        let answered = match local::find(&self.local, parts.uri.path()) {
            Some(route) => plain(route, parts, intake, request_id, local).await,
            None => self.call(parts, intake, request_id, local).await,
        };
        let response = answered.unwrap_or_else(|Refusal { protocol, error }| {
            if let Some(detail) = &error.internal {
                tracing::error!(request_id = ?id_header, detail, "an operation failed");
            }
            render::error(protocol, &error, id_header.to_str().unwrap_or_default())
        });
        (response, origin)
    }

    /// An API call.
    async fn call<B>(
        &self,
        mut parts: Parts,
        intake: &mut Intake<'_, B>,
        request_id: String,
        local: Option<SocketAddr>,
    ) -> Result<Response, Refusal>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let query_text = parts.uri.query().unwrap_or("");
        let (claims, defect) = match Claims::of(&parts.headers, query_text) {
            Ok(claims) => (claims, None),
            Err(defect) => (None, Some(defect)),
        };
        let mount = self.mount(claims.as_ref(), &parts, intake).await?;
        let protocol = mount.api.protocol();
        let refuse = Refusal::of(protocol);
        let refuse_signature = |error: SignatureError| refuse(error.error(protocol));
        if let Some(defect) = defect {
            return Err(refuse_signature(defect));
        }
        let (caller, secret) = self.identify(claims.as_ref(), &parts).map_err(refuse_signature)?;

        let query: Vec<_> = form_urlencoded::parse(query_text.as_bytes()).into_owned().collect();
        let found = find(mount, &parts, &query).map_err(&refuse)?;
        let held = intake.read(found.body_limit).await;
        let Held { bytes, share } = held.map_err(|error| refuse(body_error(error, &found)))?;
        let content = match (&claims, &secret) {
            (Some(claims), Some(secret)) => self.verifier.verify(claims, secret, &parts, bytes),
            _ => Content::unverified(&parts.headers, bytes),
        };
        let content = content.map_err(refuse_signature)?;

        let endpoint = endpoint(&parts, local);
        for (name, value) in content.trailers {
            if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
                parts.headers.insert(name, value);
            }
        }
        let request = Request {
            service: mount.service,
            operation: found.operation,
            caller,
            request_id,
            method: parts.method,
            headers: parts.headers,
            labels: found.labels,
            query,
            body: content.body,
            endpoint,
        };
        let response = guarded(found.operation, || (found.handler)(request)).await;
        // The body's memory was the handler's until now.
        drop(share);
        response.map_err(refuse)
    }

    /// The service that a request is for.
    async fn mount<B>(
        &self,
        claims: Option<&Claims<'_>>,
        parts: &Parts,
        intake: &mut Intake<'_, B>,
    ) -> Result<&Mount, Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let host = browser::host(parts).map(Host::parse);
        let mut recognised = recognise(claims, parts, host.as_ref());
        if recognised == Recognised::Form {
            // Nothing that takes forms is served yet: the body is read to name what is not.
            let body = intake.read(FORM_LIMIT).await.map(|held| held.bytes).unwrap_or_default();
            recognised = by_form(&body);
        }
        let (name, protocol) = match recognised {
            Recognised::Served(service) => {
                if let Some(mount) = self.services.iter().find(|mount| mount.service == service) {
                    return Ok(mount);
                }
                (service.name().to_owned(), Protocol::RestJson)
            }
            Recognised::Foreign { name, protocol } => (name, protocol),
            Recognised::Form | Recognised::Unknown => return Err(self.unknown(parts)),
        };
        let code = match protocol {
            Protocol::RestJson | Protocol::AwsJson(_) => "NotImplementedException",
            Protocol::Query | Protocol::Ec2 | Protocol::S3 => "NotImplemented",
        };
        let text = format!("Hearth does not serve the AWS service {name} yet; it serves {}", self.served_names());
        Err(Refusal::of(protocol)(ApiError::user(StatusCode::NOT_IMPLEMENTED, code, text).untyped()))
    }

    fn unknown(&self, parts: &Parts) -> Refusal {
        let text = format!(
            "nothing in {} {} names an AWS service (no signature, x-amz-target header, Action parameter, service host \
             or Lambda path); Hearth serves {}",
            parts.method,
            parts.uri.path(),
            self.served_names()
        );
        let error = ApiError::user(StatusCode::NOT_FOUND, "UnknownOperationException", text).untyped();
        Refusal::of(Protocol::RestJson)(error)
    }

    /// Who asks, and the secret to verify that with where the mode demands it.
    fn identify(&self, claims: Option<&Claims<'_>>, parts: &Parts) -> Result<(Caller, Option<String>), SignatureError> {
        let Some(claims) = claims else {
            return self.anonymous(parts).map(|caller| (caller, None));
        };
        let scope = claims.scope();
        let Some(region) = Region::parse(scope.region) else {
            return Err(SignatureError::Invalid(format!(
                "Credential should be scoped to a valid Region, not '{}'.",
                scope.region
            )));
        };
        if self.mode == Mode::Enforce {
            self.verifier.check(claims, &parts.headers)?;
        }
        let found = self.access_keys.find(scope.access_key_id, claims.session_token.as_deref());
        let (identity, secret) = found.map_err(|refusal| match refusal {
            KeyRefusal::Unknown => SignatureError::UnknownKey,
            KeyRefusal::BadToken => SignatureError::BadToken,
            KeyRefusal::Expired => SignatureError::ExpiredToken,
        })?;
        let secret = match self.mode {
            Mode::Open => None,
            // A key without a secret proves nothing.
            Mode::Enforce => Some(secret.ok_or(SignatureError::UnknownKey)?),
        };
        let caller = Caller {
            account: identity.account,
            region,
            arn: identity.arn,
            access_key_id: Some(scope.access_key_id.to_owned()),
        };
        Ok((caller, secret))
    }

    fn anonymous(&self, parts: &Parts) -> Result<Caller, SignatureError> {
        let identity = match self.mode {
            Mode::Open => self.access_keys.anonymous(),
            Mode::Enforce => None,
        };
        let identity = identity.ok_or_else(|| Claims::absence(&parts.headers))?;
        let region = browser::host(parts).and_then(|host| Host::parse(host).region);
        Ok(Caller {
            account: identity.account,
            region: region.unwrap_or_else(Region::fallback),
            arn: identity.arn,
            access_key_id: None,
        })
    }
}

fn find<'a>(mount: &'a Mount, parts: &Parts, query: &[(String, String)]) -> Result<Found<'a>, ApiError> {
    match &mount.api {
        Api::RestJson(router) => {
            let path = parts.uri.path();
            let found = router.find(&parts.method, path, query).map_err(|none| none.error(&parts.method, path))?;
            let route = found.route;
            Ok(Found {
                operation: route.operation,
                labels: found.labels,
                body_limit: route.body_limit,
                oversize: route.oversize,
                handler: &route.handler,
            })
        }
        Api::AwsJson(service) => {
            let target = parts.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
            let operation = service.find(target)?;
            Ok(Found {
                operation: operation.name,
                labels: Vec::new(),
                body_limit: operation.body_limit,
                oversize: Oversize::Named(operation.name),
                handler: &operation.handler,
            })
        }
    }
}

/// A plain route.
async fn plain<B>(
    route: &LocalRoute,
    parts: Parts,
    intake: &mut Intake<'_, B>,
    request_id: String,
    local: Option<SocketAddr>,
) -> Result<Response, Refusal>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: std::fmt::Display,
{
    let refuse = Refusal::of(Protocol::RestJson);
    let held = intake.read(local::BODY_LIMIT).await.map_err(|error| refuse(transfer_error(&error)))?;
    let query = parts.uri.query().unwrap_or("");
    let request = LocalRequest {
        request_id,
        path: parts.uri.path().to_owned(),
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        endpoint: endpoint(&parts, local),
        method: parts.method,
        headers: parts.headers,
        body: held.bytes,
    };
    guarded(route.path, || (route.handler)(request)).await.map_err(refuse)
}

/// Runs a handler; its panic is its own.
async fn guarded(name: &str, run: impl FnOnce() -> HandlerFuture) -> Result<Response, ApiError> {
    let outcome = AssertUnwindSafe(async move { run().await }).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(ApiError::internal(format!("the handler of {name} panicked: {text}")))
    })
}

fn body_error(error: BodyError, found: &Found<'_>) -> ApiError {
    match error {
        BodyError::TooLarge { .. } => found.oversize.error(found.body_limit),
        other => transfer_error(&other),
    }
}

fn transfer_error(error: &BodyError) -> ApiError {
    let (status, code) = match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException"),
        BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException"),
        BodyError::Full => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "IncompleteBody"),
    };
    ApiError::user(status, code, error.to_string()).untyped()
}

/// The base of URLs in answers: the host that the client named, else the address it reached.
fn endpoint(parts: &Parts, local: Option<SocketAddr>) -> String {
    match (browser::host(parts), local) {
        (Some(host), _) => format!("http://{host}"),
        (None, Some(address)) => format!("http://{address}"),
        (None, None) => "http://127.0.0.1".to_owned(),
    }
}
