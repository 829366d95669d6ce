"""Functions that use the API of the server they run on: boto3 and the AWS CLI inside, with the credentials of the role.

What comes from inside is verified whatever the server's mode: the attacks on that are here as well, since they need a
function that can sign.
"""

import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from harness.clients import Caller
from harness.functions import PYTHON, Lab, unique
from harness.modest import modest_server
from harness.packages import distribution_files, zip_of
from harness.server import free_port
from harness.strict import ACCOUNT, KEY, OTHER_ACCOUNT, OTHER_KEY, SECRET, STRICT
from harness.waiting import eventually

KIND = "AWS_LAMBDA_INITIALIZATION_TYPE"
TRUST = json.dumps({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}})

SDK = ["boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"]
CLI = ["awscli", "colorama", "docutils", "pyasn1", "PyYAML", "rsa"]
# Of the models that botocore brings, what the tests use: the whole of them is a hundred megabytes.
MODELS = {"iam", "kms", "lambda", "logs", "sts"}

# The event names what to do; the answer is what came of it.
PROBE = """
import json, os, subprocess, sys
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

QUICK = Config(retries={'total_max_attempts': 1}, connect_timeout=5, read_timeout=20)

def client(service, **keys):
    names = {'key': 'aws_access_key_id', 'secret': 'aws_secret_access_key', 'token': 'aws_session_token'}
    return boto3.Session(**{names[k]: v for k, v in keys.items()}).client(service, config=QUICK)

def call(service, operation, arguments=None, keys=None):
    try:
        answer = getattr(client(service, **(keys or {})), operation)(**(arguments or {}))
    except ClientError as error:
        return {'error': error.response['Error']['Code'], 'status': error.response['ResponseMetadata']['HTTPStatusCode'], 'message': error.response['Error']['Message']}
    answer.pop('ResponseMetadata')
    if 'Payload' in answer:
        answer['Payload'] = answer['Payload'].read().decode()
    return json.loads(json.dumps(answer, default=str))

def cli(*arguments):
    done = subprocess.run([sys.executable, '-m', 'awscli', *arguments], capture_output=True, text=True, env={**os.environ, 'HOME': '/tmp', 'PYTHONPATH': '/opt/python', 'AWS_MAX_ATTEMPTS': '1'})
    return {'code': done.returncode, 'out': done.stdout, 'err': done.stderr}

def variables(*names):
    return {name: os.environ.get(name) for name in names}

def handler(event, context):
    done = [globals()[name](*arguments) for name, *arguments in event]
    return done if len(done) != 1 else done[0]
"""

ECHO = "def handler(event, context):\n    return {'heard': event}\n"


def sdk_layer(*distributions):
    files = distribution_files(*distributions)

    def is_wanted(path):
        parts = path.split("/")
        if parts[:2] == ["botocore", "data"]:
            # The CLI looks for many a service to extend, but opens only the one that is asked.
            return len(parts) == 3 or parts[2] in MODELS or ("awscli" in distributions and parts[-1].startswith("service-2"))
        return parts[:2] not in (["awscli", "examples"], ["awscli", "topics"])

    return zip_of({f"python/{path}": content for path, content in files.items() if is_wanted(path)})


def deploy(lab, *distributions, **settings):
    content = {"ZipFile": sdk_layer(*(distributions or SDK))}
    layer = lab.caller.awslambda.publish_layer_version(LayerName=unique("sdk"), Content=content)
    settings = {"MemorySize": 1024, "Timeout": 60, "Layers": [layer["LayerVersionArn"]], **settings}
    return lab.deploy(PROBE, **settings)


@pytest.fixture(scope="module")
def probe(module_lab):
    return deploy(module_lab, *SDK, *CLI)


def test_a_function_is_its_role(probe, caller):
    identity = probe.call([["call", "sts", "get_caller_identity"]])
    arn = f"arn:aws:sts::{caller.account}:assumed-role/test/{probe.name}"
    assert (identity["Account"], identity["Arn"]) == (caller.account, arn)
    assert identity["UserId"].endswith(f":{probe.name}")


def test_a_role_of_another_account_does_not_lead_there(lab):
    function = deploy(lab, Role=f"arn:aws:iam::{OTHER_ACCOUNT}:role/test")
    identity = function.call([["call", "sts", "get_caller_identity"]])
    assert identity["Account"] == lab.caller.account
    assert identity["Arn"] == f"arn:aws:sts::{lab.caller.account}:assumed-role/test/{function.name}"


def test_functions_invoke_functions_and_write_logs(probe, caller, lab):
    echo = lab.deploy(ECHO)
    group, now = f"/of/{probe.name}", "2026-01-01"
    logs = {"logGroupName": group, "logStreamName": now}
    invoked, listed, _, _, written, read = probe.call([
        ["call", "lambda", "invoke", {"FunctionName": echo.name, "Payload": json.dumps({"x": 1})}],
        ["call", "lambda", "get_function_configuration", {"FunctionName": echo.name}],
        ["call", "logs", "create_log_group", {"logGroupName": group}],
        ["call", "logs", "create_log_stream", logs],
        ["call", "logs", "put_log_events", {**logs, "logEvents": [{"timestamp": int(time.time() * 1000), "message": "from inside"}]}],
        ["call", "logs", "get_log_events", {**logs, "startFromHead": True}],
    ])
    assert (invoked["StatusCode"], json.loads(invoked["Payload"])) == (200, {"heard": {"x": 1}})
    assert listed["FunctionArn"] == echo.arn
    assert "error" not in written and [event["message"] for event in read["events"]] == ["from inside"]
    assert caller.logs.describe_log_streams(logGroupName=group)["logStreams"][0]["logStreamName"] == now


def test_the_cli_inside(probe):
    done = probe.call([["cli", "sts", "get-caller-identity", "--query", "Arn", "--output", "text"]])
    assert (done["code"], done["out"].strip().rsplit("/", 1)[-1]) == (0, probe.name), done


def test_what_is_signed_otherwise_is_refused(probe, caller):
    """In `open` mode, where outside any key will do."""
    keys = {"a well-known one": {"key": "test", "secret": "test"}, "an account's": {"key": caller.account, "secret": "x"}, "another account's": {"key": OTHER_ACCOUNT, "secret": "x"}}
    for what, pair in keys.items():
        found = probe.call([["call", "lambda", "list_functions", {}, pair]])
        assert (found["error"], found["status"]) == ("UnrecognizedClientException", 403), (what, found)
    found = probe.call([["call", "sts", "get_caller_identity", {}, keys["a well-known one"]]])
    assert (found["error"], found["status"]) == ("InvalidClientTokenId", 403), found


def test_whose_credentials_are_taken(probe, caller, server, checker):
    own = caller.client("sts").assume_role(RoleArn=caller.role, RoleSessionName="own")["Credentials"]
    stranger = Caller(server, checker)
    foreign = stranger.client("sts").assume_role(RoleArn=stranger.role, RoleSessionName="foreign")["Credentials"]

    def identity(credentials, **changed):
        keys = {"key": credentials["AccessKeyId"], "secret": credentials["SecretAccessKey"], "token": credentials["SessionToken"], **changed}
        return probe.call([["call", "sts", "get_caller_identity", {}, keys]])

    assert identity(own)["Arn"].endswith("/own")
    refused = identity(foreign)
    assert (refused["error"], refused["status"]) == ("AccessDenied", 403) and "of another account" in refused["message"], refused
    assert identity(own, secret="x" * 40)["error"] == "SignatureDoesNotMatch"
    assert identity(own, token=foreign["SessionToken"])["error"] == "InvalidClientTokenId"
    assert identity(own, token="x" + own["SessionToken"])["error"] == "InvalidClientTokenId"
    # A role of another account can be assumed where no role is checked; but not be used from here.
    there = probe.call([["call", "sts", "assume_role", {"RoleArn": stranger.role, "RoleSessionName": "there"}]])["Credentials"]
    assert identity(there)["error"] == "AccessDenied"
    elsewhere = probe.call([["call", "lambda", "get_function", {"FunctionName": stranger.arn("f")}]])
    assert (elsewhere["error"], elsewhere["status"]) == ("AccessDeniedException", 403)


def test_the_variable(lab, probe):
    names = ["variables", "AWS_ENDPOINT_URL"]
    assert probe.call([names]) == {"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}
    own = deploy(lab, Environment={"Variables": {"AWS_ENDPOINT_URL": "http://own.example"}})
    assert own.call([names]) == {"AWS_ENDPOINT_URL": "http://own.example"}


def test_provisioned(lab):
    control, function = lab.caller.awslambda, deploy(lab)
    which = {"FunctionName": function.name, "Qualifier": control.publish_version(FunctionName=function.name)["Version"]}
    control.put_provisioned_concurrency_config(**which, ProvisionedConcurrentExecutions=1)
    eventually(lambda: control.get_provisioned_concurrency_config(**which)["Status"] == "READY", timeout_s=60)
    identity, variables = function.call([["call", "sts", "get_caller_identity"], ["variables", KIND]], Qualifier=which["Qualifier"])
    assert identity["Arn"].endswith(f":assumed-role/test/{function.name}") and variables == {KIND: "provisioned-concurrency"}


def test_snapshots(make_server, lab_on):
    """Copies of an initialised process, which has made its clients before."""
    lab = lab_on(make_server(f"[runtimes.aliases]\n\"python3.14\" = \"{PYTHON}\"\n").start())
    function = deploy(lab, runtime="python3.14", SnapStart={"ApplyOn": "PublishedVersions"})
    which = {"FunctionName": function.name, "Qualifier": lab.caller.awslambda.publish_version(FunctionName=function.name)["Version"]}
    eventually(lambda: lab.caller.awslambda.get_function_configuration(**which)["State"] == "Active", timeout_s=60)
    with ThreadPoolExecutor(2) as pool:
        answers = pool.map(lambda _: function.call([["call", "sts", "get_caller_identity"], ["variables", KIND, "AWS_ACCESS_KEY_ID"]], Qualifier=which["Qualifier"]), range(2))
    for identity, variables in answers:
        assert identity["Arn"].endswith(f":assumed-role/test/{function.name}"), identity
        assert variables == {KIND: "snap-start", "AWS_ACCESS_KEY_ID": None}


FROZEN = """
import json, os, socket, threading, time
import boto3

def handler(event, context):
    logs = boto3.client('logs')
    if event == 'start':
        logs.create_log_group(logGroupName=os.environ['AWS_LAMBDA_FUNCTION_NAME'])
        def later():
            # Sent in pieces, so that the freeze falls into it.
            for n in range(10_000):
                logs.create_log_stream(logGroupName=os.environ['AWS_LAMBDA_FUNCTION_NAME'], logStreamName=str(n))
        threading.Thread(target=later, daemon=True).start()
    return len(logs.describe_log_streams(logGroupName=os.environ['AWS_LAMBDA_FUNCTION_NAME'], limit=50)['logStreams'])
"""


def test_while_frozen_nothing_is_served(caller, lab):
    """A thread goes on asking after the answer; once its sandbox is frozen, nothing more happens until the next event."""
    layer = caller.awslambda.publish_layer_version(LayerName=unique("sdk"), Content={"ZipFile": sdk_layer(*SDK)})
    function = lab.deploy(FROZEN, MemorySize=512, Timeout=30, Layers=[layer["LayerVersionArn"]])
    function.call("start")

    def streams():
        pages = caller.logs.get_paginator("describe_log_streams").paginate(logGroupName=function.name)
        return sum(len(page["logStreams"]) for page in pages)

    def has_stopped():
        first = streams()
        # Two looks at all of them take longer than a request does.
        second = streams()
        assert first == second
        return second

    before = eventually(has_stopped, timeout_s=20)
    assert 0 < before < 10_000 and streams() == before
    function.call("again")
    eventually(lambda: streams() > before, timeout_s=20)


FLOOD = """
import http.client, os, socket, time

ADDRESS = ('127.0.0.1', 4566)

def handler(event, context):
    held, served = [], 0
    for _ in range(250):
        s = socket.socket()
        s.settimeout(0.02)
        try:
            s.connect(ADDRESS)
            s.sendall(b'POST / HTTP/1.1\\r\\nHost: x\\r\\nContent-Le')
        except OSError:
            pass
        held.append(s)
    nonsense = []
    for text in [b'\\x00' * 300, b'GET ' + b'x' * 100_000, b'POST / HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\nContent-Length: 3\\r\\n\\r\\nzz', b'PRI * HTTP/2.0\\r\\n\\r\\nSM\\r\\n\\r\\n']:
        held.pop().close()
        s = socket.socket()
        s.settimeout(0.2)
        try:
            s.connect(ADDRESS); s.sendall(text); nonsense.append(s.recv(12).decode('latin-1'))
        except OSError as error:
            nonsense.append(type(error).__name__)
        held.append(s)
    return nonsense
"""


def test_a_flood_of_connections_is_one_sandboxs_own(probe, lab, server):
    flooder = lab.deploy(FLOOD, Timeout=60, MemorySize=1024)
    before = len(os.listdir(f"/proc/{server.pid}/fd"))
    done = flooder.call()
    assert len(os.listdir(f"/proc/{server.pid}/fd")) < before + 150, "connections of one sandbox are bounded"
    assert len(done) == 4
    assert probe.call([["call", "sts", "get_caller_identity"]])["Account"] == lab.caller.account


def test_it_can_be_switched_off(make_server, lab_on):
    lab = lab_on(make_server("[sandbox]\napi = \"off\"\n").start())
    function = lab.deploy("""
import os, socket
def handler(event, context):
    s = socket.socket()
    return [os.environ.get('AWS_ENDPOINT_URL'), s.connect_ex(('127.0.0.1', 4566)) != 0]
""")
    assert function.call() == [None, True]


def test_where_signatures_are_verified(make_server, checker):
    server = make_server(STRICT, listen=f"127.0.0.1:{free_port()}").start()
    caller = Caller(server, checker, account=ACCOUNT, key=KEY, secret=SECRET)
    role = caller.client("iam").create_role(RoleName="of-functions", AssumeRolePolicyDocument=TRUST)["Role"]["Arn"]
    lab = Lab(caller)
    function = deploy(lab, Role=role)
    own, foreign, unknown, role_of_another = function.call([
        ["call", "sts", "get_caller_identity"],
        ["call", "sts", "get_caller_identity", {}, {"key": OTHER_KEY, "secret": SECRET}],
        ["call", "sts", "get_caller_identity", {}, {"key": "test", "secret": "test"}],
        ["call", "sts", "get_caller_identity", {}, {"key": KEY, "secret": SECRET}],
    ])
    assert own["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/of-functions/{function.name}"
    assert [foreign["error"], unknown["error"]] == ["AccessDenied", "InvalidClientTokenId"]
    assert role_of_another["Arn"].startswith(f"arn:aws:iam::{ACCOUNT}:user/"), "the operator's own key, in its account"
    lab.clear()


def test_without_privilege(checker):
    for modest in modest_server():
        lab = Lab(Caller(modest, checker))
        function = deploy(lab)
        assert function.call([["call", "sts", "get_caller_identity"]])["Arn"].endswith(f"/{function.name}")
        lab.clear()


def test_behind_address_translation(make_server, lab_on):
    lab = lab_on(make_server("[sandbox]\nnetwork = \"nat\"\n").start())
    function = deploy(lab)
    assert function.call([["call", "sts", "get_caller_identity"]])["Arn"].endswith(f"/{function.name}")
