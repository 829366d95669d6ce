"""CloudWatch Logs: what functions printed, as its four reading operations show it.

Source: fact sheet "Neighbouring services", section 1; "Execution-environment contract", section 4.
"""

import json
import re
import subprocess

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.clients import Caller
from harness.functions import Lab
from harness.server import hearth_binary
from harness.waiting import eventually

PRINTS = """
import json
def handler(event, context):
    for line in event['lines']:
        print(line)
"""
LINES = ["alpha one", "beta two", "alpha two", json.dumps({"level": "high", "n": 7}), "gamma \u00e4\u20ac"]
GROUP_FIELDS = {
    "arn", "logGroupArn", "logGroupName", "creationTime", "logGroupClass", "metricFilterCount", "storedBytes",
    "deletionProtectionEnabled",
}
STREAM_FIELDS = {
    "arn", "logStreamName", "creationTime", "storedBytes", "firstEventTimestamp", "lastEventTimestamp", "lastIngestionTime",
    "uploadSequenceToken",
}


@pytest.fixture(scope="module")
def function(server, checker):
    """One function that has printed LINES in one invocation."""
    lab = Lab(Caller(server, checker))
    function = lab.deploy(PRINTS, name="printing")
    function.call({"lines": LINES})
    function.messages_until("REPORT")
    yield function
    lab.clear()


def test_describe_log_groups(function):
    logs = function.caller.logs
    answer = logs.describe_log_groups(logGroupNamePrefix="/aws/lambda/pri")
    assert [g["logGroupName"] for g in answer["logGroups"]] == [function.group]
    group = answer["logGroups"][0]
    assert set(group) == GROUP_FIELDS
    account = function.caller.account
    assert group["arn"] == f"arn:aws:logs:us-east-1:{account}:log-group:{function.group}:*"
    assert group["logGroupArn"] == f"arn:aws:logs:us-east-1:{account}:log-group:{function.group}"
    assert (group["logGroupClass"], group["metricFilterCount"], group["storedBytes"]) == ("STANDARD", 0, 0)
    assert group["deletionProtectionEnabled"] is False
    assert logs.describe_log_groups(logGroupNamePrefix="/nothing")["logGroups"] == []
    found = logs.describe_log_groups(logGroupNamePattern="rintin")["logGroups"]
    assert [g["logGroupName"] for g in found] == [function.group]
    assert set(found[0]) == GROUP_FIELDS - {"storedBytes", "deletionProtectionEnabled"}
    with pytest.raises(ClientError) as error:
        logs.describe_log_groups(logGroupNamePattern="a", logGroupNamePrefix="b")
    assert error.value.response["Error"] == {
        "Code": "InvalidParameterException",
        "Message": "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters.",
    }


def test_describe_log_groups_pages_in_order(server, checker):
    lab = Lab(Caller(server, checker))
    names = [f"group-{i}" for i in (3, 1, 5, 2, 4)]
    for name in names:
        lab.deploy(PRINTS, name=name).call({"lines": []})
    logs = lab.caller.logs
    expected = sorted(f"/aws/lambda/{name}" for name in names)
    eventually(lambda: len(logs.describe_log_groups()["logGroups"]) == len(names))
    pages = logs.get_paginator("describe_log_groups").paginate(PaginationConfig={"PageSize": 2})
    assert [[g["logGroupName"] for g in page["logGroups"]] for page in pages] == [expected[:2], expected[2:4], expected[4:]]
    lab.clear()


def test_describe_log_streams(function):
    answer = function.caller.logs.describe_log_streams(logGroupName=function.group)
    assert len(answer["logStreams"]) == 1
    stream = answer["logStreams"][0]
    assert set(stream) == STREAM_FIELDS
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", stream["logStreamName"])
    account = function.caller.account
    assert stream["arn"] == f"arn:aws:logs:us-east-1:{account}:log-group:{function.group}:log-stream:{stream['logStreamName']}"
    assert stream["storedBytes"] == 0
    assert stream["creationTime"] <= stream["lastIngestionTime"]
    assert stream["firstEventTimestamp"] <= stream["lastEventTimestamp"]
    by_name = function.caller.logs.describe_log_streams(logGroupName=function.group, logStreamNamePrefix="1999/")
    assert by_name["logStreams"] == []
    newest = function.caller.logs.describe_log_streams(logGroupName=function.group, orderBy="LastEventTime", descending=True, limit=1)
    assert newest["logStreams"][0]["logStreamName"] == stream["logStreamName"]
    by_arn = function.caller.logs.describe_log_streams(logGroupIdentifier=f"arn:aws:logs:us-east-1:{account}:log-group:{function.group}")
    assert by_arn["logStreams"] == answer["logStreams"]


def test_get_log_events_walks_both_ways(function):
    logs, stream = function.caller.logs, function.streams()[0]
    where = {"logGroupName": function.group, "logStreamName": stream}
    whole = logs.get_log_events(startFromHead=True, **where)
    messages = [e["message"] for e in whole["events"]]
    assert all(set(e) == {"timestamp", "message", "ingestionTime"} for e in whole["events"])
    starts = [m.split()[0] for m in messages]
    assert starts[:2] == ["INIT_START", "START"] and starts[-2:] == ["END", "REPORT"], messages
    assert messages[2:-2] == [f"{line}\n" for line in LINES], messages
    assert whole["nextForwardToken"].startswith("f/") and whole["nextBackwardToken"].startswith("b/")

    walked, token = [], None
    while True:
        page = logs.get_log_events(startFromHead=True, limit=2, **where, **({"nextToken": token} if token else {}))
        assert len(page["events"]) <= 2
        walked += [e["message"] for e in page["events"]]
        if page["nextForwardToken"] == token:
            break
        token = page["nextForwardToken"]
    assert walked == messages

    last = logs.get_log_events(limit=2, **where)
    assert [e["message"] for e in last["events"]] == messages[-2:], "without startFromHead: the newest, in order of time"
    before = logs.get_log_events(limit=2, nextToken=last["nextBackwardToken"], **where)
    assert [e["message"] for e in before["events"]] == messages[-4:-2]
    after = whole["events"][-1]["timestamp"] + 1
    assert logs.get_log_events(startTime=after, **where)["events"] == []


PATTERNS = {
    "alpha": ["alpha one", "alpha two"],
    "alpha two": ["alpha two"],
    "?one ?beta": ["alpha one", "beta two"],
    "alpha -two": ["alpha one"],
    '"alpha two"': ["alpha two"],
    '{ $.level = "high" && $.n > 3 }': [LINES[3]],
    '{ $.level = "low" }': [],
    "%g[a-m]mma%": ["gamma \u00e4\u20ac"],
    "Alpha": [],
}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_filter_patterns(function, pattern):
    assert function.messages(filterPattern=pattern) == [f"{line}\n" for line in PATTERNS[pattern]]


def test_filter_log_events(function):
    logs = function.caller.logs
    answer = logs.filter_log_events(logGroupName=function.group)
    assert answer["searchedLogStreams"] == [] and "nextToken" not in answer
    events = answer["events"]
    assert all(set(e) == {"eventId", "ingestionTime", "logStreamName", "message", "timestamp"} for e in events)
    assert len({e["eventId"] for e in events}) == len(events)
    pages = logs.get_paginator("filter_log_events").paginate(logGroupName=function.group, PaginationConfig={"PageSize": 3})
    assert [e["eventId"] for page in pages for e in page["events"]] == [e["eventId"] for e in events]
    stream = function.streams()[0]
    assert function.messages(logStreamNames=[stream]) == [e["message"] for e in events]
    assert function.messages(logStreamNamePrefix="1999") == []
    assert function.messages(endTime=events[0]["timestamp"] - 1) == []
    assert function.messages(startTime=events[-1]["timestamp"] + 1) == []


MISSING_GROUP = {"Code": "ResourceNotFoundException", "Message": "The specified log group does not exist."}
MISSING_STREAM = {"Code": "ResourceNotFoundException", "Message": "The specified log stream does not exist."}
BAD_TOKEN = {"Code": "InvalidParameterException", "Message": "The specified nextToken is invalid."}
BAD_LIMIT = {
    "Code": "InvalidParameterException",
    "Message": "1 validation error detected: Value '10001' at 'limit' failed to satisfy constraint: Member must have value less "
               "than or equal to 10000",
}
REFUSED = [
    ("describe_log_streams", {"logGroupName": "/none"}, MISSING_GROUP),
    ("get_log_events", {"logGroupName": "/none", "logStreamName": "s"}, MISSING_GROUP),
    ("filter_log_events", {"logGroupName": "/none"}, MISSING_GROUP),
    ("get_log_events", {"logGroupName": "{group}", "logStreamName": "none"}, MISSING_STREAM),
    ("get_log_events", {"logGroupName": "{group}", "logStreamName": "{stream}", "nextToken": "nonsense"}, BAD_TOKEN),
    ("filter_log_events", {"logGroupName": "{group}", "nextToken": "nonsense"}, BAD_TOKEN),
    ("filter_log_events", {"logGroupName": "{group}", "limit": 10001}, BAD_LIMIT),
    ("get_log_events", {"logGroupName": "{group}", "logStreamName": "{stream}", "limit": 10001}, BAD_LIMIT),
]


@pytest.mark.parametrize("operation, arguments, expected", REFUSED)
def test_refusals(function, operation, arguments, expected):
    names = {"{group}": function.group, "{stream}": function.streams()[0]}
    arguments = {k: names.get(v, v) for k, v in arguments.items()}
    client = function.caller.client("logs", parameter_validation=False)
    with pytest.raises(ClientError) as error:
        getattr(client, operation)(**arguments)
    assert error.value.response["Error"] == expected
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_unknown_target(function):
    headers = {"X-Amz-Target": "Logs_20140328.DoNothing", "content-type": "application/x-amz-json-1.1"}
    reply = raw.call(function.caller, "POST", "/", {}, headers, service="logs")
    assert reply.status == 400 and "UnknownOperationException" in reply.json["__type"], reply


def test_another_account_sees_no_logs(function, server, checker):
    other = Caller(server, checker)
    assert other.logs.describe_log_groups()["logGroups"] == []
    with pytest.raises(other.logs.exceptions.ResourceNotFoundException):
        other.logs.filter_log_events(logGroupName=function.group)


def test_hearth_logs_follows(server, lab_on):
    """`hearth logs --follow` prints what comes while it runs."""
    lab = lab_on(server, account="000000000000")
    function = lab.deploy(PRINTS)
    function.call({"lines": ["before"]})
    follower = subprocess.Popen([hearth_binary(), "logs", function.name, "--follow"], env=server.environment(),
                                stdout=subprocess.PIPE, text=True)
    try:
        for line in follower.stdout:
            if line.startswith("REPORT"):
                break
        function.call({"lines": ["during"]})
        seen = []
        for line in follower.stdout:
            seen.append(line)
            if line.startswith("REPORT"):
                break
        assert "during\n" in seen and "before\n" not in seen, seen
    finally:
        follower.terminate()
        follower.wait(10)
        lab.clear()


def test_hearth_logs_of_a_deleted_function(server, lab_on):
    """What a function logged outlives it; a name that nobody ever had is an error."""
    lab = lab_on(server, account="000000000000")
    function = lab.deploy(PRINTS)
    function.call({"lines": ["last words"]})
    lab.clear()

    def logs(name):
        return subprocess.run([hearth_binary(), "logs", name], env=server.environment(), capture_output=True, text=True)

    left = logs(function.name)
    assert left.returncode == 0 and "last words\n" in left.stdout, left
    never = logs(function.name + "-never")
    assert never.returncode == 8 and "Function not found" in never.stderr, never


def test_a_line_without_an_end_is_in_its_own_invocation(server, lab_on):
    lab = lab_on(server, account="000000000000")
    function = lab.deploy("import os\ndef handler(event, context):\n    os.write(1, event['text'].encode())\n")
    for text in ("no end", "one line\n"):
        function.call({"text": text})
    messages = [e["message"] for e in function.caller.logs.filter_log_events(logGroupName=function.group)["events"]]
    assert "no end" in messages and "one line\n" in messages, messages
    lab.clear()
