//! Plain routes that are not AWS's: health, downloads of code.
//!
//! They are not authenticated: what they show must be harmless, or guarded by the handler itself.

use std::future::Future;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::HandlerFuture;
use crate::error::ApiError;
use crate::response::Response;

/// The largest body that a plain route gets.
pub(super) const BODY_LIMIT: usize = 1024 * 1024;

/// How a plain route's path is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Matching {
    Exact,
    /// Every path that starts with the route's; it ends with a slash.
    Prefix,
}

/// A request to a plain route.
#[derive(Debug)]
pub struct LocalRequest {
    pub request_id: String,
    pub method: Method,
    /// As sent, percent-encoded.
    pub path: String,
    /// Query parameters in order, decoded.
    pub query: Vec<(String, String)>,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// As in [`crate::Request::endpoint`].
    pub endpoint: String,
}

impl LocalRequest {
    /// The first query parameter of this name.
    #[must_use]
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Answers a plain request. Its errors are rendered as Lambda's are.
pub type LocalHandler = Arc<dyn Fn(LocalRequest) -> HandlerFuture + Send + Sync>;

/// Makes a [`LocalHandler`] of state and an async function over it.
pub fn local_handler<S, F, Fut>(state: Arc<S>, answer: F) -> LocalHandler
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, LocalRequest) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Response, ApiError>> + Send + 'static,
{
    Arc::new(move |request| Box::pin(answer(Arc::clone(&state), request)))
}

/// A plain route. It gets every method; a `HEAD` answer is sent without its body.
#[derive(Clone)]
pub struct LocalRoute {
    /// E.g. `/_hearth/health`, `/_hearth/code/`.
    pub path: &'static str,
    pub matching: Matching,
    pub handler: LocalHandler,
}

impl LocalRoute {
    /// A route of one path.
    #[must_use]
    pub fn exact(path: &'static str, handler: LocalHandler) -> Self {
        Self {
            path,
            matching: Matching::Exact,
            handler,
        }
    }

    /// A route of all paths that start with `path`.
    #[must_use]
    pub fn prefix(path: &'static str, handler: LocalHandler) -> Self {
        Self {
            path,
            matching: Matching::Prefix,
            handler,
        }
    }

    fn is_for(&self, path: &str) -> bool {
        match self.matching {
            Matching::Exact => path.strip_suffix('/').unwrap_or(path) == self.path.trim_end_matches('/'),
            Matching::Prefix => path.starts_with(self.path),
        }
    }
}

/// The route of a path: an exact one, else the longest prefix.
pub(super) fn find<'a>(routes: &'a [LocalRoute], path: &str) -> Option<&'a LocalRoute> {
    let fitting = routes.iter().filter(|route| route.is_for(path));
    fitting.max_by_key(|route| (route.matching == Matching::Exact, route.path.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(path: &str, expected: Option<&str>) {
        let handler: LocalHandler = Arc::new(|_| Box::pin(async { Err(ApiError::internal("unused")) }));
        let routes = [
            LocalRoute::prefix("/_hearth/", Arc::clone(&handler)),
            LocalRoute::prefix("/_hearth/code/", Arc::clone(&handler)),
            LocalRoute::exact("/_hearth/health", handler),
        ];
        assert_eq!(find(&routes, path).map(|route| route.path), expected, "{path}");
    }

    #[test]
    fn paths() {
        check("/_hearth/health", Some("/_hearth/health"));
        check("/_hearth/health/", Some("/_hearth/health"));
        check("/_hearth/code/abc", Some("/_hearth/code/"));
        check("/_hearth/other", Some("/_hearth/"));
        check("/_other", None);
        check("/", None);
    }
}
