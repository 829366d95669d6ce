//! An extension as the documentation of `lambda-extension` has it: an events processor, and a telemetry or a logs
//! processor, as the variable `MODE` says. It prints what it hears.

use lambda_extension::{
    Error, Extension, LambdaEvent, LambdaLog, LambdaTelemetry, LogBuffering, NextEvent, SharedService, service_fn,
};

async fn on_event(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => println!("event INVOKE {} {}", invoke.request_id, invoke.tracing.r#type),
        NextEvent::Shutdown(shutdown) => println!("event SHUTDOWN {}", shutdown.shutdown_reason),
    }
    Ok(())
}

async fn on_telemetry(records: Vec<LambdaTelemetry>) -> Result<(), Error> {
    for record in records {
        println!("telemetry {:?}", record.record);
    }
    Ok(())
}

async fn on_logs(records: Vec<LambdaLog>) -> Result<(), Error> {
    for record in records {
        println!("log {:?}", record.record);
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let buffering = LogBuffering {
        timeout_ms: 25,
        max_bytes: 262_144,
        max_items: 1_000,
    };
    let streams = ["platform", "function"];
    let extension = Extension::new().with_events(&["INVOKE", "SHUTDOWN"]).with_events_processor(service_fn(on_event));
    match std::env::var("MODE").as_deref() {
        Ok("logs") => {
            let logs = SharedService::new(service_fn(on_logs));
            extension.with_log_types(&streams).with_log_buffering(buffering).with_logs_processor(logs).run().await
        }
        _ => {
            let telemetry = SharedService::new(service_fn(on_telemetry));
            let extension = extension.with_telemetry_types(&streams).with_telemetry_buffering(buffering);
            extension.with_telemetry_processor(telemetry).run().await
        }
    }
}
