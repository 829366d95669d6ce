"""Event source mappings through boto3: kept as they are given, with a state that claims no poller.

Source of what is expected: fact sheet "Lambda control-plane API", section 12.
"""

import datetime
import json

import pytest
from harness.functions import PYTHON

QUEUE = "arn:aws:sqs:us-east-1:123456789012:{}"
STREAM = "arn:aws:kinesis:us-east-1:123456789012:stream/{}"
SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"


@pytest.fixture(scope="module")
def function(module_lab):
    return module_lab.deploy("def handler(event, context): return event", runtime=PYTHON)


def members(answer):
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_mapping_lives(caller, function):
    client = caller.awslambda
    pattern = json.dumps({"body": {"kind": [{"prefix": "order"}]}})
    made = client.create_event_source_mapping(
        EventSourceArn=QUEUE.format("lives"), FunctionName=function.name, BatchSize=5, Tags={"team": "blue"},
        FilterCriteria={"Filters": [{"Pattern": pattern}]}, FunctionResponseTypes=["ReportBatchItemFailures"])
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert (made["State"], made["FunctionArn"]) == ("Creating", function.arn)
    assert isinstance(made["LastModified"], datetime.datetime)
    found = client.get_event_source_mapping(UUID=made["UUID"])
    assert found["State"] == "Disabled" and "no poller for SQS queues" in found["StateTransitionReason"]
    assert members(found) | {"State": 0, "StateTransitionReason": 0} == members(made) | {"State": 0, "StateTransitionReason": 0}
    listed = client.list_event_source_mappings(FunctionName=function.name, EventSourceArn=QUEUE.format("lives"))
    assert listed["EventSourceMappings"] == [members(found)]
    with pytest.raises(client.exceptions.ResourceConflictException, match=made["UUID"]):
        client.create_event_source_mapping(EventSourceArn=QUEUE.format("lives"), FunctionName=function.name)
    changed = client.update_event_source_mapping(UUID=made["UUID"], Enabled=False, FilterCriteria={"Filters": []})
    assert changed["State"] == "Disabling" and "FilterCriteria" not in changed
    assert client.list_tags(Resource=made["EventSourceMappingArn"])["Tags"] == {"team": "blue"}
    assert client.delete_event_source_mapping(UUID=made["UUID"])["State"] == "Deleting"
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.get_event_source_mapping(UUID=made["UUID"])


SOURCES = {
    "kinesis": {"EventSourceArn": STREAM.format("k"), "StartingPosition": "LATEST", "ParallelizationFactor": 2},
    "dynamodb": {
        "EventSourceArn": "arn:aws:dynamodb:us-east-1:123456789012:table/t/stream/2015-06-27T00:48:05.899",
        "StartingPosition": "TRIM_HORIZON", "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": QUEUE.format("dead")}}},
    "msk": {
        "EventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/c/6cc0432b-8618-4f44-bccc-e1fbd8fb7c4d-2",
        "Topics": ["orders"], "StartingPosition": "AT_TIMESTAMP", "StartingPositionTimestamp": 1_600_000_000},
    "kafka": {
        "SelfManagedEventSource": {"Endpoints": {"KAFKA_BOOTSTRAP_SERVERS": ["b1.example:9092"]}}, "Topics": ["orders"],
        "StartingPosition": "LATEST", "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": SECRET}]},
    "mq": {
        "EventSourceArn": "arn:aws:mq:us-east-1:123456789012:broker:b:b-1", "Queues": ["q"],
        "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": SECRET}]},
    "docdb": {
        "EventSourceArn": "arn:aws:rds:us-east-1:123456789012:cluster:c", "StartingPosition": "LATEST",
        "DocumentDBEventSourceConfig": {"DatabaseName": "d", "CollectionName": "c"},
        "SourceAccessConfigurations": [{"Type": "BASIC_AUTH", "URI": SECRET}]},
}


@pytest.mark.parametrize("kind", SOURCES)
def test_what_is_given_is_shown(caller, function, kind):
    client = caller.awslambda
    made = client.create_event_source_mapping(FunctionName=function.name, **SOURCES[kind])
    shown = client.get_event_source_mapping(UUID=made["UUID"])
    for name, value in SOURCES[kind].items():
        expected = datetime.datetime.fromtimestamp(value, datetime.UTC) if name.endswith("Timestamp") else value
        assert shown[name] == (expected if kind != "docdb" or not isinstance(value, dict) else value | {"FullDocument": "Default"}), name
    client.delete_event_source_mapping(UUID=made["UUID"])


def test_bad_filters_are_refused(caller, function):
    client = caller.awslambda
    for pattern in ("null", '"x"', '{"a":"x"}', '{"a":[]}', "{"):
        with pytest.raises(client.exceptions.InvalidParameterValueException, match="Invalid filter pattern definition"):
            client.create_event_source_mapping(
                EventSourceArn=QUEUE.format("filters"), FunctionName=function.name,
                FilterCriteria={"Filters": [{"Pattern": pattern}]})
