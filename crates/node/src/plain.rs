//! Paths of our own on the one port, beside those that services bring.

use std::sync::Arc;

use hearth_wire::server::{LocalRequest, LocalRoute, Mount, local_handler};
use hearth_wire::{ApiError, Response};
use http::StatusCode;
use serde_json::{Map, Value, json};

/// The names of the services that answer.
type Services = Vec<&'static str>;

/// `/_hearth/health` for those who wait for a server, and the path that tools made for another
/// local server ask.
#[must_use]
pub(crate) fn health(mounts: &[Mount]) -> Vec<LocalRoute> {
    let services: Arc<Services> = Arc::new(mounts.iter().map(|mount| mount.service.name()).collect());
    vec![
        LocalRoute::exact("/_hearth/health", local_handler(Arc::clone(&services), own_health)),
        LocalRoute::exact("/_localstack/health", local_handler(services, foreign_health)),
    ]
}

async fn own_health(services: Arc<Services>, _: LocalRequest) -> Result<Response, ApiError> {
    Response::json(StatusCode::OK, &json!({ "status": "ok", "version": version(), "services": *services }))
}

async fn foreign_health(services: Arc<Services>, _: LocalRequest) -> Result<Response, ApiError> {
    let states: Map<String, Value> = services.iter().map(|name| ((*name).to_owned(), "available".into())).collect();
    Response::json(StatusCode::OK, &json!({ "services": states, "edition": "hearth", "version": version() }))
}

const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}
