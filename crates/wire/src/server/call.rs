//! An API call: service, caller, operation, body, signature, handler; in this order, so that
//! nothing is spent on a request that an earlier step refuses.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use http_body::Body;

use super::body::{BodyError, Intake};
use super::connection::Visit;
use super::exchange::{Refusal, endpoint, guarded, transfer_error};
use super::{Api, FrontDoor, Mount, browser};
use crate::Handler;
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::recognise::{Host, Recognised, by_form, recognise};
use crate::request::Request;
use crate::response::Response;
use crate::rest_json::Oversize;
use crate::sigv4::{Claims, Content, SignatureError};

/// More than any form that names its action needs.
const FORM_LIMIT: usize = 1024 * 1024;

/// An operation that was found for a request.
struct Found<'a> {
    operation: &'static str,
    labels: Vec<(&'static str, String)>,
    body_limit: usize,
    oversize: Oversize,
    handler: &'a Handler,
}

impl FrontDoor {
    /// An API call.
    pub(super) async fn call<B>(
        &self,
        mut parts: Parts,
        intake: &mut Intake<'_, B>,
        request_id: String,
        visit: &Visit,
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
        let (mount, early) = self.mount(claims.as_ref(), &parts, intake).await?;
        let protocol = mount.api.protocol();
        let refuse = Refusal::of(protocol);
        let refuse_signature = |error: SignatureError| refuse(error.error(protocol));
        if let Some(defect) = defect {
            return Err(refuse_signature(defect));
        }
        let (caller, secret) = self.identify(claims.as_ref(), &parts, visit).map_err(refuse_signature)?;

        let query: Vec<_> = form_urlencoded::parse(query_text.as_bytes()).into_owned().collect();
        // A form names its operation inside the body.
        let early = match (&mount.api, early) {
            (Api::Query(_), None) => {
                Some(intake.read(FORM_LIMIT).await.map_err(|error| refuse(transfer_error(&error)))?)
            }
            (_, early) => early,
        };
        let found = find(mount, &parts, &query, early.as_deref()).map_err(&refuse)?;
        let bytes = match early {
            Some(bytes) => bytes,
            None => intake.read(found.body_limit).await.map_err(|error| refuse(body_error(&error, &found)))?,
        };
        let content = match (&claims, &secret) {
            (Some(claims), Some(secret)) => self.verifier.verify(claims, secret, &parts, bytes),
            _ => Content::unverified(&parts.headers, bytes),
        };
        let content = content.map_err(refuse_signature)?;

        let endpoint = endpoint(&parts, visit.local);
        add_checksums(&mut parts.headers, content.trailers);
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
        guarded(found.operation, || (found.handler)(request)).await.map_err(refuse)
    }

    /// The service that a request is for, and the body where that had to be read to know.
    async fn mount<B>(
        &self,
        claims: Option<&Claims<'_>>,
        parts: &Parts,
        intake: &mut Intake<'_, B>,
    ) -> Result<(&Mount, Option<Bytes>), Refusal>
    where
        B: Body<Data = Bytes> + Unpin,
        B::Error: std::fmt::Display,
    {
        let host = browser::host(parts).map(Host::parse);
        let mut recognised = recognise(claims, parts, host.as_ref());
        let mut early = None;
        if recognised == Recognised::Form {
            let body = intake
                .read(FORM_LIMIT)
                .await
                .map_err(|error| Refusal::of(Protocol::Query(""))(transfer_error(&error)))?;
            recognised = by_form(&body);
            early = Some(body);
        }
        let (name, protocol) = match recognised {
            Recognised::Served(service) => {
                if let Some(mount) = self.services.iter().find(|mount| mount.service == service) {
                    return Ok((mount, early));
                }
                (service.name().to_owned(), Protocol::RestJson)
            }
            Recognised::Foreign { name, protocol } => (name, protocol),
            Recognised::Form | Recognised::Unknown => return Err(self.unknown(parts)),
        };
        let code = match protocol {
            Protocol::RestJson | Protocol::AwsJson(_) => "NotImplementedException",
            Protocol::Query(_) | Protocol::Ec2 | Protocol::S3 => "NotImplemented",
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
}

/// Puts the checksums that came after the body among the headers. Nothing else is taken from
/// there: an unsigned trailer must not overrule, or pass for, a signed header.
fn add_checksums(headers: &mut HeaderMap, trailers: Vec<(String, String)>) {
    for (name, value) in trailers.into_iter().filter(|(name, _)| name.starts_with("x-amz-checksum-")) {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.entry(name).or_insert(value);
        }
    }
}

fn find<'a>(
    mount: &'a Mount,
    parts: &Parts,
    query: &[(String, String)],
    form: Option<&[u8]>,
) -> Result<Found<'a>, ApiError> {
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
        Api::Query(service) => {
            let operation = service.find(query, form.unwrap_or_default())?;
            Ok(Found {
                operation: operation.name,
                labels: Vec::new(),
                body_limit: FORM_LIMIT,
                oversize: Oversize::Named(operation.name),
                handler: &operation.handler,
            })
        }
    }
}

fn body_error(error: &BodyError, found: &Found<'_>) -> ApiError {
    match error {
        BodyError::TooLarge { .. } => found.oversize.error(found.body_limit),
        other => transfer_error(other),
    }
}
