"""Signatures: a server in `enforce` mode believes the right key, and nobody else.

Source: fact sheet "Lambda control-plane API", section 1.1.
"""

import datetime
import hashlib
import http.client
import json
import socket
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from harness import raw
from harness.clients import Caller
from harness.functions import Lab
from harness.server import Server, free_port
from harness.strict import ACCOUNT, KEY, SECRET, STRICT

LIST = "/2015-03-31/functions"
ECHO = "def handler(event, context):\n    return event\n"


@pytest.fixture(scope="module")
def strict(tmp_path_factory):
    """A server that verifies; it listens beyond loopback, which needs just that."""
    server = Server(tmp_path_factory.mktemp("strict"), STRICT, listen=f"0.0.0.0:{free_port()}")
    server.start()
    yield server
    server.stop_cleanly()


@pytest.fixture(scope="module")
def known(strict, checker):
    caller = Caller(strict, checker, account=ACCOUNT, key=KEY, secret=SECRET)
    caller.server = Loopback(strict)
    trust = {"Statement": {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}}
    path, name = caller.role.split(":role")[1].rsplit("/", 1)
    caller.client("iam").create_role(RoleName=name, Path=path + "/", AssumeRolePolicyDocument=json.dumps(trust))
    return caller


class Loopback:
    """The same server by an address that one can connect to."""

    def __init__(self, server):
        self.port, self.endpoint = server.port, f"http://127.0.0.1:{server.port}"


@pytest.fixture(scope="module")
def echo(known):
    lab = Lab(known)
    yield lab.deploy(ECHO)
    lab.clear()


def refused(reply, code, status=403):
    assert (reply.status, reply.error_type) == (status, code), reply
    assert reply.json.get("message") or reply.json.get("Message"), reply
    return reply


def signed(known, method="GET", path=LIST, body=b"", when=None, key=KEY, secret=SECRET, headers=None, service="lambda", region="us-east-1"):
    """Headers of a request signed at `when`."""
    request = AWSRequest(method=method, url=known.server.endpoint + path, data=body, headers=headers or {})
    auth = SigV4Auth(Credentials(key, secret), service, region)
    if when is None:
        auth.add_auth(request)
    else:
        request.context["timestamp"] = when.strftime("%Y%m%dT%H%M%SZ")
        auth._modify_request_before_signing(request)
        canonical = auth.canonical_request(request)
        signature = auth.signature(auth.string_to_sign(request, canonical), request)
        auth._inject_signature_to_request(request, signature)
    return dict(request.headers.items())


def test_the_right_key_works(echo):
    assert echo.call({"a": 1}) == {"a": 1}
    assert echo.created["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:{echo.name}", "the key's account"
    assert echo.messages_until("REPORT")


def test_raw_signed_requests_work(known, echo):
    reply = raw.send(known.server, "GET", LIST, b"", signed(known))
    assert reply.status == 200 and [f["FunctionName"] for f in reply.json["Functions"]] == [echo.name], reply


def test_function_urls_verify_as_well(known, echo):
    client = known.awslambda
    told = client.create_function_url_config(FunctionName=echo.name, AuthType="AWS_IAM")["FunctionUrl"]
    host = told.removeprefix("http://").rstrip("/")

    def ask(path="/a%2Fb?c=d&c=e", body=b"x", key=KEY, secret=SECRET, service="lambda", sent_body=None, token=None, url=None):
        url = url or f"http://{host}{path}"
        headers = raw.signed_headers(url, "POST", body, {}, key, secret, service=service, token=token)
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}"
        return raw.send(known.server, "POST", target, sent_body or body, {"Host": parts.netloc, **headers})

    iam = ask().json["requestContext"]["authorizer"]["iam"]
    assert (iam["userArn"], iam["accessKey"], iam["accountId"]) == (f"arn:aws:iam::{ACCOUNT}:user/ada", KEY, ACCOUNT)
    assert iam["userId"].startswith("AIDA") and iam["callerId"] == iam["userId"]
    by_path = ask(url=f"{known.server.endpoint}/_hearth/url/{host.split('.')[0]}/a?b=c")
    assert by_path.json["rawPath"] == "/a", by_path
    refused(ask(secret="wrong"), "InvalidSignatureException")
    refused(ask(sent_body=b"y"), "InvalidSignatureException")
    refused(ask(service="execute-api"), "InvalidSignatureException")
    refused(ask(key="AKIAUNKNOWN000000000"), "UnrecognizedClientException")
    unsigned = raw.send(known.server, "POST", "/", b"x", {"Host": host})
    refused(unsigned, "AccessDeniedException")
    session = known.client("sts").get_session_token()["Credentials"]
    reply = ask(key=session["AccessKeyId"], secret=session["SecretAccessKey"], token=session["SessionToken"])
    assert reply.json["requestContext"]["authorizer"]["iam"]["userArn"] == f"arn:aws:iam::{ACCOUNT}:user/ada"
    # Whoever does not have to sign needs the policy.
    client.update_function_url_config(FunctionName=echo.name, AuthType="NONE")
    refused(raw.send(known.server, "GET", "/", b"", {"Host": host}), "AccessDeniedException")
    client.add_permission(FunctionName=echo.name, StatementId="s", Action="lambda:InvokeFunctionUrl", Principal="*",
                          FunctionUrlAuthType="NONE")
    assert raw.send(known.server, "GET", "/", b"", {"Host": host}).status == 200


@pytest.mark.parametrize("name", ["a b", "ä/%", "x+y=z&c"])
def test_odd_characters_in_the_path_are_signed_alike(known, name):
    path = f"{LIST}/{raw.quote(name)}/configuration?Qualifier={raw.quote('q q')}"
    reply = raw.send(known.server, "GET", path, b"", signed(known, path=path))
    assert reply.error_type == "ValidationException", reply


def test_the_wrong_secret(known, checker):
    liar = Caller(known.server, checker, account=ACCOUNT, key=KEY, secret="wrong")
    with pytest.raises(ClientError) as error:
        liar.awslambda.list_functions()
    assert error.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert error.value.response["Error"]["Message"].startswith(
        "The request signature we calculated does not match the signature you provided.")
    assert error.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    with pytest.raises(ClientError) as error:
        liar.logs.describe_log_groups()
    assert error.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_an_unknown_key(known, checker):
    stranger = Caller(known.server, checker, account=ACCOUNT, key="AKIAUNKNOWN000000000", secret=SECRET)
    for call in (stranger.awslambda.list_functions, stranger.logs.describe_log_groups):
        with pytest.raises(ClientError) as error:
            call()
        assert error.value.response["Error"] == {
            "Code": "UnrecognizedClientException", "Message": "The security token included in the request is invalid."}


def test_no_signature(known):
    reply = refused(raw.send(known.server, "GET", LIST), "MissingAuthenticationTokenException")
    assert "Missing Authentication Token" in reply.body.decode()


@pytest.mark.parametrize("header", [
    "AWS4-HMAC-SHA256 Credential=", "AWS4-HMAC-SHA256", "Basic dXNlcjpwYXNz", "Bearer token",
    f"AWS4-HMAC-SHA256 Credential={KEY}/20240101/us-east-1/lambda/aws4_request, SignedHeaders=host",
    f"AWS4-HMAC-SHA256 Credential={KEY}/x, SignedHeaders=host, Signature=00",
])
def test_half_a_signature(known, header):
    reply = raw.send(known.server, "GET", LIST, b"", {"Authorization": header})
    assert reply.status in (400, 403) and reply.error_type, reply
    assert reply.error_type in ("IncompleteSignatureException", "MissingAuthenticationTokenException", "InvalidSignatureException"), reply


@pytest.mark.parametrize("minutes, works", [(-4, True), (4, True), (-6, False), (6, False), (-60 * 24, False)])
def test_clocks_may_differ_by_5_minutes(known, minutes, works):
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=minutes)
    reply = raw.send(known.server, "GET", LIST, b"", signed(known, when=when))
    if works:
        assert reply.status == 200, reply
    else:
        refused(reply, "InvalidSignatureException")
        assert "Signature" in reply.body.decode(), reply


def test_a_changed_body(known, echo):
    path = f"{LIST}/{echo.name}/invocations"
    headers = signed(known, "POST", path, b'{"pay": 1}', headers={"content-type": "application/json"})
    assert raw.send(known.server, "POST", path, b'{"pay": 1}', headers).json == {"pay": 1}
    refused(raw.send(known.server, "POST", path, b'{"pay": 9}', headers), "InvalidSignatureException")


def test_a_changed_body_under_a_declared_hash(known, echo):
    """The hash in the header is signed; the body must have it."""
    path = f"{LIST}/{echo.name}/invocations"
    declared = {"X-Amz-Content-SHA256": hashlib.sha256(b'{"pay": 1}').hexdigest()}
    headers = signed(known, "POST", path, b'{"pay": 1}', headers=declared)
    reply = raw.send(known.server, "POST", path, b'{"pay": 9}', headers)
    assert reply.status in (400, 403) and reply.error_type, reply


@pytest.mark.parametrize("change", ["path", "query", "method", "header", "region", "service"])
def test_a_changed_request(known, change):
    headers = signed(known, path=LIST + "?MaxItems=2")
    method, path = "GET", LIST + "?MaxItems=2"
    if change == "path":
        path = LIST + "/other?MaxItems=2"
    elif change == "query":
        path = LIST + "?MaxItems=3"
    elif change == "method":
        method = "POST"
    elif change == "header":
        headers["X-Amz-Date"] = headers["X-Amz-Date"][:-2] + ("0Z" if headers["X-Amz-Date"][-2] != "0" else "1Z")
    elif change == "region":
        headers["Authorization"] = headers["Authorization"].replace("us-east-1", "eu-west-1")
    else:
        headers["Authorization"] = headers["Authorization"].replace("/lambda/", "/logs/")
    reply = raw.send(known.server, method, path, b"", headers)
    assert reply.status in (400, 403), reply


def presigned(known, method, path, seconds=60, secret=SECRET, key=KEY):
    request = AWSRequest(method=method, url=known.server.endpoint + path)
    SigV4QueryAuth(Credentials(key, secret), "lambda", "us-east-1", expires=seconds).add_auth(request)
    parts = urlsplit(request.url)
    return f"{parts.path}?{parts.query}"


def test_presigned_requests(known, echo):
    reply = raw.send(known.server, "GET", presigned(known, "GET", LIST))
    assert reply.status == 200 and len(reply.json["Functions"]) == 1, reply
    reply = raw.send(known.server, "POST", presigned(known, "POST", f"{LIST}/{echo.name}/invocations"))
    assert reply.status == 200, reply
    refused(raw.send(known.server, "GET", presigned(known, "GET", LIST, secret="wrong")), "InvalidSignatureException")
    refused(raw.send(known.server, "GET", presigned(known, "GET", LIST, key="AKIAUNKNOWN000000000")), "UnrecognizedClientException")
    path = presigned(known, "GET", LIST)
    refused(raw.send(known.server, "GET", path.replace("/functions?", "/functions/other?")), "InvalidSignatureException")


def test_presigned_requests_expire(known):
    path = presigned(known, "GET", LIST, seconds=1)
    deadline = time.monotonic() + 10
    while (reply := raw.send(known.server, "GET", path)).status == 200:
        assert time.monotonic() < deadline, "the link outlived its second by far"
        time.sleep(0.2)
    assert reply.status == 403, reply


def test_the_package_link_needs_no_key(known, echo):
    """`Code.Location` is itself the permission."""
    parts = urlsplit(known.awslambda.get_function(FunctionName=echo.name)["Code"]["Location"])
    reply = raw.send(known.server, "GET", f"{parts.path}?{parts.query}")
    assert reply.status == 200 and reply.body.startswith(b"PK"), reply


def test_health_needs_no_key(strict):
    for path in ("/_hearth/health", "/_localstack/health"):
        status, body = strict.get(path)
        assert status == 200
        json.loads(body)


def test_beyond_loopback_without_enforce_is_refused(make_server):
    for listen in (f"0.0.0.0:{free_port()}", f"[::]:{free_port()}"):
        done = make_server(listen=listen).run_to_end("serve")
        assert done.returncode == 2, done
        assert "enforce" in done.stderr and listen.rsplit(":", 1)[0].strip("[]") in done.stderr, done.stderr


def test_enforce_without_keys_is_refused(make_server):
    done = make_server('[auth]\nmode = "enforce"\n').run_to_end("serve")
    assert done.returncode == 2, done
    assert "keys" in done.stderr, done.stderr


def test_open_mode_takes_any_key(caller, server, checker):
    for key in ("test", "AKIAIOSFODNN7EXAMPLE", "000000000000"):
        anyone = Caller(server, checker, key=key, secret="whatever", account="000000000000")
        assert "Functions" in anyone.awslambda.list_functions(MaxItems=1)
    reply = raw.send(server, "GET", LIST)
    assert reply.status == 200, "unsigned requests are the default account's"


@pytest.mark.parametrize("headers, status", [
    ({"Host": "evil.example"}, 403), ({"Origin": "http://evil.example"}, 403), ({"Host": "localhost"}, 200),
])
def test_browsers_on_other_sites_are_kept_out(server, headers, status):
    """A page of another site may make a browser send requests here; Host and Origin tell."""
    reply = raw.send(server, "GET", LIST, b"", headers)
    assert reply.status == status, reply


def test_slow_and_oversized_heads(server):
    """A flood of headers is cut off, and the server goes on."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=10) as flood:
        flood.sendall(b"GET /_hearth/health HTTP/1.1\r\nHost: localhost\r\n")
        try:
            for i in range(20_000):
                flood.sendall(b"X-Header-%d: %s\r\n" % (i, b"v" * 100))
            flood.sendall(b"\r\n")
            answer = flood.recv(100)
            assert answer == b"" or int(answer.split()[1]) in (400, 413, 431), answer
        except ConnectionError:
            pass
    assert server.healthy()


def test_a_body_without_a_length(known, echo):
    """Chunked requests work as well."""
    path = f"{LIST}/{echo.name}/invocations"
    headers = signed(known, "POST", path, b'{"chunk": "ed"}')
    connection = http.client.HTTPConnection("127.0.0.1", known.server.port, timeout=20)
    connection.request("POST", path, iter([b'{"chunk"', b': "ed"}']), {**headers, "Transfer-Encoding": "chunked"}, encode_chunked=True)
    reply = raw.Reply(connection.getresponse())
    connection.close()
    assert reply.status == 200 and reply.json == {"chunk": "ed"}, reply
