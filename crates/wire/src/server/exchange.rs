//! One request, from its head to its answer.

use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;

use bytes::Bytes;
use futures_util::FutureExt;
use http::header::EXPECT;
use http::request::Parts;
use http::{HeaderName, HeaderValue, StatusCode};
use http_body::Body;

use super::FrontDoor;
use super::answer_body::AnswerBody;
use super::body::{BodyError, Intake};
use super::browser::{self, Admitted};
use super::connection::Visit;
use super::local::{self, LocalRequest, LocalRoute};
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::response::Response;
use crate::{HandlerFuture, render};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// An error, and the protocol to tell it in.
pub(super) struct Refusal {
    protocol: Protocol,
    error: ApiError,
}

impl Refusal {
    pub(super) fn of(protocol: Protocol) -> impl Fn(ApiError) -> Self {
        move |error| Self { protocol, error }
    }
}

impl FrontDoor {
    /// Answers a request. Never fails: every failure is an answer.
    pub(super) async fn answer<B>(&self, request: hyper::Request<B>, visit: &Visit) -> hyper::Response<AnswerBody>
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
        let (mut response, origin) = self.respond(parts, &mut intake, request_id, &id_header, visit).await;
        intake.discard().await;
        if let Some(origin) = origin {
            browser::expose(&mut response.headers, origin);
        }
        tracing::debug!(request_id = ?id_header, status = response.status.as_u16(), "answered");
        response.headers.insert(REQUEST_ID.clone(), id_header);
        AnswerBody::of(response)
    }

    async fn respond<B>(
        &self,
        parts: Parts,
        intake: &mut Intake<'_, B>,
        request_id: String,
        id_header: &HeaderValue,
        visit: &Visit,
    ) -> (Response, Admitted)
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        if let Some(found) = self.site(&parts) {
            return (self.serve_site(found, parts, intake, request_id, visit).await, None);
        }
        let origin = match self.browser.check(&parts, self.checks_hosts()) {
            Ok(origin) => origin,
            Err(error) => return (render::error(Protocol::RestJson, &error, &request_id), None),
        };
        if browser::is_preflight(&parts) {
            return (browser::preflight(&parts), origin);
        }
        let answered = match local::find(&self.local, parts.uri.path()) {
            Some(route) => plain(route, parts, intake, request_id, visit.local).await,
            None => self.call(parts, intake, request_id, visit).await,
        };
        let response = answered.unwrap_or_else(|Refusal { protocol, error }| {
            if let Some(detail) = &error.internal {
                let request_id = id_header.to_str().unwrap_or_default();
                // A client's mistake is nothing that the operator has to mend.
                if error.status.is_server_error() {
                    tracing::error!(request_id, detail, "an operation failed");
                } else {
                    tracing::debug!(request_id, detail, "an operation was refused");
                }
            }
            render::error(protocol, &error, id_header.to_str().unwrap_or_default())
        });
        (response, origin)
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
        body: held,
    };
    guarded(route.path, || (route.handler)(request)).await.map_err(refuse)
}

/// Runs a handler; its panic is its own.
pub(super) async fn guarded(name: &str, run: impl FnOnce() -> HandlerFuture) -> Result<Response, ApiError> {
    let outcome = AssertUnwindSafe(async move { run().await }).catch_unwind().await;
    outcome.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
        Err(ApiError::internal(format!("the handler of {name} panicked: {text}")))
    })
}

pub(super) fn transfer_error(error: &BodyError) -> ApiError {
    let (status, code) = match error {
        BodyError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLargeException"),
        BodyError::Slow => (StatusCode::REQUEST_TIMEOUT, "RequestTimeoutException"),
        BodyError::Full => (StatusCode::SERVICE_UNAVAILABLE, "ServiceUnavailableException"),
        BodyError::Broken(_) => (StatusCode::BAD_REQUEST, "IncompleteBody"),
    };
    ApiError::user(status, code, error.to_string()).untyped()
}

/// The base of URLs in answers: the host that the client named, else the address it reached.
pub(super) fn endpoint(parts: &Parts, local: Option<SocketAddr>) -> String {
    match (browser::host(parts), local) {
        (Some(host), _) => format!("http://{host}"),
        (None, Some(address)) => format!("http://{address}"),
        (None, None) => "http://127.0.0.1".to_owned(),
    }
}
