//! What becomes of events: as it is set, shown, refused, and seen by whoever runs them.
//!
//! Source: fact sheet "Lambda control-plane API", section 9.

use hearth_model::{BoxFuture, DestinationService, Destinations, Dispatch, DispatchError, EventPolicy, Qualifier};

use super::case::{Case, INVALID, NOT_FOUND, check};
use super::*;

fn path(name: &str) -> String {
    format!("/2019-09-25/functions/{name}/event-invoke-config")
}

fn call(
    what: &'static str,
    method: &'static str,
    uri: String,
    body: Value,
    code: &'static str,
    message: String,
) -> Case {
    Case {
        what,
        method,
        uri,
        body,
        status: if code == NOT_FOUND { 404 } else { 400 },
        code,
        message,
    }
}

fn put(what: &'static str, name: &str, body: Value, code: &'static str, message: impl Into<String>) -> Case {
    call(what, "PUT", path(name), body, code, message.into())
}

/// A server that has every service.
struct Everything;

impl Destinations for Everything {
    fn serves(&self, _: DestinationService) -> bool {
        true
    }

    fn dispatch(&self, _: Dispatch) -> BoxFuture<'_, Result<(), DispatchError>> {
        unreachable!("nothing is run here")
    }
}

async fn with_everything() -> World {
    World::with(|options| options.destinations = Some(Arc::new(Everything))).await
}

#[tokio::test]
async fn put_replaces_and_post_merges() {
    let world = World::new().await;
    world.make("f").await;
    world.make("g").await;
    let target = format!("{ARN}:g");
    let both = |success: Value, failure: Value| json!({"OnSuccess": success, "OnFailure": failure});
    let shown = world.expect("PUT", &path("f"), json!({"MaximumRetryAttempts": 0}), 200).await;
    assert_eq!(
        shown,
        json!({
            "LastModified": 1_700_000_000.12, "FunctionArn": format!("{ARN}:f:$LATEST"), "MaximumRetryAttempts": 0,
            "DestinationConfig": both(json!({}), json!({})),
        })
    );
    assert_eq!(world.expect("GET", &path("f"), Value::Null, 200).await, shown);
    let change = json!({"MaximumEventAgeInSeconds": 60, "DestinationConfig": {"OnFailure": {"Destination": target}}});
    let shown = world.expect("POST", &path("f"), change, 200).await;
    assert_eq!((&shown["MaximumRetryAttempts"], &shown["MaximumEventAgeInSeconds"]), (&json!(0), &json!(60)));
    let failure = both(json!({}), json!({"Destination": target}));
    assert_eq!(shown["DestinationConfig"], failure);
    let shown = world.expect("POST", &path("f"), json!({"MaximumRetryAttempts": 1}), 200).await;
    assert_eq!(shown["DestinationConfig"], failure, "what is not mentioned stays");
    let policy = world.lambda.catalog().event_policy(&key("f"), None);
    assert_eq!((policy.retries_max, policy.age_max_s), (1, 60));
    assert_eq!((policy.on_failure, policy.on_success), (Some(target.clone()), None));
    let change = json!({"DestinationConfig": {"OnSuccess": {"Destination": target}, "OnFailure": {}}});
    let shown = world.expect("PUT", &path("f"), change, 200).await;
    assert_eq!(shown.get("MaximumRetryAttempts"), None, "what is not mentioned goes");
    assert_eq!(shown["DestinationConfig"], both(json!({"Destination": target}), json!({})));
    let again = world.restarted().await;
    assert_eq!(again.expect("GET", &path("f"), Value::Null, 200).await, shown);
    world.expect("DELETE", &path("f"), Value::Null, 204).await;
    assert_eq!(world.lambda.catalog().event_policy(&key("f"), None), EventPolicy::default());
}

#[tokio::test]
async fn qualifiers_have_their_own_and_take_it_along() {
    let world = World::new().await;
    world.make("f").await;
    let functions = "/2015-03-31/functions/f";
    world.expect("POST", &format!("{functions}/versions"), json!({}), 201).await;
    world.settled("f").await;
    let alias = json!({"Name": "live", "FunctionVersion": "1"});
    world.expect("POST", &format!("{functions}/aliases"), alias, 201).await;
    for (name, qualifier, retries) in [("f", "$LATEST", 0), ("f%3A1", "1", 1), ("f", "live", 2)] {
        let uri = if qualifier == "live" { format!("{}?Qualifier=live", path(name)) } else { path(name) };
        let shown = world.expect("PUT", &uri, json!({"MaximumRetryAttempts": retries}), 200).await;
        assert_eq!(shown["FunctionArn"], format!("{ARN}:f:{qualifier}"));
        let policy = world.lambda.catalog().event_policy(&key("f"), Qualifier::parse(qualifier).as_ref());
        assert_eq!(policy.retries_max, retries);
    }
    let list = |query: &str| format!("{}/list{query}", path("f"));
    let first = world.expect("GET", &list("?MaxItems=2"), Value::Null, 200).await;
    assert_eq!(first["FunctionEventInvokeConfigs"].as_array().unwrap().len(), 2);
    let marker = encoded(first["NextMarker"].as_str().unwrap());
    let rest = world.expect("GET", &list(&format!("?Marker={marker}")), Value::Null, 200).await;
    assert_eq!(rest["FunctionEventInvokeConfigs"][0]["FunctionArn"], format!("{ARN}:f:live"));
    assert_eq!(rest.get("NextMarker"), None);
    world.expect("DELETE", &format!("{functions}/aliases/live"), Value::Null, 204).await;
    world.expect("DELETE", &format!("{functions}?Qualifier=1"), Value::Null, 204).await;
    let left = world.expect("GET", &list(""), Value::Null, 200).await;
    assert_eq!(left["FunctionEventInvokeConfigs"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.make("f").await;
    world.make("g").await;
    let none = "The function doesn't exist.";
    let unset = |name: &str, qualifier: &str| {
        format!("The function {ARN}:{name}:{qualifier} doesn't have an EventInvokeConfig")
    };
    let retries = || json!({"MaximumRetryAttempts": 1});
    let nothing = "You must specify at least one of error handling or destination setting.";
    let to = |arn: &str| json!({"DestinationConfig": {"OnSuccess": {"Destination": arn}}});
    let (queue, bucket, role) =
        ("arn:aws:sqs:us-east-1:123456789012:q", "arn:aws:s3:::b", "arn:aws:iam::123456789012:role/r");
    let unfit = |arn: &str| {
        format!(
            "The provided destination config DestinationConfig(onSuccess=OnSuccess(destination={arn}), onFailure=null) is invalid."
        )
    };
    let invalid = |arn: &str| format!("The destination ARN {arn} is invalid.");
    let violation = |value: &str, at: &str, constraint: &str| {
        format!("1 validation error detected: Value '{value}' at '{at}' failed to satisfy constraint: {constraint}")
    };
    check(
        &world,
        vec![
            put("nothing", "nowhere", json!({}), INVALID, nothing),
            put("no function", "nowhere", retries(), NOT_FOUND, none),
            put("no alias", "f:live", retries(), NOT_FOUND, none),
            put("no version", "f:7", retries(), NOT_FOUND, none),
            call("merge into nothing", "POST", path("f"), retries(), NOT_FOUND, unset("f", "$LATEST")),
            call("merge without function", "POST", path("nowhere"), retries(), NOT_FOUND, none.to_owned()),
            call("get nothing", "GET", path("f"), Value::Null, NOT_FOUND, unset("f", "$LATEST")),
            call("get of nowhere", "GET", path("nowhere:live"), Value::Null, NOT_FOUND, unset("nowhere", "live")),
            call("delete nothing", "DELETE", path("f"), Value::Null, NOT_FOUND, unset("f", "$LATEST")),
            call(
                "list of nowhere",
                "GET",
                format!("{}/list", path("nowhere")),
                Value::Null,
                NOT_FOUND,
                none.to_owned(),
            ),
            put(
                "itself",
                "f",
                to(&format!("{ARN}:f")),
                INVALID,
                "You can't specify the function as a destination for itself.",
            ),
            put("a lost function", "f", to(&format!("{ARN}:lost")), INVALID, invalid(&format!("{ARN}:lost"))),
            put("a lost version", "f", to(&format!("{ARN}:g:7")), INVALID, invalid(&format!("{ARN}:g:7"))),
            put("no service for it", "f", to(role), INVALID, unfit(role)),
            put("a bucket for successes", "f", to(bucket), INVALID, unfit(bucket)),
            put("a fifo queue", "f", to(&format!("{queue}.fifo")), INVALID, unfit(&format!("{queue}.fifo"))),
            put(
                "a service to come",
                "f",
                to(queue),
                INVALID,
                "DestinationConfig is not available in Hearth yet: there is no SQS here; give the ARN of a function",
            ),
            put(
                "too often",
                "f",
                json!({"MaximumRetryAttempts": 3}),
                "ValidationException",
                violation("3", "maximumRetryAttempts", "Member must have value less than or equal to 2"),
            ),
            put(
                "too young",
                "f",
                json!({"MaximumEventAgeInSeconds": 59}),
                "ValidationException",
                violation("59", "maximumEventAgeInSeconds", "Member must have value greater than or equal to 60"),
            ),
            put(
                "no ARN",
                "f",
                json!({"DestinationConfig": {"OnFailure": {"Destination": "q"}}}),
                "ValidationException",
                violation(
                    "q",
                    "destinationConfig.onFailure.destination",
                    &format!("Member must satisfy regular expression pattern: {}", crate::pattern::DESTINATION.text()),
                ),
            ),
        ],
    )
    .await;
}

/// As it will be once those services are here.
#[tokio::test]
async fn queues_and_topics_are_taken_where_they_are() {
    let world = with_everything().await;
    let queue = "arn:aws:sqs:us-east-1:123456789012:q";
    world
        .expect(
            "POST",
            "/2015-03-31/functions",
            create_with("f", json!({"DeadLetterConfig": {"TargetArn": queue}})),
            201,
        )
        .await;
    let shown = world.settled("f").await;
    assert_eq!(shown["DeadLetterConfig"], json!({"TargetArn": queue}));
    let policy = || world.lambda.catalog().event_policy(&key("f"), None);
    assert_eq!(policy().dead_letter.as_deref(), Some(queue));
    world
        .expect("PUT", &path("f"), json!({"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::b"}}}), 200)
        .await;
    assert_eq!(policy().on_failure.as_deref(), Some("arn:aws:s3:::b"));
    let configuration = "/2015-03-31/functions/f/configuration";
    world.expect("PUT", configuration, json!({"Description": "x"}), 200).await;
    assert_eq!(world.settled("f").await["DeadLetterConfig"], json!({"TargetArn": queue}));
    world.expect("PUT", configuration, json!({"DeadLetterConfig": {"TargetArn": ""}}), 200).await;
    assert_eq!(world.settled("f").await.get("DeadLetterConfig"), None);
    assert_eq!(policy().dead_letter, None);
    for bad in ["arn:aws:sqs:us-east-1:123456789012:q.fifo", "arn:aws:s3:::b"] {
        let refused = world.call("PUT", configuration, json!({"DeadLetterConfig": {"TargetArn": bad}})).await;
        assert_eq!(refused.map(|_| ()).unwrap_err().code, INVALID, "{bad}");
    }
}
