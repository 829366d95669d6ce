"""STS: who asks, and temporary credentials.

Source: fact sheet "Neighbouring services", section 3; STS's service model.
"""

import datetime
import json

import boto3
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from harness import raw
from harness.clients import Caller
from harness.functions import Lab, unique
from harness.server import Server, free_port
from harness.strict import ACCOUNT, KEY, OTHER_ACCOUNT, OTHER_KEY, SECRET, STRICT


@pytest.fixture(scope="module")
def strict(tmp_path_factory, checker):
    server = Server(tmp_path_factory.mktemp("strict"), STRICT, listen=f"127.0.0.1:{free_port()}")
    server.start()
    yield server
    server.stop_cleanly()


@pytest.fixture(scope="module")
def ada(strict, checker):
    return Caller(strict, checker, account=ACCOUNT, key=KEY, secret=SECRET)


@pytest.fixture(scope="module")
def eve(strict, checker):
    return Caller(strict, checker, account=OTHER_ACCOUNT, key=OTHER_KEY, secret=SECRET)


def session(caller, credentials, service="sts"):
    """A client that signs with temporary credentials."""
    client = boto3.Session(
        credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"], region_name=caller.region,
    ).client(service, endpoint_url=caller.server.endpoint, config=Config(retries={"total_max_attempts": 1}))
    caller.checker.attach(client.meta.events)
    return client


def identity(client):
    found = client.get_caller_identity()
    return found["Account"], found["Arn"], found["UserId"]


def refused(code, status, message, call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    told = error.value.response
    found = (told["Error"]["Code"], told["ResponseMetadata"]["HTTPStatusCode"])
    assert found == (code, status) and message in told["Error"]["Message"], told


def trusting(principal, **more):
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def role_of(ada):
    """Makes roles that trust somebody; their ARN."""
    iam, made = ada.client("iam"), []

    def make(principal, options=None, **more):
        made.append(unique())
        return iam.create_role(
            RoleName=made[-1], Path="/p/", AssumeRolePolicyDocument=trusting(principal, **more), **(options or {}))["Role"]

    yield make
    for name in made:
        iam.delete_role(RoleName=name)


def test_who_asks(caller, ada, awscli):
    assert identity(caller.client("sts")) == (caller.account, f"arn:aws:iam::{caller.account}:root", caller.account)
    account, arn, user_id = identity(ada.client("sts"))
    assert (account, arn) == (ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ada") and user_id.startswith("AIDA")
    assert user_id == ada.client("iam").get_user()["User"]["UserId"]
    assert awscli.json("sts", "get-caller-identity")["Account"] == caller.account


def test_an_unsigned_question_is_the_default_accounts(server):
    form = {"content-type": "application/x-www-form-urlencoded"}
    reply = raw.send(server, "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", form)
    assert reply.status == 200 and b"<Account>000000000000</Account>" in reply.body, reply


def test_a_presigned_question(ada):
    url = f"{ada.server.endpoint}/?Action=GetCallerIdentity&Version=2011-06-15"
    request = AWSRequest(method="GET", url=url)
    SigV4QueryAuth(Credentials(KEY, SECRET), "sts", ada.region, expires=60).add_auth(request)
    path = request.url.removeprefix(ada.server.endpoint)
    reply = raw.send(ada.server, "GET", path)
    assert reply.status == 200 and b":user/ada</Arn>" in reply.body, reply
    assert raw.send(ada.server, "GET", path.replace("GetCallerIdentity", "GetSessionToken")).status == 403


def test_enforce_refuses_in_the_query_protocols_words(ada, checker):
    liar = Caller(ada.server, checker, account=ACCOUNT, key=KEY, secret="wrong").client("sts")
    refused("SignatureDoesNotMatch", 403, "signature", liar.get_caller_identity)
    stranger = Caller(ada.server, checker, account=ACCOUNT, key="AKIAUNKNOWN000000000").client("sts")
    refused("InvalidClientTokenId", 403, "security token", stranger.get_caller_identity)
    reply = raw.send(ada.server, "POST", "/", b"Action=GetCallerIdentity&Version=2011-06-15", {"content-type": "application/x-www-form-urlencoded"})
    assert reply.status == 403 and b"<Code>MissingAuthenticationToken</Code>" in reply.body, reply


def test_assuming_a_role(ada, role_of):
    role = role_of({"AWS": f"arn:aws:iam::{ACCOUNT}:user/ada"})
    before = datetime.datetime.now(datetime.timezone.utc)
    done = ada.client("sts").assume_role(RoleArn=role["Arn"], RoleSessionName="it", DurationSeconds=900)
    credentials = done["Credentials"]
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/it"
    assert done["AssumedRoleUser"] == {"AssumedRoleId": f"{role['RoleId']}:it", "Arn": arn}
    assert credentials["AccessKeyId"].startswith("ASIA") and "PackedPolicySize" not in done
    assert 890 <= (credentials["Expiration"] - before).total_seconds() <= 960
    assert identity(session(ada, credentials)) == (ACCOUNT, arn, f"{role['RoleId']}:it")
    assert session(ada, credentials, "lambda").list_functions()["Functions"] == []
    refused("ValidationError", 400, "Must specify userName", session(ada, credentials, "iam").get_user)
    refused("AccessDenied", 403, "session credentials", session(ada, credentials).get_session_token)
    stolen = {**credentials, "SessionToken": "x" + credentials["SessionToken"]}
    refused("InvalidClientTokenId", 403, "security token", session(ada, stolen).get_caller_identity)
    wrong = {**credentials, "SecretAccessKey": "x" * 40}
    refused("SignatureDoesNotMatch", 403, "signature", session(ada, wrong).get_caller_identity)


def test_chains_last_an_hour_at_most(ada, role_of):
    first = role_of({"AWS": ACCOUNT})
    second = role_of({"AWS": first["Arn"]}, {"MaxSessionDuration": 43200})
    credentials = ada.client("sts").assume_role(RoleArn=first["Arn"], RoleSessionName="one")["Credentials"]
    sts = session(ada, credentials)
    sts.assume_role(RoleArn=second["Arn"], RoleSessionName="two", DurationSeconds=3600)
    refused("ValidationError", 400, "role chaining", sts.assume_role, RoleArn=second["Arn"], RoleSessionName="two", DurationSeconds=3601)
    refused("AccessDenied", 403, "sts:AssumeRole", ada.client("sts").assume_role, RoleArn=second["Arn"], RoleSessionName="ada")


TRUSTS = [
    ({"AWS": ACCOUNT}, {}, {}, True, False),
    ({"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, {}, {}, True, False),
    ({"AWS": f"arn:aws:iam::{OTHER_ACCOUNT}:root"}, {}, {}, False, True),
    ("*", {}, {}, True, True),
    ({"Service": "lambda.amazonaws.com"}, {}, {}, False, False),
    ("*", {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}, {"ExternalId": "secret"}, True, True),
    ("*", {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}, {"ExternalId": "guess"}, False, False),
    ("*", {"Condition": {"StringEquals": {"sts:ExternalId": "secret"}}}, {}, False, False),
    ("*", {"Condition": {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}}, {}, True, False),
    ("*", {"Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}, {}, False, False),
]


@pytest.mark.parametrize("principal, more, arguments, ada_may, eve_may", TRUSTS)
def test_whom_a_role_trusts(ada, eve, role_of, principal, more, arguments, ada_may, eve_may):
    arn = role_of(principal, **more)["Arn"]
    for caller, may, who in ((ada, ada_may, f"{ACCOUNT}:user/ada"), (eve, eve_may, f"{OTHER_ACCOUNT}:user/eve")):
        sts = caller.client("sts")
        if may:
            assert sts.assume_role(RoleArn=arn, RoleSessionName="it", **arguments)["AssumedRoleUser"]
            continue
        message = f"User: arn:aws:iam::{who} is not authorized to perform: sts:AssumeRole on resource: {arn}"
        refused("AccessDenied", 403, message, sts.assume_role, RoleArn=arn, RoleSessionName="it", **arguments)


def test_a_role_that_is_not_there(ada, caller):
    arn = f"arn:aws:iam::{ACCOUNT}:role/nobody"
    refused("AccessDenied", 403, arn, ada.client("sts").assume_role, RoleArn=arn, RoleSessionName="it")
    free = f"arn:aws:iam::{caller.account}:role/p/nobody"
    done = caller.client("sts").assume_role(RoleArn=free, RoleSessionName="it")
    assert done["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{caller.account}:assumed-role/nobody/it", "open mode accepts"
    found = identity(session(caller, done["Credentials"]))
    assert found == (caller.account, done["AssumedRoleUser"]["Arn"], done["AssumedRoleUser"]["AssumedRoleId"])


def test_tokens_of_ones_own(ada, checker):
    sts = ada.client("sts")
    credentials = sts.get_session_token(DurationSeconds=900)["Credentials"]
    assert identity(session(ada, credentials)) == identity(sts)
    assert session(ada, credentials, "iam").get_user()["User"]["UserName"] == "ada"
    refused("AccessDenied", 403, "session credentials", session(ada, credentials).get_session_token)
    assert sts.get_access_key_info(AccessKeyId=KEY)["Account"] == ACCOUNT
    refused("ValidationError", 400, "AKIANONE000000000000", sts.get_access_key_info, AccessKeyId="AKIANONE000000000000")


ENVIRONMENT = """
import os

def handler(event, context):
    names = {"AccessKeyId": "AWS_ACCESS_KEY_ID", "SecretAccessKey": "AWS_SECRET_ACCESS_KEY", "SessionToken": "AWS_SESSION_TOKEN"}
    return {name: os.environ[variable] for name, variable in names.items()}
"""
LAMBDA = {"Service": "lambda.amazonaws.com"}
NOT_ASSUMABLE = "The role defined for the function cannot be assumed by Lambda."


@pytest.fixture
def lab(ada):
    lab = Lab(ada)
    yield lab
    lab.clear()


def test_a_functions_keys_are_its_roles(ada, lab, role_of):
    role = role_of(LAMBDA)
    function = lab.deploy(ENVIRONMENT, Role=role["Arn"])
    found = identity(session(ada, function.call({})))
    arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/{role['RoleName']}/{function.name}"
    assert found == (ACCOUNT, arn, f"{role['RoleId']}:{function.name}")


def test_a_functions_role_must_trust_lambda(ada, lab, role_of):
    good, bad = role_of(LAMBDA)["Arn"], role_of({"Service": "ec2.amazonaws.com"})["Arn"]
    function = lab.deploy(ENVIRONMENT, Role=good)
    update = ada.awslambda.update_function_configuration
    for arn in (bad, f"arn:aws:iam::{ACCOUNT}:role/nobody"):
        refused("InvalidParameterValueException", 400, NOT_ASSUMABLE, update, FunctionName=function.name, Role=arn)
        with pytest.raises(ClientError, match=NOT_ASSUMABLE):
            lab.deploy(ENVIRONMENT, Role=arn)
    foreign = f"arn:aws:iam::{OTHER_ACCOUNT}:role/r"
    refused("AccessDeniedException", 403, "Cross-account pass role is not allowed.", update, FunctionName=function.name, Role=foreign)
    update(FunctionName=function.name, Role=good)


def test_open_mode_says_once_that_a_role_is_absent(make_server, lab_on):
    server = make_server().start()
    lab = lab_on(server)
    function = lab.deploy(ENVIRONMENT)
    lab.caller.awslambda.update_function_configuration(FunctionName=function.name, Role=lab.caller.role)
    told = [line for line in server.log_file.read_text().splitlines() if "role does not exist" in line]
    assert len(told) == 1 and lab.caller.role in told[0], told


def test_sessions_outlive_a_restart(make_server, checker):
    server = make_server(STRICT, listen=f"127.0.0.1:{free_port()}").start()
    caller = Caller(server, checker, account=ACCOUNT, key=KEY, secret=SECRET)
    credentials = caller.client("sts").get_session_token()["Credentials"]
    server.stop_cleanly()
    server.start()
    assert identity(session(caller, credentials))[1] == f"arn:aws:iam::{ACCOUNT}:user/ada"


GOOD = {"RoleArn": "arn:aws:iam::123456789012:role/r", "RoleSessionName": "it"}
ERRORS = [
    ("assume_role", {**GOOD, "RoleArn": "x" * 20}, "ValidationError", 400, "xxxxxxxxxxxxxxxxxxxx is invalid"),
    ("assume_role", {**GOOD, "RoleArn": "short"}, "ValidationError", 400, "'roleArn'"),
    ("assume_role", {**GOOD, "RoleSessionName": "a b"}, "ValidationError", 400,
     "1 validation error detected: Value 'a b' at 'roleSessionName' failed to satisfy constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*"),
    ("assume_role", {**GOOD, "RoleSessionName": "a"}, "ValidationError", 400, "length greater than or equal to 2"),
    ("assume_role", {"RoleArn": GOOD["RoleArn"]}, "ValidationError", 400, "Value null at 'roleSessionName'"),
    ("assume_role", {**GOOD, "DurationSeconds": 899}, "ValidationError", 400, "greater than or equal to 900"),
    ("assume_role", {**GOOD, "DurationSeconds": 43201}, "ValidationError", 400, "less than or equal to 43200"),
    ("assume_role", {**GOOD, "Policy": "{}"}, "NotImplemented", 501, "Policy"),
    ("assume_role", {**GOOD, "PolicyArns": [{"arn": "arn:aws:iam::aws:policy/ReadOnlyAccess"}]}, "NotImplemented", 501, "PolicyArns"),
    ("assume_role", {**GOOD, "Tags": [{"Key": "a", "Value": "b"}]}, "NotImplemented", 501, "Tags"),
    ("assume_role", {**GOOD, "SerialNumber": "123456789", "TokenCode": "123456"}, "NotImplemented", 501, "SerialNumber"),
    ("get_session_token", {"DurationSeconds": 60}, "ValidationError", 400, "greater than or equal to 900"),
    ("get_federation_token", {"Name": "bob"}, "NotImplemented", 501, "GetFederationToken"),
]


@pytest.mark.parametrize("operation, arguments, code, status, message", ERRORS)
def test_refusals(caller, operation, arguments, code, status, message):
    client = caller.client("sts", parameter_validation=False)
    refused(code, status, message, getattr(client, operation), **arguments)


def test_a_role_limits_its_sessions(ada, role_of):
    arn = role_of({"AWS": ACCOUNT})["Arn"]
    refused("ValidationError", 400, "MaxSessionDuration", ada.client("sts").assume_role, RoleArn=arn, RoleSessionName="it", DurationSeconds=3601)
