//! Function URLs. Source: fact sheet "Lambda control-plane API", section 10.

use hearth_model::{Cors, FunctionUrl, Identity, Qualifier, UrlAuth};

use super::case::*;
use super::permissions::world;
use super::*;

fn url(path: &str) -> String {
    format!("/2021-10-31/functions{path}")
}

async fn make(world: &World, path: &str, body: Value) -> Value {
    world.expect("POST", &url(path), body, 201).await
}

/// What the front door finds under a URL that a client was told.
fn found(world: &World, shown: &Value) -> Option<Arc<FunctionUrl>> {
    let id = shown["FunctionUrl"].as_str().unwrap().strip_prefix("http://").unwrap().split('.').next().unwrap();
    world.lambda.urls().find(id)
}

#[tokio::test]
async fn a_url_has_a_life() {
    let world = world().await;
    let made = make(&world, "/f/url", json!({"AuthType": "NONE"})).await;
    let address = made["FunctionUrl"].as_str().unwrap().to_owned();
    let (id, rest) = address.strip_prefix("http://").unwrap().split_once('.').unwrap();
    assert_eq!(rest, "lambda-url.us-east-1.localhost:4566/");
    assert!(id.len() == 32 && id.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{id}");
    let at = "2023-11-14T22:13:20.120Z";
    let expected = json!({
        "FunctionUrl": address, "FunctionArn": format!("{ARN}:f"), "AuthType": "NONE", "CreationTime": at,
    });
    assert_eq!(made, expected);
    let shown = world.expect("GET", &url("/f/url"), Value::Null, 200).await;
    let mut whole = expected.clone();
    whole["LastModifiedTime"] = json!(at);
    whole["InvokeMode"] = json!("BUFFERED");
    assert_eq!(shown, whole);
    world.clock.advance_ms(1_000);
    let updated = world.expect("PUT", &url("/f/url"), json!({"AuthType": "AWS_IAM"}), 200).await;
    let mut expected = expected;
    expected["AuthType"] = json!("AWS_IAM");
    expected["LastModifiedTime"] = json!("2023-11-14T22:13:21.120Z");
    assert_eq!(updated, expected, "a mode that nobody said is not told");
    let streams = world.expect("PUT", &url("/f/url"), json!({"InvokeMode": "RESPONSE_STREAM"}), 200).await;
    assert_eq!((&streams["InvokeMode"], &streams["AuthType"]), (&json!("RESPONSE_STREAM"), &json!("AWS_IAM")));
    let again = world.restarted().await;
    let read = again.expect("GET", &url("/f/url"), Value::Null, 200).await;
    assert_eq!(read["FunctionUrl"], address);
    let served = found(&again, &read).unwrap();
    assert_eq!((served.auth, served.streams, &served.qualifier), (UrlAuth::Iam, true, &None));
    world.expect("DELETE", &url("/f/url"), Value::Null, 204).await;
    assert_eq!(found(&world, &made), None);
    let other = make(&world, "/f/url", json!({"AuthType": "NONE", "InvokeMode": "BUFFERED"})).await;
    assert_eq!(other["InvokeMode"], "BUFFERED");
    assert_ne!(other["FunctionUrl"], made["FunctionUrl"], "an id is not used again");
}

#[tokio::test]
async fn rules_for_pages_are_shown_as_given() {
    let world = world().await;
    let cors = json!({
        "AllowCredentials": true, "AllowHeaders": ["x-a"], "AllowMethods": ["GET", "*"],
        "AllowOrigins": ["https://a.example"], "ExposeHeaders": ["x-b"], "MaxAge": 60,
    });
    let made = make(&world, "/f/url", json!({"AuthType": "NONE", "Cors": cors})).await;
    assert_eq!(made["Cors"], cors);
    let expected = Cors {
        allow_credentials: true,
        allow_headers: vec!["x-a".to_owned()],
        allow_methods: vec!["GET".to_owned(), "*".to_owned()],
        allow_origins: vec!["https://a.example".to_owned()],
        expose_headers: vec!["x-b".to_owned()],
        max_age_s: Some(60),
    };
    assert_eq!(found(&world, &made).unwrap().cors, Some(expected));
    let put = async |body: Value| world.expect("PUT", &url("/f/url"), body, 200).await;
    assert_eq!(put(json!({"InvokeMode": "BUFFERED"})).await["Cors"], cors, "kept");
    assert_eq!(put(json!({"Cors": {"MaxAge": 0}})).await["Cors"], json!({"MaxAge": 0}), "replaced as a whole");
    assert_eq!(put(json!({"Cors": {}})).await.get("Cors"), None, "taken away");
    assert_eq!(world.expect("GET", &url("/f/url"), Value::Null, 200).await.get("Cors"), None);
    assert_eq!(found(&world, &made).unwrap().cors, None);
}

#[tokio::test]
async fn aliases_have_urls_of_their_own() {
    let world = world().await;
    make(&world, "/f/url", json!({"AuthType": "NONE"})).await;
    let made = make(&world, "/f/url?Qualifier=live", json!({"AuthType": "NONE"})).await;
    assert_eq!(made["FunctionArn"], format!("{ARN}:f:live"));
    let by_name = world.expect("GET", &url("/f%3Alive/url"), Value::Null, 200).await;
    assert_eq!(by_name["FunctionUrl"], made["FunctionUrl"]);
    assert_eq!(found(&world, &made).unwrap().qualifier, Qualifier::parse("live"));
    let arns = async |query: &str| {
        let answer = world.expect("GET", &url(&format!("/f/urls?{query}")), Value::Null, 200).await;
        let configs = answer["FunctionUrlConfigs"].as_array().unwrap();
        assert!(
            configs
                .iter()
                .all(|config| config["InvokeMode"] == "BUFFERED" && config["LastModifiedTime"] != Value::Null)
        );
        let arns: Vec<_> = configs.iter().map(|config| config["FunctionArn"].as_str().unwrap().to_owned()).collect();
        (arns, answer.get("NextMarker").map(|marker| marker.as_str().unwrap().to_owned()))
    };
    assert_eq!(arns("").await, (vec![format!("{ARN}:f"), format!("{ARN}:f:live")], None));
    let (first, marker) = arns("MaxItems=1").await;
    assert_eq!(first, [format!("{ARN}:f")]);
    assert_eq!(arns(&format!("MaxItems=1&Marker={}", marker.unwrap())).await, (vec![format!("{ARN}:f:live")], None));
    world.expect("DELETE", &url("/f/url"), Value::Null, 204).await;
    assert_eq!(arns("").await.0, [format!("{ARN}:f:live")]);
    world.expect("DELETE", &functions("/f"), Value::Null, 204).await;
    assert_eq!(found(&world, &made), None, "URLs of deleted functions go");
}

#[tokio::test]
async fn whom_policies_let_in() {
    let world = world().await;
    let urls = world.lambda.urls();
    let ask = |shown: &Value, caller: Option<&str>| {
        let identity = caller.map(|account| Identity {
            account: AccountId::parse(account).unwrap(),
            arn: format!("arn:aws:iam::{account}:user/ann"),
        });
        urls.admits(&found(&world, shown).unwrap(), identity.as_ref())
    };
    let (own, other) = (Some("123456789012"), Some("222222222222"));
    let open = make(&world, "/f/url", json!({"AuthType": "NONE"})).await;
    let live = make(&world, "/f/url?Qualifier=live", json!({"AuthType": "AWS_IAM"})).await;
    assert!(!ask(&open, None), "nobody said so yet");
    assert_eq!((ask(&live, None), ask(&live, own), ask(&live, other)), (false, true, false));
    let allow = async |path: &str, auth: &str, principal: &str| {
        let body = json!({
            "StatementId": format!("s-{auth}"), "Action": "lambda:InvokeFunctionUrl", "Principal": principal,
            "FunctionUrlAuthType": auth,
        });
        world.expect("POST", &functions(path), body, 201).await;
    };
    allow("/f/policy", "AWS_IAM", "*").await;
    assert!(!ask(&open, None), "for another kind of URL");
    allow("/f/policy", "NONE", "*").await;
    assert!(ask(&open, None));
    assert!(!ask(&live, other), "an alias has a policy of its own");
    allow("/f/policy?Qualifier=live", "AWS_IAM", "222222222222").await;
    assert_eq!((ask(&live, other), ask(&live, Some("333333333333"))), (true, false));
    // The URL of a deleted alias is there, and nobody is let in, by one of the same name neither.
    world.expect("DELETE", &functions("/f/aliases/live"), Value::Null, 204).await;
    assert_eq!((ask(&live, own), ask(&live, other)), (false, false));
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    world.expect("POST", &functions("/f/aliases"), alias, 201).await;
    assert_eq!((ask(&live, own), ask(&live, other)), (true, false));
}

#[tokio::test]
async fn urls_that_are_refused() {
    let world = world().await;
    make(&world, "/f/url", json!({"AuthType": "NONE"})).await;
    let violates = |what, method, path: &str, body: Value, errors: &[(&str, &str, &str)]| {
        let texts: Vec<String> = errors
            .iter()
            .map(|(value, path, constraint)| {
                format!("Value {value} at '{path}' failed to satisfy constraint: {constraint}")
            })
            .collect();
        let plural = if texts.len() == 1 { "" } else { "s" };
        Case {
            what,
            method,
            uri: url(path),
            body,
            status: 400,
            code: "ValidationException",
            message: format!("{} validation error{plural} detected: {}", texts.len(), texts.join("; ")),
        }
    };
    let refuses = |what, method, path: &str, status, code, message: &str| Case {
        what,
        method,
        uri: url(path),
        body: if method == "POST" { json!({"AuthType": "NONE"}) } else { Value::Null },
        status,
        code,
        message: message.to_owned(),
    };
    let alias_alone = r"Member must satisfy regular expression pattern: ((?!^\d+$)^[0-9a-zA-Z-_]+$)";
    let none = json!({"AuthType": "NONE"});
    let absent = "The resource you requested does not exist.";
    let no_function = "Function does not exist";
    let exists = format!(
        "Failed to create function url config for [functionArn = {ARN}:f]. Error message:  FunctionUrlConfig exists \
         for this Lambda function"
    );
    let list = "Member must satisfy constraint: [Member must have length less than or equal to 6, Member must have \
                length greater than or equal to 0, Member must satisfy regular expression pattern: .*, Member must not \
                be null]";
    check(
        &world,
        vec![
            violates("a version", "POST", "/f/url?Qualifier=1", none.clone(), &[("'1'", "qualifier", alias_alone)]),
            violates("a version by name", "POST", "/f%3A1/url", none.clone(), &[("'1'", "qualifier", alias_alone)]),
            violates(
                "the latest",
                "GET",
                "/f/url?Qualifier=%24LATEST",
                Value::Null,
                &[("'$LATEST'", "qualifier", alias_alone)],
            ),
            violates("no kind", "POST", "/f/url", json!({}), &[("null", "authType", "Member must not be null")]),
            violates(
                "a bad kind",
                "POST",
                "/f/url",
                json!({"AuthType": "IAM"}),
                &[("'IAM'", "authType", "Member must satisfy enum value set: [NONE, AWS_IAM]")],
            ),
            violates(
                "a bad mode",
                "PUT",
                "/f/url",
                json!({"InvokeMode": "UNKNOWN"}),
                &[("'UNKNOWN'", "invokeMode", "Member must satisfy enum value set: [RESPONSE_STREAM, BUFFERED]")],
            ),
            violates(
                "bad rules",
                "PUT",
                "/f/url",
                json!({"Cors": {"AllowMethods": ["OPTIONS"], "MaxAge": 86401}}),
                &[
                    ("'[OPTIONS]'", "cors.allowMethods", list),
                    ("'86401'", "cors.maxAge", "Member must have value less than or equal to 86400"),
                ],
            ),
            violates(
                "too many methods",
                "PUT",
                "/f/url",
                json!({"Cors": {"AllowMethods": ["A", "B", "C", "D", "E", "F", "G"]}}),
                &[("'[A, B, C, D, E, F, G]'", "cors.allowMethods", "Member must have length less than or equal to 6")],
            ),
            refuses("a second", "POST", "/f/url", 409, "ResourceConflictException", &exists),
            refuses("of nothing", "POST", "/nope/url", 404, NOT_FOUND, no_function),
            refuses("of no alias", "POST", "/f/url?Qualifier=no", 404, NOT_FOUND, no_function),
            refuses("a change of nothing", "PUT", "/nope/url", 404, NOT_FOUND, no_function),
            refuses("a change of no alias", "PUT", "/f/url?Qualifier=no", 404, NOT_FOUND, no_function),
            refuses("a change of no URL", "PUT", "/f/url?Qualifier=live", 404, NOT_FOUND, absent),
            refuses("a list of nothing", "GET", "/nope/urls", 404, NOT_FOUND, no_function),
            refuses("no function", "GET", "/nope/url", 404, NOT_FOUND, absent),
            refuses("no alias", "GET", "/f/url?Qualifier=no", 404, NOT_FOUND, absent),
            refuses("no URL", "GET", "/f/url?Qualifier=live", 404, NOT_FOUND, absent),
            refuses("no function to delete of", "DELETE", "/nope/url", 404, NOT_FOUND, absent),
            refuses("no URL to delete", "DELETE", "/f/url?Qualifier=live", 404, NOT_FOUND, absent),
            refuses(
                "two qualifiers",
                "GET",
                "/f%3Alive/url?Qualifier=other",
                400,
                INVALID,
                "The derived qualifier from the function name does not match the specified qualifier.",
            ),
        ],
    )
    .await;
}
