//! The operations on capacity providers, of which there are none: nothing can be run on instances
//! of an account here. What reads them finds that, and making one is refused (see `unserved`).
//!
//! Source: fact sheet "Lambda control-plane API", section 13.

use std::sync::Arc;

use hearth_model::arn;
use hearth_wire::rest_json::Route;
use hearth_wire::validation::Violations;
use hearth_wire::{ApiError, Request, Response, handler};
use http::{Method, StatusCode};
use serde::Serialize;

use crate::Lambda;
use crate::api::{paging, read};
use crate::error::Error;
use crate::pattern::CAPACITY_PROVIDER;

const ALL: &str = "/2025-11-30/capacity-providers";
const ONE: &str = "/2025-11-30/capacity-providers/{CapacityProviderName}";
const VERSIONS: &str = "/2025-11-30/capacity-providers/{CapacityProviderName}/function-versions";

pub(super) fn routes(lambda: &Arc<Lambda>) -> [Route; 5] {
    let absent = || handler(Arc::clone(lambda), absent);
    [
        read(Method::GET, ALL, "ListCapacityProviders", handler(Arc::clone(lambda), list)),
        read(Method::GET, ONE, "GetCapacityProvider", absent()),
        read(Method::PUT, ONE, "UpdateCapacityProvider", absent()),
        read(Method::DELETE, ONE, "DeleteCapacityProvider", absent()),
        read(Method::GET, VERSIONS, "ListFunctionVersionsByCapacityProvider", absent()),
    ]
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ListCapacityProvidersResponse {
    capacity_providers: [(); 0],
}

async fn list(_: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let mut violations = Violations::new();
    paging::parse(&request, &mut violations, 50)?;
    violations.finish_with(Error::Constraint)?;
    let answer = ListCapacityProvidersResponse { capacity_providers: [] };
    Response::json(StatusCode::OK, &answer)
}

async fn absent(_: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let name = request.label("CapacityProviderName");
    let mut violations = Violations::new();
    violations.length("capacityProviderName", name, 1..=140);
    CAPACITY_PROVIDER.check(&mut violations, "capacityProviderName", name);
    violations.finish_with(Error::Constraint)?;
    let name = name.rsplit(':').next().unwrap_or(name);
    let arn = arn::capacity_provider(&request.caller.region, &request.caller.account, name);
    Err(Error::ResourceNotFound(format!("Capacity provider not found: {arn}")).into())
}
