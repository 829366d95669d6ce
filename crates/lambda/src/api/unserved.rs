//! The operations that AWS has and Hearth does not serve yet: each answers so, by its name.
//!
//! The answer is a 501 `NotImplementedException`, which no SDK takes for a passing failure and
//! tries again. Together with what is served this is every operation of the service; a later
//! service grows the table.

use std::sync::Arc;

use hearth_wire::rest_json::Route;
use hearth_wire::{ApiError, Handler};
use http::Method;

use crate::error::Error;

const GET: Method = Method::GET;
const POST: Method = Method::POST;
const PUT: Method = Method::PUT;

const OPERATIONS: &[(Method, &str, &str)] = &[
    (POST, "/2025-11-30/capacity-providers", "CreateCapacityProvider"),
    (POST, "/2025-12-01/durable-execution-callbacks/{CallbackId}/fail", "SendDurableExecutionCallbackFailure"),
    (POST, "/2025-12-01/durable-execution-callbacks/{CallbackId}/heartbeat", "SendDurableExecutionCallbackHeartbeat"),
    (POST, "/2025-12-01/durable-execution-callbacks/{CallbackId}/succeed", "SendDurableExecutionCallbackSuccess"),
    (GET, "/2025-12-01/durable-executions/{DurableExecutionArn}", "GetDurableExecution"),
    (POST, "/2025-12-01/durable-executions/{DurableExecutionArn}/checkpoint", "CheckpointDurableExecution"),
    (GET, "/2025-12-01/durable-executions/{DurableExecutionArn}/history", "GetDurableExecutionHistory"),
    (GET, "/2025-12-01/durable-executions/{DurableExecutionArn}/state", "GetDurableExecutionState"),
    (POST, "/2025-12-01/durable-executions/{DurableExecutionArn}/stop", "StopDurableExecution"),
    (GET, "/2025-12-01/functions/{FunctionName}/durable-executions", "ListDurableExecutionsByFunction"),
    (GET, "/2025-11-30/functions/{FunctionName}/function-scaling-config", "GetFunctionScalingConfig"),
    (PUT, "/2025-11-30/functions/{FunctionName}/function-scaling-config", "PutFunctionScalingConfig"),
];

pub(super) fn routes() -> impl Iterator<Item = Route> {
    OPERATIONS.iter().map(|(method, template, operation)| {
        let operation: &'static str = operation;
        let handler: Handler =
            Arc::new(move |_| Box::pin(async move { Err(ApiError::from(Error::Unserved(operation))) }));
        Route::new(method.clone(), template, operation, handler)
    })
}
