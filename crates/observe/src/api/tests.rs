//! The API as clients see it: requests in, bodies and error texts out.

use std::time::Duration;

use hearth_core::Clock;
use hearth_model::{AccountId, LogEvent, LogStreamId, Region};
use hearth_wire::{Caller, Service};
use serde_json::{Value, json};

use super::*;
use crate::{Observe, Options};

const NOW_MS: i64 = 1_700_000_000_000;

struct Logs {
    observe: Observe,
    operations: Vec<Operation>,
    clock: Clock,
    region: &'static str,
    _dir: tempfile::TempDir,
}

impl Logs {
    fn new() -> Self {
        Self::limited(1 << 30)
    }

    fn limited(max_bytes: u64) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Clock::fixed(NOW_MS);
        let options = Options {
            dir: dir.path().join("logs"),
            clock: clock.clone(),
            max_bytes,
        };
        let observe = Observe::open(options).unwrap();
        Self {
            operations: observe.operations(),
            observe,
            clock,
            region: "us-east-1",
            _dir: dir,
        }
    }

    async fn call(&self, operation: &'static str, input: Value) -> std::result::Result<Value, (String, String)> {
        let found = self.operations.iter().find(|known| known.name == operation).unwrap();
        let request = Request {
            service: Service::Logs,
            operation,
            caller: Caller {
                account: AccountId::parse("123456789012").unwrap(),
                region: Region::parse(self.region).unwrap(),
                arn: "arn:aws:iam::123456789012:root".to_owned(),
                access_key_id: None,
            },
            request_id: String::new(),
            method: http::Method::POST,
            headers: http::HeaderMap::new(),
            labels: Vec::new(),
            query: Vec::new(),
            body: input.to_string().into(),
            endpoint: String::new(),
        };
        match (found.handler)(request).await {
            Ok(answer) => {
                assert_eq!(answer.status, 200);
                assert_eq!(answer.headers["content-type"], "application/x-amz-json-1.1");
                Ok(serde_json::from_slice(&answer.body).unwrap_or(Value::Null))
            }
            Err(error) => {
                assert_eq!(error.status, 400, "{error:?}");
                Err((error.code.into_owned(), error.message.unwrap_or_default()))
            }
        }
    }

    async fn ok(&self, operation: &'static str, input: Value) -> Value {
        match self.call(operation, input.clone()).await {
            Ok(answer) => answer,
            Err(error) => panic!("{operation} {input}: {error:?}"),
        }
    }

    async fn refused(&self, operation: &'static str, input: Value, code: &str, message: &str) {
        let error = self.call(operation, input.clone()).await.expect_err(&format!("{operation} {input}"));
        assert_eq!((error.0.as_str(), error.1.as_str()), (code, message), "{operation} {input}");
    }

    async fn append(&self, group: &str, stream: &str, events: &[(i64, &str)]) {
        let stream = LogStreamId {
            account: AccountId::parse("123456789012").unwrap(),
            region: Region::parse("us-east-1").unwrap(),
            group: group.to_owned(),
            stream: stream.to_owned(),
        };
        let events = events.iter().map(|(at, message)| LogEvent {
            timestamp_ms: NOW_MS + at,
            message: (*message).to_owned(),
        });
        self.observe.sink().append(Arc::new(stream), events.collect()).await;
    }
}

fn strings<'a>(list: &'a Value, member: &str) -> Vec<&'a str> {
    list.as_array().unwrap().iter().map(|item| item[member].as_str().unwrap()).collect()
}

#[tokio::test]
async fn what_was_appended_is_seen_at_once() {
    let logs = Logs::new();
    logs.append("/aws/lambda/f", "s", &[(1, "START\n"), (2, "END\n")]).await;
    let page = logs.ok("GetLogEvents", json!({"logGroupName": "/aws/lambda/f", "logStreamName": "s"})).await;
    assert_eq!(
        page["events"],
        json!([
            {"timestamp": NOW_MS + 1, "message": "START\n", "ingestionTime": NOW_MS},
            {"timestamp": NOW_MS + 2, "message": "END\n", "ingestionTime": NOW_MS},
        ])
    );
    let groups = logs.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(
        groups,
        json!({"logGroups": [{
            "logGroupName": "/aws/lambda/f", "creationTime": NOW_MS, "metricFilterCount": 0,
            "arn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f:*", "storedBytes": 0,
            "logGroupClass": "STANDARD",
            "logGroupArn": "arn:aws:logs:us-east-1:123456789012:log-group:/aws/lambda/f",
            "deletionProtectionEnabled": false,
        }]})
    );
}

#[tokio::test]
async fn groups_are_made_found_and_removed() {
    let logs = Logs::new();
    for name in ["b/2", "a", "b/1", "c"] {
        assert_eq!(logs.ok("CreateLogGroup", json!({"logGroupName": name})).await, Value::Null);
    }
    let exists = "The specified log group already exists";
    logs.refused("CreateLogGroup", json!({"logGroupName": "a"}), "ResourceAlreadyExistsException", exists).await;
    let all = logs.ok("DescribeLogGroups", json!({})).await;
    assert_eq!(strings(&all["logGroups"], "logGroupName"), ["a", "b/1", "b/2", "c"]);
    let some = logs.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "b/"})).await;
    assert_eq!(strings(&some["logGroups"], "logGroupName"), ["b/1", "b/2"]);
    let part = logs.ok("DescribeLogGroups", json!({"logGroupNamePattern": "/1"})).await;
    assert_eq!(strings(&part["logGroups"], "logGroupName"), ["b/1"]);
    assert!(part["logGroups"][0].get("storedBytes").is_none());
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:c:*";
    let named = logs.ok("DescribeLogGroups", json!({"logGroupIdentifiers": ["b/1", arn, "none"]})).await;
    assert_eq!(strings(&named["logGroups"], "logGroupName"), ["b/1", "c"]);
    logs.ok("DeleteLogGroup", json!({"logGroupName": "b/1"})).await;
    let missing = "The specified log group does not exist.";
    logs.refused("DeleteLogGroup", json!({"logGroupName": "b/1"}), "ResourceNotFoundException", missing).await;
    let both = json!({"logGroupNamePrefix": "a", "logGroupNamePattern": "a"});
    let text = "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.";
    logs.refused("DescribeLogGroups", both, "InvalidParameterException", text).await;
    assert_eq!(logs.ok("DescribeLogGroups", json!({"logGroupNamePrefix": "x"})).await, json!({"logGroups": []}));
}

#[tokio::test]
async fn groups_come_in_pages() {
    let logs = Logs::new();
    for i in 0..7 {
        logs.ok("CreateLogGroup", json!({"logGroupName": format!("g{i}")})).await;
    }
    let mut names = Vec::new();
    let mut input = json!({"limit": 3});
    loop {
        let page = logs.ok("DescribeLogGroups", input.clone()).await;
        names.extend(strings(&page["logGroups"], "logGroupName").into_iter().map(str::to_owned));
        let Some(token) = page.get("nextToken") else { break };
        input["nextToken"] = token.clone();
    }
    assert_eq!(names, ["g0", "g1", "g2", "g3", "g4", "g5", "g6"]);
    let bad = json!({"nextToken": "é"});
    logs.refused("DescribeLogGroups", bad, "InvalidParameterException", "The specified nextToken is invalid.").await;
    let text = "1 validation error detected: Value '51' at 'limit' failed to satisfy constraint: \
                Member must have value less than or equal to 50";
    logs.refused("DescribeLogGroups", json!({"limit": 51}), "InvalidParameterException", text).await;
}

#[tokio::test]
async fn names_are_checked() {
    let logs = Logs::new();
    let long = "Invalid LogGroup or LogStream, both must have length less than or equal to 512.";
    let invalid = "InvalidParameterException";
    logs.refused("CreateLogGroup", json!({"logGroupName": "x".repeat(513)}), invalid, long).await;
    let text = "1 validation error detected: Value 'a b' at 'logGroupName' failed to satisfy constraint: \
                Member must satisfy regular expression pattern: [\\.\\-_/#A-Za-z0-9]+";
    logs.refused("CreateLogGroup", json!({"logGroupName": "a b"}), invalid, text).await;
    let text = "1 validation error detected: Value null at 'logGroupName' failed to satisfy constraint: \
                Member must not be null";
    logs.refused("CreateLogGroup", json!({}), invalid, text).await;
    let text = "1 validation error detected: Value 'a:b' at 'logStreamName' failed to satisfy constraint: \
                Member must satisfy regular expression pattern: [^:*]*";
    logs.refused("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "a:b"}), invalid, text).await;
    let text = "kmsKeyId: Hearth does not encrypt log groups yet; leave it out.";
    logs.refused("CreateLogGroup", json!({"logGroupName": "g", "kmsKeyId": "k"}), invalid, text).await;
    let both = json!({"logGroupName": "g", "logGroupIdentifier": "g", "logStreamName": "s"});
    let text = "LogGroup name and LogGroup ARN are mutually exclusive parameters.";
    logs.refused("GetLogEvents", both, "ValidationException", text).await;
}

#[tokio::test]
async fn a_protected_group_stays() {
    let logs = Logs::new();
    logs.ok("CreateLogGroup", json!({"logGroupName": "g", "deletionProtectionEnabled": true})).await;
    let error = logs.call("DeleteLogGroup", json!({"logGroupName": "g"})).await.unwrap_err();
    assert_eq!(error.0, "ValidationException");
    let off = json!({"logGroupIdentifier": "g", "deletionProtectionEnabled": false});
    logs.ok("PutLogGroupDeletionProtection", off).await;
    logs.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
}

#[tokio::test]
async fn streams_are_ordered_by_name_or_by_last_event() {
    let logs = Logs::new();
    logs.append("g", "b", &[(30, "x")]).await;
    logs.append("g", "a", &[(20, "x"), (10, "y")]).await;
    logs.append("g", "c", &[(10, "x")]).await;
    logs.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "empty"})).await;
    let exists = json!({"logGroupName": "g", "logStreamName": "a"});
    let text = "The specified log stream already exists";
    logs.refused("CreateLogStream", exists, "ResourceAlreadyExistsException", text).await;
    let order = async |more: Value| {
        let mut names = Vec::new();
        let mut input = json!({"logGroupName": "g", "limit": 2});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        loop {
            let page = logs.ok("DescribeLogStreams", input.clone()).await;
            names.extend(strings(&page["logStreams"], "logStreamName").into_iter().map(str::to_owned));
            let Some(token) = page.get("nextToken") else { return names };
            input["nextToken"] = token.clone();
        }
    };
    assert_eq!(order(json!({})).await, ["a", "b", "c", "empty"]);
    assert_eq!(order(json!({"descending": true})).await, ["empty", "c", "b", "a"]);
    assert_eq!(order(json!({"orderBy": "LastEventTime"})).await, ["empty", "c", "a", "b"]);
    assert_eq!(order(json!({"orderBy": "LastEventTime", "descending": true})).await, ["b", "a", "c", "empty"]);
    assert_eq!(order(json!({"logStreamNamePrefix": "e"})).await, ["empty"]);
    let input = json!({"logGroupName": "g", "orderBy": "LastEventTime", "logStreamNamePrefix": "e"});
    let text = "Cannot order by LastEventTime with a logStreamNamePrefix.";
    logs.refused("DescribeLogStreams", input, "InvalidParameterException", text).await;
}

#[tokio::test]
async fn a_stream_shows_its_times_once_it_has_events() {
    let logs = Logs::new();
    logs.append("g", "2023/11/14/[$LATEST]0", &[(20, "x"), (10, "y")]).await;
    logs.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "empty"})).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    let streams = logs.ok("DescribeLogStreams", json!({"logGroupIdentifier": arn})).await;
    let full = &streams["logStreams"][0];
    assert_eq!(full["arn"], format!("{arn}:log-stream:2023/11/14/[$LATEST]0"));
    assert_eq!(full["firstEventTimestamp"], NOW_MS + 10);
    assert_eq!(full["lastEventTimestamp"], NOW_MS + 20);
    assert_eq!(full["lastIngestionTime"], NOW_MS);
    assert_eq!(full["storedBytes"], 0);
    assert_eq!(full["uploadSequenceToken"].as_str().unwrap().len(), 56);
    let empty = streams["logStreams"][1].as_object().unwrap();
    let members: Vec<&str> = empty.keys().map(String::as_str).collect();
    assert_eq!(members, ["logStreamName", "creationTime", "arn", "storedBytes"]);
}

#[tokio::test]
async fn events_are_read_from_either_end_with_tokens_that_stand_still_at_the_end() {
    let logs = Logs::new();
    let names: Vec<String> = (0..5).map(|i| format!("e{i}")).collect();
    for (i, name) in (0_i64..).zip(&names) {
        logs.append("g", "s", &[(i, name)]).await;
    }
    let get = async |more: Value| {
        let mut input = json!({"logGroupName": "g", "logStreamName": "s", "limit": 2});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        logs.ok("GetLogEvents", input).await
    };
    let head = get(json!({"startFromHead": true})).await;
    assert_eq!(strings(&head["events"], "message"), ["e0", "e1"]);
    let second = get(json!({"startFromHead": true, "nextToken": head["nextForwardToken"]})).await;
    assert_eq!(strings(&second["events"], "message"), ["e2", "e3"]);
    let third = get(json!({"startFromHead": true, "nextToken": second["nextForwardToken"]})).await;
    assert_eq!(strings(&third["events"], "message"), ["e4"]);
    let end = get(json!({"startFromHead": true, "nextToken": third["nextForwardToken"]})).await;
    assert_eq!(end["events"], json!([]));
    assert_eq!(end["nextForwardToken"], third["nextForwardToken"]);

    let tail = get(json!({})).await;
    assert_eq!(strings(&tail["events"], "message"), ["e3", "e4"]);
    assert_eq!(tail["nextForwardToken"], third["nextForwardToken"]);
    let before = get(json!({"nextToken": tail["nextBackwardToken"]})).await;
    assert_eq!(strings(&before["events"], "message"), ["e1", "e2"]);
    let first = get(json!({"nextToken": before["nextBackwardToken"]})).await;
    assert_eq!(strings(&first["events"], "message"), ["e0"]);
    let start = get(json!({"nextToken": first["nextBackwardToken"]})).await;
    assert_eq!(start["events"], json!([]));
    assert_eq!(start["nextBackwardToken"], first["nextBackwardToken"]);

    logs.append("g", "s", &[(9, "new")]).await;
    let more = get(json!({"nextToken": end["nextForwardToken"]})).await;
    assert_eq!(strings(&more["events"], "message"), ["new"]);
}

#[tokio::test]
async fn an_empty_stream_has_both_tokens_and_can_be_followed() {
    let logs = Logs::new();
    logs.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    logs.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let empty = logs.ok("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    assert_eq!(empty["events"], json!([]));
    assert!(empty["nextForwardToken"].as_str().unwrap().starts_with("f/"));
    assert!(empty["nextBackwardToken"].as_str().unwrap().starts_with("b/"));
    logs.append("g", "s", &[(0, "x")]).await;
    let input = json!({"logGroupName": "g", "logStreamName": "s", "nextToken": empty["nextForwardToken"]});
    assert_eq!(strings(&logs.ok("GetLogEvents", input).await["events"], "message"), ["x"]);
}

#[tokio::test]
async fn time_windows() {
    let logs = Logs::new();
    logs.append("g", "s", &[(1, "a"), (2, "b"), (3, "c")]).await;
    let window = json!({"logGroupName": "g", "logStreamName": "s", "startTime": NOW_MS + 2, "endTime": NOW_MS + 3});
    assert_eq!(strings(&logs.ok("GetLogEvents", window).await["events"], "message"), ["b"]);
    let window = json!({"logGroupName": "g", "startTime": NOW_MS + 2, "endTime": NOW_MS + 3});
    assert_eq!(strings(&logs.ok("FilterLogEvents", window).await["events"], "message"), ["b", "c"]);
}

#[tokio::test]
async fn reading_what_is_not_there() {
    let logs = Logs::new();
    let (code, group) = ("ResourceNotFoundException", "The specified log group does not exist.");
    let input = json!({"logGroupName": "g", "logStreamName": "s"});
    logs.refused("GetLogEvents", input.clone(), code, group).await;
    logs.refused("FilterLogEvents", json!({"logGroupName": "g"}), code, group).await;
    logs.refused("DescribeLogStreams", json!({"logGroupName": "g"}), code, group).await;
    logs.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let stream = "The specified log stream does not exist.";
    logs.refused("GetLogEvents", input, code, stream).await;
    logs.refused("FilterLogEvents", json!({"logGroupName": "g", "logStreamNames": ["s"]}), code, stream).await;
    let text = "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: \
                Member must have value less than or equal to 10000";
    let input = json!({"logGroupName": "g", "limit": 10001});
    logs.refused("FilterLogEvents", input, "InvalidParameterException", text).await;
    let other = "arn:aws:logs:eu-west-1:123456789012:log-group:g";
    logs.refused("FilterLogEvents", json!({"logGroupIdentifier": other}), code, group).await;
}

#[tokio::test]
async fn a_search_interleaves_streams_and_comes_in_pages() {
    let logs = Logs::new();
    logs.append("g", "a", &[(1, "ERROR one"), (4, "fine"), (7, "ERROR three")]).await;
    logs.append("g", "b", &[(2, "fine"), (5, "ERROR two")]).await;
    logs.append("g", "c", &[(6, "ERROR c")]).await;
    let search = async |more: Value| {
        let mut input = json!({"logGroupName": "g", "limit": 1});
        input.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let mut found = Vec::new();
        loop {
            let page = logs.ok("FilterLogEvents", input.clone()).await;
            assert_eq!(page["searchedLogStreams"], json!([]));
            found.extend(page["events"].as_array().unwrap().clone());
            let Some(token) = page.get("nextToken") else { return Value::Array(found) };
            input["nextToken"] = token.clone();
        }
    };
    let errors = search(json!({"filterPattern": "ERROR"})).await;
    assert_eq!(strings(&errors, "message"), ["ERROR one", "ERROR two", "ERROR c", "ERROR three"]);
    assert_eq!(strings(&errors, "logStreamName"), ["a", "b", "c", "a"]);
    let ids: std::collections::BTreeSet<_> = strings(&errors, "eventId").into_iter().collect();
    assert_eq!(ids.len(), 4);
    assert!(ids.iter().all(|id| id.len() == 56));
    let named = search(json!({"logStreamNames": ["b", "c"]})).await;
    assert_eq!(strings(&named, "message"), ["fine", "ERROR two", "ERROR c"]);
    let prefix = search(json!({"logStreamNamePrefix": "c"})).await;
    assert_eq!(strings(&prefix, "message"), ["ERROR c"]);
    assert_eq!(search(json!({"filterPattern": "\"not there\""})).await, json!([]));
    let bad = json!({"logGroupName": "g", "filterPattern": "a@b"});
    logs.refused("FilterLogEvents", bad, "InvalidParameterException", "Invalid character(s) in term 'a@b'").await;
    let both = json!({"logGroupName": "g", "logStreamNames": ["b"], "logStreamNamePrefix": "b"});
    let text = "LogStream names and LogStream name prefix are mutually exclusive parameters.";
    logs.refused("FilterLogEvents", both, "InvalidParameterException", text).await;
}

#[tokio::test]
async fn events_are_put_by_clients() {
    let logs = Logs::new();
    let input =
        json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [{"timestamp": NOW_MS, "message": "hi"}]});
    let missing = "The specified log group does not exist.";
    logs.refused("PutLogEvents", input.clone(), "ResourceNotFoundException", missing).await;
    logs.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let missing = "The specified log stream does not exist.";
    logs.refused("PutLogEvents", input.clone(), "ResourceNotFoundException", missing).await;
    logs.ok("CreateLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let answer = logs.ok("PutLogEvents", input).await;
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["nextSequenceToken"]);
    let old = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [
        {"timestamp": NOW_MS - 30 * 86_400_000, "message": "old"}], "entity": {"keyAttributes": {}}});
    let answer = logs.ok("PutLogEvents", old).await;
    assert_eq!(answer["rejectedLogEventsInfo"], json!({"tooOldLogEventEndIndex": 1}));
    assert_eq!(answer["rejectedEntityInfo"], json!({"errorType": "UnsupportedLogGroupType"}));
    let page = logs.ok("GetLogEvents", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    assert_eq!(strings(&page["events"], "message"), ["hi"]);
    let order = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": [
        {"timestamp": 2, "message": "b"}, {"timestamp": 1, "message": "a"}]});
    let text = "Log events in a single PutLogEvents request must be in chronological order.";
    logs.refused("PutLogEvents", order, "InvalidParameterException", text).await;
    let none = json!({"logGroupName": "g", "logStreamName": "s", "logEvents": []});
    assert_eq!(logs.call("PutLogEvents", none).await.unwrap_err().0, "InvalidParameterException");
}

#[tokio::test]
async fn retention_hides_and_then_removes() {
    let logs = Logs::new();
    const DAY_MS: i64 = 86_400_000;
    logs.append("g", "s", &[(-2 * DAY_MS, "old"), (0, "new")]).await;
    logs.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    assert_eq!(logs.ok("DescribeLogGroups", json!({})).await["logGroups"][0]["retentionInDays"], 1);
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(strings(&all["events"], "message"), ["new"]);
    logs.ok("DeleteRetentionPolicy", json!({"logGroupName": "g"})).await;
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(strings(&all["events"], "message"), ["old", "new"], "the chunk is not expired as a whole");
    logs.ok("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 1})).await;
    logs.clock.advance_ms(3 * DAY_MS);
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(all["events"], json!([]));
    let bad = logs.call("PutRetentionPolicy", json!({"logGroupName": "g", "retentionInDays": 2})).await.unwrap_err();
    assert_eq!(bad.0, "InvalidParameterException");
    assert!(bad.1.contains("Member must satisfy enum value set: [1, 3, 5, 7, 14,"), "{}", bad.1);
}

#[tokio::test]
async fn a_deleted_group_takes_its_events_along() {
    let logs = Logs::new();
    logs.append("g", "s", &[(0, "before")]).await;
    logs.ok("TagLogGroup", json!({"logGroupName": "g", "tags": {"k": "v"}})).await;
    logs.ok("DeleteLogGroup", json!({"logGroupName": "g"})).await;
    assert_eq!(logs.ok("DescribeLogGroups", json!({})).await, json!({"logGroups": []}));
    logs.append("g", "s", &[(1, "after")]).await;
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(strings(&all["events"], "message"), ["after"]);
    assert_eq!(logs.ok("ListTagsLogGroup", json!({"logGroupName": "g"})).await, json!({"tags": {}}));
    logs.ok("DeleteLogStream", json!({"logGroupName": "g", "logStreamName": "s"})).await;
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(all["events"], json!([]));
}

#[tokio::test]
async fn tags() {
    let logs = Logs::new();
    logs.ok("CreateLogGroup", json!({"logGroupName": "g", "tags": {"a": "1"}})).await;
    let arn = "arn:aws:logs:us-east-1:123456789012:log-group:g";
    logs.ok("TagResource", json!({"resourceArn": arn, "tags": {"b": "2", "a": "3"}})).await;
    let listed = logs.ok("ListTagsForResource", json!({"resourceArn": format!("{arn}:*")})).await;
    assert_eq!(listed, json!({"tags": {"a": "3", "b": "2"}}));
    logs.ok("UntagResource", json!({"resourceArn": arn, "tagKeys": ["a", "none"]})).await;
    logs.ok("UntagLogGroup", json!({"logGroupName": "g", "tags": ["c"]})).await;
    assert_eq!(logs.ok("ListTagsLogGroup", json!({"logGroupName": "g"})).await, json!({"tags": {"b": "2"}}));
    let many: serde_json::Map<_, _> = (0..50).map(|i| (format!("k{i}"), json!("v"))).collect();
    let error = logs.call("TagResource", json!({"resourceArn": arn, "tags": many})).await.unwrap_err();
    assert_eq!(error.0, "TooManyTagsException");
    let wrong = json!({"resourceArn": "arn:aws:logs:us-east-1:123456789012:destination:d"});
    assert_eq!(logs.call("ListTagsForResource", wrong).await.unwrap_err().0, "InvalidParameterException");
    let bad = logs.call("TagResource", json!({"resourceArn": arn, "tags": {"a!": "v"}})).await.unwrap_err();
    assert_eq!(bad.0, "InvalidParameterException");
}

#[tokio::test]
async fn accounts_and_regions_are_apart() {
    let mut logs = Logs::new();
    logs.append("g", "s", &[(0, "x")]).await;
    logs.region = "eu-west-1";
    assert_eq!(logs.ok("DescribeLogGroups", json!({})).await, json!({"logGroups": []}));
    logs.ok("CreateLogGroup", json!({"logGroupName": "g"})).await;
    let all = logs.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(all["events"], json!([]));
}

#[tokio::test]
async fn the_oldest_events_go_when_the_store_is_full() {
    let logs = Logs::limited(4 << 20);
    let line = "x".repeat(100_000);
    for i in 0..100 {
        logs.append("g", &format!("s{}", i / 10), &[(i, &line)]).await;
        logs.clock.advance_ms(1);
        logs.ok("DescribeLogStreams", json!({"logGroupName": "g"})).await;
    }
    // Chores run between requests: by the second, those of the first are under way or done.
    let mut times = Vec::new();
    for _ in 0..200 {
        times.clear();
        let mut input = json!({"logGroupName": "g"});
        loop {
            let page = logs.ok("FilterLogEvents", input.clone()).await;
            times.extend(page["events"].as_array().unwrap().iter().map(|event| event["timestamp"].as_i64().unwrap()));
            let Some(token) = page.get("nextToken") else { break };
            input["nextToken"] = token.clone();
        }
        if times.len() <= 41 {
            break;
        }
    }
    assert!((20..=41).contains(&times.len()), "{} are left", times.len());
    let last = NOW_MS + 99;
    let first = last + 1 - i64::try_from(times.len()).unwrap();
    assert_eq!(times, (first..=last).collect::<Vec<_>>(), "the newest are left");
    let streams = logs.ok("DescribeLogStreams", json!({"logGroupName": "g"})).await;
    assert!(streams["logStreams"].as_array().unwrap().len() < 8, "emptied streams go too");
}

#[tokio::test]
async fn operations_that_are_not_served_say_so() {
    let logs = Logs::new();
    for name in unserved::NAMES {
        let text = format!("{name} is not an operation that Hearth serves yet.");
        logs.refused(name, json!({}), "UnknownOperationException", &text).await;
    }
    let mut names: Vec<&str> = logs.operations.iter().map(|operation| operation.name).collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count, "each operation once");
}

#[tokio::test]
async fn a_large_event_is_cut_and_an_empty_one_left_out() {
    let logs = Logs::new();
    logs.append("g", "s", &[(0, ""), (1, &"é".repeat(600_000)), (2, "after")]).await;
    let input = json!({"logGroupName": "g", "logStreamName": "s", "startFromHead": true});
    let first = logs.ok("GetLogEvents", input.clone()).await;
    assert_eq!(first["events"].as_array().unwrap().len(), 1, "a page has a megabyte");
    assert_eq!(first["events"][0]["message"].as_str().unwrap().len(), (1 << 20) - 26);
}

#[tokio::test]
async fn after_the_close_everything_is_on_disk_and_nothing_is_taken() {
    let logs = Logs::new();
    logs.append("g", "s", &[(0, "x")]).await;
    assert!(logs.observe.close(Duration::from_secs(60)).await);
    assert!(logs.observe.close(Duration::from_secs(60)).await);
    logs.append("g", "s", &[(1, "lost")]).await;
    let options = Options {
        dir: logs._dir.path().join("logs"),
        clock: logs.clock.clone(),
        max_bytes: 1 << 30,
    };
    let observe = Observe::open(options).unwrap();
    let again = Logs {
        operations: observe.operations(),
        observe,
        clock: logs.clock.clone(),
        region: "us-east-1",
        _dir: tempfile::tempdir().unwrap(),
    };
    let all = again.ok("FilterLogEvents", json!({"logGroupName": "g"})).await;
    assert_eq!(strings(&all["events"], "message"), ["x"]);
}
