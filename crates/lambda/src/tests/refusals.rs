//! What the service's own code refuses, and what it does not find: exact status, code and text.

use super::case::*;
use super::*;

#[tokio::test]
async fn functions_that_are_not_there() {
    let world = World::new().await;
    world.make("f").await;
    let long = "a".repeat(65);
    let not_found = |arn: &str| format!("Function not found: {ARN}:{arn}");
    let mismatch = "The derived qualifier from the function name does not match the specified qualifier.";
    let latest = "$LATEST version cannot be deleted without deleting the function.";
    let elsewhere = "Functions from 'eu-west-1' are not reachable in this region ('us-east-1')";
    let far = encoded("arn:aws:lambda:eu-west-1:123456789012:function:f");
    let near = |tail: &str| encoded(&format!("{ARN}:f{tail}"));
    let versions = "This operation is permitted on Lambda functions only. Aliases and versions do not support this \
                    operation. Please specify either a function name or an unqualified function ARN.";
    let zip = || json!({"ZipFile": zipped("x")});
    let missing = |case: Case| Case {
        status: 404,
        code: NOT_FOUND,
        ..case
    };
    check(
        &world,
        vec![
            get("unknown", "/nope", 404, NOT_FOUND, not_found("nope")),
            get("unknown configuration", "/nope/configuration", 404, NOT_FOUND, not_found("nope")),
            get("65 characters", &format!("/{long}"), 404, NOT_FOUND, not_found(&long)),
            get("an unknown function's version", "/nope?Qualifier=1", 404, NOT_FOUND, not_found("nope:1")),
            get("unknown version", "/f?Qualifier=10", 404, NOT_FOUND, not_found("f:10")),
            get("unknown version in the name", "/f%3A10", 404, NOT_FOUND, not_found("f:10")),
            get("unknown version in the ARN", &format!("/{}", near(":10")), 404, NOT_FOUND, not_found("f:10")),
            get("unknown alias", "/f?Qualifier=live", 404, NOT_FOUND, not_found("f:live")),
            get("an alias like a date", "/f?Qualifier=2024-01-02", 404, NOT_FOUND, not_found("f:2024-01-02")),
            get("lower-case latest", "/f?Qualifier=%24latest", 404, NOT_FOUND, not_found("f:$latest")),
            get(
                "a huge version",
                "/f?Qualifier=99999999999999999999",
                404,
                NOT_FOUND,
                not_found("f:99999999999999999999"),
            ),
            get(
                "published latest",
                "/f?Qualifier=%24LATEST.PUBLISHED",
                404,
                NOT_FOUND,
                not_found("f:$LATEST.PUBLISHED"),
            ),
            get("unknown alias' configuration", "/f/configuration?Qualifier=live", 404, NOT_FOUND, not_found("f:live")),
            get("an ARN that stops short", &format!("/{}", encoded(ARN)), 404, NOT_FOUND, not_found("function")),
            get("another region", &format!("/{far}"), 404, NOT_FOUND, elsewhere.to_owned()),
            get("mismatch", &format!("/{}?Qualifier=1", near(":$LATEST")), 400, INVALID, mismatch.to_owned()),
            get("mismatch before existence", "/nope%3A1?Qualifier=2", 400, INVALID, mismatch.to_owned()),
            delete("unknown", "/nope", 404, NOT_FOUND, not_found("nope")),
            delete("an unknown function's version", "/nope?Qualifier=3", 404, NOT_FOUND, not_found("nope")),
            delete("latest", "/f?Qualifier=%24LATEST", 400, INVALID, latest),
            delete("latest in the name", "/f%3A%24LATEST", 400, INVALID, latest),
            delete("an unknown function's latest", "/nope?Qualifier=%24LATEST", 400, INVALID, latest),
            delete("an alias", "/f?Qualifier=live", 400, INVALID, "Deletion of aliases is not currently supported."),
            delete("another region", &format!("/{far}"), 404, NOT_FOUND, elsewhere),
            missing(put("update unknown", "/nope/configuration", json!({"Timeout": 4}), not_found("nope"))),
            missing(put("update unknown code", "/nope/code", zip(), not_found("nope"))),
            missing(put("update elsewhere", &format!("/{far}/configuration"), json!({}), elsewhere)),
            missing(put("update code elsewhere", &format!("/{far}/code"), zip(), elsewhere)),
            put("update a version", "/f%3A1/configuration", json!({"Timeout": 4}), versions),
            put("update an alias' code", "/f%3Alive/code", zip(), versions),
        ],
    )
    .await;
    let body = create_with("f", json!({"FunctionName": "arn:aws:lambda:eu-west-1:123456789012:function:f"}));
    let answer = world.call("POST", "/2015-03-31/functions", body).await;
    assert_error(answer, 404, NOT_FOUND, elsewhere, "creating elsewhere");
}

#[tokio::test]
async fn functions_of_another_account() {
    let world = World::new().await;
    let theirs = "arn:aws:lambda:us-east-1:999999999999:function:f";
    let body = create_with("f", json!({"FunctionName": theirs}));
    let answer = world.call("POST", "/2015-03-31/functions", body).await;
    assert_error(answer, 403, "AccessDeniedException", "<null>", "creating says nothing");
    let denied = |action: &str| {
        format!(
            "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: lambda:{action} on resource: \
             {theirs} because no resource-based policy allows the lambda:{action} action"
        )
    };
    let uri = functions(&format!("/{}", encoded(theirs)));
    for (method, path, body, action) in [
        ("GET", "", Value::Null, "GetFunction"),
        ("GET", "/configuration", Value::Null, "GetFunctionConfiguration"),
        ("DELETE", "", Value::Null, "DeleteFunction"),
        ("PUT", "/configuration", json!({}), "UpdateFunctionConfiguration"),
        ("PUT", "/code", json!({"ZipFile": zipped("x")}), "UpdateFunctionCode"),
    ] {
        let answer = world.call(method, &format!("{uri}{path}"), body).await;
        assert_error(answer, 403, "AccessDeniedException", &denied(action), action);
    }
}

const RUNTIMES: &str = "[nodejs20.x, python3.14, provided.al2023, python3.12, python3.13, nodejs24.x, nodejs22.x, \
                        java25, python3.10, python3.11, java21, ruby3.3, ruby3.4, ruby3.2, python3.8, python3.9, \
                        java17, nodejs16.x, dotnet10, dotnet8, java11, dotnet6, nodejs18.x, provided.al2, java8.al2]";

#[tokio::test]
async fn creations_that_the_service_refuses() {
    let world = World::new().await;
    world.make("f").await;
    let unknown = |runtime: &str| {
        format!(
            "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: {RUNTIMES} or \
             be a valid ARN"
        )
    };
    let deprecated = |runtime: &str| {
        format!(
            "The runtime parameter of {runtime} is no longer supported for creating or updating AWS Lambda functions. We \
             recommend you use a supported runtime while creating or updating functions."
        )
    };
    let mandatory = "Runtime and Handler are mandatory parameters for functions created with deployment packages.";
    let bad_zip = "Could not unzip uploaded file. Please check your file, then try to upload again.";
    let reserved = |keys: &str| {
        format!(
            "Lambda was unable to configure your environment variables because the environment variables you have \
             provided contains reserved keys that are currently not supported for modification. Reserved keys used in \
             this request: {keys}"
        )
    };
    let big = "v".repeat(4_090);
    let long = "n".repeat(65);
    let levels = "ApplicationLogLevel and SystemLogLevel are available with the JSON log format only. Remove the log \
                  level from your request or set LogFormat to JSON.";
    let tags: serde_json::Map<_, _> = (0..51).map(|n| (format!("k{n}"), json!("v"))).collect();
    let mut cases = vec![
        create(
            "65 characters",
            json!({"FunctionName": long}),
            format!(
                "1 validation error detected: Value '{long}' at 'functionName' failed to satisfy constraint: Member must \
                 have length less than or equal to 64"
            ),
        ),
        create("unknown runtime", json!({"Runtime": "python3.99"}), unknown("python3.99")),
        create("runtime in capitals", json!({"Runtime": "PYTHON3.12"}), unknown("PYTHON3.12")),
        create("empty runtime", json!({"Runtime": ""}), unknown("")),
        create("no runtime", json!({"Runtime": null}), mandatory),
        create("no handler", json!({"Handler": null}), mandatory),
        create("neither", json!({"Handler": null, "Runtime": null}), mandatory),
        create("not a zip", json!({"Code": {"ZipFile": "aGVsbG8="}}), bad_zip),
        create("an empty zip", json!({"Code": {"ZipFile": ""}}), "Uploaded file must be a non-empty zip"),
        create("no code in Code", json!({"Code": {}}), "Please provide a source for function code."),
        create(
            "two sources",
            json!({"Code": {"ZipFile": zipped("x"), "S3Bucket": "bucket"}}),
            "Please do not provide other FunctionCode parameters when providing a ZipFile.",
        ),
        create("a reserved key", json!({"Environment": {"Variables": {"AWS_REGION": "x"}}}), reserved("AWS_REGION")),
        create(
            "two reserved keys",
            json!({"Environment": {"Variables": {"LAMBDA_TASK_ROOT": "x", "OK": "", "AWS_SESSION_TOKEN": ""}}}),
            reserved("LAMBDA_TASK_ROOT, AWS_SESSION_TOKEN"),
        ),
        create(
            "too much environment",
            json!({"Environment": {"Variables": {"KEY": big}}}),
            format!(
                "Lambda was unable to configure your environment variables because the environment variables you have \
                 provided exceeded the 4KB limit. String measured: {{\"KEY\":\"{big}\"}}"
            ),
        ),
        create("levels with text", json!({"LoggingConfig": {"ApplicationLogLevel": "INFO"}}), levels),
        create("levels with text", json!({"LoggingConfig": {"LogFormat": "Text", "SystemLogLevel": "INFO"}}), levels),
        create("51 tags", json!({"Tags": tags}), "Number of tags exceeds resource tag limit."),
        Case {
            code: "ValidationException",
            ..create(
                "more memory than an account has",
                json!({"MemorySize": 10241}),
                "'MemorySize' value failed to satisfy constraint: Member must have value less than or equal to 10240",
            )
        },
        Case {
            status: 409,
            code: "ResourceConflictException",
            ..create("a name that is taken", json!({"FunctionName": "f"}), "Function already exist: f")
        },
        Case {
            status: 409,
            code: "ResourceConflictException",
            ..create("by its ARN", json!({"FunctionName": format!("{ARN}:f")}), "Function already exist: f")
        },
    ];
    for runtime in ["java8", "go1.x", "provided", "ruby2.7", "nodejs14.x", "nodejs12.x", "python3.7", "dotnetcore3.1"] {
        cases.push(create("deprecated", json!({"Runtime": runtime}), deprecated(runtime)));
    }
    check(&world, cases).await;
    check(
        &world,
        vec![
            put("unknown runtime", "/f/configuration", json!({"Runtime": "x"}), unknown("x")),
            put("deprecated runtime", "/f/configuration", json!({"Runtime": "go1.x"}), deprecated("go1.x")),
            put(
                "a reserved key",
                "/f/configuration",
                json!({"Environment": {"Variables": {"AWS_LAMBDA_RUNTIME_API": "1", "_HANDLER": "x"}}}),
                reserved("AWS_LAMBDA_RUNTIME_API, _HANDLER"),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn updates_wait_for_each_other() {
    let world = World::new().await;
    let conflict = |what, path: &str, body, message: String| Case {
        status: 409,
        code: "ResourceConflictException",
        ..put(what, path, body, message)
    };
    let zip = || json!({"ZipFile": zipped("x")});
    let pending = "The operation cannot be performed at this time. The function is currently in the following state: \
                   Pending";
    let progress =
        format!("The operation cannot be performed at this time. An update is in progress for resource: {ARN}:f");
    // Nothing is unpacked while the test holds every permit.
    let held = world.lambda.unpacking.acquire_many(4).await.unwrap();
    world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await;
    check(
        &world,
        vec![
            conflict("pending", "/f/configuration", json!({"Timeout": 9}), pending.to_owned()),
            conflict("pending", "/f/code", zip(), pending.to_owned()),
        ],
    )
    .await;
    drop(held);
    world.settled("f").await;
    let held = world.lambda.unpacking.acquire_many(4).await.unwrap();
    world.expect("PUT", &functions("/f/configuration"), json!({"Timeout": 9}), 200).await;
    check(
        &world,
        vec![
            conflict("in progress", "/f/configuration", json!({}), progress.clone()),
            conflict("in progress", "/f/code", zip(), progress),
        ],
    )
    .await;
    let tags = format!("/2017-03-31/tags/{}", encoded(&format!("{ARN}:f")));
    world.expect("POST", &tags, json!({"Tags": {"a": "b"}}), 204).await;
    drop(held);
    let done = world.settled("f").await;
    assert_eq!((&done["LastUpdateStatus"], &done["Timeout"]), (&json!("Successful"), &json!(9)));
    assert_eq!(world.record("f").tags.len(), 1, "tags may change during an update, and stay");
}

#[tokio::test]
async fn a_pending_function_can_be_deleted_and_made_again() {
    let world = World::new().await;
    let held = world.lambda.unpacking.acquire_many(4).await.unwrap();
    world.expect("POST", "/2015-03-31/functions", create_body("f"), 201).await;
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    let other = create_with("f", json!({"Code": {"ZipFile": zipped("another")}}));
    let made = world.expect("POST", "/2015-03-31/functions", other, 201).await;
    drop(held);
    let active = world.settled("f").await;
    assert_eq!((&active["State"], &active["CodeSha256"]), (&json!("Active"), &made["CodeSha256"]));
}

#[tokio::test]
async fn tags_that_are_refused() {
    let world = World::new().await;
    world.make("f").await;
    let tags = |resource: &str| format!("/2017-03-31/tags/{}", encoded(resource));
    let case = |what, method, uri: String, body, status, code, message: &str| Case {
        what,
        method,
        uri,
        body,
        status,
        code,
        message: message.to_owned(),
    };
    let f = tags(&format!("{ARN}:f"));
    let some: serde_json::Map<_, _> = (0..50).map(|n| (format!("k{n}"), json!("v"))).collect();
    world.expect("POST", &f, json!({"Tags": some}), 204).await;
    let qualified = "Tags on function aliases and versions are not supported. Please specify a function ARN.";
    let nope = format!("Function not found: {ARN}:nope");
    let mapping = "arn:aws:lambda:us-east-1:123456789012:event-source-mapping:00000000-0000-0000-0000-000000000000";
    let provider = "arn:aws:lambda:us-east-1:123456789012:capacity-provider:p";
    let one = || json!({"Tags": {"a": "b"}});
    let layer = "arn:aws:lambda:us-east-1:123456789012:layer:l";
    let untagged = format!(
        "Layers have no tags in Hearth: expected the ARN of a function, a code signing configuration or an event \
         source mapping, found {layer}"
    );
    let too_many = "Number of tags exceeds resource tag limit.";
    check(
        &world,
        vec![
            case("51st", "POST", f.clone(), one(), 400, INVALID, too_many),
            case(
                "none",
                "POST",
                f.clone(),
                json!({"Tags": {}}),
                400,
                INVALID,
                "An error occurred and the request cannot be processed.",
            ),
            case("latest", "GET", tags(&format!("{ARN}:f:$LATEST")), Value::Null, 400, INVALID, qualified),
            case("version", "POST", tags(&format!("{ARN}:f:1")), one(), 400, INVALID, qualified),
            case("layer", "GET", tags(layer), Value::Null, 400, INVALID, &untagged),
            case("layer", "POST", tags(layer), one(), 400, INVALID, &untagged),
            case("unknown", "GET", tags(&format!("{ARN}:nope")), Value::Null, 404, NOT_FOUND, &nope),
            case("unknown", "POST", tags(&format!("{ARN}:nope")), one(), 404, NOT_FOUND, &nope),
            case(
                "unknown",
                "DELETE",
                format!("{}?tagKeys=a", tags(&format!("{ARN}:nope"))),
                Value::Null,
                404,
                NOT_FOUND,
                &nope,
            ),
            case(
                "mapping",
                "GET",
                tags(mapping),
                Value::Null,
                404,
                NOT_FOUND,
                &format!("Event source mapping not found: {mapping}"),
            ),
            case(
                "provider",
                "POST",
                tags(provider),
                one(),
                404,
                NOT_FOUND,
                &format!("Capacity provider not found: {provider}"),
            ),
        ],
    )
    .await;
    // A new value for a tag that is there adds none.
    world.expect("POST", &f, json!({"Tags": {"k0": "new"}}), 204).await;
}

#[tokio::test]
async fn bodies_that_are_not_understood() {
    let world = World::new().await;
    world.make("f").await;
    let shape = "SerializationException";
    for (body, code, start) in [
        ("{", "InvalidRequestContentException", "Could not parse request body into json: "),
        ("x", "InvalidRequestContentException", "Could not parse request body into json: "),
        ("[]", shape, "invalid type: sequence, expected a map"),
        (r#"{"Timeout":"3"}"#, shape, "Timeout: invalid type: string \"3\", expected i64"),
        (r#"{"Timeout":3.5}"#, shape, "Timeout: invalid type: floating point"),
        (r#"{"Description":3}"#, shape, "Description: invalid type: integer `3`, expected a string"),
        (r#"{"Environment":{"Variables":{"AB":3}}}"#, shape, "Environment: expected a string as the value of AB"),
        (r#"{"Environment":[]}"#, shape, "Environment: "),
        (r#"{"LoggingConfig":{"Colour":"red"}}"#, shape, "LoggingConfig: unknown field `Colour`"),
        (r#"{"Colour":"red"}"#, shape, "Hearth knows no member Colour here"),
        (r#"{"Layers":"l"}"#, shape, "Layers: invalid type: string \"l\", expected a sequence"),
    ] {
        let answer = world.call_in("us-east-1", "PUT", "/2015-03-31/functions/f/configuration", body).await;
        let error = answer.unwrap_err();
        assert_eq!((error.status.as_u16(), error.code.as_ref()), (400, code), "{body}");
        let message = error.message.unwrap_or_default();
        assert!(message.starts_with(start), "{body}: {message}");
    }
    let answer = world.call("PUT", "/2015-03-31/functions/f/code", json!({"ZipFile": "no base64!"})).await;
    assert_eq!(answer.unwrap_err().code, shape);
    let answer = world.call("GET", "/2015-03-31/functions?MaxItems=many", Value::Null).await;
    assert_error(answer, 400, shape, "MaxItems: expected an integer, found \"many\"", "a limit in words");
    let answer = world.call("GET", "/2015-03-31/functions?Marker=zzz", Value::Null).await;
    assert_error(answer, 400, INVALID, "Marker is not one that ListFunctions gave.", "a foreign marker");
    let answer = world.call("GET", "/2015-03-31/functions?MasterRegion=ALL", Value::Null).await;
    assert_error(answer, 400, INVALID, "MasterRegion requires FunctionVersion to be ALL.", "no version");
}

#[tokio::test]
async fn zips_beyond_the_limit() {
    let world = World::new().await;
    let zip = STANDARD.encode(vec![0_u8; 52_428_801]);
    let body = create_with("f", json!({"Code": {"ZipFile": zip}}));
    let answer = world.call("POST", "/2015-03-31/functions", body).await;
    let message = "Zipped size must be smaller than 52428800 bytes";
    assert_error(answer, 413, "RequestEntityTooLargeException", message, "zipped size");
    let route = world.lambda.routes().into_iter().find(|route| route.operation == "CreateFunction").unwrap();
    let error = route.oversize.error(route.body_limit);
    let message = "Request must be smaller than 70167211 bytes for the CreateFunction operation";
    assert_error(Err(error), 413, "RequestEntityTooLargeException", message, "request size");
}
