//! The contract's function in Rust. The protocol is in tests/contract/README.md.

mod failures;
mod ticker;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use failures::{ContractError, Failure};
use lambda_runtime::streaming::{Body, Response, channel};
use lambda_runtime::{Context, Error, LambdaEvent, service_fn, tracing};
use serde_json::{Value, json};

static COUNT: AtomicUsize = AtomicUsize::new(0);
static INSTANCE: LazyLock<String> =
    LazyLock::new(|| std::fs::read_to_string("/proc/sys/kernel/random/uuid").expect("the kernel has random texts"));

#[tokio::main]
async fn main() -> Result<(), Error> {
    start_logging();
    match std::env::var("CONTRACT_INIT").as_deref() {
        Ok("raise") => return Err(ContractError("at load".into()).into()),
        Ok("exit") => std::process::exit(3),
        Ok("print") => println!("printed at load"),
        Ok("sleep") => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    match std::env::var("CONTRACT_MODE").as_deref() {
        Ok("stream") => lambda_runtime::run(service_fn(stream)).await,
        _ => lambda_runtime::run(service_fn(handler)).await,
    }
}

/// In the text format every level of this program's own passes; in JSON, Lambda's setting decides.
fn start_logging() {
    if std::env::var("AWS_LAMBDA_LOG_FORMAT").as_deref() != Ok("JSON") {
        // SAFETY: no other thread reads variables yet.
        unsafe { std::env::set_var("RUST_LOG", "info,bootstrap=trace") };
    }
    tracing::init_default_subscriber();
}

async fn handler(event: LambdaEvent<Value>) -> Result<Value, Failure> {
    let (event, context) = event.into_parts();
    COUNT.fetch_add(1, Ordering::SeqCst);
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let number = |name: &str| event[name].as_u64().unwrap_or_default();
    Ok(match text("case") {
        "" => event,
        "context" => told(&context),
        "remaining" => {
            let first = remaining_ms(&context);
            tokio::time::sleep(Duration::from_millis(number("ms"))).await;
            json!([first, remaining_ms(&context)])
        }
        "echo" => event["value"].clone(),
        "nothing" => serde_json::to_value(())?,
        "fill" => "x".repeat(number("size") as usize).into(),
        "measure" => text("value").chars().count().into(),
        "fail" => return failures::fail(text("kind"), text("message")).await,
        "exit" => std::process::exit(number("status") as i32),
        "run" => {
            let done = std::process::Command::new("sh").args(["-c", text("command")]).output()?;
            String::from_utf8_lossy(&done.stdout).into()
        }
        "memory" => {
            let mut held = Vec::new();
            loop {
                held.push(vec![1u8; 16 << 20]);
            }
        }
        "sleep" => {
            tokio::time::sleep(Duration::from_millis(number("ms"))).await;
            INSTANCE.as_str().into()
        }
        "count" => json!({"count": COUNT.load(Ordering::SeqCst), "instance": *INSTANCE}),
        "environment" => environment()?,
        "read" => read(text("path")),
        "layer" => read("/opt/contract.txt"),
        "write" => std::fs::write(text("path"), text("text")).is_ok().into(),
        "print" => {
            print(text("text"), text("to"))?;
            Value::Null
        }
        "log" => {
            log(text("level"), text("message"));
            Value::Null
        }
        "tick" => ticker::tick(),
        case => return Err(Failure::Other(format!("no such case: {case}").into())),
    })
}

fn told(context: &Context) -> Value {
    let fixed = &context.env_config;
    let client = context.client_context.as_ref().map(|told| {
        let client = &told.client;
        json!({
            "client": {
                "installation_id": client.installation_id, "app_title": client.app_title, "app_version_name": client.app_version_name,
                "app_version_code": client.app_version_code, "app_package_name": client.app_package_name,
            },
            "custom": told.custom,
        })
    });
    json!({
        "request_id": context.request_id,
        "function_name": fixed.function_name,
        "function_version": fixed.version,
        "invoked_function_arn": context.invoked_function_arn,
        "memory_limit": fixed.memory,
        "log_group_name": fixed.log_group,
        "log_stream_name": fixed.log_stream,
        "remaining_ms": remaining_ms(context),
        "trace_id": context.xray_trace_id,
        "client_context": client,
        "identity": context.identity.as_ref().map(|told| json!({"id": told.identity_id, "pool": told.identity_pool_id})),
    })
}

fn remaining_ms(context: &Context) -> u64 {
    context.deadline().duration_since(SystemTime::now()).map_or(0, |left| left.as_millis() as u64)
}

fn environment() -> Result<Value, Failure> {
    let variables: serde_json::Map<String, Value> = std::env::vars().map(|(name, value)| (name, value.into())).collect();
    // The standard library knows no time zones.
    let date = std::process::Command::new("date").args(["-d", "@0", "+%-H"]).output()?;
    let hour: u32 = String::from_utf8_lossy(&date.stdout).trim().parse().map_err(|_| Failure::Other("no hour".into()))?;
    Ok(json!({"variables": variables, "folder": std::env::current_dir()?, "hour": hour}))
}

fn read(path: &str) -> Value {
    std::fs::read_to_string(path).map_or(Value::Null, Value::from)
}

fn print(text: &str, to: &str) -> std::io::Result<()> {
    use std::io::Write as _;
    let mut out: Box<dyn std::io::Write> = if to == "stderr" { Box::new(std::io::stderr()) } else { Box::new(std::io::stdout()) };
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn log(level: &str, message: &str) {
    match level {
        "trace" => tracing::trace!("{message}"),
        "debug" => tracing::debug!("{message}"),
        "info" => tracing::info!("{message}"),
        "warn" => tracing::warn!("{message}"),
        _ => tracing::error!("{message}"),
    }
}

async fn stream(event: LambdaEvent<Value>) -> Result<Response<Body>, Failure> {
    let event = event.payload;
    let (mut sender, body) = channel();
    let pause = Duration::from_millis(event["pause_ms"].as_u64().unwrap_or_default());
    tokio::spawn(async move {
        for chunk in event["chunks"].as_array().into_iter().flatten() {
            let chunk = chunk.as_str().unwrap_or_default().to_owned();
            if sender.send_data(chunk.into()).await.is_err() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    });
    Ok(Response::from(body))
}
