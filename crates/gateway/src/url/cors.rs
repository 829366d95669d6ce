//! Which web pages may use a URL, as its configuration says.
//!
//! Source: fact sheet "Lambda invocation", section 7.4. Where there is a configuration, the function
//! has no say: its own headers of the kind give way, so that none stands twice.

use hearth_model::Cors;
use hearth_wire::Response;
use http::header::{
    self, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, HeaderMap, HeaderName,
    HeaderValue, ORIGIN, VARY,
};
use http::request::Parts;
use http::{Method, StatusCode};

/// The page that a request comes from, seen by the URL's configuration.
pub(super) struct Page {
    /// Absent without a configuration, or when the request names no origin.
    rules: Option<Rules>,
}

struct Rules {
    cors: Cors,
    /// What to answer as the allowed origin; `None` for a page that is not allowed.
    origin: Option<HeaderValue>,
}

impl Page {
    pub(super) fn of(cors: Option<&Cors>, parts: &Parts) -> Self {
        let asked = parts.headers.get(ORIGIN);
        let rules = cors.zip(asked).map(|(cors, asked)| Rules {
            cors: cors.clone(),
            origin: allowed(cors, asked),
        });
        Self { rules }
    }

    /// The answer to the question that browsers ask before a request that a page could not send by
    /// itself. Without a configuration it is the function's to answer.
    pub(super) fn preflight(&self, parts: &Parts) -> Option<Response> {
        let is_preflight =
            parts.method == Method::OPTIONS && parts.headers.contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        let rules = self.rules.as_ref().filter(|_| is_preflight)?;
        let mut response = Response::empty(StatusCode::OK);
        if rules.origin.is_some() {
            let headers = &mut response.headers;
            put_list(headers, ACCESS_CONTROL_ALLOW_METHODS, &rules.cors.allow_methods);
            put_list(headers, ACCESS_CONTROL_ALLOW_HEADERS, &rules.cors.allow_headers);
            if let Some(max_age_s) = rules.cors.max_age_s {
                headers.insert(ACCESS_CONTROL_MAX_AGE, max_age_s.into());
            }
        }
        Some(self.show(response))
    }

    /// Lets the page see an answer, or sees to it that it does not.
    pub(super) fn show(&self, mut response: Response) -> Response {
        let Some(rules) = &self.rules else {
            return response;
        };
        let headers = &mut response.headers;
        for name in [ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_EXPOSE_HEADERS] {
            headers.remove(name);
        }
        if !rules.is_for_all() {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if let Some(origin) = &rules.origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
            put_list(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &rules.cors.expose_headers);
            if rules.cors.allow_credentials {
                headers.insert(ACCESS_CONTROL_ALLOW_CREDENTIALS, HeaderValue::from_static("true"));
            }
        }
        response
    }
}

impl Rules {
    fn is_for_all(&self) -> bool {
        self.origin.as_ref().is_some_and(|origin| origin == "*")
    }
}

/// Browsers take no `*` together with credentials; then the page is named.
fn allowed(cors: &Cors, asked: &HeaderValue) -> Option<HeaderValue> {
    let is_for_all = cors.allow_origins.iter().any(|origin| origin == "*");
    let is_named =
        || cors.allow_origins.iter().any(|origin| origin.trim_end_matches('/').as_bytes() == asked.as_bytes());
    match is_for_all {
        true if !cors.allow_credentials => Some(HeaderValue::from_static("*")),
        true => Some(asked.clone()),
        false => is_named().then(|| asked.clone()),
    }
}

fn put_list(headers: &mut HeaderMap, name: HeaderName, items: &[String]) {
    if items.is_empty() {
        return;
    }
    if let Ok(value) = HeaderValue::from_str(&items.join(",")) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cors(origins: &[&str], allow_credentials: bool) -> Cors {
        Cors {
            allow_credentials,
            allow_headers: vec!["X-A".to_owned(), "x-b".to_owned()],
            allow_methods: vec!["GET".to_owned(), "PUT".to_owned()],
            allow_origins: origins.iter().map(|origin| (*origin).to_owned()).collect(),
            expose_headers: vec!["x-c".to_owned()],
            max_age_s: Some(60),
        }
    }

    fn parts(method: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[track_caller]
    fn check_origin(cors: &Cors, asked: &str, expected: Option<&str>, varies: bool) {
        let page = Page::of(Some(cors), &parts("GET", &[("origin", asked)]));
        let mut answer = Response::empty(StatusCode::OK);
        answer.headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://functions.own"));
        let shown = page.show(answer);
        let origins: Vec<_> = shown.headers.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter().collect();
        assert_eq!(origins, expected.into_iter().collect::<Vec<_>>(), "{asked}");
        assert_eq!(shown.headers.contains_key(VARY), varies, "{asked}");
        assert_eq!(shown.headers.contains_key(ACCESS_CONTROL_EXPOSE_HEADERS), expected.is_some(), "{asked}");
    }

    #[test]
    fn origins() {
        let named = cors(&["https://a.example", "http://localhost:3000"], false);
        check_origin(&named, "https://a.example", Some("https://a.example"), true);
        check_origin(&named, "http://localhost:3000", Some("http://localhost:3000"), true);
        for other in ["https://a.example.evil", "http://a.example", "null", "https://A.example"] {
            check_origin(&named, other, None, true);
        }
        check_origin(&cors(&["*"], false), "https://b.example", Some("*"), false);
        check_origin(&cors(&["*"], true), "https://b.example", Some("https://b.example"), true);
        check_origin(&cors(&[], false), "https://b.example", None, true);
    }

    #[test]
    fn preflights() {
        let headers = [("origin", "https://a.example"), ("access-control-request-method", "PUT")];
        let parts = parts("OPTIONS", &headers);
        let answer = Page::of(Some(&cors(&["https://a.example"], true)), &parts).preflight(&parts).unwrap();
        assert_eq!(answer.status, StatusCode::OK);
        for (name, value) in [
            ("access-control-allow-origin", "https://a.example"),
            ("access-control-allow-methods", "GET,PUT"),
            ("access-control-allow-headers", "X-A,x-b"),
            ("access-control-allow-credentials", "true"),
            ("access-control-max-age", "60"),
        ] {
            assert_eq!(answer.headers[name], value);
        }
        let other = Page::of(Some(&cors(&["https://b.example"], true)), &parts).preflight(&parts).unwrap();
        assert!(other.headers.keys().all(|name| name == VARY), "{:?}", other.headers);
        assert!(Page::of(None, &parts).preflight(&parts).is_none(), "the function's to answer");
    }

    #[test]
    fn what_is_no_preflight() {
        let rules = cors(&["*"], false);
        for (method, headers) in [
            ("OPTIONS", vec![("origin", "https://a.example")]),
            ("OPTIONS", vec![("access-control-request-method", "PUT")]),
            ("GET", vec![("origin", "https://a.example"), ("access-control-request-method", "PUT")]),
        ] {
            let parts = parts(method, &headers);
            assert!(Page::of(Some(&rules), &parts).preflight(&parts).is_none(), "{method} {headers:?}");
        }
    }

    #[test]
    fn no_page_no_headers() {
        let page = Page::of(Some(&cors(&["*"], false)), &parts("GET", &[]));
        assert!(page.show(Response::empty(StatusCode::OK)).headers.is_empty());
    }
}
