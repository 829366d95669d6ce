//! The story of a function, told with the AWS SDK for Rust: made, called, asked for a stream, read,
//! changed, deleted; and each refusal arrives as the SDK's own typed error.
//!
//! Arguments: endpoint, account, path of the package, runtime, function name. Its handler is
//! `app.handler`: it returns the event's `n` plus one, and raises when there is none.
#![forbid(unsafe_code)]

use std::error::Error;
use std::time::{Duration, Instant};

use aws_sdk_cloudwatchlogs as logs;
use aws_sdk_lambda as lambda;
use lambda::primitives::Blob;
use lambda::types::{
    Environment, FunctionCode, InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamResponseEvent as StreamEvent, LastUpdateStatus, LogType, PackageType, Runtime, State,
};

type Outcome = Result<(), Box<dyn Error>>;

struct Story {
    lambda: lambda::Client,
    logs: logs::Client,
    account: String,
    package: Vec<u8>,
    runtime: String,
    name: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome {
    let mut arguments = std::env::args().skip(1);
    let mut next = |what: &str| arguments.next().ok_or(format!("expected the argument: {what}"));
    let endpoint = next("endpoint")?;
    let account = next("account")?;
    let story = Story {
        lambda: lambda_client(&endpoint, &account),
        logs: logs_client(&endpoint, &account),
        package: std::fs::read(next("package")?)?,
        runtime: next("runtime")?,
        name: next("name")?,
        account,
    };
    story.create().await?;
    story.invoke().await?;
    story.fail().await?;
    story.stream().await?;
    story.read_logs().await?;
    story.change().await?;
    story.refusals().await?;
    story.delete().await
}

fn lambda_client(endpoint: &str, account: &str) -> lambda::Client {
    let config = lambda::Config::builder()
        .behavior_version(lambda::config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(lambda::config::Region::new("us-east-1"))
        .credentials_provider(lambda::config::Credentials::new(account, "secret", None, None, "test"))
        .retry_config(lambda::config::retry::RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    lambda::Client::from_conf(config.build())
}

fn logs_client(endpoint: &str, account: &str) -> logs::Client {
    let config = logs::Config::builder()
        .behavior_version(logs::config::BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(logs::config::Region::new("us-east-1"))
        .credentials_provider(logs::config::Credentials::new(account, "secret", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http());
    logs::Client::from_conf(config.build())
}

/// Fails with both sides when they differ.
fn same<T: PartialEq + std::fmt::Debug>(what: &str, found: T, expected: T) -> Outcome {
    if found == expected { Ok(()) } else { Err(format!("{what}: expected {expected:?}, found {found:?}").into()) }
}

impl Story {
    async fn create(&self) -> Outcome {
        let made = self
            .lambda
            .create_function()
            .function_name(&self.name)
            .runtime(Runtime::from(self.runtime.as_str()))
            .handler("app.handler")
            .role(format!("arn:aws:iam::{}:role/test", self.account))
            .code(FunctionCode::builder().zip_file(Blob::new(self.package.clone())).build())
            .send()
            .await?;
        same("state", made.state(), Some(&State::Pending))?;
        same("package type", made.package_type(), Some(&PackageType::Zip))?;
        same("memory", made.memory_size(), Some(128))?;
        same("size", made.code_size(), self.package.len() as i64)?;
        self.settle().await
    }

    /// Waits until it is active and no update goes on.
    async fn settle(&self) -> Outcome {
        let deadline = Instant::now() + Duration::from_secs(30);
        loop {
            let found = self.lambda.get_function_configuration().function_name(&self.name).send().await?;
            let settled = found.last_update_status() == Some(&LastUpdateStatus::Successful);
            if found.state() == Some(&State::Active) && settled {
                return Ok(());
            }
            if Instant::now() > deadline {
                return Err(format!("the function is still {:?}", found.state()).into());
            }
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
    }

    async fn invoke(&self) -> Outcome {
        let call = self.lambda.invoke().function_name(&self.name).log_type(LogType::Tail);
        let answer = call.payload(Blob::new(r#"{"n": 41}"#)).send().await?;
        same("status", answer.status_code(), 200)?;
        same("function error", answer.function_error(), None)?;
        same("version", answer.executed_version(), Some("$LATEST"))?;
        same("payload", answer.payload().map(AsRef::as_ref), Some(b"42".as_slice()))?;
        same("a log tail came", answer.log_result().is_some_and(|tail| !tail.is_empty()), true)
    }

    async fn fail(&self) -> Outcome {
        let answer = self.lambda.invoke().function_name(&self.name).payload(Blob::new("{}")).send().await?;
        same("status", answer.status_code(), 200)?;
        same("function error", answer.function_error(), Some("Unhandled"))?;
        let body = answer.payload().map(|blob| String::from_utf8_lossy(blob.as_ref()).into_owned());
        same("the payload names the error", body.is_some_and(|text| text.contains(r#""errorType""#)), true)
    }

    /// The events of streamed answers are the SDK's own types; the error of a function is at their end.
    async fn stream(&self) -> Outcome {
        let (chunks, complete) = self.streamed(r#"{"n": 41}"#).await?;
        same("streamed", chunks.as_slice(), b"42".as_slice())?;
        same("streamed: error", complete.error_code(), None)?;
        same("streamed: log", complete.log_result().is_some_and(|tail| !tail.is_empty()), true)?;
        let (chunks, complete) = self.streamed("{}").await?;
        same("failed: chunks", chunks.is_empty(), true)?;
        same("failed: code", complete.error_code(), Some("Unhandled"))?;
        same("failed: details", complete.error_details().is_some_and(|text| text.contains("KeyError")), true)
    }

    async fn streamed(&self, event: &str) -> Result<(Vec<u8>, InvokeWithResponseStreamCompleteEvent), Box<dyn Error>> {
        let call = self.lambda.invoke_with_response_stream().function_name(&self.name).log_type(LogType::Tail);
        let mut answer = call.payload(Blob::new(event)).send().await?;
        same("version", answer.executed_version(), Some("$LATEST"))?;
        let mut chunks = Vec::new();
        while let Some(event) = answer.event_stream.recv().await? {
            match event {
                StreamEvent::PayloadChunk(chunk) => {
                    chunks.extend_from_slice(chunk.payload().map(AsRef::as_ref).unwrap_or_default());
                }
                StreamEvent::InvokeComplete(complete) => return Ok((chunks, complete)),
                other => return Err(format!("an event that is not known: {other:?}").into()),
            }
        }
        Err("expected InvokeComplete, found the end".into())
    }

    async fn read_logs(&self) -> Outcome {
        let group = format!("/aws/lambda/{}", self.name);
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.logs.filter_log_events().log_group_name(&group).filter_pattern("REPORT").send().await;
            if found.is_ok_and(|page| page.events().len() == 4) {
                break;
            }
            if Instant::now() > deadline {
                return Err("four REPORT events did not arrive".into());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let groups = self.logs.describe_log_groups().log_group_name_prefix(&group).send().await?;
        same("groups", groups.log_groups().len(), 1)?;
        let streams = self.logs.describe_log_streams().log_group_name(&group).send().await?;
        let stream = streams.log_streams().first().and_then(|s| s.log_stream_name()).ok_or("expected a stream")?;
        let events = self.logs.get_log_events().log_group_name(&group).log_stream_name(stream).start_from_head(true);
        let messages = events.send().await?;
        let starts = messages.events().iter().filter(|e| e.message().is_some_and(|m| m.starts_with("START "))).count();
        same("START events", starts, 4)
    }

    async fn change(&self) -> Outcome {
        let variables = Environment::builder().variables("GREETING", "hi").build();
        let call = self.lambda.update_function_configuration().function_name(&self.name);
        call.environment(variables).timeout(9).send().await?;
        self.settle().await?;
        let code = Blob::new(self.package.clone());
        self.lambda.update_function_code().function_name(&self.name).zip_file(code).send().await?;
        self.settle().await?;
        let found = self.lambda.get_function().function_name(&self.name).send().await?;
        let configuration = found.configuration().ok_or("expected a configuration")?;
        same("timeout", configuration.timeout(), Some(9))?;
        let arn = configuration.function_arn().ok_or("expected an ARN")?;
        self.lambda.tag_resource().resource(arn).tags("k", "v").send().await?;
        let tags = self.lambda.list_tags().resource(arn).send().await?;
        same("tags", tags.tags().and_then(|tags| tags.get("k")).map(String::as_str), Some("v"))?;
        let all = self.lambda.list_functions().into_paginator().items().send().collect::<Result<Vec<_>, _>>().await?;
        same("listed", all.iter().any(|f| f.function_name() == Some(&self.name)), true)
    }

    /// Each refusal is the variant that a caller would match on.
    async fn refusals(&self) -> Outcome {
        let missing = self.lambda.get_function().function_name("nobody").send().await;
        let error = missing.expect_err("nobody exists").into_service_error();
        same("GetFunction: typed", error.is_resource_not_found_exception(), true)?;
        same("its message", error.meta().message().is_some_and(|m| m.starts_with("Function not found: arn:")), true)?;

        let missing = self.lambda.invoke().function_name("nobody").send().await;
        same(
            "Invoke: typed",
            missing.expect_err("nobody").into_service_error().is_resource_not_found_exception(),
            true,
        )?;

        let bad = self.lambda.invoke().function_name(&self.name).payload(Blob::new("{")).send().await;
        same(
            "bad JSON: typed",
            bad.expect_err("bad").into_service_error().is_invalid_request_content_exception(),
            true,
        )?;

        let update = self.lambda.update_function_configuration().function_name(&self.name);
        let stale = update.revision_id("stale").timeout(4).send().await;
        same("stale: typed", stale.expect_err("stale").into_service_error().is_precondition_failed_exception(), true)?;

        let again = self.lambda.create_function().function_name(&self.name).runtime(Runtime::Python312);
        let code = FunctionCode::builder().zip_file(Blob::new(self.package.clone())).build();
        let role = format!("arn:aws:iam::{}:role/test", self.account);
        let exists = again.handler("app.handler").role(role).code(code).send().await;
        same("exists: typed", exists.expect_err("exists").into_service_error().is_resource_conflict_exception(), true)?;

        let missing = self.logs.filter_log_events().log_group_name("/none").send().await;
        same("logs: typed", missing.expect_err("none").into_service_error().is_resource_not_found_exception(), true)
    }

    async fn delete(&self) -> Outcome {
        self.lambda.delete_function().function_name(&self.name).send().await?;
        let gone = self.lambda.get_function().function_name(&self.name).send().await;
        same("gone", gone.expect_err("gone").into_service_error().is_resource_not_found_exception(), true)
    }
}
