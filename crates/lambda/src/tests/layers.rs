//! Layers: published, read, used by functions, deleted; exact answers and exact refusals.
//!
//! Source: fact sheet "Lambda control-plane API", section 7.

use std::collections::HashMap;

use hearth_model::{CodeDir, FunctionSpec, Lookup, Qualifier};

use super::case::*;
use super::*;
use crate::tasks::collect::collect;

const LAYERS: &str = "/2018-10-31/layers";
const LAYER: &str = "arn:aws:lambda:us-east-1:123456789012:layer";

/// A package whose one file has a name of its own, so that layers do not hide each other.
fn layer_zip(name: &str, text: &str) -> String {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(text.as_bytes()).unwrap();
    STANDARD.encode(zip.finish().unwrap().into_inner())
}

fn content(text: &str) -> Value {
    json!({"Content": {"ZipFile": layer_zip(&format!("{text}.txt"), text)}})
}

async fn publish(world: &World, name: &str, text: &str) -> Value {
    world.expect("POST", &format!("{LAYERS}/{name}/versions"), content(text), 201).await
}

fn call(
    what: &'static str,
    method: &'static str,
    path: &str,
    body: Value,
    answer: (u16, &'static str, String),
) -> Case {
    let (status, code, message) = answer;
    Case {
        what,
        method,
        uri: format!("{LAYERS}{path}"),
        body,
        status,
        code,
        message,
    }
}

fn spec(world: &World, name: &str) -> Arc<FunctionSpec> {
    match world.lambda.catalog().lookup(&key(name), None) {
        Lookup::Ready(spec) => spec,
        other => panic!("{name}: {other:?}"),
    }
}

fn files(layers: Option<&Arc<CodeDir>>) -> Vec<String> {
    let items = layers.into_iter().flat_map(|layers| std::fs::read_dir(layers.path()).unwrap());
    let mut names: Vec<String> = items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn without_location(mut answer: Value) -> Value {
    answer["Content"].as_object_mut().unwrap().remove("Location").unwrap();
    answer
}

#[tokio::test]
async fn a_version_is_published_and_read() {
    let world = World::new().await;
    let zip = layer_zip("a.txt", "a");
    let body = json!({
        "Content": {"ZipFile": zip}, "Description": "what it has", "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.12", "go1.x"], "CompatibleArchitectures": [],
    });
    let made = world.expect("POST", &format!("{LAYERS}/l/versions"), body, 201).await;
    let link = made["Content"]["Location"].as_str().unwrap().to_owned();
    let bytes = STANDARD.decode(&zip).unwrap();
    let expected = json!({
        "Content": {"CodeSha256": crate::package::hash(&bytes).code_sha256(), "CodeSize": bytes.len()},
        "LayerArn": format!("{LAYER}:l"), "LayerVersionArn": format!("{LAYER}:l:1"), "Version": 1,
        "Description": "what it has", "CreatedDate": "2023-11-14T22:13:20.120+0000", "LicenseInfo": "MIT",
        "CompatibleRuntimes": ["python3.12", "go1.x"], "CompatibleArchitectures": [],
    });
    assert_eq!(without_location(made), expected);
    let downloaded = world.call_local("GET", link.strip_prefix(ENDPOINT).unwrap()).await.unwrap();
    assert_eq!(downloaded.body, bytes);
    for uri in [
        format!("{LAYERS}/l/versions/1"),
        format!("{LAYERS}/{}/versions/1", encoded(&format!("{LAYER}:l"))),
        format!("{LAYERS}?find=LayerVersion&Arn={}", encoded(&format!("{LAYER}:l:1"))),
    ] {
        assert_eq!(without_location(world.expect("GET", &uri, Value::Null, 200).await), expected, "{uri}");
    }
    // What was not given is not shown.
    let plain = publish(&world, "l", "a").await;
    let mut members: Vec<_> = plain.as_object().unwrap().keys().cloned().collect();
    members.sort();
    assert_eq!(members, ["Content", "CreatedDate", "Description", "LayerArn", "LayerVersionArn", "Version"]);
    assert_eq!((&plain["Version"], &plain["Description"]), (&json!(2), &json!("")));
}

#[tokio::test]
async fn numbers_are_never_given_twice() {
    let world = World::new().await;
    for number in 1..=2 {
        assert_eq!(publish(&world, "l", "same").await["Version"], number);
    }
    for number in 1..=2 {
        for _ in 0..2 {
            world.expect("DELETE", &format!("{LAYERS}/l/versions/{number}"), Value::Null, 204).await;
        }
    }
    let listed = world.expect("GET", &format!("{LAYERS}/l/versions"), Value::Null, 200).await;
    assert_eq!(listed, json!({"LayerVersions": []}));
    assert_eq!(world.expect("GET", LAYERS, Value::Null, 200).await, json!({"Layers": []}));
    let again = world.restarted().await;
    assert_eq!(publish(&again, "l", "same").await["Version"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn publications_at_the_same_time_have_numbers_of_their_own() {
    let world = Arc::new(World::new().await);
    let all: Vec<_> = (0..20)
        .map(|n| {
            let world = Arc::clone(&world);
            tokio::spawn(async move { publish(&world, "l", &format!("t{n}")).await["Version"].as_u64().unwrap() })
        })
        .collect();
    let mut numbers = Vec::new();
    for one in all {
        numbers.push(one.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=20).collect::<Vec<_>>());
}

fn names(answer: &Value, list: &str, member: &str) -> Vec<String> {
    let items = answer[list].as_array().unwrap();
    items.iter().map(|item| item[member].to_string().trim_matches('"').to_owned()).collect()
}

#[tokio::test]
async fn lists_have_filters_and_pages() {
    let world = World::new().await;
    for (name, runtimes, architectures) in [
        ("b", json!(["python3.12"]), json!(["x86_64"])),
        ("a", json!(["python3.12", "nodejs20.x"]), json!(["x86_64", "arm64"])),
        ("a", json!(["nodejs20.x"]), Value::Null),
        ("c", Value::Null, Value::Null),
    ] {
        let mut body = content(name);
        body["CompatibleRuntimes"] = runtimes;
        body["CompatibleArchitectures"] = architectures;
        world.expect("POST", &format!("{LAYERS}/{name}/versions"), body, 201).await;
    }
    let newest = |answer: &Value| -> Vec<String> {
        let layers = answer["Layers"].as_array().unwrap();
        layers.iter().map(|l| format!("{}:{}", l["LayerName"], l["LatestMatchingVersion"]["Version"])).collect()
    };
    for (query, expected) in [
        ("", vec!["\"a\":2", "\"b\":1", "\"c\":1"]),
        ("?CompatibleRuntime=python3.12", vec!["\"a\":1", "\"b\":1"]),
        ("?CompatibleRuntime=nodejs20.x", vec!["\"a\":2"]),
        ("?CompatibleRuntime=nodejs20.x&CompatibleArchitecture=arm64", vec!["\"a\":1"]),
        ("?CompatibleArchitecture=x86_64", vec!["\"a\":1", "\"b\":1"]),
        ("?CompatibleRuntime=ruby2.5", vec![]),
    ] {
        let answer = world.expect("GET", &format!("{LAYERS}{query}"), Value::Null, 200).await;
        assert_eq!(newest(&answer), expected, "{query}");
        assert!(answer.get("NextMarker").is_none(), "{query}");
    }
    let all = world.expect("GET", LAYERS, Value::Null, 200).await;
    assert_eq!(
        all["Layers"][2],
        json!({
            "LayerName": "c", "LayerArn": format!("{LAYER}:c"),
            "LatestMatchingVersion": {
                "LayerVersionArn": format!("{LAYER}:c:1"), "Version": 1, "Description": "",
                "CreatedDate": "2023-11-14T22:13:20.120+0000",
            },
        })
    );
    check_pages(&world, LAYERS, "Layers", "LayerName", &["a", "b", "c"]).await;
    for text in ["3", "4"] {
        publish(&world, "a", text).await;
    }
    check_pages(&world, &format!("{LAYERS}/a/versions"), "LayerVersions", "Version", &["4", "3", "2", "1"]).await;
    let uri = format!("{LAYERS}/a/versions?CompatibleRuntime=python3.12");
    let filtered = world.expect("GET", &uri, Value::Null, 200).await;
    assert_eq!(names(&filtered, "LayerVersions", "Version"), ["1"]);
    assert_eq!(world.call_in("eu-west-1", "GET", LAYERS, "").await.unwrap().body, r#"{"Layers":[]}"#);
}

/// Reads a list page by page, in sizes that do and do not divide it.
async fn check_pages(world: &World, uri: &str, list: &str, member: &str, expected: &[&str]) {
    for size in 1..=expected.len() + 1 {
        let (mut found, mut marker) = (Vec::new(), String::new());
        loop {
            let page = format!("{uri}?MaxItems={size}&Marker={marker}");
            let answer = world.expect("GET", &page, Value::Null, 200).await;
            found.extend(names(&answer, list, member));
            match answer["NextMarker"].as_str() {
                Some(next) => marker = next.to_owned(),
                None => break,
            }
        }
        assert_eq!(found, expected, "{uri} by {size}");
    }
}

const ALL_RUNTIMES: &str = "ruby3.5, ruby2.6, dotnetcore1.0, python3.7, nodejs8.10, nasa, ruby2.7, python2.7-greengrass, \
    dotnetcore2.0, python3.8, java21, dotnet6, dotnetcore2.1, python3.9, java11, nodejs6.10, provided, dotnetcore3.1, \
    dotnet8, java25, java17, nodejs, nodejs4.3, java8.al2, go1.x, dotnet10, nodejs20.x, go1.9, byol, nodejs10.x, \
    provided.al2023, nodejs22.x, python3.10, java8, nodejs12.x, python3.11, nodejs24.x, nodejs8.x, python3.12, \
    nodejs14.x, nodejs8.9, nodejs26.x, python3.13, python3.14, nodejs16.x, python3.15, provided.al2, nodejs4.3-edge, \
    nodejs18.x, ruby3.2, python3.4, ruby3.3, ruby3.4, ruby2.5, python3.6, python2.7";

#[tokio::test]
async fn what_the_model_refuses() {
    let world = World::new().await;
    publish(&world, "l", "a").await;
    let one = |value: &str, at: &str, constraint: &str| {
        let shown = if value == "null" { value.to_owned() } else { format!("'{value}'") };
        let text =
            format!("1 validation error detected: Value {shown} at '{at}' failed to satisfy constraint: {constraint}");
        (400, "ValidationException", text)
    };
    let pattern = |text: &str| format!("Member must satisfy regular expression pattern: {text}");
    let words = |text: &str| format!("Member must satisfy enum value set: [{text}]");
    let longest = |max: usize| format!("Member must have length less than or equal to {max}");
    let name = r"(arn:[a-zA-Z0-9-]+:lambda:[a-zA-Z0-9-]+:\d{12}:layer:[a-zA-Z0-9-_]+)|[a-zA-Z0-9-_]+";
    let arn = r"(arn:(aws[a-zA-Z-]*)?:lambda:(eusc-)?[a-z]{2}((-gov)|(-iso([a-z]?)))?-[a-z]+-\d{1}:\d{12}:layer:[a-zA-Z0-9-_]+:[0-9]+)|(arn:[a-zA-Z0-9-]+:lambda:::awslayer:[a-zA-Z0-9-_]+)";
    let principal = r"\d{12}|\*|arn:(aws[a-zA-Z-]*):iam::\d{12}:root";
    let null = "Member must not be null";
    let with = |member: &str, value: Value| {
        let mut body = content("a");
        body[member] = value;
        body
    };
    let allow = |member: &str, value: Value| {
        let mut body = json!({"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"});
        body[member] = value;
        body
    };
    let runtimes = |list: &[&str]| with("CompatibleRuntimes", json!(list));
    let (sixteen, shown) = (["java21"; 16], vec!["java21"; 16].join(", "));
    let versions = "/l/versions";
    let policy = "/l/versions/1/policy";
    check(
        &world,
        vec![
            call("name", "POST", "/l%21/versions", content("a"), one("l!", "layerName", &pattern(name))),
            call("list by name", "GET", "/l%21/versions", Value::Null, one("l!", "layerName", &pattern(name))),
            call("get by name", "GET", "/l%21/versions/1", Value::Null, one("l!", "layerName", &pattern(name))),
            call("no content", "POST", versions, json!({}), one("null", "content", null)),
            call(
                "description",
                "POST",
                versions,
                with("Description", json!("d".repeat(257))),
                one(&"d".repeat(257), "description", &longest(256)),
            ),
            call(
                "license",
                "POST",
                versions,
                with("LicenseInfo", json!("d".repeat(513))),
                one(&"d".repeat(513), "licenseInfo", &longest(512)),
            ),
            call(
                "sixteen runtimes",
                "POST",
                versions,
                runtimes(&sixteen),
                one(&format!("[{shown}]"), "compatibleRuntimes", &longest(15)),
            ),
            call(
                "a runtime among good ones",
                "POST",
                versions,
                runtimes(&["python3.12", "cobol"]),
                one("[python3.12, cobol]", "compatibleRuntimes", &words(ALL_RUNTIMES)),
            ),
            call(
                "runtime and architecture",
                "POST",
                versions,
                {
                    let mut body = runtimes(&["invalidruntime"]);
                    body["CompatibleArchitectures"] = json!(["invalidarch"]);
                    body
                },
                (
                    400,
                    "ValidationException",
                    format!(
                        "2 validation errors detected: Value '[invalidruntime]' at 'compatibleRuntimes' failed to \
                         satisfy constraint: {}; Value '[invalidarch]' at 'compatibleArchitectures' failed to satisfy \
                         constraint: Member must satisfy constraint: [Member must satisfy enum value set: [x86_64, \
                         arm64], Member must not be null]",
                        words(ALL_RUNTIMES)
                    ),
                ),
            ),
            call(
                "list by runtime",
                "GET",
                "?CompatibleRuntime=cobol",
                Value::Null,
                one("cobol", "compatibleRuntime", &words(ALL_RUNTIMES)),
            ),
            call(
                "list by architecture",
                "GET",
                "/l/versions?CompatibleArchitecture=mips",
                Value::Null,
                one("mips", "compatibleArchitecture", &words("x86_64, arm64")),
            ),
            call(
                "too many at once",
                "GET",
                "?MaxItems=51",
                Value::Null,
                one("51", "maxItems", "Member must have value less than or equal to 50"),
            ),
            call(
                "none at once",
                "GET",
                "/l/versions?MaxItems=0",
                Value::Null,
                one("0", "maxItems", "Member must have value greater than or equal to 1"),
            ),
            call("ARN", "GET", "?find=LayerVersion&Arn=l", Value::Null, one("l", "arn", &pattern(arn))),
            call("no ARN", "GET", "?find=LayerVersion", Value::Null, one("null", "arn", null)),
            call(
                "action",
                "POST",
                policy,
                allow("Action", json!("*")),
                one("*", "action", &pattern("lambda:GetLayerVersion")),
            ),
            call(
                "principal",
                "POST",
                policy,
                allow("Principal", json!("ann")),
                one("ann", "principal", &pattern(principal)),
            ),
            call(
                "statement",
                "POST",
                policy,
                allow("StatementId", json!("a b")),
                one("a b", "statementId", &pattern("([a-zA-Z0-9-_]+)")),
            ),
            call(
                "organization",
                "POST",
                policy,
                allow("OrganizationId", json!("o-1")),
                one("o-1", "organizationId", &pattern("o-[a-z0-9]{10,32}")),
            ),
            call("no principal", "POST", policy, allow("Principal", Value::Null), one("null", "principal", null)),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_the_service_refuses() {
    let world = World::new().await;
    publish(&world, "l", "a").await;
    let there = "The resource you requested does not exist.".to_owned();
    let less = "Layer Version Cannot be less than 1".to_owned();
    let source = |value: Value| json!({"Content": value});
    let absent = |number: &str| format!("Layer version {LAYER}:{number} does not exist.");
    let bad_zip = "Could not unzip uploaded file. Please check your file, then try to upload again.".to_owned();
    let foreign = "arn:aws:lambda:us-east-1:999999999999:layer:l";
    let denied = |action: &str, tail: &str| {
        format!(
            "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: lambda:{action} on resource: \
             {foreign}{tail} because no resource-based policy allows the lambda:{action} action"
        )
    };
    let allow = json!({"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "*"});
    let elsewhere = "Layers from 'eu-west-1' are not reachable in this region ('us-east-1')".to_owned();
    check(
        &world,
        vec![
            call("unknown layer", "GET", "/nope/versions/1", Value::Null, (404, NOT_FOUND, there.clone())),
            call("unknown version", "GET", "/l/versions/2", Value::Null, (404, NOT_FOUND, there.clone())),
            call(
                "unknown ARN",
                "GET",
                &format!("?find=LayerVersion&Arn={}", encoded(&format!("{LAYER}:nope:1"))),
                Value::Null,
                (404, NOT_FOUND, there.clone()),
            ),
            call(
                "AWS's own",
                "GET",
                &format!("?find=LayerVersion&Arn={}", encoded("arn:aws:lambda:::awslayer:x")),
                Value::Null,
                (404, NOT_FOUND, there),
            ),
            call("version 0", "GET", "/l/versions/0", Value::Null, (400, INVALID, less.clone())),
            call("version -1", "GET", "/l/versions/-1", Value::Null, (400, INVALID, less.clone())),
            call("delete version 0", "DELETE", "/l/versions/0", Value::Null, (400, INVALID, less)),
            call(
                "no number",
                "GET",
                "/l/versions/x",
                Value::Null,
                (400, "SerializationException", "VersionNumber: expected an integer, found \"x\"".to_owned()),
            ),
            call(
                "an empty source",
                "POST",
                "/l/versions",
                source(json!({})),
                (400, INVALID, "Please provide a source for layer code.".to_owned()),
            ),
            call("no zip", "POST", "/l/versions", source(json!({"ZipFile": "aGVsbG8="})), (400, INVALID, bad_zip)),
            call(
                "a function's member",
                "POST",
                "/l/versions",
                source(json!({"ImageUri": "i"})),
                (400, "SerializationException", "Hearth knows no member ImageUri here".to_owned()),
            ),
            call(
                "another account's",
                "POST",
                &format!("/{}/versions", encoded(foreign)),
                content("a"),
                (403, "AccessDeniedException", denied("PublishLayerVersion", "")),
            ),
            call(
                "another account's version",
                "GET",
                &format!("/{}/versions/1", encoded(foreign)),
                Value::Null,
                (403, "AccessDeniedException", denied("GetLayerVersion", ":1")),
            ),
            call(
                "another region's",
                "GET",
                &format!("/{}/versions/1", encoded("arn:aws:lambda:eu-west-1:123456789012:layer:l")),
                Value::Null,
                (404, NOT_FOUND, elsewhere),
            ),
            call("a policy of none", "GET", "/nope/versions/1/policy", Value::Null, (404, NOT_FOUND, absent("nope:1"))),
            call("a statement for none", "POST", "/l/versions/9/policy", allow, (404, NOT_FOUND, absent("l:9"))),
            call(
                "a statement of none",
                "DELETE",
                "/l/versions/9/policy/s",
                Value::Null,
                (404, NOT_FOUND, absent("l:9")),
            ),
            call(
                "another list's marker",
                "GET",
                "?Marker=bGF5ZXItdmVyc2lvbjox",
                Value::Null,
                (400, INVALID, "Marker is not one that ListLayers gave.".to_owned()),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_policy_grows_and_shrinks() {
    let world = World::new().await;
    publish(&world, "l", "a").await;
    let uri = format!("{LAYERS}/l/versions/1/policy");
    let allow = |sid: &str, principal: &str| json!({"StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": principal});
    let none = "No policy is associated with the given resource.".to_owned();
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetLayerPolicy API to \
                 retrieve the latest Revision Id";
    let policy = |message: &str| (404, NOT_FOUND, message.to_owned());
    check(
        &world,
        vec![
            call("none yet", "GET", "/l/versions/1/policy", Value::Null, policy(&none)),
            call("none to remove from", "DELETE", "/l/versions/1/policy/s", Value::Null, policy(&none)),
            call(
                "a revision of none",
                "POST",
                "/l/versions/1/policy?RevisionId=x",
                allow("s", "*"),
                (412, "PreconditionFailedException", stale.to_owned()),
            ),
        ],
    )
    .await;
    let first = world.expect("POST", &uri, allow("all", "*"), 201).await;
    let resource = format!("{LAYER}:l:1");
    let statement = |sid: &str, principal: &str| {
        format!(
            r#"{{"Sid":"{sid}","Effect":"Allow","Principal":{principal},"Action":"lambda:GetLayerVersion","Resource":"{resource}"}}"#
        )
    };
    assert_eq!(first["Statement"], statement("all", "\"*\""));
    let mut body = allow("org", "*");
    body["OrganizationId"] = json!("o-0123456789");
    let second = world.expect("POST", &uri, body, 201).await;
    let of_organization = second["Statement"].as_str().unwrap();
    assert!(
        of_organization.ends_with(r#","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-0123456789"}}}"#),
        "{of_organization}"
    );
    assert_ne!(first["RevisionId"], second["RevisionId"]);
    let revision = second["RevisionId"].as_str().unwrap();
    let third = world.expect("POST", &format!("{uri}?RevisionId={revision}"), allow("one", "222222222222"), 201).await;
    let root = r#"{"AWS":"arn:aws:iam::222222222222:root"}"#;
    assert_eq!(third["Statement"], statement("one", root));
    let shown = world.expect("GET", &uri, Value::Null, 200).await;
    assert_eq!(shown["RevisionId"], third["RevisionId"]);
    assert_eq!(
        shown["Policy"],
        format!(
            r#"{{"Version":"2012-10-17","Id":"default","Statement":[{},{of_organization},{}]}}"#,
            statement("all", "\"*\""),
            statement("one", root)
        )
    );
    let taken = "The statement id (one) provided already exists. Please provide a new statement id, or remove the \
                 existing statement.";
    check(
        &world,
        vec![
            call(
                "taken",
                "POST",
                "/l/versions/1/policy",
                allow("one", "*"),
                (409, "ResourceConflictException", taken.to_owned()),
            ),
            call(
                "unknown",
                "DELETE",
                "/l/versions/1/policy/two",
                Value::Null,
                policy("Statement two is not found in resource policy."),
            ),
            call(
                "stale",
                "DELETE",
                &format!("/l/versions/1/policy/one?RevisionId={revision}"),
                Value::Null,
                (412, "PreconditionFailedException", stale.to_owned()),
            ),
        ],
    )
    .await;
    for sid in ["all", "org", "one"] {
        world.expect("DELETE", &format!("{uri}/{sid}"), Value::Null, 204).await;
    }
    check(&world, vec![call("none any more", "GET", "/l/versions/1/policy", Value::Null, policy(&none))]).await;
}

#[tokio::test]
async fn a_policy_has_a_size() {
    let world = World::new().await;
    publish(&world, "l", "a").await;
    let uri = format!("{LAYERS}/l/versions/1/policy");
    for n in 0..200 {
        let sid = format!("{n:0100}");
        let body = json!({"StatementId": sid, "Action": "lambda:GetLayerVersion", "Principal": "222222222222"});
        match world.call("POST", &uri, body).await {
            Ok(_) => {}
            Err(error) => {
                assert_eq!((error.status.as_u16(), error.code.as_ref()), (400, "PolicyLengthExceededException"));
                assert!(n > 50, "refused after {n}");
                let shown = world.expect("GET", &uri, Value::Null, 200).await;
                assert!(shown["Policy"].as_str().unwrap().len() <= 20_480);
                return;
            }
        }
    }
    panic!("a policy of any size is taken");
}

#[tokio::test]
async fn functions_use_layers_in_their_order() {
    let world = World::new().await;
    let (one, two) = (publish(&world, "one", "1").await, publish(&world, "two", "2").await);
    let arns = [&one["LayerVersionArn"], &two["LayerVersionArn"]];
    // Another way to write the number is not another version.
    let given = json!([arns[0], arns[1].as_str().unwrap().replace(":two:1", ":two:01")]);
    let made = world.expect("POST", "/2015-03-31/functions", create_with("f", json!({"Layers": given})), 201).await;
    let shown = json!([
        {"Arn": arns[0], "CodeSize": one["Content"]["CodeSize"]},
        {"Arn": arns[1], "CodeSize": two["Content"]["CodeSize"]},
    ]);
    assert_eq!(made["Layers"], shown);
    let settled = world.settled("f").await;
    assert_eq!(settled["Layers"], shown);
    assert_eq!(files(spec(&world, "f").layers.as_ref()), ["1.txt", "2.txt"]);
    let configuration = "/2015-03-31/functions/f/configuration";
    // Not mentioned, they stay; named in another order, they are another thing.
    let kept = world.expect("PUT", configuration, json!({"Timeout": 9}), 200).await;
    assert_eq!(kept["Layers"], shown);
    world.settled("f").await;
    let before = spec(&world, "f");
    let turned = world.expect("PUT", configuration, json!({"Layers": [arns[1], arns[0]]}), 200).await;
    assert_ne!(turned["RevisionId"], kept["RevisionId"]);
    assert_eq!(turned["LastUpdateStatus"], "InProgress");
    world.settled("f").await;
    let after = spec(&world, "f");
    assert!(after.generation > before.generation);
    assert_ne!(after.layers.as_ref().unwrap().sha256_hex(), before.layers.as_ref().unwrap().sha256_hex());
    let listed = world.expect("GET", "/2015-03-31/functions", Value::Null, 200).await;
    assert_eq!(
        names(&json!({"L": listed["Functions"][0]["Layers"]}), "L", "Arn")[0],
        two["LayerVersionArn"].as_str().unwrap()
    );
    let cleared = world.expect("PUT", configuration, json!({"Layers": []}), 200).await;
    assert!(cleared.get("Layers").is_none());
    world.settled("f").await;
    assert!(spec(&world, "f").layers.is_none());
}

#[tokio::test]
async fn layers_that_a_function_cannot_have() {
    let world = World::new().await;
    for (name, text) in [("a", "1"), ("a", "2"), ("b", "1"), ("c", "1"), ("d", "1"), ("e", "1"), ("f", "1")] {
        publish(&world, name, text).await;
    }
    world.make("f").await;
    let arn = |tail: &str| format!("{LAYER}:{tail}");
    let twice = |one: &str, two: &str| {
        format!(
            "Two different versions of the same layer are not allowed to be referenced in the same function. {} and {} \
             are versions of the same layer.",
            arn(one),
            arn(two)
        )
    };
    let absent = |arn: &str| format!("Layer version {arn} does not exist.");
    let foreign = "arn:aws:lambda:us-east-1:999999999999:layer:a:1";
    for (what, layers, message) in [
        (
            "six",
            ["a:1", "b:1", "c:1", "d:1", "e:1", "f:1"].map(arn).to_vec(),
            "Cannot reference more than 5 layers.".to_owned(),
        ),
        ("two versions", ["a:1", "b:1", "a:2"].map(arn).to_vec(), twice("a:1", "a:2")),
        ("the same twice", ["a:1", "a:1"].map(arn).to_vec(), twice("a:1", "a:1")),
        ("unknown version", ["a:3"].map(arn).to_vec(), absent(&arn("a:3"))),
        ("unknown layer", ["b:1", "z:1"].map(arn).to_vec(), absent(&arn("z:1"))),
        ("version 0", ["a:0"].map(arn).to_vec(), absent(&arn("a:0"))),
        (
            "AWS's own",
            vec!["arn:aws:lambda:::awslayer:AmazonLinux1703".to_owned()],
            absent("arn:aws:lambda:::awslayer:AmazonLinux1703"),
        ),
        (
            "another region's",
            vec!["arn:aws:lambda:eu-west-1:123456789012:layer:a:1".to_owned()],
            "Layers are not in the same region as the function. Layers are expected to be in region us-east-1."
                .to_owned(),
        ),
    ] {
        let update = put(what, "/f/configuration", json!({"Layers": layers}), message.clone());
        check(&world, vec![create(what, json!({"Layers": layers}), message), update]).await;
    }
    let denied = format!(
        "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: lambda:GetLayerVersion on resource: \
         {foreign} because no resource-based policy allows the lambda:GetLayerVersion action"
    );
    let refused = |case: Case| Case {
        status: 403,
        code: "AccessDeniedException",
        ..case
    };
    check(&world, vec![refused(create("another account's", json!({"Layers": [foreign]}), denied))]).await;
    assert!(world.record("f").latest.config.layers.is_empty());
}

/// Sizes are what was noted when the zips were taken in, so no test needs 250 MB.
#[tokio::test]
async fn code_and_layers_have_a_size_together() {
    use crate::ops::function_layers::check_sizes;
    use crate::record::{LayerUse, Package};
    #[track_caller]
    fn sizes(code: u64, layers: &[u64], expected: Option<&str>) {
        let package = |bytes| Package {
            sha256_hex: "ab".repeat(32),
            unzipped_bytes: bytes,
            ..Package::default()
        };
        let mut config = crate::record::tests::sample().latest.config;
        config.package = package(code);
        config.layers = layers
            .iter()
            .map(|bytes| LayerUse {
                arn: String::new(),
                package: package(*bytes),
            })
            .collect();
        assert_eq!(check_sizes(&config).err().map(|error| error.to_string()).as_deref(), expected);
    }
    sizes(262_143_999, &[], None);
    sizes(0, &[131_072_000, 131_072_000], None);
    sizes(1, &[262_143_999], None);
    sizes(
        2,
        &[262_143_000, 999],
        Some(
            "Function code combined with layers exceeds the maximum allowed size of 262144000 bytes. The actual size \
             is 262144001 bytes.",
        ),
    );
    sizes(2, &[262_143_000, 1_001], Some("Layers consume more than the available size of 262144000 bytes"));
    let world = World::new().await;
    let made = publish(&world, "l", "four").await;
    world
        .expect("POST", "/2015-03-31/functions", create_with("f", json!({"Layers": [made["LayerVersionArn"]]})), 201)
        .await;
    let config = world.record("f").latest.config;
    assert_eq!((config.package.unzipped_bytes, config.layers[0].package.unzipped_bytes), (27, 4));
}

#[tokio::test]
async fn a_deleted_version_lives_on_in_its_functions() {
    let world = World::new().await;
    let (one, two) = (publish(&world, "one", "1").await, publish(&world, "two", "2").await);
    let arns = [&one["LayerVersionArn"], &two["LayerVersionArn"]];
    world.expect("POST", "/2015-03-31/functions", create_with("f", json!({"Layers": arns})), 201).await;
    let shown = world.settled("f").await;
    for name in ["one", "two"] {
        world.expect("DELETE", &format!("{LAYERS}/{name}/versions/1"), Value::Null, 204).await;
    }
    let absent = format!("Layer version {} does not exist.", arns[0].as_str().unwrap());
    check(&world, vec![create("a new function", json!({"Layers": arns}), absent)]).await;
    let mut seen = HashMap::new();
    for _ in 0..3 {
        world.clock.advance_ms(60 * 60 * 1_000);
        collect(&world.lambda, &mut seen).await.unwrap();
    }
    // The unpacked files are gone, as after a boot: what is stored is enough.
    std::fs::remove_dir_all(world.dir.path().join("code")).unwrap();
    let again = world.restarted().await;
    assert_eq!(again.settled("f").await["Layers"], shown["Layers"]);
    for _ in 0..10_000 {
        if matches!(again.lambda.catalog().lookup(&key("f"), None), Lookup::Ready(_)) {
            break;
        }
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    assert_eq!(files(spec(&again, "f").layers.as_ref()), ["1.txt", "2.txt"]);
    again.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    seen.clear();
    for _ in 0..2 {
        collect(&again.lambda, &mut seen).await.unwrap();
        again.clock.advance_ms(20 * 60 * 1_000);
    }
    let db = crate::db::Db::new(Arc::new(again.store.clone()), Arc::new(again.store.clone()));
    assert!(db.list_packages().await.unwrap().is_empty());
    assert_eq!(names_in(&again), ["boot"]);
}

#[tokio::test]
async fn a_published_version_keeps_its_layers() {
    let world = World::new().await;
    let (one, two) = (publish(&world, "one", "1").await, publish(&world, "two", "2").await);
    let arn = |made: &Value| made["LayerVersionArn"].clone();
    let members = json!({"Layers": [arn(&one), arn(&two)]});
    world.expect("POST", "/2015-03-31/functions", create_with("f", members), 201).await;
    world.settled("f").await;
    let versions = "/2015-03-31/functions/f/versions";
    let published = world.expect("POST", versions, json!({}), 201).await;
    world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({"Layers": [arn(&two)]}), 200).await;
    world.settled("f").await;
    assert_eq!(
        world.expect("POST", versions, json!({}), 201).await["Version"],
        "2",
        "other layers make another version"
    );
    for name in ["one", "two"] {
        world.expect("DELETE", &format!("{LAYERS}/{name}/versions/1"), Value::Null, 204).await;
    }
    world.expect("PUT", "/2015-03-31/functions/f/configuration", json!({"Layers": []}), 200).await;
    world.settled("f").await;
    let mut seen = HashMap::new();
    for _ in 0..3 {
        world.clock.advance_ms(60 * 60 * 1_000);
        collect(&world.lambda, &mut seen).await.unwrap();
    }
    std::fs::remove_dir_all(world.dir.path().join("code")).unwrap();
    let again = world.restarted().await;
    let shown = again.expect("GET", "/2015-03-31/functions/f/configuration?Qualifier=1", Value::Null, 200).await;
    assert_eq!(shown["Layers"], published["Layers"]);
    let lookup = |number| again.lambda.catalog().lookup(&key("f"), Some(&Qualifier::Number(number)));
    for (number, expected) in [(1, vec!["1.txt", "2.txt"]), (2, vec!["2.txt"])] {
        let spec = loop {
            if let Lookup::Ready(spec) = lookup(number) {
                break spec;
            }
            tokio::task::yield_now().await;
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        };
        assert_eq!(files(spec.layers.as_ref()), expected, "version {number}");
    }
}

fn names_in(world: &World) -> Vec<String> {
    let items = std::fs::read_dir(world.dir.path().join("code")).unwrap();
    items.map(|item| item.unwrap().file_name().into_string().unwrap()).collect()
}

#[tokio::test]
async fn a_layers_package_is_kept_without_any_function() {
    let world = World::new().await;
    let made = publish(&world, "l", "1").await;
    let mut seen = HashMap::new();
    for _ in 0..3 {
        collect(&world.lambda, &mut seen).await.unwrap();
        world.clock.advance_ms(60 * 60 * 1_000);
    }
    let shown = world.expect("GET", &format!("{LAYERS}/l/versions/1"), Value::Null, 200).await;
    let link = shown["Content"]["Location"].as_str().unwrap().strip_prefix(ENDPOINT).unwrap().to_owned();
    let downloaded = world.call_local("GET", &link).await.unwrap();
    assert_eq!(downloaded.body.len() as u64, made["Content"]["CodeSize"].as_u64().unwrap());
    world.expect("DELETE", &format!("{LAYERS}/l/versions/1"), Value::Null, 204).await;
    for _ in 0..2 {
        collect(&world.lambda, &mut seen).await.unwrap();
        world.clock.advance_ms(20 * 60 * 1_000);
    }
    assert!(world.call_local("GET", &link).await.is_err());
}

#[tokio::test]
async fn layers_count_as_stored_code() {
    let world = World::new().await;
    let used = async |world: &World| {
        world.expect("GET", "/2016-08-19/account-settings", Value::Null, 200).await["AccountUsage"]["TotalCodeSize"]
            .as_u64()
            .unwrap()
    };
    let made = publish(&world, "l", "1").await;
    publish(&world, "l", "1").await;
    assert_eq!(used(&world).await, 2 * made["Content"]["CodeSize"].as_u64().unwrap(), "also of the same contents");
}

#[tokio::test]
async fn an_open_version_serves_another_account() {
    let world = World::new().await;
    let foreign = Caller {
        account: AccountId::parse("222222222222").unwrap(),
        arn: "arn:aws:iam::222222222222:root".to_owned(),
        ..caller("us-east-1")
    };
    publish(&world, "l", "1").await;
    let use_it = || crate::ops::function_layers::resolve(&world.lambda, &foreign, &[]);
    assert!(use_it().await.unwrap().is_empty());
    let arns = [format!("{LAYER}:l:1")];
    let refused = crate::ops::function_layers::resolve(&world.lambda, &foreign, &arns).await.unwrap_err();
    assert!(
        matches!(
            refused,
            crate::error::Error::NotAuthorized {
                action: "GetLayerVersion",
                ..
            }
        ),
        "{refused}"
    );
    let uri = format!("{LAYERS}/l/versions/1/policy");
    let body = json!({"StatementId": "s", "Action": "lambda:GetLayerVersion", "Principal": "222222222222"});
    world.expect("POST", &uri, body, 201).await;
    let uses = crate::ops::function_layers::resolve(&world.lambda, &foreign, &arns).await.unwrap();
    assert_eq!(uses[0].arn, arns[0]);
}
