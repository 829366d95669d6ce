//! Bringing a project's package and settings to a server, through the API that every AWS tool uses.
//!
//! Idempotent: what the server has already is left alone.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use ureq::http::Method;

use crate::client::{Call, Client, escape};
use crate::exit::{Exit, Failure};
use crate::output;
use crate::project::Project;
use crate::project::build::Package;

/// Made when a project names no role. Its functions may write logs.
const ROLE: &str = "hearth-functions";
const ROLE_POLICY: &str = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole";
const POLL: Duration = Duration::from_millis(20);
/// An image or a large layer may take long to unpack; a server that does not come to an end is told of.
const SETTLED_WITHIN: Duration = Duration::from_secs(300);

/// What a deployment did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Created,
    Updated,
    Unchanged,
}

impl Change {
    pub fn text(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
        }
    }
}

/// What came of it.
pub struct Deployed {
    pub change: Change,
    /// As `GetFunctionConfiguration` answers, or, for a published version, `PublishVersion`.
    pub configuration: Value,
}

/// Creates the function or brings it up to date, and waits until it can be invoked.
pub fn deploy(client: &Client, project: &Project, package: &Package, publish: bool) -> Result<Deployed, Failure> {
    let started = Instant::now();
    let change = match current(client, &project.name)? {
        None => {
            create(client, project, package)?;
            Change::Created
        }
        Some(before) => update(client, project, package, &before)?,
    };
    output::aside(&format!("  {:<10}  {}\n", change.text(), project.name));
    let mut configuration = settled(client, &project.name)?;
    if change != Change::Unchanged {
        output::aside(&format!("  active      after {:.2} s\n", started.elapsed().as_secs_f64()));
    }
    if publish {
        configuration = lambda(client, Method::POST, "2015-03-31", &project.name, "/versions", &json!({}))?;
        output::aside(&format!("  published   version {}\n", text(&configuration, "Version")));
    }
    Ok(Deployed { change, configuration })
}

/// The function as the server has it, if it has it.
pub fn current(client: &Client, name: &str) -> Result<Option<Value>, Failure> {
    match lambda(client, Method::GET, "2015-03-31", name, "/configuration", &Value::Null) {
        Ok(found) => Ok(Some(found)),
        Err(failure) if failure.names("ResourceNotFoundException") => Ok(None),
        Err(failure) => Err(failure),
    }
}

fn create(client: &Client, project: &Project, package: &Package) -> Result<(), Failure> {
    let mut body = settings(project);
    let role = project.manifest.role.clone().map_or_else(|| ensure_role(client), Ok)?;
    body.insert("Role".to_owned(), role.into());
    body.insert("FunctionName".to_owned(), project.name.as_str().into());
    body.insert("Code".to_owned(), json!({ "ZipFile": STANDARD.encode(&package.bytes) }));
    let call = Call {
        service: "lambda",
        method: Method::POST,
        path: "/2015-03-31/functions".to_owned(),
        headers: vec![("content-type", "application/json".to_owned())],
        body: Value::Object(body).to_string().into_bytes(),
    };
    client.send(call).map(drop)
}

fn update(client: &Client, project: &Project, package: &Package, before: &Value) -> Result<Change, Failure> {
    // A change that is still under way would refuse another.
    let before = if is_settled(before) { before.clone() } else { settled(client, &project.name)? };
    let code_changed = text(&before, "CodeSha256") != STANDARD.encode(Sha256::digest(&package.bytes));
    if code_changed {
        let body = json!({ "ZipFile": STANDARD.encode(&package.bytes) });
        lambda(client, Method::PUT, "2015-03-31", &project.name, "/code", &body)?;
        settled(client, &project.name)?;
    }
    let wanted = settings(project);
    let settings_changed = wanted.iter().any(|(member, value)| differs(&before, member, value));
    if settings_changed {
        lambda(client, Method::PUT, "2015-03-31", &project.name, "/configuration", &Value::Object(wanted))?;
    }
    Ok(if code_changed || settings_changed { Change::Updated } else { Change::Unchanged })
}

/// What the project says of its function; what it does not say is not there.
fn settings(project: &Project) -> Map<String, Value> {
    let manifest = &project.manifest;
    let mut members = Map::new();
    members.insert("Runtime".to_owned(), project.runtime.id.into());
    members.insert("Handler".to_owned(), project.handler.as_str().into());
    let mut put = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            members.insert(name.to_owned(), value);
        }
    };
    put("Role", manifest.role.clone().map(Value::from));
    put("Description", manifest.description.clone().map(Value::from));
    put("MemorySize", manifest.memory_mib.map(Value::from));
    put("Timeout", manifest.timeout_s.map(Value::from));
    put("EphemeralStorage", manifest.storage_mib.map(|size| json!({ "Size": size })));
    put("Environment", manifest.environment.as_ref().map(|variables| json!({ "Variables": variables })));
    put("Layers", manifest.layers.as_ref().map(|layers| json!(layers)));
    members
}

/// Whether the function's member is another than the one that is wanted.
fn differs(before: &Value, member: &str, wanted: &Value) -> bool {
    match member {
        "Layers" => {
            let layers = before["Layers"].as_array().into_iter().flatten();
            let arns: Vec<&Value> = layers.map(|layer| &layer["Arn"]).collect();
            json!(arns) != *wanted
        }
        // None at all and none in it are one.
        "Environment" => {
            let of = |value: &Value| value["Variables"].as_object().cloned().unwrap_or_default();
            of(&before[member]) != of(wanted)
        }
        _ => before[member] != *wanted,
    }
}

/// The configuration, once the last change of the function has come to its end.
fn settled(client: &Client, name: &str) -> Result<Value, Failure> {
    let until = Instant::now() + SETTLED_WITHIN;
    loop {
        let found = lambda(client, Method::GET, "2015-03-31", name, "/configuration", &Value::Null)?;
        if is_settled(&found) {
            return verdict(found);
        }
        if Instant::now() >= until {
            let message = format!("{name} is still {} after {SETTLED_WITHIN:?}", text(&found, "State"));
            return Err(Failure::new(Exit::Failed, message));
        }
        std::thread::sleep(POLL);
    }
}

fn is_settled(configuration: &Value) -> bool {
    text(configuration, "State") != "Pending" && text(configuration, "LastUpdateStatus") != "InProgress"
}

fn verdict(configuration: Value) -> Result<Value, Failure> {
    for (state, reason) in [("State", "StateReason"), ("LastUpdateStatus", "LastUpdateStatusReason")] {
        if text(&configuration, state) == "Failed" {
            let (name, reason) = (text(&configuration, "FunctionName"), text(&configuration, reason));
            return Err(Failure::new(Exit::Failed, format!("{name} did not become active: {reason}")));
        }
    }
    Ok(configuration)
}

/// The role of functions that name none, made when it is missing. Its ARN.
fn ensure_role(client: &Client) -> Result<String, Failure> {
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}],
    });
    let made = iam(client, "CreateRole", &[("RoleName", ROLE), ("AssumeRolePolicyDocument", &trust.to_string())]);
    let document = match made {
        Ok(document) => {
            iam(client, "AttachRolePolicy", &[("RoleName", ROLE), ("PolicyArn", ROLE_POLICY)])?;
            output::aside(&format!("  role        {ROLE}, made because the project names none\n"));
            document
        }
        Err(failure) if failure.names("EntityAlreadyExists") => iam(client, "GetRole", &[("RoleName", ROLE)])?,
        Err(failure) => return Err(failure),
    };
    let arn = document.split_once("<Arn>").and_then(|(_, rest)| rest.split_once("</Arn>"));
    let arn = arn.map(|(arn, _)| arn.to_owned());
    arn.ok_or_else(|| Failure::new(Exit::Refused, "expected the ARN of a role in the server's answer, found none"))
}

fn iam(client: &Client, action: &str, parameters: &[(&str, &str)]) -> Result<String, Failure> {
    let mut body = format!("Action={action}&Version=2010-05-08");
    for (name, value) in parameters {
        body.push_str(&format!("&{name}={}", escape(value)));
    }
    let reply = client.send(Call {
        service: "iam",
        method: Method::POST,
        path: "/".to_owned(),
        headers: vec![("content-type", "application/x-www-form-urlencoded".to_owned())],
        body: body.into_bytes(),
    })?;
    Ok(String::from_utf8_lossy(&reply.body).into_owned())
}

/// An operation on a function. `Null` is no body.
fn lambda(
    client: &Client,
    method: Method,
    version: &str,
    name: &str,
    rest: &str,
    body: &Value,
) -> Result<Value, Failure> {
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let call = Call {
        service: "lambda",
        method,
        path: format!("/{version}/functions/{}{rest}", escape(name)),
        headers: vec![("content-type", "application/json".to_owned())],
        body,
    };
    client.send(call)?.json()
}

fn text<'a>(value: &'a Value, member: &str) -> &'a str {
    value[member].as_str().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_changed_only_where_it_differs() {
        let before = json!({"Timeout": 3, "Layers": [{"Arn": "a", "CodeSize": 1}], "EphemeralStorage": {"Size": 512}});
        #[track_caller]
        fn check(before: &Value, member: &str, wanted: Value, expected: bool) {
            assert_eq!(differs(before, member, &wanted), expected, "{member} {wanted}");
        }
        check(&before, "Timeout", json!(3), false);
        check(&before, "Timeout", json!(4), true);
        check(&before, "Layers", json!(["a"]), false);
        check(&before, "Layers", json!([]), true);
        check(&before, "Environment", json!({"Variables": {}}), false);
        check(&before, "Environment", json!({"Variables": {"A": "b"}}), true);
        check(&before, "EphemeralStorage", json!({"Size": 512}), false);
        check(&before, "Description", json!("new"), true);
    }

    #[test]
    fn a_failed_change_says_why() {
        let failed = json!({"FunctionName": "f", "State": "Active", "LastUpdateStatus": "Failed", "LastUpdateStatusReason": "why"});
        assert!(verdict(failed).unwrap_err().message().contains("f did not become active: why"));
        assert!(verdict(json!({"State": "Active", "LastUpdateStatus": "Successful"})).is_ok());
    }
}
