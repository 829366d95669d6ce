//! Downloads of deployment packages through the links of `Code.Location`.

use std::sync::Arc;

use hearth_wire::server::LocalRequest;
use hearth_wire::{ApiError, Response};
use http::{Method, StatusCode};

use crate::Lambda;
use crate::ops::download;

pub(super) async fn download(lambda: Arc<Lambda>, request: LocalRequest) -> Result<Response, ApiError> {
    if !matches!(request.method, Method::GET | Method::HEAD) {
        let text = format!("a package can be downloaded with GET, not with {}", request.method);
        return Err(ApiError::user(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowedException", text));
    }
    let sha256_hex = request.path.strip_prefix(download::PATH).unwrap_or_default();
    let parameter = |name| request.query(name).unwrap_or_default();
    let zip = download::run(&lambda, sha256_hex, parameter("expires"), parameter("signature")).await?;
    Ok(Response::bytes(StatusCode::OK, "application/zip", zip))
}
