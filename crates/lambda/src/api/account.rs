//! GetAccountSettings. Source: fact sheet "Lambda control-plane API", section 8.3.

use std::sync::Arc;

use hearth_wire::{ApiError, Request, Response};
use http::StatusCode;
use serde::Serialize;

use crate::Lambda;
use crate::ops::{account_settings, source};
use crate::package::Limits;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct GetAccountSettingsResponse {
    account_limit: AccountLimit,
    account_usage: AccountUsage,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccountLimit {
    total_code_size: u64,
    code_size_unzipped: u64,
    code_size_zipped: u64,
    concurrent_executions: u32,
    unreserved_concurrent_executions: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccountUsage {
    total_code_size: u64,
    function_count: u64,
}

pub(super) async fn get_settings(lambda: Arc<Lambda>, request: Request) -> Result<Response, ApiError> {
    let usage = account_settings::run(&lambda, &request.caller).await?;
    let limits = lambda.limits;
    let answer = GetAccountSettingsResponse {
        account_limit: AccountLimit {
            total_code_size: limits.total_code_bytes,
            code_size_unzipped: Limits::default().unzipped_bytes,
            code_size_zipped: source::ZIPPED_MAX,
            concurrent_executions: limits.concurrent_executions,
            unreserved_concurrent_executions: limits.concurrent_executions.saturating_sub(usage.concurrency),
        },
        account_usage: AccountUsage {
            total_code_size: usage.code_bytes,
            function_count: usage.functions,
        },
    };
    Response::json(StatusCode::OK, &answer)
}
