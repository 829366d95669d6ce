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

const DELETE: Method = Method::DELETE;
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
    (DELETE, "/2019-09-25/functions/{FunctionName}/event-invoke-config", "DeleteFunctionEventInvokeConfig"),
    (GET, "/2019-09-25/functions/{FunctionName}/event-invoke-config", "GetFunctionEventInvokeConfig"),
    (POST, "/2019-09-25/functions/{FunctionName}/event-invoke-config", "UpdateFunctionEventInvokeConfig"),
    (PUT, "/2019-09-25/functions/{FunctionName}/event-invoke-config", "PutFunctionEventInvokeConfig"),
    (GET, "/2019-09-25/functions/{FunctionName}/event-invoke-config/list", "ListFunctionEventInvokeConfigs"),
    (GET, "/2025-11-30/functions/{FunctionName}/function-scaling-config", "GetFunctionScalingConfig"),
    (PUT, "/2025-11-30/functions/{FunctionName}/function-scaling-config", "PutFunctionScalingConfig"),
    (POST, "/2014-11-13/functions/{FunctionName}/invoke-async", "InvokeAsync"),
    (GET, "/2024-08-31/functions/{FunctionName}/recursion-config", "GetFunctionRecursionConfig"),
    (PUT, "/2024-08-31/functions/{FunctionName}/recursion-config", "PutFunctionRecursionConfig"),
];

pub(super) fn routes() -> impl Iterator<Item = Route> {
    OPERATIONS.iter().map(|(method, template, operation)| {
        let operation: &'static str = operation;
        let handler: Handler =
            Arc::new(move |_| Box::pin(async move { Err(ApiError::from(Error::Unserved(operation))) }));
        Route::new(method.clone(), template, operation, handler)
    })
}
