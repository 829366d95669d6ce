//! When runtimes are updated.

use super::case::*;
use super::*;

fn path(name: &str, qualifier: &str) -> String {
    format!("/2021-07-20/functions/{name}/runtime-management-config{qualifier}")
}

#[tokio::test]
async fn each_version_has_its_own() {
    let world = World::new().await;
    let in_use = world.make("f").await["RuntimeVersionConfig"]["RuntimeVersionArn"].clone();
    let shown = world.expect("GET", &path("f", ""), Value::Null, 200).await;
    assert_eq!(shown, json!({"UpdateRuntimeOn": "Auto", "FunctionArn": format!("{ARN}:f")}));
    let manual = json!({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": in_use});
    let shown = world.expect("PUT", &path("f", ""), manual, 200).await;
    let expected = json!({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": in_use, "FunctionArn": format!("{ARN}:f")});
    assert_eq!(shown, expected);
    // A version begins with what `$LATEST` has, and goes its own way.
    world.expect("POST", "/2015-03-31/functions/f/versions", json!({}), 201).await;
    world.expect("PUT", &path("f", ""), json!({"UpdateRuntimeOn": "FunctionUpdate"}), 200).await;
    let world = world.restarted().await;
    let shown = world.expect("GET", &path("f", "?Qualifier=1"), Value::Null, 200).await;
    assert_eq!((&shown["UpdateRuntimeOn"], &shown["FunctionArn"]), (&json!("Manual"), &json!(format!("{ARN}:f:1"))));
    let shown = world.expect("GET", &path("f", "?Qualifier=%24LATEST"), Value::Null, 200).await;
    assert_eq!(shown["UpdateRuntimeOn"], "FunctionUpdate");
    world.expect("PUT", &path("f", "?Qualifier=1"), json!({"UpdateRuntimeOn": "Auto"}), 200).await;
    assert_eq!(world.record("f").runtime_updates.len(), 1);
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    let in_use = world.make("f").await["RuntimeVersionConfig"]["RuntimeVersionArn"].clone();
    let other = "arn:aws:lambda:us-east-1::runtime:07a48df201798d627f2b950f03bb227aab4a655a1d019c3296406f95937e2525";
    let put = |what, body, status, code, message: &str| Case {
        what,
        method: "PUT",
        uri: path("f", ""),
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let elsewhere = format!(
        "RuntimeVersionArn is not available in Hearth yet: python3.12 runs on the host's interpreter, which is {}",
        in_use.as_str().unwrap()
    );
    let cases = vec![
        put(
            "no mode",
            json!({}),
            400,
            "ValidationException",
            "1 validation error detected: Value null at 'updateRuntimeOn' failed to satisfy constraint: Member must not \
             be null",
        ),
        put(
            "no ARN",
            json!({"UpdateRuntimeOn": "Manual"}),
            400,
            INVALID,
            "RuntimeVersionArn is required when UpdateRuntimeOn is Manual.",
        ),
        put(
            "an ARN for nothing",
            json!({"UpdateRuntimeOn": "Auto", "RuntimeVersionArn": other}),
            400,
            INVALID,
            "RuntimeVersionArn can be given only when UpdateRuntimeOn is Manual.",
        ),
        put("another", json!({"UpdateRuntimeOn": "Manual", "RuntimeVersionArn": other}), 400, INVALID, &elsewhere),
        Case {
            uri: path("nope", ""),
            ..put(
                "unknown",
                json!({"UpdateRuntimeOn": "Auto"}),
                404,
                NOT_FOUND,
                &format!("Function not found: {ARN}:nope"),
            )
        },
    ];
    check(&world, cases).await;
}

#[tokio::test]
async fn there_are_no_capacity_providers() {
    let world = World::new().await;
    let all = "/2025-11-30/capacity-providers";
    assert_eq!(world.expect("GET", all, Value::Null, 200).await, json!({"CapacityProviders": []}));
    let absent = "Capacity provider not found: arn:aws:lambda:us-east-1:123456789012:capacity-provider:p";
    for (method, tail) in [("GET", "/p"), ("PUT", "/p"), ("DELETE", "/p"), ("GET", "/p/function-versions")] {
        let answer = world.call(method, &format!("{all}{tail}"), Value::Null).await;
        assert_error(answer, 404, NOT_FOUND, absent, method);
    }
    let made = world.call("POST", all, json!({})).await;
    assert_error(made, 501, "NotImplementedException", "Hearth does not serve CreateCapacityProvider yet", "creation");
}
