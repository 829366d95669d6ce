//! Keeping web pages out.
//!
//! A page that someone has open can send requests to this port, from inside the machine. Two
//! checks keep it from using the API: the `Host` must be a name of this machine (so a page cannot
//! make its own name resolve here), and the `Origin`, which browsers alone send, must be this
//! server or one that the configuration allows.

use std::net::IpAddr;

use http::header::{self, HeaderName};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, StatusCode};

use crate::error::ApiError;
use crate::recognise::bare_host;
use crate::response::Response;

/// Names that resolve to this machine and that no web page can own. `amazonaws.com` is here for
/// those who point AWS's own names at the server.
const OWN_SUFFIXES: [&str; 4] = [".localhost", ".localhost.localstack.cloud", ".amazonaws.com", ".amazonaws.com.cn"];

/// What answers to a page of another origin may show it.
const EXPOSED: &str = "x-amzn-requestid, x-amzn-errortype, x-amz-function-error, x-amz-log-result, \
                       x-amz-executed-version, x-amzn-trace-id";

/// Which names and origins are trusted beyond the built-in ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserPolicy {
    /// Host names under which the server is reached, e.g. `hearth.example`; `*.example` admits
    /// every name below.
    pub hosts: Vec<String>,
    /// Origins of web pages that may use the API, e.g. `https://app.example`; `*` admits all.
    pub origins: Vec<String>,
}

/// The origin to name in the answer's CORS headers; `None` when no browser asks, or this server's
/// own page.
pub(super) type Admitted = Option<HeaderValue>;

impl BrowserPolicy {
    /// Checks `Host` and `Origin`. `check_host` is off where signatures are demanded: a page has no
    /// keys, and the names under which a public server is reached need not be listed.
    ///
    /// # Errors
    /// A 403 that says which header is refused and what would admit it.
    pub(super) fn check(&self, parts: &Parts, check_host: bool) -> Result<Admitted, ApiError> {
        let host = host(parts);
        if check_host && let Some(host) = host {
            self.check_host(host)?;
        }
        let Some(origin) = parts.headers.get(header::ORIGIN) else {
            return check_site(parts).map(|()| None);
        };
        let text = origin.to_str().unwrap_or_default();
        let is_own = text.split_once("://").is_some_and(|(_, authority)| Some(authority) == host);
        if is_own {
            return Ok(None);
        }
        if self.origins.iter().any(|allowed| allowed == "*" || allowed == text) {
            return Ok(Some(origin.clone()));
        }
        Err(refusal(format!(
            "the web page origin {text:?} is not allowed to use this server; add it to the allowed origins of the configuration"
        )))
    }

    /// Whether a name, in lower case and without a port, is this machine's.
    pub(super) fn is_host(&self, name: &str) -> bool {
        name == "localhost"
            || name.parse::<IpAddr>().is_ok()
            || OWN_SUFFIXES.iter().any(|suffix| name.ends_with(suffix) || name == &suffix[1..])
            || self.hosts.iter().any(|allowed| admits(allowed, name))
    }

    fn check_host(&self, value: &str) -> Result<(), ApiError> {
        let name = bare_host(value).trim_end_matches('.').to_ascii_lowercase();
        if self.is_host(&name) {
            return Ok(());
        }
        Err(refusal(format!(
            "the host name {name:?} is not one of this server's; use its address, or add the name to the allowed hosts of the configuration"
        )))
    }
}

fn admits(allowed: &str, name: &str) -> bool {
    match allowed.strip_prefix('*') {
        Some(suffix) => suffix.starts_with('.') && name.ends_with(&suffix.to_ascii_lowercase()),
        None => allowed.eq_ignore_ascii_case(name),
    }
}

/// Browsers do not send an `Origin` with every request (images, plain links), but say when a
/// request was started by another site's page. Following a link is fine: the page that holds the
/// link does not get to see where it leads.
fn check_site(parts: &Parts) -> Result<(), ApiError> {
    let header = |name| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let is_foreign = matches!(header("sec-fetch-site"), Some("cross-site" | "same-site"));
    let is_link = parts.method.is_safe()
        && header("sec-fetch-mode") == Some("navigate")
        && header("sec-fetch-dest") == Some("document");
    if is_foreign && !is_link {
        return Err(refusal("a web page of another site may not send requests to this server".to_owned()));
    }
    Ok(())
}

fn refusal(text: String) -> ApiError {
    ApiError::user(StatusCode::FORBIDDEN, "AccessDeniedException", text).upper().untyped()
}

/// The host that the client named.
pub(super) fn host(parts: &Parts) -> Option<&str> {
    let header = parts.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    // A request line with a whole URL overrules the header.
    parts.uri.authority().map(http::uri::Authority::as_str).or(header)
}

/// True for the question that browsers ask before a request that a page could not send by itself.
pub(super) fn is_preflight(parts: &Parts) -> bool {
    parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to a preflight of an admitted origin.
pub(super) fn preflight(parts: &Parts) -> Response {
    let mut response = Response::empty(StatusCode::NO_CONTENT);
    let mut put = |name: HeaderName, value: HeaderValue| drop(response.headers.insert(name, value));
    put(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"));
    put(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(asked) = parts.headers.get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        put(header::ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
    }
    response
}

/// Lets an admitted page read the answer.
pub(super) fn expose(headers: &mut HeaderMap, origin: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    headers.append(header::VARY, HeaderValue::from_static("Origin"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(headers: &[(&str, &str)], expected: Result<Option<&str>, &str>) {
        let policy = BrowserPolicy {
            hosts: vec!["hearth.example".to_owned(), "*.corp.example".to_owned()],
            origins: vec!["https://app.example".to_owned()],
        };
        let mut request = http::Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (parts, ()) = request.body(()).expect("a request").into_parts();
        let found = policy.check(&parts, true).map_err(|error| error.message.unwrap_or_default());
        match (found, expected) {
            (Ok(found), Ok(expected)) => {
                assert_eq!(found.as_ref().map(|value| value.to_str().expect("text")), expected, "{headers:?}");
            }
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{headers:?}: {found:?} is not {expected:?}"),
        }
    }

    #[test]
    fn hosts_of_this_machine() {
        for host in [
            "localhost",
            "localhost:4566",
            "127.0.0.1:4566",
            "[::1]:4566",
            "192.168.1.5",
            "LOCALHOST.",
            "a.localhost:1",
            "localhost.localstack.cloud:4566",
            "b.s3.localhost.localstack.cloud",
            "lambda.us-east-1.amazonaws.com",
            "hearth.example:4566",
            "a.corp.example",
        ] {
            check(&[("host", host)], Ok(None));
        }
        check(&[], Ok(None));
    }

    #[test]
    fn names_that_a_page_could_own() {
        for host in
            ["evil.example", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example", "corp.example", ""]
        {
            check(&[("host", host)], Err("is not one of this server's"));
        }
    }

    #[test]
    fn origins() {
        let own = ("host", "127.0.0.1:4566");
        check(&[own, ("origin", "http://127.0.0.1:4566")], Ok(None));
        check(&[own, ("origin", "https://app.example")], Ok(Some("https://app.example")));
        for origin in
            ["http://127.0.0.1:8080", "https://evil.example", "null", "", "http://127.0.0.1:4566.evil.example"]
        {
            check(&[own, ("origin", origin)], Err("is not allowed"));
        }
    }

    #[test]
    fn requests_started_by_other_sites() {
        let own = ("host", "127.0.0.1:4566");
        check(&[own, ("sec-fetch-site", "cross-site")], Err("another site"));
        check(&[own, ("sec-fetch-site", "none")], Ok(None));
        let foreign = ("sec-fetch-site", "cross-site");
        let navigates = ("sec-fetch-mode", "navigate");
        check(&[own, foreign, navigates, ("sec-fetch-dest", "document")], Ok(None));
        check(&[own, foreign, navigates, ("sec-fetch-dest", "iframe")], Err("another site"));
        check(&[own, ("sec-fetch-site", "same-origin")], Ok(None));
    }
}
