//! The Lambda API: from requests to operations, and from their results to answers.
//!
//! The only place that knows AWS's shapes. What the model constrains is checked here, all defects
//! at once; what the service's own code refuses is refused in `ops`.

mod account;
mod aliases;
mod capacity_providers;
mod code_link;
mod code_signing;
mod concurrency;
mod event_invoke;
mod function_urls;
mod functions;
mod invoke;
mod layer_policy;
mod layers;
mod mappings;
mod paging;
mod permissions;
mod recursion;
mod runtime_management;
mod tags;
mod timestamp;
mod unserved;
mod versions;

pub(crate) mod code;
pub(crate) mod configuration;
pub(crate) mod members;
pub(crate) mod policy_document;
pub(crate) mod settings;

use std::sync::Arc;

use hearth_core::TaskKind;
use hearth_model::{Invoke, InvokeLater};
use hearth_wire::rest_json::{Oversize, Route};
use hearth_wire::server::{LocalRoute, local_handler};
use hearth_wire::{ApiError, Handler, Request, Response, handler};
use http::Method;
use tokio::sync::oneshot;

use crate::Lambda;

/// Bytes of a request that may bring a package. Source: fact sheet "Lambda control-plane API",
/// section 4.
const BODY_WITH_PACKAGE_MAX: usize = 70_167_211;

/// Every operation but those that run functions, which need the data plane: see [`invoke_routes`].
pub(crate) fn routes(lambda: &Arc<Lambda>) -> Vec<Route> {
    let state = || Arc::clone(lambda);
    let functions = "/2015-03-31/functions";
    let function = "/2015-03-31/functions/{FunctionName}";
    let tags = "/2017-03-31/tags/{Resource}";
    let mut routes = vec![
        with_package(change(Method::POST, functions, "CreateFunction", lambda, handler(state(), functions::create))),
        read(Method::GET, functions, "ListFunctions", handler(state(), functions::list)),
        read(Method::GET, function, "GetFunction", handler(state(), functions::get)),
        change(Method::DELETE, function, "DeleteFunction", lambda, handler(state(), functions::delete)),
        with_package(change(
            Method::PUT,
            "/2015-03-31/functions/{FunctionName}/code",
            "UpdateFunctionCode",
            lambda,
            handler(state(), functions::update_code),
        )),
        read(
            Method::GET,
            "/2015-03-31/functions/{FunctionName}/configuration",
            "GetFunctionConfiguration",
            handler(state(), functions::get_configuration),
        ),
        change(
            Method::PUT,
            "/2015-03-31/functions/{FunctionName}/configuration",
            "UpdateFunctionConfiguration",
            lambda,
            handler(state(), functions::update_configuration),
        ),
        read(Method::GET, tags, "ListTags", handler(state(), tags::list)),
        change(Method::POST, tags, "TagResource", lambda, handler(state(), tags::add)),
        change(Method::DELETE, tags, "UntagResource", lambda, handler(state(), tags::remove)),
        read(
            Method::GET,
            "/2016-08-19/account-settings",
            "GetAccountSettings",
            handler(state(), account::get_settings),
        ),
    ];
    routes.extend(layer_routes(lambda));
    routes.extend(versions::routes(lambda));
    routes.extend(aliases::routes(lambda));
    routes.extend(concurrency::routes(lambda));
    routes.extend(permissions::routes(lambda));
    routes.extend(code_signing::routes(lambda));
    routes.extend(runtime_management::routes(lambda));
    routes.extend(capacity_providers::routes(lambda));
    routes.extend(mappings::routes(lambda));
    routes.extend(function_urls::routes(lambda));
    routes.extend(event_invoke::routes(lambda));
    routes.extend(recursion::routes(lambda));
    routes.extend(unserved::routes());
    routes
}

fn layer_routes(lambda: &Arc<Lambda>) -> Vec<Route> {
    let state = || Arc::clone(lambda);
    let all = "/2018-10-31/layers";
    let versions = "/2018-10-31/layers/{LayerName}/versions";
    let version = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}";
    let policy = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy";
    let statement = "/2018-10-31/layers/{LayerName}/versions/{VersionNumber}/policy/{StatementId}";
    let (get, post, delete) = (Method::GET, Method::POST, Method::DELETE);
    let publish = handler(state(), layers::publish);
    let add = handler(state(), layer_policy::add);
    let remove = handler(state(), layer_policy::remove);
    vec![
        with_package(change(post.clone(), versions, "PublishLayerVersion", lambda, publish)),
        read(get.clone(), version, "GetLayerVersion", handler(state(), layers::get)),
        read(
            get.clone(),
            "/2018-10-31/layers?find=LayerVersion",
            "GetLayerVersionByArn",
            handler(state(), layers::get_by_arn),
        ),
        read(get.clone(), all, "ListLayers", handler(state(), layers::list)),
        read(get.clone(), versions, "ListLayerVersions", handler(state(), layers::list_versions)),
        change(delete.clone(), version, "DeleteLayerVersion", lambda, handler(state(), layers::delete)),
        change(post, policy, "AddLayerVersionPermission", lambda, add),
        read(get, policy, "GetLayerVersionPolicy", handler(state(), layer_policy::get)),
        change(delete, statement, "RemoveLayerVersionPermission", lambda, remove),
    ]
}

fn with_package(route: Route) -> Route {
    let name = route.operation;
    route.with_body_limit(BODY_WITH_PACKAGE_MAX, Oversize::Named(name))
}

/// The operations that run functions, through the data plane.
pub(crate) fn invoke_routes(invoke: Arc<dyn Invoke>, later: Arc<dyn InvokeLater>) -> [Route; 3] {
    invoke::routes(invoke, later)
}

/// Hearth's own paths.
pub(crate) fn local_routes(lambda: &Arc<Lambda>) -> Vec<LocalRoute> {
    let handler = local_handler(Arc::clone(lambda), code_link::download);
    vec![LocalRoute::prefix(crate::ops::download::PATH, handler)]
}

fn read(method: Method, template: &'static str, operation: &'static str, handler: Handler) -> Route {
    Route::new(method, template, operation, handler)
}

/// A change goes on when its client goes away: between the commit and what must follow it nobody
/// may stop it.
fn change(
    method: Method,
    template: &'static str,
    operation: &'static str,
    lambda: &Arc<Lambda>,
    handler: Handler,
) -> Route {
    let tasks = lambda.tasks.clone();
    let shielded: Handler = Arc::new(move |request: Request| {
        let (answer, answered) = oneshot::channel::<Result<Response, ApiError>>();
        let work = handler(request);
        tasks.spawn(TaskKind::Activation, operation, async move {
            // Nobody listens when the client has gone.
            let _ = answer.send(work.await);
        });
        Box::pin(async move {
            answered.await.unwrap_or_else(|_| Err(ApiError::internal(format!("{operation} ended without an answer"))))
        })
    });
    Route::new(method, template, operation, shielded)
}
