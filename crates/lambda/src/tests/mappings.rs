//! Event source mappings: their members, states, refusals and lists.

use hearth_model::{BoxFuture, EventSources, SourceLookup};

use super::case::*;
use super::*;

const ALL: &str = "/2015-03-31/event-source-mappings";
const QUEUE: &str = "arn:aws:sqs:us-east-1:123456789012:q";
const STREAM: &str = "arn:aws:kinesis:us-east-1:123456789012:stream/s";
const TABLE: &str = "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2015-06-27T00:48:05.899";
const MSK: &str = "arn:aws:kafka:us-east-1:123456789012:cluster/c/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2";
const MQ: &str = "arn:aws:mq:us-east-1:123456789012:broker:b:b-1";
const DOCDB: &str = "arn:aws:rds:us-east-1:123456789012:cluster:c";

fn with(source: &str, members: Value) -> Value {
    let mut body = json!({"EventSourceArn": source, "FunctionName": "f"});
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

fn kafka(brokers: &[&str], members: Value) -> Value {
    let mut body = with(
        "",
        json!({
            "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": brokers}},
            "Topics": ["tt"],
            "StartingPosition": "LATEST",
            "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}],
        }),
    );
    body.as_object_mut().unwrap().remove("EventSourceArn");
    for (member, value) in members.as_object().unwrap() {
        body[member] = value.clone();
    }
    body
}

fn one(shown: &Value) -> String {
    format!("{ALL}/{}", shown["UUID"].as_str().unwrap())
}

/// The answer without what differs between any two mappings.
fn settled(mut shown: Value) -> Value {
    for member in ["UUID", "EventSourceMappingArn", "LastModified", "StateTransitionReason"] {
        assert!(shown.as_object_mut().unwrap().remove(member).is_some(), "{member}");
    }
    shown
}

#[tokio::test]
async fn a_queues_mapping_lives() {
    let world = World::new().await;
    world.make("f").await;
    let made = world.expect("POST", &format!("{ALL}/"), with(QUEUE, json!({"Tags": {"a": "1"}})), 202).await;
    assert_eq!((&made["State"], &made["StateTransitionReason"]), (&json!("Creating"), &json!("USER_INITIATED")));
    assert_eq!(made["LastModified"], 1_700_000_000.12);
    let expected = json!({
        "BatchSize": 10, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": QUEUE, "State": "Disabled",
        "FunctionArn": format!("{ARN}:f"), "FunctionResponseTypes": [],
    });
    // It is kept through a restart and through the end of its function.
    world.expect("DELETE", "/2015-03-31/functions/f", Value::Null, 204).await;
    let world = world.restarted().await;
    let shown = world.expect("GET", &one(&made), Value::Null, 200).await;
    let reason = shown["StateTransitionReason"].as_str().unwrap();
    assert!(reason.starts_with("Hearth has no poller for SQS queues yet"), "{reason}");
    assert_eq!(settled(shown), expected);
    let disabled = world.expect("PUT", &one(&made), json!({"Enabled": false, "BatchSize": 5}), 202).await;
    assert_eq!((&disabled["State"], &disabled["BatchSize"]), (&json!("Disabling"), &json!(5)));
    let shown = world.expect("GET", &one(&made), Value::Null, 200).await;
    assert_eq!((&shown["State"], &shown["StateTransitionReason"]), (&json!("Disabled"), &json!("USER_INITIATED")));
    assert_eq!(world.expect("PUT", &one(&made), json!({"Enabled": true}), 202).await["State"], "Enabling");
    assert_eq!(world.expect("PUT", &one(&made), json!({"Enabled": true}), 202).await["State"], "Updating");
    let tags = format!("/2017-03-31/tags/{}", encoded(made["EventSourceMappingArn"].as_str().unwrap()));
    world.expect("POST", &tags, json!({"Tags": {"b": "2"}}), 204).await;
    assert_eq!(world.expect("GET", &tags, Value::Null, 200).await, json!({"Tags": {"a": "1", "b": "2"}}));
    assert_eq!(world.expect("DELETE", &one(&made), Value::Null, 202).await["State"], "Deleting");
    for method in ["GET", "DELETE"] {
        let gone = world.call(method, &one(&made), Value::Null).await;
        assert_error(gone, 404, NOT_FOUND, "The resource you requested does not exist.", method);
    }
    let gone = world.call("GET", &tags, Value::Null).await.unwrap_err();
    assert!(gone.message.unwrap().starts_with("Event source mapping not found: arn:"));
}

#[tokio::test]
async fn each_kind_of_source_has_its_members() {
    let world = World::new().await;
    world.make("f").await;
    let function = format!("{ARN}:f");
    let of_stream = |source: &str, position: &str| {
        json!({
            "BatchSize": 100, "MaximumBatchingWindowInSeconds": 0, "EventSourceArn": source, "FunctionArn": function,
            "State": "Creating", "FunctionResponseTypes": [], "StartingPosition": position,
            "ParallelizationFactor": 1, "DestinationConfig": {"OnFailure": {}}, "MaximumRecordAgeInSeconds": -1,
            "MaximumRetryAttempts": -1, "BisectBatchOnFunctionError": false, "TumblingWindowInSeconds": 0,
            "LastProcessingResult": "No records processed",
        })
    };
    let access = json!([{"Type": "BASIC_AUTH", "URI": "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"}]);
    let other = |source: &str, members: Value| {
        let mut expected = json!({
            "BatchSize": 100, "EventSourceArn": source, "FunctionArn": function, "State": "Creating",
            "LastProcessingResult": "No records processed", "SourceAccessConfigurations": access,
        });
        for (member, value) in members.as_object().unwrap() {
            expected[member] = value.clone();
        }
        expected
    };
    let cases = [
        (with(STREAM, json!({"StartingPosition": "LATEST"})), of_stream(STREAM, "LATEST")),
        (with(TABLE, json!({"StartingPosition": "TRIM_HORIZON"})), of_stream(TABLE, "TRIM_HORIZON")),
        (with(MQ, json!({"Queues": ["q"], "SourceAccessConfigurations": access})), other(MQ, json!({"Queues": ["q"]}))),
        (
            with(
                DOCDB,
                json!({"StartingPosition": "LATEST", "SourceAccessConfigurations": access,
                       "DocumentDBEventSourceConfig": {"DatabaseName": "d"}}),
            ),
            other(
                DOCDB,
                json!({"StartingPosition": "LATEST",
                       "DocumentDBEventSourceConfig": {"DatabaseName": "d", "FullDocument": "Default"}}),
            ),
        ),
    ];
    for (body, expected) in cases {
        let made = world.expect("POST", ALL, body, 202).await;
        let reason = if made["ParallelizationFactor"].is_null() { "USER_INITIATED" } else { "User action" };
        assert_eq!(made["StateTransitionReason"], reason);
        assert_eq!(settled(made), expected);
    }
    let made = world.expect("POST", ALL, kafka(&["b1:9092"], json!({})), 202).await;
    assert_eq!(made["SelfManagedKafkaEventSourceConfig"], json!({"ConsumerGroupId": made["UUID"]}));
    assert_eq!(made["SelfManagedEventSource"], json!({"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b1:9092"]}}));
    assert!(made["EventSourceArn"].is_null() && made["MaximumBatchingWindowInSeconds"].is_null());
    let group = json!({"ConsumerGroupId": "g"});
    let members = json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_600_000_000.5,
                         "Topics": ["tt"], "AmazonManagedKafkaEventSourceConfig": group});
    let made = world.expect("POST", ALL, with(MSK, members), 202).await;
    assert_eq!(made["AmazonManagedKafkaEventSourceConfig"], group);
    assert_eq!(made["StartingPositionTimestamp"], 1_600_000_000.5);
}

#[tokio::test]
async fn settings_come_and_go() {
    let world = World::new().await;
    world.make("f").await;
    world.expect("POST", "/2015-03-31/functions/f/versions", json!({}), 201).await;
    let filters = json!({"Filters": [{"Pattern": "{\"body\":{\"a\":[1]}}"}]});
    let body = with(
        QUEUE,
        json!({"FunctionName": "f:$LATEST", "Enabled": false, "BatchSize": 100, "MaximumBatchingWindowInSeconds": 1,
               "FilterCriteria": filters, "FunctionResponseTypes": ["ReportBatchItemFailures"],
               "ScalingConfig": {"MaximumConcurrency": 7}, "MetricsConfig": {"Metrics": ["EventCount"]}}),
    );
    let made = world.expect("POST", ALL, body, 202).await;
    assert_eq!((&made["State"], &made["FunctionArn"]), (&json!("Disabled"), &json!(format!("{ARN}:f:$LATEST"))));
    assert_eq!((&made["FilterCriteria"], &made["ScalingConfig"]["MaximumConcurrency"]), (&filters, &json!(7)));
    let clear = json!({"FilterCriteria": {"Filters": []}, "ScalingConfig": {}, "FunctionResponseTypes": [],
                       "MetricsConfig": {"Metrics": []}, "FunctionName": "f:1",
                       "ProvisionedPollerConfig": {"MinimumPollers": 2, "MaximumPollers": 3}});
    let changed = world.expect("PUT", &one(&made), clear, 202).await;
    assert!(changed["FilterCriteria"].is_null() && changed["ScalingConfig"].is_null());
    assert_eq!((&changed["FunctionArn"], &changed["BatchSize"]), (&json!(format!("{ARN}:f:1")), &json!(100)));
    assert_eq!(changed["ProvisionedPollerConfig"], json!({"MinimumPollers": 2, "MaximumPollers": 3}));
    let to = "arn:aws:sqs:us-east-1:123456789012:dead";
    let body = json!({"StartingPosition": "LATEST", "DestinationConfig": {"OnFailure": {"Destination": to}},
                      "BisectBatchOnFunctionError": true, "MaximumRetryAttempts": 2, "MaximumRecordAgeInSeconds": 60});
    let made = world.expect("POST", ALL, with(STREAM, body), 202).await;
    assert_eq!(made["DestinationConfig"]["OnFailure"]["Destination"], to);
    let changed = world.expect("PUT", &one(&made), json!({"DestinationConfig": {"OnFailure": {}}}), 202).await;
    assert_eq!(
        (&changed["DestinationConfig"], &changed["MaximumRetryAttempts"]),
        (&json!({"OnFailure": {}}), &json!(2))
    );
}

#[tokio::test]
async fn lists_have_pages_and_filters() {
    let world = World::new().await;
    world.make("f").await;
    world.make("g").await;
    for source in ["a", "b", "c"] {
        world.expect("POST", ALL, with(&format!("{QUEUE}{source}"), json!({})), 202).await;
    }
    world.expect("POST", ALL, with(&format!("{QUEUE}a"), json!({"FunctionName": "g"})), 202).await;
    let count = async |query: &str| {
        let page = world.expect("GET", &format!("{ALL}?{query}"), Value::Null, 200).await;
        page["EventSourceMappings"].as_array().unwrap().len()
    };
    assert_eq!(count("").await, 4);
    assert_eq!(count("FunctionName=f").await, 3);
    assert_eq!(count(&format!("EventSourceArn={}", encoded(&format!("{QUEUE}a")))).await, 2);
    assert_eq!(count(&format!("EventSourceArn={}&FunctionName=g", encoded(&format!("{QUEUE}a")))).await, 1);
    assert_eq!(count("FunctionName=nope").await, 0);
    assert_eq!(count(&format!("EventSourceArn={}", encoded(STREAM))).await, 0);
    let first = world.expect("GET", &format!("{ALL}?MaxItems=3"), Value::Null, 200).await;
    let next = first["NextMarker"].as_str().unwrap();
    let rest = world.expect("GET", &format!("{ALL}?Marker={next}"), Value::Null, 200).await;
    assert_eq!(rest["EventSourceMappings"].as_array().unwrap().len(), 1);
}

fn post(what: &'static str, body: Value, message: impl Into<String>) -> Case {
    Case {
        what,
        method: "POST",
        uri: ALL.to_owned(),
        body,
        status: 400,
        code: INVALID,
        message: message.into(),
    }
}

#[tokio::test]
async fn refusals() {
    let world = World::new().await;
    world.make("f").await;
    let unsupported = |member: &str| format!("Unsupported {member} parameter for given event source mapping type.");
    let success = json!({"FunctionName": "nope", "StartingPosition": "LATEST",
                         "DestinationConfig": {"OnSuccess": {"Destination": QUEUE}}});
    let position = "1 validation error detected: Value null at 'startingPosition' failed to satisfy constraint: Member \
                    must not be null.";
    let at = json!({"StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1});
    let filter = |pattern: Value| with(QUEUE, json!({"FilterCriteria": {"Filters": [{"Pattern": pattern}]}}));
    let bad_filter = "Invalid filter pattern definition.";
    let no_access = json!({"SourceAccessConfigurations": []});
    let violated = |what, body, text: &str| Case {
        code: "ValidationException",
        ..post(what, body, format!("1 validation error detected: {text}"))
    };
    check(
        &world,
        vec![
            post("no source", json!({"FunctionName": "f"}), "Unrecognized event source."),
            post("a topic", with("arn:aws:sns:us-east-1:123456789012:t", json!({})), "Unrecognized event source."),
            post(
                "a queue elsewhere",
                with("arn:aws:sqs:eu-west-1:123456789012:q", json!({})),
                "A mapping reads from a source of its own region: expected one of us-east-1, found \
                 arn:aws:sqs:eu-west-1:123456789012:q",
            ),
            post("success first", with(STREAM, success), unsupported("DestinationConfig")),
            post("no function", with(QUEUE, json!({"FunctionName": "nope"})), "Function does not exist"),
            post("no version", with(QUEUE, json!({"FunctionName": "f:7"})), "Function does not exist"),
            post("no alias", with(QUEUE, json!({"FunctionName": "f:live"})), "Function does not exist"),
            post("no position", with(STREAM, json!({})), position),
            post("no position of a table", with(TABLE, json!({})), position),
            post("a table's time", with(TABLE, at), format!("Unsupported starting position for arn type: {TABLE}")),
            post(
                "a queue's position",
                with(QUEUE, json!({"StartingPosition": "LATEST"})),
                unsupported("StartingPosition"),
            ),
            post(
                "a large batch",
                with(QUEUE, json!({"BatchSize": 11})),
                "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10",
            ),
            post("null", filter(json!("null")), bad_filter),
            post("a string", filter(json!("\"x\"")), bad_filter),
            post("a scalar leaf", filter(json!("{\"eventSource\":\"aws:sqs\"}")), bad_filter),
            post("an empty leaf", filter(json!("{\"eventSource\":[]}")), bad_filter),
            post("no pattern", filter(Value::Null), bad_filter),
            post(
                "no access",
                kafka(&["b:1"], no_access),
                "Required 'sourceAccessConfigurations' parameter is missing.",
            ),
            post(
                "a queue's shards",
                with(QUEUE, json!({"ParallelizationFactor": 2})),
                unsupported("ParallelizationFactor"),
            ),
            post(
                "a stream's concurrency",
                with(STREAM, json!({"StartingPosition": "LATEST", "ScalingConfig": {"MaximumConcurrency": 2}})),
                unsupported("ScalingConfig"),
            ),
            post(
                "a key",
                with(QUEUE, json!({"KMSKeyArn": "arn:aws:kms:us-east-1:123456789012:key/k"})),
                "KMSKeyArn is not available in Hearth yet: leave it out; filters are kept as they are given",
            ),
            violated(
                "a position",
                with(STREAM, json!({"StartingPosition": "invalid"})),
                "Value 'invalid' at 'startingPosition' failed to satisfy constraint: Member must satisfy enum value \
                 set: [LATEST, AT_TIMESTAMP, TRIM_HORIZON]",
            ),
            violated(
                "a batch",
                with(QUEUE, json!({"BatchSize": 0})),
                "Value '0' at 'batchSize' failed to satisfy constraint: Member must have value greater than or equal \
                 to 1",
            ),
            violated(
                "no function at all",
                json!({"EventSourceArn": QUEUE}),
                "Value null at 'functionName' failed to satisfy constraint: Member must not be null",
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn one_source_and_one_function_go_together_once() {
    let world = World::new().await;
    world.make("f").await;
    let latest = json!({"StartingPosition": "LATEST"});
    let made =
        async |body: &Value| world.expect("POST", ALL, body.clone(), 202).await["UUID"].as_str().unwrap().to_owned();
    let (queue, stream, brokers) =
        (with(QUEUE, json!({})), with(STREAM, latest), kafka(&["b1:9092", "b2:9092"], json!({})));
    let (q, s, k) = (made(&queue).await, made(&stream).await, made(&brokers).await);
    let there = |uuid: &str| format!("already exists. Please update or delete the existing mapping with UUID {uuid}");
    let conflict = |what, body, message| Case {
        status: 409,
        code: "ResourceConflictException",
        ..post(what, body, message)
    };
    check(
        &world,
        vec![
            conflict(
                "queue",
                queue,
                format!("An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") {}", there(&q)),
            ),
            conflict(
                "stream",
                stream,
                format!("The event source arn (\" {STREAM} \") and function (\" f \") provided mapping {}", there(&s)),
            ),
            conflict(
                "one broker in common",
                kafka(&["b2:9092"], json!({})),
                format!(
                    "An event source mapping with event source (\"b2:9092\"), function (\"{ARN}:f\"), topics (\"tt\") {}",
                    there(&k)
                ),
            ),
        ],
    )
    .await;
    world.expect("POST", ALL, kafka(&["b3:9092"], json!({})), 202).await;
    // Nor do they come together by a change; to say again what is so is none.
    world.make("g").await;
    let other = world.expect("POST", ALL, with(QUEUE, json!({"FunctionName": "g"})), 202).await;
    world.expect("PUT", &one(&other), json!({"FunctionName": "g", "BatchSize": 5}), 202).await;
    let text = format!("An event source mapping with SQS arn (\" {QUEUE} \") and function (\" f \") {}", there(&q));
    let refused = world.call("PUT", &one(&other), json!({"FunctionName": "f", "BatchSize": 6})).await;
    assert_error(refused, 409, "ResourceConflictException", &text, "moved");
    assert_eq!(world.expect("GET", &one(&other), Value::Null, 200).await["BatchSize"], 5);
    world.expect("DELETE", &format!("{ALL}/{q}"), Value::Null, 202).await;
    let moved = world.expect("PUT", &one(&other), json!({"FunctionName": "f"}), 202).await;
    assert_eq!(moved["FunctionArn"], format!("{ARN}:f"));
}

/// One queue, and no streams.
struct OneQueue;

impl EventSources for OneQueue {
    fn find<'a>(&'a self, arn: &'a str) -> BoxFuture<'a, SourceLookup> {
        let found = if arn == QUEUE {
            SourceLookup::Found {
                visibility_timeout_s: Some(30),
            }
        } else if arn == MSK {
            SourceLookup::Unserved
        } else {
            SourceLookup::Absent
        };
        Box::pin(std::future::ready(found))
    }
}

#[tokio::test]
async fn sources_are_looked_for_where_someone_has_them() {
    let world = World::with(|options| options.event_sources = Some(Arc::new(OneQueue))).await;
    world.make("f").await;
    let slow = create_with("slow", json!({"Timeout": 60}));
    world.expect("POST", "/2015-03-31/functions", slow, 201).await;
    let latest = || json!({"StartingPosition": "LATEST"});
    check(
        &world,
        vec![
            post(
                "queue",
                with(&format!("{QUEUE}2"), json!({})),
                "Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. SQS \
                 Error Message: The specified queue does not exist.",
            ),
            post("stream", with(STREAM, latest()), format!("Stream not found: {STREAM}")),
            post("table", with(TABLE, latest()), format!("Stream not found: {TABLE}")),
            post(
                "visibility",
                with(QUEUE, json!({"FunctionName": "slow"})),
                "Queue visibility timeout: 30 seconds is less than Function timeout: 60 seconds",
            ),
        ],
    )
    .await;
    world.expect("POST", ALL, with(QUEUE, json!({})), 202).await;
    let members = json!({"StartingPosition": "LATEST", "Topics": ["tt"]});
    world.expect("POST", ALL, with(MSK, members), 202).await;
}
