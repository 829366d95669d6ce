//! The shapes of answers: exactly the members that the service sends, and no null.
//!
//! Source: fact sheet "Lambda control-plane API", section 3.1.

use hearth_wire::{Fault, MessageKey};

use super::*;

const LISTED: &[&str] = &[
    "FunctionName",
    "FunctionArn",
    "Runtime",
    "Role",
    "Handler",
    "CodeSize",
    "Description",
    "Timeout",
    "MemorySize",
    "LastModified",
    "CodeSha256",
    "Version",
    "TracingConfig",
    "RevisionId",
    "PackageType",
    "Architectures",
    "EphemeralStorage",
    "SnapStart",
    "LoggingConfig",
];

#[track_caller]
fn assert_members(shown: &Value, groups: &[&[&str]]) {
    let mut expected: Vec<_> = groups.concat();
    expected.sort_unstable();
    let mut found: Vec<_> = shown.as_object().unwrap().keys().map(String::as_str).collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert!(!shown.to_string().contains("null"), "{shown}");
}

#[tokio::test]
async fn each_answer_has_its_members() {
    let world = World::new().await;
    let made = world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await;
    let pending = ["State", "StateReason", "StateReasonCode", "RuntimeVersionConfig"];
    assert_members(&made, &[LISTED, &pending]);
    let active = world.settled("f").await;
    assert_members(&active, &[LISTED, &["State", "LastUpdateStatus", "RuntimeVersionConfig"]]);
    let update = world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({}), 200).await;
    let progress =
        ["State", "LastUpdateStatus", "LastUpdateStatusReason", "LastUpdateStatusReasonCode", "RuntimeVersionConfig"];
    assert_members(&update, &[LISTED, &progress]);
    world.settled("f").await;
    let list = world.expect("GET", "/2015-03-31/functions", Value::Null, 200).await;
    assert_members(&list["Functions"][0], &[LISTED]);
    let got = world.expect("GET", "/2015-03-31/functions/f", Value::Null, 200).await;
    assert_members(&got, &[&["Configuration", "Code"]]);
    assert_members(&got["Code"], &[&["RepositoryType", "Location"]]);
}

#[tokio::test]
async fn defaults_are_the_services() {
    let world = World::new().await;
    let made = world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await;
    let zip = package("def handler(e, c): return 1");
    let expected = json!({
        "FunctionName": "f",
        "FunctionArn": format!("{ARN}:f"),
        "Runtime": "python3.12",
        "Role": ROLE,
        "Handler": "app.handler",
        "CodeSize": zip.len(),
        "Description": "",
        "Timeout": 3,
        "MemorySize": 128,
        "LastModified": "2023-11-14T22:13:20.120+0000",
        "CodeSha256": crate::package::hash(&zip).code_sha256(),
        "Version": "$LATEST",
        "TracingConfig": {"Mode": "PassThrough"},
        "PackageType": "Zip",
        "Architectures": ["x86_64"],
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": {"LogFormat": "Text", "LogGroup": "/aws/lambda/f"},
    });
    for (member, value) in expected.as_object().unwrap() {
        assert_eq!(&made[member], value, "{member}");
    }
    let revision = made["RevisionId"].as_str().unwrap();
    assert!(uuid::Uuid::parse_str(revision).is_ok(), "{revision}");
    let runtime = made["RuntimeVersionConfig"]["RuntimeVersionArn"].as_str().unwrap();
    let id = runtime.strip_prefix("arn:aws:lambda:us-east-1::runtime:").unwrap();
    assert!(id.len() == 64 && id.bytes().all(|b| b.is_ascii_hexdigit()), "{runtime}");
}

#[tokio::test]
async fn what_was_given_is_shown() {
    let world = World::new().await;
    let members = json!({
        "Description": "d",
        "Timeout": 900,
        "MemorySize": 10240,
        "EphemeralStorage": {"Size": 10240},
        "Environment": {"Variables": {"ZZ": "1", "AA": "2"}},
        "LoggingConfig": {"LogFormat": "JSON", "ApplicationLogLevel": "TRACE", "SystemLogLevel": "DEBUG", "LogGroup": "/g"},
        "Architectures": ["x86_64"],
    });
    let made = world.expect("POST", "/2015-03-31/functions", create_with("f", members.clone()), 201).await;
    for (member, value) in members.as_object().unwrap() {
        assert_eq!(made[member].to_string(), value.to_string(), "{member}, in the order given");
    }
    let Some(_) = world.settled("f").await.get("Environment") else { panic!("an environment stays") };
}

#[tokio::test]
async fn an_empty_environment_is_shown_and_an_absent_one_is_not() {
    let world = World::new().await;
    for (name, given, shown) in [
        ("a", Value::Null, None),
        ("b", json!({}), Some(json!({"Variables": {}}))),
        ("c", json!({"Variables": {}}), Some(json!({"Variables": {}}))),
    ] {
        let body = create_with(name, json!({"Environment": given}));
        let made = world.expect("POST", "/2015-03-31/functions", body, 201).await;
        assert_eq!(made.get("Environment"), shown.as_ref(), "{name}");
    }
}

#[tokio::test]
async fn arns_carry_the_qualifier_that_was_asked_for() {
    let world = World::new().await;
    world.expect("POST", "/2015-03-31/functions", create_with("f", json!({"Tags": {"a": "b"}})), 201).await;
    world.settled("f").await;
    for (path, arn, has_tags) in [
        ("f", format!("{ARN}:f"), true),
        ("f?Qualifier=%24LATEST", format!("{ARN}:f:$LATEST"), false),
        ("f%3A%24LATEST", format!("{ARN}:f:$LATEST"), false),
        ("f%3A%24LATEST?Qualifier=%24LATEST", format!("{ARN}:f:$LATEST"), false),
        ("function%3Af", format!("{ARN}:f"), true),
        ("123456789012%3Afunction%3Af", format!("{ARN}:f"), true),
        (&encoded(&format!("{ARN}:f")), format!("{ARN}:f"), true),
        (&encoded(&format!("{ARN}:f:$LATEST")), format!("{ARN}:f:$LATEST"), false),
    ] {
        let got = world.expect("GET", &format!("/2015-03-31/functions/{path}"), Value::Null, 200).await;
        assert_eq!(got["Configuration"]["FunctionArn"], arn, "{path}");
        assert_eq!(got["Configuration"]["Version"], "$LATEST");
        assert_eq!(got.get("Tags").is_some(), has_tags, "tags belong to the function: {path}");
    }
}

#[tokio::test]
async fn names_are_taken_as_arns_and_shown_bare() {
    let world = World::new().await;
    for name in
        [format!("{ARN}:a"), "123456789012:function:b".to_owned(), "function:c".to_owned(), "d:$LATEST".to_owned()]
    {
        let body = create_with("x", json!({"FunctionName": name}));
        let made = world.expect("POST", "/2015-03-31/functions", body, 201).await;
        let bare = made["FunctionName"].as_str().unwrap();
        assert!(bare.len() == 1, "{bare}");
        assert_eq!(made["FunctionArn"], format!("{ARN}:{bare}"));
    }
}

/// The key of the message and the `Type` depend on the exception.
#[tokio::test]
async fn errors_have_their_keys() {
    let world = World::new().await;
    world.make("f").await;
    let zip = STANDARD.encode(vec![0_u8; 52_428_801]);
    for (method, uri, body, key, fault) in [
        ("GET", "/2015-03-31/functions/nope", Value::Null, MessageKey::Upper, Fault::User),
        ("GET", "/2015-03-31/functions/%21", Value::Null, MessageKey::Lower, Fault::Unsaid),
        ("POST", "/2015-03-31/functions", create_body("f"), MessageKey::Lower, Fault::User),
        ("POST", "/2015-03-31/functions", create_with("g", json!({"Runtime": "x"})), MessageKey::Lower, Fault::User),
        (
            "POST",
            "/2015-03-31/functions",
            create_with("g", json!({"Code": {"ZipFile": zip}})),
            MessageKey::Upper,
            Fault::Unsaid,
        ),
        (
            "PUT",
            "/2015-03-31/functions/f/configuration",
            json!({"RevisionId": "stale"}),
            MessageKey::Lower,
            Fault::User,
        ),
        (
            "GET",
            "/2015-03-31/functions/arn%3Aaws%3Alambda%3Aus-east-1%3A999999999999%3Afunction%3Af",
            Value::Null,
            MessageKey::Upper,
            Fault::Unsaid,
        ),
        ("POST", "/2025-11-30/capacity-providers", Value::Null, MessageKey::Lower, Fault::Service),
        ("GET", "/2018-10-31/layers/l/versions/1", Value::Null, MessageKey::Upper, Fault::User),
        ("GET", "/2018-10-31/layers/l/versions/0", Value::Null, MessageKey::Lower, Fault::User),
    ] {
        let error = world.call(method, uri, body).await.unwrap_err();
        assert_eq!((error.key, error.fault), (key, fault), "{method} {uri}: {error:?}");
    }
}

#[tokio::test]
async fn operations_that_are_not_served_say_so_by_name() {
    let world = World::new().await;
    for (method, uri, operation) in [
        ("POST", "/2025-11-30/capacity-providers/", "CreateCapacityProvider"),
        ("GET", "/2025-11-30/functions/f/function-scaling-config", "GetFunctionScalingConfig"),
    ] {
        let message = format!("Hearth does not serve {operation} yet");
        assert_error(world.call(method, uri, Value::Null).await, 501, "NotImplementedException", &message, uri);
    }
}

#[tokio::test]
async fn every_operation_of_the_service_is_there_once() {
    let world = World::new().await;
    let mut names: Vec<_> = world.lambda.routes().iter().map(|route| route.operation).collect();
    names.extend(["Invoke", "InvokeAsync", "InvokeWithResponseStream"]);
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "an operation is there twice");
    // As many as the service's model of late 2025 has.
    assert_eq!(count, 85);
}

mod any_body {
    use proptest::prelude::*;

    use super::*;

    fn value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            "\\PC{0,12}".prop_map(Value::from),
            Just(json!(ROLE)),
            Just(json!("python3.12")),
            Just(json!(zipped("x"))),
        ];
        let members = [
            "Variables",
            "ZipFile",
            "S3Bucket",
            "Mode",
            "ApplyOn",
            "Size",
            "LogFormat",
            "LogGroup",
            "SubnetIds",
            "TargetArn",
            "AB",
        ];
        leaf.prop_recursive(2, 8, 4, move |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
                proptest::collection::vec((proptest::sample::select(members.to_vec()), inner), 0..3).prop_map(
                    |pairs| {
                        Value::Object(pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
                    }
                ),
            ]
        })
    }

    fn body() -> impl Strategy<Value = Value> {
        let members = [
            "FunctionName",
            "Runtime",
            "Role",
            "Handler",
            "Code",
            "Description",
            "Timeout",
            "MemorySize",
            "Publish",
            "VpcConfig",
            "PackageType",
            "DeadLetterConfig",
            "Environment",
            "KMSKeyArn",
            "TracingConfig",
            "Tags",
            "Layers",
            "FileSystemConfigs",
            "ImageConfig",
            "CodeSigningConfigArn",
            "Architectures",
            "EphemeralStorage",
            "SnapStart",
            "LoggingConfig",
            "CapacityProviderConfig",
            "PublishTo",
            "DurableConfig",
            "TenancyConfig",
            "ZipFile",
            "DryRun",
            "RevisionId",
        ];
        proptest::collection::vec((proptest::sample::select(members.to_vec()), value()), 0..5).prop_map(|changes| {
            let mut body = create_body("f");
            changes.into_iter().for_each(|(member, value)| body[member] = value);
            body
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever a client sends, it is told what it did wrong, and never of a failure in here.
        #[test]
        fn is_served_or_refused(body in body()) {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let world = World::new().await;
                world.make("f").await;
                for (method, uri) in [
                    ("POST", "/2015-03-31/functions"),
                    ("PUT", "/2015-03-31/functions/f/code"),
                    ("PUT", "/2015-03-31/functions/f/configuration"),
                ] {
                    if let Err(error) = world.call(method, uri, body.clone()).await {
                        assert!(error.status.is_client_error(), "{method} {uri} {body}: {error:?}");
                    }
                }
            });
        }
    }
}
