//! Downloads of deployment packages through the links of `Code.Location`.

use std::sync::Arc;

use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;

use crate::Lambda;
use crate::ops::download;

pub(super) async fn download(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let parameter = |name| request.query(name).unwrap_or_default();
    let zip = download::run(&lambda, request.label("Package"), parameter("expires"), parameter("signature")).await?;
    Ok(Response::bytes(StatusCode::OK, "application/zip", zip))
}
