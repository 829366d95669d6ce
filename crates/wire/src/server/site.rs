//! Sites: what answers requests that are not AWS's API, each under a host name of its own
//! (`<name>.lambda-url.<region>.localhost`) and below a path of its own (`/_hearth/url/<name>/`).
//!
//! A site says for itself which web pages may use it, so the checks that keep pages off the API
//! (`browser`) do not apply to it. They hold all the same: a page of a site has another origin than
//! the API by its host name, and none at all by its path (see [`SiteHead::by_path`]).
//!
//! A site sees a request's head first, so that nothing is read for what it refuses.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use hearth_model::Region;
use http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use http::request::Parts;
use http_body::Body;

use super::body::{BodyError, Intake};
use super::connection::Visit;
use super::exchange::{guarded, transfer_error};
use super::{FrontDoor, browser};
use crate::HandlerFuture;
use crate::error::ApiError;
use crate::protocol::Protocol;
use crate::recognise::bare_host;
use crate::render;
use crate::request::Caller;
use crate::response::Response;
use crate::rest_json::Oversize;
use crate::sigv4::{Claims, Content, SignatureError};

/// AWS's own domain of sites, for those who point its names at the server.
const AWS_DOMAIN: &str = "on.aws";
/// What a page by path may do: everything but speak for this server's origin.
static SANDBOX: HeaderValue =
    HeaderValue::from_static("sandbox allow-downloads allow-forms allow-modals allow-popups allow-scripts");

/// A site behind the door.
#[derive(Clone)]
pub struct SiteMount {
    /// The label behind the name in host names, e.g. `lambda-url`.
    pub label: &'static str,
    /// The path before the name, with a slash at its end.
    pub path: &'static str,
    pub site: Arc<dyn Site>,
}

/// Answers requests under names.
pub trait Site: Send + Sync + 'static {
    /// Looks at a request's head.
    fn receive(&self, head: &SiteHead<'_>) -> Reception;
}

/// The head of a request to a site.
#[derive(Debug)]
pub struct SiteHead<'p> {
    /// In lower case.
    pub name: Cow<'p, str>,
    /// As the host name says; `None` by path.
    pub region: Option<Region>,
    pub parts: &'p Parts,
}

impl SiteHead<'_> {
    /// Whether the request came below this server's own host name. What a browser gets so is kept
    /// apart from that host's origin, which the API would take for its own.
    #[must_use]
    pub fn by_path(&self) -> bool {
        self.region.is_none()
    }
}

/// What a site makes of a request's head.
pub enum Reception {
    /// Answered without its body.
    Answer(Response),
    /// The rest is wanted.
    Admit(Admission),
}

/// What is to be read, and who answers then.
pub struct Admission {
    pub terms: Terms,
    /// Gets the request, or why it could not be read or believed.
    pub answer: Box<dyn FnOnce(Result<SiteRequest, ApiError>) -> HandlerFuture + Send>,
}

/// What a request has to keep to.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Bytes; a larger body is refused with `oversize`.
    pub body_limit: usize,
    pub oversize: Oversize,
    /// The service for which a signature is made, when one is wanted. Then it is checked as the
    /// API's are.
    pub signed_for: Option<&'static str>,
}

/// A request to a site.
#[derive(Debug)]
pub struct SiteRequest {
    /// The UUID that the answer carries.
    pub request_id: String,
    pub parts: Parts,
    /// As sent, without what leads to the site; it begins with a slash.
    pub path: String,
    /// Empty when a signature is wanted and there is none: a stranger's is not read.
    pub body: Bytes,
    /// Who signed; `None` for nobody, or where no signature is wanted.
    pub caller: Option<Caller>,
    pub peer: Option<IpAddr>,
    /// Where the request arrived.
    pub port: Option<u16>,
}

impl SiteRequest {
    /// The host that the client named, without a port.
    #[must_use]
    pub fn host(&self) -> &str {
        browser::host(&self.parts).map(bare_host).unwrap_or_default()
    }
}

/// A site that a request is for.
pub(super) struct Found<'d> {
    site: &'d dyn Site,
    name: String,
    region: Option<Region>,
    /// Bytes of the path that lead to the site.
    skipped: usize,
}

impl FrontDoor {
    /// The site that a request names, by its host or its path.
    pub(super) fn site(&self, parts: &Parts) -> Option<Found<'_>> {
        let host = browser::host(parts).map(bare_host).unwrap_or_default();
        let is_own_host = host.is_empty() || self.is_domain(&host.to_ascii_lowercase());
        self.sites.iter().find_map(|mount| {
            let by_host = by_host(host, mount.label).filter(|(.., domain)| self.is_domain(domain));
            if let Some((name, region, _)) = by_host {
                let region = Some(region);
                return Some(Found {
                    site: mount.site.as_ref(),
                    name,
                    region,
                    skipped: 0,
                });
            }
            let (name, skipped) = by_path(parts.uri.path(), mount.path).filter(|_| is_own_host)?;
            Some(Found {
                site: mount.site.as_ref(),
                name,
                region: None,
                skipped,
            })
        })
    }

    /// A page could make a name of any other domain lead here.
    fn is_domain(&self, domain: &str) -> bool {
        !self.checks_hosts() || domain == AWS_DOMAIN || self.browser.is_host(domain)
    }

    /// Has the site answer. Never fails: every failure is an answer.
    pub(super) async fn serve_site<B>(
        &self,
        found: Found<'_>,
        parts: Parts,
        intake: &mut Intake<'_, B>,
        request_id: String,
        visit: &Visit,
    ) -> Response
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let head = SiteHead {
            name: Cow::Borrowed(&found.name),
            region: found.region.clone(),
            parts: &parts,
        };
        let is_by_path = head.by_path();
        let id = request_id.clone();
        let mut response = match found.site.receive(&head) {
            Reception::Answer(response) => response,
            Reception::Admit(Admission { terms, answer }) => {
                let read = self.read_site(&parts, intake, terms, visit).await;
                let request = read.map(|(body, caller)| SiteRequest {
                    request_id,
                    path: own_path(&parts, found.skipped),
                    parts,
                    body,
                    caller,
                    peer: visit.peer.map(|peer| peer.ip().to_canonical()),
                    port: visit.local.map(|local| local.port()),
                });
                guarded("a site", || answer(request)).await.unwrap_or_else(|error| {
                    if let Some(detail) = &error.internal {
                        tracing::error!(request_id = %id, detail, "a site failed");
                    }
                    render::error(Protocol::RestJson, &error, &id)
                })
            }
        };
        if is_by_path {
            response.headers.append(CONTENT_SECURITY_POLICY, SANDBOX.clone());
        }
        response
    }

    async fn read_site<B>(
        &self,
        parts: &Parts,
        intake: &mut Intake<'_, B>,
        terms: Terms,
        visit: &Visit,
    ) -> Result<(Bytes, Option<Caller>), ApiError>
    where
        B: Body<Data = Bytes> + Unpin + Send,
        B::Error: std::fmt::Display,
    {
        let refuse = |error: SignatureError| error.error(Protocol::RestJson);
        let Some(service) = terms.signed_for else {
            return Ok((read(intake, terms).await?, None));
        };
        let Some(claims) = Claims::of(&parts.headers, parts.uri.query().unwrap_or("")).map_err(refuse)? else {
            return Ok((Bytes::new(), None));
        };
        check_scope(&claims, service).map_err(refuse)?;
        let (caller, secret) = self.identify(Some(&claims), parts, visit).map_err(refuse)?;
        let body = read(intake, terms).await?;
        let content = match &secret {
            Some(secret) => self.verifier.verify(&claims, secret, parts, body),
            None => Content::unverified(&parts.headers, body),
        };
        Ok((content.map_err(refuse)?.body, Some(caller)))
    }
}

async fn read<B>(intake: &mut Intake<'_, B>, terms: Terms) -> Result<Bytes, ApiError>
where
    B: Body<Data = Bytes> + Unpin + Send,
    B::Error: std::fmt::Display,
{
    intake.read(terms.body_limit).await.map_err(|error| match error {
        BodyError::TooLarge { .. } => terms.oversize.error(terms.body_limit),
        other => transfer_error(&other),
    })
}

fn check_scope(claims: &Claims<'_>, service: &str) -> Result<(), SignatureError> {
    if claims.scope().service == service {
        return Ok(());
    }
    // The space at the end is AWS's.
    Err(SignatureError::Invalid(format!("Credential should be scoped to correct service: '{service}'. ")))
}

/// Name, region and domain of `<name>.<label>.<region>.<domain>`.
fn by_host<'h>(host: &'h str, label: &str) -> Option<(String, Region, Cow<'h, str>)> {
    let host = match host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        false => Cow::Borrowed(host),
        true => Cow::Owned(host.to_ascii_lowercase()),
    };
    let mut labels = host.splitn(4, '.');
    let (name, second, region) = (labels.next()?, labels.next()?, labels.next()?);
    let domain = labels.next()?.trim_end_matches('.');
    if second != label || name.is_empty() || domain.is_empty() {
        return None;
    }
    Some((name.to_owned(), Region::parse(region)?, Cow::Owned(domain.to_owned())))
}

/// Name, and how much of the path leads to the site.
fn by_path(path: &str, prefix: &str) -> Option<(String, usize)> {
    let rest = path.strip_prefix(prefix)?;
    let name = rest.split('/').next().filter(|name| !name.is_empty())?;
    Some((name.to_ascii_lowercase(), prefix.len() + name.len()))
}

fn own_path(parts: &Parts, skipped: usize) -> String {
    match &parts.uri.path()[skipped..] {
        "" => "/".to_owned(),
        path => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_host(host: &str, expected: Option<(&str, &str, &str)>) {
        let found = by_host(host, "lambda-url");
        let found = found.as_ref().map(|(name, region, domain)| (name.as_str(), region.as_str(), domain.as_ref()));
        assert_eq!(found, expected, "{host}");
    }

    #[test]
    fn names_in_hosts() {
        check_host("abc.lambda-url.us-east-1.localhost", Some(("abc", "us-east-1", "localhost")));
        check_host("ABC.Lambda-URL.us-east-1.localhost.", Some(("abc", "us-east-1", "localhost")));
        check_host("abc.lambda-url.us-east-1.on.aws", Some(("abc", "us-east-1", "on.aws")));
        for other in [
            "",
            "localhost",
            "lambda-url.us-east-1.localhost",
            ".lambda-url.us-east-1.localhost",
            "abc.lambda-url.nowhere.localhost",
            "abc.lambda-url.us-east-1",
            "abc.lambda-url.us-east-1.",
            "x.abc.lambda-url.us-east-1.localhost",
            "127.0.0.1",
        ] {
            check_host(other, None);
        }
    }

    #[test]
    fn names_in_paths() {
        let found = |path| by_path(path, "/_hearth/url/");
        assert_eq!(found("/_hearth/url/abc/d"), Some(("abc".to_owned(), 16)));
        assert_eq!(found("/_hearth/url/ABC"), Some(("abc".to_owned(), 16)));
        assert_eq!(found("/_hearth/url/"), None);
        assert_eq!(found("/_hearth/url//x"), None);
        assert_eq!(found("/other/abc"), None);
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in ".*") {
            let _ = by_host(&text, "lambda-url");
            let _ = by_path(&text, "/");
        }
    }
}
