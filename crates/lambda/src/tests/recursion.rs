//! Whether loops are stopped. Source: fact sheet "Lambda control-plane API", section 11.

use super::case::{Case, NOT_FOUND, check};
use super::*;

fn path(name: &str) -> String {
    format!("/2024-08-31/functions/{name}/recursion-config")
}

#[tokio::test]
async fn loops_are_stopped_until_they_are_allowed() {
    let world = World::new().await;
    world.make("f").await;
    let shown = |loops: &str| json!({"RecursiveLoop": loops});
    assert_eq!(world.expect("GET", &path("f"), Value::Null, 200).await, shown("Terminate"));
    for loops in ["Allow", "Terminate", "Allow"] {
        assert_eq!(world.expect("PUT", &path("f"), shown(loops), 200).await, shown(loops));
        assert_eq!(world.expect("GET", &path("f"), Value::Null, 200).await, shown(loops));
        assert_eq!(world.lambda.catalog().allows_recursion(&key("f")), loops == "Allow");
    }
    let again = world.restarted().await;
    assert_eq!(again.expect("GET", &path("f"), Value::Null, 200).await, shown("Allow"));
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.make("f").await;
    let put = |what, name: &str, body, code, message: String| Case {
        what,
        method: "PUT",
        uri: path(name),
        body,
        status: if code == NOT_FOUND { 404 } else { 400 },
        code,
        message,
    };
    let violation = "1 validation error detected: Value";
    check(&world, vec![
        put(
            "a bad value",
            "f",
            json!({"RecursiveLoop": "Sometimes"}),
            "ValidationException",
            format!("{violation} 'Sometimes' at 'recursiveLoop' failed to satisfy constraint: Member must satisfy enum value set: [Terminate, Allow]"),
        ),
        put(
            "nothing",
            "f",
            json!({}),
            "ValidationException",
            format!("{violation} null at 'recursiveLoop' failed to satisfy constraint: Member must not be null"),
        ),
        put(
            "a version",
            "f:1",
            json!({"RecursiveLoop": "Allow"}),
            "ValidationException",
            format!(
                "{violation} 'f:1' at 'functionName' failed to satisfy constraint: Member must satisfy regular expression pattern: {}",
                crate::pattern::UNQUALIFIED_NAME.text()
            ),
        ),
        put("no function", "g", json!({"RecursiveLoop": "Allow"}), NOT_FOUND, format!("Function not found: {ARN}:g")),
        Case {
            what: "no function to read",
            method: "GET",
            uri: path("g"),
            body: Value::Null,
            status: 404,
            code: NOT_FOUND,
            message: format!("Function not found: {ARN}:g"),
        },
    ])
    .await;
}
