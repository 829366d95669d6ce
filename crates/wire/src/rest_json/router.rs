//! From method, path and query to a route, through a trie of path segments.
//!
//! Paths are split first and decoded after, so that a label may hold an ARN with `%3A` and `%2F`.
//! A fixed segment wins over a label. A single trailing slash is accepted.

use std::cmp::Reverse;

use http::{Method, StatusCode};
use percent_encoding::percent_decode_str;
use thiserror::Error;

use super::Route;
use crate::error::ApiError;

/// More labels than any template of Lambda's model has.
const LABELS_MAX: usize = 4;

/// The routes of one service.
#[derive(Debug, Default)]
pub struct Router {
    routes: Vec<Compiled>,
    root: Node,
}

#[derive(Debug)]
struct Compiled {
    route: Route,
    labels: Vec<&'static str>,
    query: Vec<(&'static str, &'static str)>,
}

#[derive(Debug, Default)]
struct Node {
    fixed: Vec<(&'static str, Node)>,
    label: Option<Box<Node>>,
    /// Indexes of the routes that end here, most query parameters first.
    ends: Vec<usize>,
}

/// A route and the labels of its path.
#[derive(Debug)]
pub struct Found<'a> {
    pub route: &'a Route,
    pub labels: Vec<(&'static str, String)>,
}

/// Why a request has no route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoute {
    /// No template has this path.
    Path,
    /// The path is known, under other methods.
    Method,
    /// A label is not UTF-8 after percent-decoding.
    Encoding { label: &'static str },
}

impl NoRoute {
    /// The answer: a 404 `UnknownOperationException`, as the REST protocols of Smithy prescribe
    /// for what no operation matches; a 400 for a label that cannot be read.
    ///
    /// What Lambda itself answers here is not recorded anywhere; no client meets it, because
    /// clients build paths from the service's model.
    #[must_use]
    pub fn error(self, method: &Method, path: &str) -> ApiError {
        let unknown = |text| ApiError::user(StatusCode::NOT_FOUND, "UnknownOperationException", text).untyped();
        match self {
            Self::Path => unknown(format!("no operation has the path {path}")),
            Self::Method => unknown(format!("the path {path} has operations, but none with the method {method}")),
            Self::Encoding { label } => ApiError::user(
                StatusCode::BAD_REQUEST,
                "SerializationException",
                format!("the path label {label} is not UTF-8 after percent-decoding"),
            )
            .untyped(),
        }
    }
}

/// A table of routes that cannot be built: a defect of the table.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RouteError {
    #[error("{first} and {second} have the same method, path and query; give each its own")]
    Conflict { first: &'static str, second: &'static str },
    #[error("template {0:?} is not of the form /segment/{{Label}}/...; correct it")]
    Malformed(&'static str),
    #[error("template {0:?} has more than {LABELS_MAX} labels; raise the limit")]
    TooManyLabels(&'static str),
}

impl Router {
    /// Builds the trie.
    ///
    /// # Errors
    /// The defect of the table.
    pub fn new(routes: impl IntoIterator<Item = Route>) -> Result<Self, RouteError> {
        let mut router = Self::default();
        for route in routes {
            router.add(route)?;
        }
        router.root.sort(&router.routes);
        Ok(router)
    }

    fn add(&mut self, route: Route) -> Result<(), RouteError> {
        let malformed = RouteError::Malformed(route.template);
        let (path, query) = route.template.split_once('?').unwrap_or((route.template, ""));
        let (node, labels) = self.root.descend(trim(path).ok_or(malformed.clone())?).ok_or(malformed)?;
        if labels.len() > LABELS_MAX {
            return Err(RouteError::TooManyLabels(route.template));
        }
        let query = discriminators(query);
        let routes = &mut self.routes;
        let is_same = |other: &Compiled| other.route.method == route.method && other.query == query;
        if let Some(&end) = node.ends.iter().find(|&&end| is_same(&routes[end])) {
            return Err(RouteError::Conflict {
                first: routes[end].route.operation,
                second: route.operation,
            });
        }
        node.ends.push(routes.len());
        routes.push(Compiled { route, labels, query });
        Ok(())
    }

    /// Finds the route of a request. `path` is as it was sent, percent-encoded.
    ///
    /// # Errors
    /// Why there is none.
    pub fn find(&self, method: &Method, path: &str, query: &[(String, String)]) -> Result<Found<'_>, NoRoute> {
        let mut search = Search {
            routes: &self.routes,
            method,
            query,
            labels: [""; LABELS_MAX],
            path_known: false,
        };
        let path = trim(path).ok_or(NoRoute::Path)?;
        let Some(end) = search.walk(&self.root, path, 0) else {
            return Err(if search.path_known { NoRoute::Method } else { NoRoute::Path });
        };
        let mut labels = Vec::with_capacity(end.labels.len());
        for (&label, raw) in end.labels.iter().zip(search.labels) {
            let value = percent_decode_str(raw).decode_utf8().map_err(|_| NoRoute::Encoding { label })?;
            labels.push((label, value.into_owned()));
        }
        Ok(Found { route: &end.route, labels })
    }

    /// Every route, in the order given.
    pub fn routes(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|compiled| &compiled.route)
    }
}

impl Node {
    /// Makes the nodes of a template's path and gives the last one, with the label names on the
    /// way. `None` for a malformed template.
    fn descend(&mut self, path: &'static str) -> Option<(&mut Self, Vec<&'static str>)> {
        let mut node = self;
        let mut labels = Vec::new();
        for segment in path.split('/') {
            let label = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            if segment.is_empty() || label.unwrap_or(segment).contains(['{', '}']) {
                return None;
            }
            node = match label {
                Some(name) => {
                    labels.push(name);
                    node.label.get_or_insert_default()
                }
                None => node.fixed_child(segment),
            };
        }
        Some((node, labels))
    }

    fn fixed_child(&mut self, segment: &'static str) -> &mut Self {
        let at = self.fixed.iter().position(|(name, _)| *name == segment).unwrap_or_else(|| {
            self.fixed.push((segment, Self::default()));
            self.fixed.len() - 1
        });
        &mut self.fixed[at].1
    }

    fn sort(&mut self, routes: &[Compiled]) {
        self.ends.sort_by_key(|&end| Reverse(routes[end].query.len()));
        self.fixed.iter_mut().for_each(|(_, child)| child.sort(routes));
        if let Some(child) = &mut self.label {
            child.sort(routes);
        }
    }
}

struct Search<'a, 'p> {
    routes: &'a [Compiled],
    method: &'p Method,
    query: &'p [(String, String)],
    /// What stands where the labels are, as sent.
    labels: [&'p str; LABELS_MAX],
    path_known: bool,
}

impl<'a, 'p> Search<'a, 'p> {
    /// Depth first, so at most two branches a segment: the fixed one, then the label. The depth
    /// is that of the trie, whatever the length of the path.
    fn walk(&mut self, node: &'a Node, path: &'p str, depth: usize) -> Option<&'a Compiled> {
        let (segment, rest) = match path.split_once('/') {
            Some((segment, rest)) => (segment, Some(rest)),
            None => (path, None),
        };
        if segment.is_empty() {
            return None;
        }
        if let Some((_, child)) = node.fixed.iter().find(|(name, _)| *name == segment)
            && let Some(found) = self.go_on(child, rest, depth)
        {
            return Some(found);
        }
        let child = node.label.as_deref()?;
        *self.labels.get_mut(depth)? = segment;
        self.go_on(child, rest, depth + 1)
    }

    fn go_on(&mut self, child: &'a Node, rest: Option<&'p str>, depth: usize) -> Option<&'a Compiled> {
        match rest {
            Some(rest) => self.walk(child, rest, depth),
            None => self.end(child),
        }
    }

    fn end(&mut self, node: &'a Node) -> Option<&'a Compiled> {
        self.path_known |= !node.ends.is_empty();
        let mut ends = node.ends.iter().map(|&end| &self.routes[end]);
        ends.find(|end| end.route.method == *self.method && end.query.iter().all(|wanted| self.has(*wanted)))
    }

    fn has(&self, (name, value): (&str, &str)) -> bool {
        self.query.iter().any(|(n, v)| n == name && (value.is_empty() || v == value))
    }
}

/// The path without its leading slash and one trailing slash; `None` for one that does not start
/// at the root or is the root.
fn trim(path: &str) -> Option<&str> {
    let path = path.strip_prefix('/')?;
    let path = path.strip_suffix('/').unwrap_or(path);
    (!path.is_empty()).then_some(path)
}

/// `find=LayerVersion` as name and value; a name alone admits any value.
fn discriminators(query: &'static str) -> Vec<(&'static str, &'static str)> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, ""))).collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn route(method: Method, template: &'static str, operation: &'static str) -> Route {
        Route::new(method, template, operation, Arc::new(|_| Box::pin(async { Err(ApiError::internal("unused")) })))
    }

    fn router() -> Router {
        Router::new([
            route(Method::GET, "/2015-03-31/functions", "ListFunctions"),
            route(Method::POST, "/2015-03-31/functions", "CreateFunction"),
            route(Method::GET, "/2015-03-31/functions/{FunctionName}", "GetFunction"),
            route(Method::POST, "/2015-03-31/functions/{FunctionName}/invocations", "Invoke"),
            route(Method::GET, "/2015-03-31/functions/{FunctionName}/aliases/{Name}", "GetAlias"),
            route(Method::GET, "/2018-10-31/layers", "ListLayers"),
            route(Method::GET, "/2018-10-31/layers?find=LayerVersion", "GetLayerVersionByArn"),
            route(Method::GET, "/2018-10-31/layers/{LayerName}/versions", "ListLayerVersions"),
            route(Method::GET, "/2015-03-31/event-source-mappings/", "ListEventSourceMappings"),
            route(Method::GET, "/fixed/one", "Fixed"),
            route(Method::GET, "/fixed/{Label}/two", "Labelled"),
        ])
        .expect("a sound table")
    }

    #[track_caller]
    fn check(method: &str, uri: &str, expected: Result<(&str, &[&str]), NoRoute>) {
        let router = router();
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let query: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        let found = router.find(&Method::from_bytes(method.as_bytes()).expect("a method"), path, &query);
        let found = found.map(|f| (f.route.operation, f.labels.into_iter().map(|l| l.1).collect::<Vec<_>>()));
        let expected = expected.map(|(name, labels)| (name, labels.iter().map(|l| (*l).to_owned()).collect()));
        assert_eq!(found, expected, "{method} {uri}");
    }

    #[test]
    fn paths_and_methods() {
        check("GET", "/2015-03-31/functions", Ok(("ListFunctions", &[])));
        check("GET", "/2015-03-31/functions/", Ok(("ListFunctions", &[])));
        check("POST", "/2015-03-31/functions/", Ok(("CreateFunction", &[])));
        check("GET", "/2015-03-31/event-source-mappings", Ok(("ListEventSourceMappings", &[])));
        check("GET", "/2015-03-31/functions/f", Ok(("GetFunction", &["f"])));
        check("POST", "/2015-03-31/functions/f/invocations", Ok(("Invoke", &["f"])));
        check("GET", "/2015-03-31/functions/f/aliases/live", Ok(("GetAlias", &["f", "live"])));
    }

    #[test]
    fn labels_are_decoded_after_the_split() {
        check(
            "POST",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Af/invocations",
            Ok(("Invoke", &["arn:aws:lambda:us-east-1:123456789012:function:f"])),
        );
        check("GET", "/2015-03-31/functions/a%2Fb+c%25", Ok(("GetFunction", &["a/b+c%"])));
        check("GET", "/2015-03-31/functions/%ff", Err(NoRoute::Encoding { label: "FunctionName" }));
    }

    #[test]
    fn query_parameters_tell_routes_apart() {
        check("GET", "/2018-10-31/layers", Ok(("ListLayers", &[])));
        check("GET", "/2018-10-31/layers?find=LayerVersion&Arn=a", Ok(("GetLayerVersionByArn", &[])));
        check("GET", "/2018-10-31/layers?find=other", Ok(("ListLayers", &[])));
    }

    #[test]
    fn a_fixed_segment_wins_but_does_not_hide_a_label() {
        check("GET", "/fixed/one", Ok(("Fixed", &[])));
        check("GET", "/fixed/one/two", Ok(("Labelled", &["one"])));
    }

    #[test]
    fn what_has_no_route() {
        for path in
            ["/", "", "//", "/nope", "/2015-03-31", "/2015-03-31/functions//", "/2015-03-31/functions//invocations"]
        {
            check("GET", path, Err(NoRoute::Path));
        }
        check("PATCH", "/2015-03-31/functions/f", Err(NoRoute::Method));
        check("GET", "/2015-03-31/functions/f/invocations", Err(NoRoute::Method));
    }

    #[test]
    fn unsound_tables_are_refused() {
        let conflict = Router::new([route(Method::GET, "/a/{X}", "A"), route(Method::GET, "/a/{Y}/", "B")]);
        assert_eq!(conflict.unwrap_err(), RouteError::Conflict { first: "A", second: "B" });
        for template in ["", "/", "a", "/a//b", "/a/{b", "/a/x{b}"] {
            assert!(Router::new([route(Method::GET, template, "A")]).is_err(), "{template}");
        }
        assert!(Router::new([route(Method::GET, "/{A}/{B}/{C}/{D}/{E}", "A")]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn arbitrary_paths_never_panic(path in ".*", query in proptest::collection::vec((".*", ".*"), 0..5)) {
            let router = router();
            let _ = router.find(&Method::GET, &path, &query);
            let _ = router.find(&Method::GET, &format!("/2015-03-31/functions/{path}"), &query);
        }

        #[test]
        fn an_encoded_label_comes_back(name in ".+") {
            let encoded = percent_encoding::utf8_percent_encode(&name, percent_encoding::NON_ALPHANUMERIC);
            let path = format!("/2015-03-31/functions/{encoded}");
            let router = router();
            let found = router.find(&Method::GET, &path, &[]).expect("a route");
            proptest::prop_assert_eq!(&found.labels[0].1, &name);
        }
    }
}
