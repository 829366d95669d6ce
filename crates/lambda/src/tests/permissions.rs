//! Resource policies of functions. Source: fact sheet "Lambda control-plane API", sections 3.4 and 6.

use super::case::*;
use super::versions::publish;
use super::*;

const ACCOUNT: &str = "123456789012";

/// A function with version 1 and an alias of it.
pub(super) async fn world() -> World {
    let world = World::new().await;
    world.make("f").await;
    publish(&world, "f", Value::Null).await;
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    world.expect("POST", &functions("/f/aliases"), alias, 201).await;
    world
}

fn permission(members: Value) -> Value {
    let mut body = json!({"StatementId": "s", "Action": "lambda:InvokeFunction", "Principal": "s3.amazonaws.com"});
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

async fn add(world: &World, path: &str, members: Value) -> Value {
    let answer = world.expect("POST", &functions(path), permission(members), 201).await;
    assert_eq!(answer.as_object().unwrap().len(), 1, "the statement alone: {answer}");
    serde_json::from_str(answer["Statement"].as_str().unwrap()).unwrap()
}

/// The text of the policy and its revision.
async fn policy(world: &World, path: &str) -> (String, String) {
    let answer = world.expect("GET", &functions(path), Value::Null, 200).await;
    (answer["Policy"].as_str().unwrap().to_owned(), answer["RevisionId"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn statements_are_shown_as_recorded() {
    let world = world().await;
    let answer = world.expect("POST", &functions("/f/policy"), permission(json!({})), 201).await;
    let expected = format!(
        r#"{{"Sid":"s","Effect":"Allow","Principal":{{"Service":"s3.amazonaws.com"}},"Action":"lambda:InvokeFunction","Resource":"{ARN}:f"}}"#
    );
    assert_eq!(answer["Statement"], expected);
    let (text, _) = policy(&world, "/f/policy").await;
    assert_eq!(text, format!(r#"{{"Version":"2012-10-17","Id":"default","Statement":[{expected}]}}"#));
    let conditions = json!({
        "StatementId": "all", "Action": "lambda:InvokeFunctionUrl", "Principal": "*",
        "SourceArn": "arn:aws:s3:::b", "SourceAccount": ACCOUNT, "FunctionUrlAuthType": "NONE",
        "PrincipalOrgID": "o-1234567890",
    });
    let answer = world.expect("POST", &functions("/f/policy"), permission(conditions), 201).await;
    let expected = format!(
        r#"{{"Sid":"all","Effect":"Allow","Principal":"*","Action":"lambda:InvokeFunctionUrl","Resource":"{ARN}:f","Condition":{{"StringEquals":{{"AWS:SourceAccount":"{ACCOUNT}","lambda:FunctionUrlAuthType":"NONE","aws:PrincipalOrgID":"o-1234567890"}},"ArnLike":{{"AWS:SourceArn":"arn:aws:s3:::b"}}}}}}"#
    );
    assert_eq!(answer["Statement"], expected);
}

#[tokio::test]
async fn principals_and_conditions_each() {
    let world = world().await;
    let user = "arn:aws:iam::222222222222:user/ann";
    for (at, (members, member, expected)) in [
        (json!({"Principal": "*"}), "Principal", json!("*")),
        (json!({"Principal": "222222222222"}), "Principal", json!({"AWS": "arn:aws:iam::222222222222:root"})),
        (json!({"Principal": user}), "Principal", json!({"AWS": user})),
        (json!({"Principal": "alexa-appkit.amazon.com"}), "Principal", json!({"Service": "alexa-appkit.amazon.com"})),
        (
            json!({"EventSourceToken": "t.o-k_1"}),
            "Condition",
            json!({"StringEquals": {"lambda:EventSourceToken": "t.o-k_1"}}),
        ),
        (
            json!({"InvokedViaFunctionUrl": true}),
            "Condition",
            json!({"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}),
        ),
        (json!({"InvokedViaFunctionUrl": false}), "Condition", Value::Null),
    ]
    .into_iter()
    .enumerate()
    {
        let mut members = members;
        members["StatementId"] = json!(format!("s{at}"));
        let shown = add(&world, "/f/policy", members).await;
        assert_eq!(shown.get(member).cloned().unwrap_or_default(), expected, "{shown}");
    }
}

#[tokio::test]
async fn each_qualifier_has_a_policy_of_its_own() {
    let world = world().await;
    for (path, arn) in [
        ("/f/policy", format!("{ARN}:f")),
        ("/f/policy?Qualifier=1", format!("{ARN}:f:1")),
        ("/f/policy?Qualifier=live", format!("{ARN}:f:live")),
    ] {
        assert_eq!(add(&world, path, json!({})).await["Resource"], arn, "{path}");
    }
    let by_name = add(&world, "/f%3Alive/policy", json!({"StatementId": "t"})).await;
    assert_eq!(by_name["Resource"], format!("{ARN}:f:live"));
    let again = world.restarted().await;
    for (path, statements) in
        [("/f/policy", 1), ("/f/policy?Qualifier=1", 1), ("/f/policy?Qualifier=01", 1), ("/f/policy?Qualifier=live", 2)]
    {
        let (text, _) = policy(&again, path).await;
        let found: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(found["Statement"].as_array().unwrap().len(), statements, "{path}");
    }
    // With an alias and a version their policies go, and do not come back with a new one's name.
    world.expect("DELETE", &functions("/f/aliases/live"), Value::Null, 204).await;
    let alias = json!({"Name": "live", "FunctionVersion": "$LATEST"});
    world.expect("POST", &functions("/f/aliases"), alias, 201).await;
    world.expect("DELETE", &functions("/f?Qualifier=1"), Value::Null, 204).await;
    assert_eq!(world.record("f").policies.keys().collect::<Vec<_>>(), [""]);
    world.expect("DELETE", &functions("/f"), Value::Null, 204).await;
    world.make("f").await;
    assert!(world.record("f").policies.is_empty());
}

#[tokio::test]
async fn revisions_are_the_policys_own() {
    let world = world().await;
    let function = world.settled("f").await;
    let alias = world.expect("GET", &functions("/f/aliases/live"), Value::Null, 200).await;
    // Before there is a policy, the alias' revision is taken for it.
    add(&world, "/f/policy?Qualifier=live", json!({"RevisionId": alias["RevisionId"]})).await;
    add(&world, "/f/policy", json!({"RevisionId": function["RevisionId"]})).await;
    assert_eq!(world.settled("f").await, function, "a policy changes nothing of the function");
    let (_, first) = policy(&world, "/f/policy").await;
    super::versions::upload(&world, "f", "two").await;
    publish(&world, "f", Value::Null).await;
    assert_eq!(policy(&world, "/f/policy").await.1, first, "nor the function of its policy");
    let stale = "The Revision Id provided does not match the latest Revision Id. Call the GetPolicy API to retrieve \
                 the latest Revision Id";
    let stale = |what, method, uri: &str, body| Case {
        what,
        method,
        uri: functions(uri),
        body,
        status: 412,
        code: "PreconditionFailedException",
        message: stale.to_owned(),
    };
    let with = |revision: &Value| permission(json!({"StatementId": "t", "RevisionId": revision}));
    check(
        &world,
        vec![
            stale("nonsense", "POST", "/f/policy", with(&json!("x"))),
            stale("the function's", "POST", "/f/policy", with(&function["RevisionId"])),
            stale("no policy yet", "POST", "/f/policy?Qualifier=1", with(&json!(first))),
            stale("a removal", "DELETE", "/f/policy/s?RevisionId=x", Value::Null),
        ],
    )
    .await;
    add(&world, "/f/policy", json!({"StatementId": "t", "RevisionId": first})).await;
    let (_, second) = policy(&world, "/f/policy").await;
    assert_ne!(first, second);
    world.expect("DELETE", &functions(&format!("/f/policy/s?RevisionId={second}")), Value::Null, 204).await;
    assert_ne!(policy(&world, "/f/policy").await.1, second);
}

#[tokio::test]
async fn the_last_statement_takes_the_policy_along() {
    let world = world().await;
    add(&world, "/f/policy", json!({})).await;
    world.expect("DELETE", &functions("/f/policy/s"), Value::Null, 204).await;
    let absent = "The resource you requested does not exist.".to_owned();
    check(&world, vec![get("the last is gone", "/f/policy", 404, NOT_FOUND, absent)]).await;
    add(&world, "/f/policy", json!({})).await;
}

#[tokio::test]
async fn permissions_that_are_refused() {
    let world = world().await;
    add(&world, "/f/policy", json!({})).await;
    add(&world, "/f/policy?Qualifier=live", json!({})).await;
    let add = |what, path: &str, members: Value, status, code, message: String| Case {
        what,
        method: "POST",
        uri: functions(path),
        body: permission(members),
        status,
        code,
        message,
    };
    let invalid = |what, members, message: &str| add(what, "/f/policy", members, 400, INVALID, message.to_owned());
    let violates = |what, members, value: &str, path: &str, constraint: &str| {
        let text = format!(
            "1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: {constraint}"
        );
        add(what, "/f/policy", members, 400, "ValidationException", text)
    };
    let pattern = |pattern: &str| format!("Member must satisfy regular expression pattern: {pattern}");
    let null = "Member must not be null";
    let no_principal = "The provided principal was invalid. Please check the principal and try again.";
    let absent = || "The resource you requested does not exist.".to_owned();
    let alias = |name: &str| format!("Cannot find alias arn: {ARN}:{name}");
    let function = |name: &str| format!("Function not found: {ARN}:{name}");
    check(
        &world,
        vec![
            violates("no id", json!({"StatementId": null}), "null", "statementId", null),
            violates("a bad id", json!({"StatementId": "a b"}), "'a b'", "statementId", &pattern("([a-zA-Z0-9-_]+)")),
            violates("no action", json!({"Action": null}), "null", "action", null),
            violates(
                "another service's action",
                json!({"Action": "s3:GetObject"}),
                "'s3:GetObject'",
                "action",
                &pattern("(lambda:[*]|lambda:[a-zA-Z]+|[*])"),
            ),
            violates("no principal", json!({"Principal": null}), "null", "principal", null),
            violates("a bad principal", json!({"Principal": "a b"}), "'a b'", "principal", &pattern(r"[^\s]+")),
            violates("a bad account", json!({"SourceAccount": "1"}), "'1'", "sourceAccount", &pattern(r"\d{12}")),
            violates(
                "a bad source",
                json!({"SourceArn": "b"}),
                "'b'",
                "sourceArn",
                &pattern(r"arn:(aws[a-zA-Z0-9-]*):([a-zA-Z0-9\-])+:([a-z]{2}(-gov)?-[a-z]+-\d{1})?:(\d{12})?:(.*)"),
            ),
            violates(
                "a bad token",
                json!({"EventSourceToken": "a b"}),
                "'a b'",
                "eventSourceToken",
                &pattern(r"[a-zA-Z0-9._\-]+"),
            ),
            violates(
                "a bad organization",
                json!({"PrincipalOrgID": "o-1234567890A"}),
                "'o-1234567890A'",
                "principalOrgID",
                &pattern("o-[a-z0-9]{10,32}"),
            ),
            violates(
                "a bad kind of URL",
                json!({"FunctionUrlAuthType": "IAM"}),
                "'IAM'",
                "functionUrlAuthType",
                "Member must satisfy enum value set: [NONE, AWS_IAM]",
            ),
            invalid("nobody", json!({"StatementId": "t", "Principal": "somebody"}), no_principal),
            invalid("no service", json!({"StatementId": "t", "Principal": "s3.example.com"}), no_principal),
            invalid(
                "a URL's condition on an invocation",
                json!({"StatementId": "t", "FunctionUrlAuthType": "NONE"}),
                "FunctionUrlAuthType is only supported for lambda:InvokeFunctionUrl action",
            ),
            invalid(
                "through a URL twice",
                json!({"StatementId": "t", "Action": "lambda:InvokeFunctionUrl", "InvokedViaFunctionUrl": true}),
                "InvokedViaFunctionUrl is only supported for lambda:InvokeFunction action",
            ),
            invalid(
                "a token and a source",
                json!({"StatementId": "t", "EventSourceToken": "t", "SourceAccount": ACCOUNT}),
                "EventSourceToken cannot be combined with SourceArn or SourceAccount",
            ),
            add(
                "the latest version",
                "/f/policy?Qualifier=%24LATEST",
                json!({}),
                400,
                INVALID,
                "We currently do not support adding policies for $LATEST.".to_owned(),
            ),
            add(
                "an id that is taken",
                "/f/policy",
                json!({}),
                409,
                "ResourceConflictException",
                "The statement id (s) provided already exists. Please provide a new statement id, or remove the \
                 existing statement."
                    .to_owned(),
            ),
            add("an unknown function", "/nope/policy", json!({}), 404, NOT_FOUND, function("nope")),
            add("an unknown version", "/f/policy?Qualifier=42", json!({}), 404, NOT_FOUND, function("f:42")),
            add("an unknown alias", "/f/policy?Qualifier=no", json!({}), 404, NOT_FOUND, alias("f:no")),
            get("a policy of nothing", "/nope/policy", 404, NOT_FOUND, absent()),
            get("a version without", "/f/policy?Qualifier=1", 404, NOT_FOUND, absent()),
            get("an unknown version's", "/f/policy?Qualifier=42", 404, NOT_FOUND, absent()),
            get("the latest version's", "/f/policy?Qualifier=%24LATEST", 404, NOT_FOUND, absent()),
            delete(
                "from no policy",
                "/f/policy/s?Qualifier=1",
                404,
                NOT_FOUND,
                "No policy is associated with the given resource.",
            ),
            delete(
                "an unknown statement",
                "/f/policy/t.u",
                404,
                NOT_FOUND,
                "Statement t.u is not found in resource policy.",
            ),
            delete("from nothing", "/nope/policy/s", 404, NOT_FOUND, format!("No policy found for: {ARN}:nope")),
            delete("from an unknown alias", "/f/policy/s?Qualifier=no", 404, NOT_FOUND, alias("f:no")),
            delete(
                "a bad id",
                "/f/policy/a%20b",
                400,
                "ValidationException",
                "1 validation error detected: Value 'a b' at 'statementId' failed to satisfy constraint: Member must \
                 satisfy regular expression pattern: ([a-zA-Z0-9-_.]+)",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn a_policy_has_a_size() {
    let world = world().await;
    for at in 0..200 {
        let body = permission(json!({
            "StatementId": format!("{at:0100}"), "SourceArn": format!("arn:aws:s3:::{}", "b".repeat(200)),
        }));
        if let Err(error) = world.call("POST", &functions("/f/policy"), body).await {
            assert_eq!((error.status.as_u16(), error.code.as_ref()), (400, "PolicyLengthExceededException"));
            let (text, _) = policy(&world, "/f/policy").await;
            assert!(text.len() <= 20_480, "{}", text.len());
            return;
        }
    }
    panic!("a policy of any size is taken");
}
