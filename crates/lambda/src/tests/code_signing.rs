//! Code signing configurations: kept, attached, and what they refuse.

use super::case::*;
use super::*;

const CONFIGS: &str = "/2020-04-22/code-signing-configs";
const PROFILE: &str = "arn:aws:signer:us-east-1:123456789012:/signing-profiles/P/abc";

async fn configured(world: &World, policy: &str) -> String {
    let body = json!({
        "AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]},
        "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": policy},
        "Tags": {"a": "1"},
    });
    let made = world.expect("POST", CONFIGS, body, 201).await;
    made["CodeSigningConfig"]["CodeSigningConfigArn"].as_str().unwrap().to_owned()
}

fn of(arn: &str) -> String {
    format!("{CONFIGS}/{}", encoded(arn))
}

fn function(name: &str) -> String {
    format!("/2020-06-30/functions/{name}/code-signing-config")
}

fn verification(name: &str) -> String {
    format!(
        "Lambda cannot deploy the function. The function or layer might be signed using a signature that the client is \
         not configured to accept. Check the provided signature for {name}."
    )
}

#[tokio::test]
async fn a_configuration_lives() {
    let world = World::new().await;
    let body = json!({"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]}, "Description": "d"});
    let made = world.expect("POST", CONFIGS, body, 201).await["CodeSigningConfig"].clone();
    let arn = made["CodeSigningConfigArn"].as_str().unwrap();
    let id = made["CodeSigningConfigId"].as_str().unwrap();
    assert_eq!(arn, format!("arn:aws:lambda:us-east-1:123456789012:code-signing-config:{id}"));
    assert_eq!((id.len(), &id[..4]), (21, "csc-"));
    assert_eq!(made["CodeSigningPolicies"], json!({"UntrustedArtifactOnDeployment": "Warn"}));
    assert_eq!(made["LastModified"], "2023-11-14T22:13:20.120+0000");
    let change = json!({"CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Enforce"}});
    world.expect("PUT", &of(arn), change, 200).await;
    configured(&world, "Warn").await;
    // After a restart, too.
    let world = world.restarted().await;
    let got = world.expect("GET", &of(arn), Value::Null, 200).await["CodeSigningConfig"].clone();
    assert_eq!(got["CodeSigningPolicies"], json!({"UntrustedArtifactOnDeployment": "Enforce"}));
    assert_eq!((&got["Description"], &got["AllowedPublishers"]), (&json!("d"), &made["AllowedPublishers"]));
    let first = world.expect("GET", &format!("{CONFIGS}?MaxItems=1"), Value::Null, 200).await;
    let next = first["NextMarker"].as_str().unwrap();
    let second = world.expect("GET", &format!("{CONFIGS}?MaxItems=1&Marker={next}"), Value::Null, 200).await;
    assert_ne!(first["CodeSigningConfigs"][0], second["CodeSigningConfigs"][0]);
    assert!(second["NextMarker"].is_null());
    world.expect("DELETE", &of(arn), Value::Null, 204).await;
    let gone = format!("The Lambda code signing configuration {arn} can not be found.");
    for (method, path) in [("GET", of(arn)), ("DELETE", of(arn)), ("GET", of(arn) + "/functions")] {
        assert_error(world.call(method, &path, Value::Null).await, 404, NOT_FOUND, &gone, method);
    }
    assert_error(world.call("PUT", &of(arn), json!({})).await, 404, NOT_FOUND, &gone, "PUT");
}

#[tokio::test]
async fn tags_of_a_configuration() {
    let world = World::new().await;
    let arn = configured(&world, "Warn").await;
    let tags = format!("/2017-03-31/tags/{}", encoded(&arn));
    world.expect("POST", &tags, json!({"Tags": {"b": "2"}}), 204).await;
    world.expect("DELETE", &format!("{tags}?tagKeys=a"), Value::Null, 204).await;
    assert_eq!(world.expect("GET", &tags, Value::Null, 200).await, json!({"Tags": {"b": "2"}}));
    let other = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-00000000000000000";
    let path = format!("/2017-03-31/tags/{}", encoded(other));
    let gone = format!("Code signing config not found: {other}");
    assert_error(world.call("GET", &path, Value::Null).await, 404, NOT_FOUND, &gone, "unknown");
}

#[tokio::test]
async fn enforced_signatures_refuse_code_and_layers() {
    let world = World::new().await;
    let (strict, mild) = (configured(&world, "Enforce").await, configured(&world, "Warn").await);
    let code = "CodeVerificationFailedException";
    let made = |arn: &str| create_with("f", json!({"CodeSigningConfigArn": arn}));
    let refused = world.call("POST", "/2015-03-31/functions", made(&strict)).await;
    assert_error(refused, 400, code, &verification("f"), "creation");
    world.expect("POST", "/2015-03-31/functions", made(&mild), 201).await;
    world.settled("f").await;
    let shown = world.expect("GET", &function("f"), Value::Null, 200).await;
    assert_eq!(shown, json!({"CodeSigningConfigArn": mild, "FunctionName": "f"}));
    let zip = json!({"ZipFile": zipped("x")});
    world.expect("PUT", "/2015-03-31/functions/f/code", zip.clone(), 200).await;
    world.settled("f").await;
    // Attaching looks at nothing that is there, and what was there goes on running.
    world.expect("PUT", &function("f"), json!({"CodeSigningConfigArn": strict}), 200).await;
    let refused = world.call("PUT", "/2015-03-31/functions/f/code", zip.clone()).await;
    assert_error(refused, 400, code, &verification("f"), "update of code");
    let layers = json!({"Layers": ["arn:aws:lambda:us-east-1:123456789012:layer:l:1"]});
    let refused = world.call("PUT", "/2015-03-31/functions/f/configuration", layers).await;
    assert_error(refused, 400, code, &verification("f"), "layers");
    world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({"Layers": []}), 200).await;
    world.settled("f").await;
    let users = world.expect("GET", &(of(&strict) + "/functions"), Value::Null, 200).await;
    assert_eq!(users, json!({"FunctionArns": [format!("{ARN}:f")]}));
    let refused = world.call("DELETE", &of(&strict), Value::Null).await;
    assert_eq!(refused.unwrap_err().code, "ResourceConflictException");
    world.expect("DELETE", &function("f"), Value::Null, 204).await;
    world.expect("DELETE", &function("f"), Value::Null, 204).await;
    world.expect("DELETE", &of(&strict), Value::Null, 204).await;
    world.expect("PUT", "/2015-03-31/functions/f/code", zip, 200).await;
    assert_eq!(world.expect("GET", &function("f"), Value::Null, 200).await, json!({}));
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.make("f").await;
    let unknown = "arn:aws:lambda:us-east-1:123456789012:code-signing-config:csc-00000000000000000";
    let absent = format!(
        "The code signing configuration cannot be found. Check that the provided configuration is not deleted: \
         {unknown}."
    );
    let not_found = "CodeSigningConfigNotFoundException";
    let body = json!({"CodeSigningConfigArn": unknown});
    for name in ["f", "nope"] {
        assert_error(world.call("PUT", &function(name), body.clone()).await, 404, not_found, &absent, name);
    }
    let made = create_with("new", body.clone());
    assert_error(world.call("POST", "/2015-03-31/functions", made).await, 404, not_found, &absent, "creation");
    let arn = configured(&world, "Warn").await;
    let gone = format!("Function not found: {ARN}:nope");
    let body = json!({"CodeSigningConfigArn": arn});
    assert_error(world.call("PUT", &function("nope"), body).await, 404, NOT_FOUND, &gone, "put");
    for method in ["GET", "DELETE"] {
        assert_error(world.call(method, &function("nope"), Value::Null).await, 404, NOT_FOUND, &gone, method);
    }
    let violated = |text: &str| format!("1 validation error detected: {text}");
    let cases = [
        (
            json!({}),
            violated("Value null at 'allowedPublishers' failed to satisfy constraint: Member must not be null"),
        ),
        (
            json!({"AllowedPublishers": {}}),
            violated(
                "Value null at 'allowedPublishers.signingProfileVersionArns' failed to satisfy constraint: Member must \
                 not be null",
            ),
        ),
        (
            json!({"AllowedPublishers": {"SigningProfileVersionArns": [PROFILE]},
                   "CodeSigningPolicies": {"UntrustedArtifactOnDeployment": "Ignore"}}),
            violated(
                "Value 'Ignore' at 'codeSigningPolicies.untrustedArtifactOnDeployment' failed to satisfy constraint: \
                 Member must satisfy enum value set: [Warn, Enforce]",
            ),
        ),
    ];
    for (body, message) in cases {
        let what = body.to_string();
        assert_error(world.call("POST", CONFIGS, body).await, 400, "ValidationException", &message, &what);
    }
}
