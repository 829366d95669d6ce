"""Java functions as Maven builds them: AWS's event classes, Log4j 2, hooks around a snapshot, small memory.

What every language has to keep is in tests/contract.
"""

import json
import time

import pytest
from harness import java, processes
from harness.waiting import eventually

RUNTIME = java.runtime()


@pytest.fixture(scope="module")
def events():
    return java.package("aws-lambda-java-core", "aws-lambda-java-events", "joda-time")


def record(source, **members):
    return {"Records": [{"eventSource": f"aws:{source}", "awsRegion": "us-east-1", **members}]}


ARN = "arn:aws:sqs:us-east-1:000000000000:q"
SQS = record(
    "sqs", messageId="m-1", receiptHandle="r", body="ä", eventSourceARN=ARN, attributes={"SentTimestamp": "1523232000000"},
    messageAttributes={"kind": {"stringValue": "k", "stringListValues": [], "binaryListValues": [], "dataType": "String"}})
EVENTS = {
    "sqs": (SQS, {"batchItemFailures": [{"itemIdentifier": f"m-1 ä {ARN} 1523232000000 k"}]}),
    "same": (SQS, SQS),
    "s3": (
        record(
            "s3", eventVersion="2.1", eventTime="1970-01-01T00:00:05.250Z", eventName="ObjectCreated:Put", userIdentity={"principalId": "p"},
            requestParameters={"sourceIPAddress": "127.0.0.1"}, responseElements={"x-amz-request-id": "i", "x-amz-id-2": "two"},
            s3={"s3SchemaVersion": "1.0", "bucket": {"name": "b", "arn": "a"}, "object": {"key": "a+b%C3%A4.txt", "size": 5_000_000_000}}),
        [5250, "b", "a bä.txt", 5_000_000_000, "two", "127.0.0.1"]),
    "dynamodb": (
        record("dynamodb", eventID="e-1", eventName="INSERT", eventSourceARN="arn:d", dynamodb={
            "ApproximateCreationDateTime": 1_479_499_740, "SizeBytes": 59, "StreamViewType": "NEW_IMAGE", "Keys": {"id": {"N": "1"}},
            "NewImage": {
                "id": {"N": "1"}, "tags": {"SS": ["a", "b"]}, "ok": {"BOOL": True}, "nested": {"M": {"x": {"S": "y"}}}, "data": {"B": "AAEC"},
            }}),
        ["e-1", "arn:d", 1_479_499_740_000, "1", ["a", "b"], True, "y", 3, 59]),
    "kinesis": (
        record("kinesis", kinesis={"data": "aGVsbG8=", "partitionKey": "p", "sequenceNumber": "1", "approximateArrivalTimestamp": 1545084650.987}),
        ["hello", 1_545_084_650_987, "p"]),
    "sns": (
        {"Records": [{"EventSource": "aws:sns", "EventVersion": "1.0", "EventSubscriptionArn": "arn:s", "Sns": {
            "Type": "Notification", "MessageId": "m", "Message": "text", "Timestamp": "2019-01-02T12:45:07.000Z", "SigningCertUrl": "u",
            "MessageAttributes": {"kind": {"Type": "String", "Value": "v"}}}}]},
        ["arn:s", "text", 1_546_433_107_000, "v"]),
    "schedule": (
        {"version": "0", "id": "i", "detail-type": "Scheduled Event", "source": "aws.events", "time": "1970-01-01T00:00:00Z", "detail": {"n": 1}},
        ["Scheduled Event", 0, 1]),
    "stream": (
        {"invocationId": "i", "records": [{"recordId": "r", "kafkaRecordValue": "aGVsbG8="}]},
        {"records": [{"recordId": "r", "result": "Ok", "kafkaRecordValue": "aGVsbG8h"}]}),
    "logs": ({"awslogs": {"data": "H4sI"}}, "H4sI"),
    "http": (
        {"version": "2.0", "rawPath": "/x", "queryStringParameters": {"q": "1"}, "requestContext": {"http": {"method": "GET", "path": "/x"}, "timeEpoch": 1}},
        {"statusCode": 201, "headers": {"x-path": "/x"}, "body": "GET 1", "isBase64Encoded": False}),
}


@pytest.fixture(scope="module")
def sandboxes(server, module_lab, events):
    """One function for each handler, made at once."""
    return {name: module_lab.deploy(events, RUNTIME, f"functions.Events::{name}", wait=False) for name in EVENTS}


@pytest.mark.parametrize("name", EVENTS)
def test_event_classes(sandboxes, name):
    event, expected = EVENTS[name]
    function = sandboxes[name]
    function.settled()
    answer = function.call(event)
    if name == "same":
        first, wanted = answer["Records"][0], expected["Records"][0]
        assert {key: first[key] for key in ("messageId", "body", "eventSourceARN", "attributes", "awsRegion")} == {
            key: wanted[key] for key in ("messageId", "body", "eventSourceARN", "attributes", "awsRegion")}
    else:
        assert answer == expected


def test_the_appender_for_log4j_writes_to_the_log(lab):
    package = java.package("aws-lambda-java-core", "aws-lambda-java-log4j2", "log4j")
    text = lab.deploy(package, RUNTIME, "functions.Around$Logs", MemorySize=512)
    as_json = lab.deploy(package, RUNTIME, "functions.Around$Logs", MemorySize=512, LoggingConfig={"LogFormat": "JSON"})
    assert text.call("of two\nlines") == "of two\nlines"
    mine = [m for m in text.messages_until("REPORT") if "of two" in m]
    assert len(mine) == 1 and mine[0].endswith(" INFO  Logs - of two\nlines"), mine
    assert as_json.call("event") == "event"
    records = eventually(lambda: [json.loads(m) for m in as_json.messages() if '"text"' in m])
    assert records == [{"level": "INFO", "text": "event"}]


ON = {"ApplyOn": "PublishedVersions"}


def published(function):
    function.caller.awslambda.publish_version(FunctionName=function.name)

    def probe():
        found = function.caller.awslambda.get_function_configuration(FunctionName=function.name, Qualifier="1")
        return found if found["State"] != "Pending" else None

    return eventually(probe, "a version that is active or failed", 60)


def test_hooks_around_a_snapshot(lab):
    package = java.package("aws-lambda-java-core", "crac")
    function = lab.deploy(package, RUNTIME, "functions.Around$Hooked", SnapStart=ON)
    assert published(function)["State"] == "Active"
    told = function.call({}, Qualifier="1")
    assert told == {"order": "before after", "type": "snap-start"}
    failing = lab.deploy(package, RUNTIME, "functions.Around$Hooked", SnapStart=ON, Environment={"Variables": {"FAILS": "yes"}})
    assert published(failing)["State"] == "Failed"


def test_the_smallest_memory_holds_a_function(lab):
    function = lab.deploy(java.package(), RUNTIME, "functions.Around::size", MemorySize=128)
    assert [function.call({}) for _ in range(20)] == [30] * 20


def test_java_tool_options(lab):
    options = {"JAVA_TOOL_OPTIONS": "-Down.property=mine -XX:+UseParallelGC -Xmx50m"}
    function = lab.deploy(java.package(), RUNTIME, "functions.Around::property", Environment={"Variables": options})
    assert function.call({}) == "mine"


def test_nothing_that_a_function_sees_tells_that_it_was_parked(make_server, lab_on):
    parking, booting = make_server().start(), make_server(env={"HEARTH_ENVIRONMENTS_PARKED": "0"}).start()
    tells, handler = java.package(), "functions.Around$Tells"
    first = lab_on(parking)
    first.deploy(tells, RUNTIME, handler, Environment={"Variables": {"COLOUR": "blue"}})
    waits = lambda: set(processes.with_environment("_HEARTH_PARKED=1")) & processes.descendants(parking.process.pid)
    eventually(lambda: [pid for pid in waits() if processes.freezer_state(pid) in ("FROZEN", "1")], "a process that waits", 120)
    made = time.clock_gettime(time.CLOCK_BOOTTIME)
    red = {"Variables": {"COLOUR": "red", "TZ": "Asia/Tokyo"}}
    late, soon = (lab.deploy(tells, RUNTIME, handler, name="same", Environment=red).call({}) for lab in (first, lab_on(booting)))
    assert late["started"] < made < soon["started"]
    for answer in late, soon:
        answer.pop("started")
        assert answer.pop("log")[0] == "/aws/lambda/same"
        for changing in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_LAMBDA_LOG_STREAM_NAME"):
            answer["variables"].pop(changing)
        answer["properties"].pop("com.amazonaws.xray.traceHeader")
    assert (late["folder"], late["child"]) == ("/var/task", "red\n/var/task\n")
    for part in soon:
        assert late[part] == soon[part], part
