//! Aliases. Source: fact sheet "Lambda control-plane API", section 5.

use super::case::*;
use super::versions::{led, publish, upload};
use super::*;

/// A function with versions 1, 2 and 3.
async fn world() -> World {
    let world = World::new().await;
    world.make("f").await;
    for text in ["one", "two", "three"] {
        upload(&world, "f", text).await;
        publish(&world, "f", Value::Null).await;
    }
    world
}

async fn make(world: &World, body: Value) -> Value {
    world.expect("POST", &functions("/f/aliases"), body, 201).await
}

async fn put(world: &World, name: &str, body: Value) -> Value {
    world.expect("PUT", &functions(&format!("/f/aliases/{name}")), body, 200).await
}

fn split(weights: Value) -> Value {
    json!({"AdditionalVersionWeights": weights})
}

#[tokio::test]
async fn an_alias_has_a_life() {
    let world = world().await;
    let latest = world.settled("f").await;
    let made = make(&world, json!({"Name": "live", "FunctionVersion": "1"})).await;
    let expected = json!({
        "AliasArn": format!("{ARN}:f:live"),
        "Name": "live",
        "FunctionVersion": "1",
        "Description": "",
        "RevisionId": made["RevisionId"],
    });
    assert_eq!(made, expected);
    assert_eq!(world.expect("GET", &functions("/f/aliases/live"), Value::Null, 200).await, made);
    assert_eq!(world.settled("f").await, latest, "an alias changes nothing of the function");
    let body = json!({"Description": "d", "RevisionId": made["RevisionId"]});
    let told = put(&world, "live", body).await;
    assert_eq!((&told["FunctionVersion"], &told["Description"]), (&json!("1"), &json!("d")));
    assert_ne!(told["RevisionId"], made["RevisionId"]);
    let moved = put(&world, "live", json!({"FunctionVersion": "2"})).await;
    assert_eq!((&moved["FunctionVersion"], &moved["Description"]), (&json!("2"), &json!("d")));
    assert_eq!(led(&world, "f", "live"), Some("2".to_owned()));
    let shown = world.expect("GET", &functions("/f/configuration?Qualifier=live"), Value::Null, 200).await;
    assert_eq!((&shown["FunctionArn"], &shown["Version"]), (&json!(format!("{ARN}:f:live")), &json!("2")));
    let again = world.restarted().await;
    assert_eq!(again.expect("GET", &functions("/f/aliases/live"), Value::Null, 200).await, moved);
    for _ in 0..2 {
        world.expect("DELETE", &functions("/f/aliases/live"), Value::Null, 204).await;
    }
    assert_eq!(led(&world, "f", "live"), None);
    world.expect("DELETE", &functions("/nope/aliases/live"), Value::Null, 204).await;
}

#[tokio::test]
async fn routes_are_given_kept_and_taken_back() {
    let world = world().await;
    let body = json!({"Name": "live", "FunctionVersion": "1", "RoutingConfig": split(json!({"2": 0.25}))});
    let made = make(&world, body).await;
    assert_eq!(made["RoutingConfig"], split(json!({"2": 0.25})));
    let kept = put(&world, "live", json!({"Description": "d"})).await;
    assert_eq!(kept["RoutingConfig"], made["RoutingConfig"]);
    let mut second = 0;
    for _ in 0..4_000 {
        second += u32::from(led(&world, "f", "live") == Some("2".to_owned()));
    }
    assert!((800..1_200).contains(&second), "{second} of 4,000 at a weight of 0.25");
    for empty in [split(json!({})), json!({})] {
        put(&world, "live", json!({"RoutingConfig": split(json!({"3": 1}))})).await;
        assert_eq!(led(&world, "f", "live"), Some("3".to_owned()));
        let cleared = put(&world, "live", json!({"RoutingConfig": empty})).await;
        assert_eq!(cleared.get("RoutingConfig"), None);
        assert_eq!(led(&world, "f", "live"), Some("1".to_owned()));
    }
    let none =
        make(&world, json!({"Name": "none", "FunctionVersion": "$LATEST", "RoutingConfig": split(json!({}))})).await;
    assert_eq!((none.get("RoutingConfig"), &none["FunctionVersion"]), (None, &json!("$LATEST")));
}

#[tokio::test]
async fn lists_are_by_name_and_by_first_version() {
    let world = world().await;
    for (name, version, weights) in [
        ("c", "1", json!({"2": 0.5})),
        ("a", "2", json!({})),
        ("b", "$LATEST", json!({})),
        ("2024-01-02", "1", json!({})),
    ] {
        make(&world, json!({"Name": name, "FunctionVersion": version, "RoutingConfig": split(weights)})).await;
    }
    let names = async |query: &str| {
        let answer = world.expect("GET", &functions(&format!("/f/aliases?{query}")), Value::Null, 200).await;
        let names =
            answer["Aliases"].as_array().unwrap().iter().map(|alias| alias["Name"].as_str().unwrap().to_owned());
        (names.collect::<Vec<_>>(), answer.get("NextMarker").and_then(Value::as_str).map(ToOwned::to_owned))
    };
    assert_eq!(names("").await, (vec!["2024-01-02".into(), "a".into(), "b".into(), "c".into()], None));
    assert_eq!(names("FunctionVersion=1").await.0, ["2024-01-02", "c"]);
    assert_eq!(names("FunctionVersion=2").await.0, ["a"]);
    assert_eq!(names("FunctionVersion=%24LATEST").await.0, ["b"]);
    let (first, marker) = names("MaxItems=3").await;
    assert_eq!(first, ["2024-01-02", "a", "b"]);
    assert_eq!(names(&format!("MaxItems=3&Marker={}", marker.unwrap())).await, (vec!["c".into()], None));
}

#[tokio::test]
async fn aliases_that_are_refused() {
    let world = world().await;
    make(&world, json!({"Name": "live", "FunctionVersion": "1"})).await;
    let create = |what, members: Value, status, code, message: String| {
        let mut body = json!({"Name": "new", "FunctionVersion": "1"});
        for (member, value) in members.as_object().unwrap() {
            body[member] = value.clone();
        }
        Case {
            what,
            method: "POST",
            uri: functions("/f/aliases"),
            body,
            status,
            code,
            message,
        }
    };
    let update = |what, name: &str, body, status, code, message: &str| Case {
        what,
        method: "PUT",
        uri: functions(&format!("/f/aliases/{name}")),
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let constraint = |value: &str, path: &str, text: &str| {
        format!("1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {text}")
    };
    let names = "Member must satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)";
    let versions = r"Member must satisfy regular expression pattern: (\$LATEST(\.PUBLISHED)?|[0-9]+)";
    let values = "Map value must satisfy constraint: [Member must have value less than or equal to 1.0, Member must have \
                  value greater than or equal to 0.0, Member must not be null]";
    let keys = "Map keys must satisfy constraint: [Member must have length less than or equal to 1024, Member must have \
                length greater than or equal to 1, Member must satisfy regular expression pattern: [0-9]+]";
    let weights = "routingConfig.additionalVersionWeights";
    let validation = "ValidationException";
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetFunction/GetAlias API to \
                 retrieve the latest Revision Id";
    check(
        &world,
        vec![
            create("a number", json!({"Name": "12"}), 400, validation, constraint("'12'", "name", names)),
            create("a bad name", json!({"Name": "a.b"}), 400, validation, constraint("'a.b'", "name", names)),
            create(
                "no name",
                json!({"Name": null}),
                400,
                validation,
                constraint("null", "name", "Member must not be null"),
            ),
            create(
                "no version",
                json!({"FunctionVersion": null}),
                400,
                validation,
                constraint("null", "functionVersion", "Member must not be null"),
            ),
            create(
                "an alias as version",
                json!({"FunctionVersion": "live"}),
                400,
                validation,
                constraint("'live'", "functionVersion", versions),
            ),
            create(
                "too heavy",
                json!({"RoutingConfig": split(json!({"2": 2}))}),
                400,
                validation,
                constraint("'{2=2.0}'", weights, values),
            ),
            create(
                "too light",
                json!({"RoutingConfig": split(json!({"2": -0.5}))}),
                400,
                validation,
                constraint("'{2=-0.5}'", weights, values),
            ),
            create(
                "latest as second",
                json!({"RoutingConfig": split(json!({"$LATEST": 0.5}))}),
                400,
                validation,
                constraint("'{$LATEST=0.5}'", weights, keys),
            ),
            create(
                "three versions",
                json!({"RoutingConfig": split(json!({"2": 0.1, "3": 0.1}))}),
                400,
                INVALID,
                "Number of items in AdditionalVersionWeights cannot be greater than 1".to_owned(),
            ),
            create(
                "twice the same",
                json!({"RoutingConfig": split(json!({"1": 0.5}))}),
                400,
                INVALID,
                "Invalid function version 1. Function version 1 is already included in routing configuration."
                    .to_owned(),
            ),
            create(
                "latest and another",
                json!({"FunctionVersion": "$LATEST", "RoutingConfig": split(json!({"1": 0.5}))}),
                400,
                INVALID,
                "$LATEST is not supported for an alias pointing to more than 1 version".to_owned(),
            ),
            create(
                "an unknown version",
                json!({"FunctionVersion": "10"}),
                404,
                NOT_FOUND,
                format!("Function not found: {ARN}:f:10"),
            ),
            create(
                "an unknown second version",
                json!({"RoutingConfig": split(json!({"10": 0.5}))}),
                404,
                NOT_FOUND,
                format!("Function not found: {ARN}:f:10"),
            ),
            create(
                "a name that is taken",
                json!({"Name": "live"}),
                409,
                "ResourceConflictException",
                format!("Alias already exists: {ARN}:f:live"),
            ),
            Case {
                uri: functions("/nope/aliases"),
                ..create("an unknown function", json!({}), 404, NOT_FOUND, format!("Function not found: {ARN}:nope"))
            },
            update("unknown", "nope", json!({}), 404, NOT_FOUND, &format!("Alias not found: {ARN}:f:nope")),
            update("old", "live", json!({"RevisionId": "old"}), 412, "PreconditionFailedException", stale),
            update(
                "an unknown version",
                "live",
                json!({"FunctionVersion": "10"}),
                404,
                NOT_FOUND,
                &format!("Function not found: {ARN}:f:10"),
            ),
            get("unknown", "/f/aliases/nope", 404, NOT_FOUND, format!("Cannot find alias arn: {ARN}:f:nope")),
            get("of nothing", "/nope/aliases/a", 404, NOT_FOUND, format!("Cannot find alias arn: {ARN}:nope:a")),
            get("list of nothing", "/nope/aliases", 404, NOT_FOUND, format!("Function not found: {ARN}:nope")),
            delete(
                "a version with an alias",
                "/f?Qualifier=1",
                409,
                "ResourceConflictException",
                "Unable to delete version because the following aliases reference it: [live]",
            ),
        ],
    )
    .await;
    let uri = functions("/f/aliases");
    let body = json!({"Name": "x", "FunctionVersion": "$LATEST", "RoutingConfig": split(json!({"1": 0.5}))});
    let error = world.call("POST", &uri, body).await.unwrap_err();
    assert_eq!(error.fault, hearth_wire::Fault::Unsaid, "recorded without `Type`");
}

#[tokio::test]
async fn a_version_that_an_alias_leads_to_by_weight_stays() {
    let world = world().await;
    let body = json!({"Name": "live", "FunctionVersion": "1", "RoutingConfig": split(json!({"2": 0.5}))});
    make(&world, body).await;
    let answer = world.call("DELETE", &functions("/f?Qualifier=2"), Value::Null).await;
    let message = "Unable to delete version because the following aliases reference it: [live]";
    assert_error(answer, 409, "ResourceConflictException", message, "by weight");
    world.expect("DELETE", &functions("/f?Qualifier=3"), Value::Null, 204).await;
}
