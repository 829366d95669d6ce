"""Function URLs: made with boto3 and the CLI, reached as browsers, curl and programs reach them."""

import base64
import http.client
import json
import subprocess
import time

import pytest
from botocore.exceptions import ClientError
from harness import raw
from harness.functions import unique

HANDLER = """
import json, base64

def handler(event, context):
    path = event["rawPath"]
    if path == "/answer":
        body = event["body"]
        return json.loads(base64.b64decode(body) if event["isBase64Encoded"] else body)
    if path == "/raise":
        raise RuntimeError("a secret of the function")
    return {"event": event, "id": context.aws_request_id, "arn": context.invoked_function_arn}
"""
FORBIDDEN = {"Message": "Forbidden. For troubleshooting Function URL authorization issues, see: "
                        "https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html"}


class Url:
    """A URL of a function, and requests to it."""

    def __init__(self, function, auth="NONE", public=True, **options):
        self.server, self.function = function.caller.server, function
        client = function.caller.awslambda
        self.qualifier = {k: v for k, v in options.items() if k == "Qualifier"}
        self.config = client.create_function_url_config(FunctionName=function.name, AuthType=auth, **options)
        self.text = self.config["FunctionUrl"]
        self.host = self.text.removeprefix("http://").rstrip("/")
        self.id = self.host.split(".")[0]
        if public:
            self.open()

    def open(self):
        self.function.caller.awslambda.add_permission(
            FunctionName=self.function.name, StatementId=unique("s"), Action="lambda:InvokeFunctionUrl",
            Principal="*", FunctionUrlAuthType="NONE", **self.qualifier)

    def ask(self, method="GET", path="/", body=b"", headers=None, host=None):
        """By its host, which the request names without anybody's looking it up."""
        return raw.send(self.server, method, path, body, {"Host": host or self.host, **(headers or {})})

    def event(self, *arguments, **options):
        reply = self.ask(*arguments, **options)
        assert reply.status == 200, reply
        return reply.json["event"]

    def answer(self, result):
        """What a result of the function becomes."""
        body = json.dumps(result).encode()
        return self.ask("POST", "/answer", body, {"content-type": "application/json"})


@pytest.fixture(scope="module")
def function(module_lab):
    return module_lab.deploy(HANDLER)


@pytest.fixture(scope="module")
def url(function):
    return Url(function)


def test_the_url_that_is_told_works_with_curl(url):
    """It resolves names below localhost to this machine by itself, as browsers do."""
    assert url.text == f"http://{url.id}.lambda-url.us-east-1.localhost:{url.server.port}/"
    command = ["curl", "--silent", "--show-error", "--noproxy", "*", "--max-time", "30", "--data", "a=b", f"{url.text}my/path?q=1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    event = json.loads(done.stdout)["event"]
    assert (event["rawPath"], event["requestContext"]["http"]["method"]) == ("/my/path", "POST")
    assert (event["isBase64Encoded"], base64.b64decode(event["body"])) == (True, b"a=b"), "as AWS has forms"


@pytest.mark.parametrize("suffix", ["localhost", "localhost:4566", "on.aws", "localhost.localstack.cloud"])
def test_other_names_of_its_host(url, suffix):
    host = f"{url.id}.lambda-url.us-east-1.{suffix}"
    event = url.event(host=host)
    assert event["headers"]["host"] == host
    assert event["requestContext"]["domainName"] == host.split(":")[0]


def test_by_path(url):
    """For clients that cannot resolve a name of its own."""
    reply = raw.send(url.server, "GET", f"/_hearth/url/{url.id}/my%2Fpath?q=1")
    event = reply.json["event"]
    assert (event["rawPath"], event["rawQueryString"]) == ("/my%2Fpath", "q=1")
    assert event["requestContext"]["domainPrefix"] == url.id
    assert reply.headers["content-security-policy"].startswith("sandbox"), "apart from the API's origin"
    assert raw.send(url.server, "GET", f"/_hearth/url/{url.id}").json["event"]["rawPath"] == "/"


def test_the_event(url):
    headers = {"X-Two": "1", "Cookie": "a=1; b=2", "User-Agent": "me/1", "Content-Type": "text/plain"}
    reply = url.ask("PATCH", "/pa2%Fth/1?a=1&b=%20x&a=2", b"hi", headers)
    assert reply.status == 200, reply
    told = reply.json
    event, context = told["event"], told["event"].pop("requestContext")
    trace = event["headers"].pop("x-amzn-trace-id")
    assert event == {
        "version": "2.0", "routeKey": "$default", "rawPath": "/pa2%Fth/1", "rawQueryString": "a=1&b=%20x&a=2",
        "cookies": ["a=1", "b=2"], "queryStringParameters": {"a": "1,2", "b": " x"}, "body": "hi", "isBase64Encoded": False,
        "headers": {
            "host": url.host, "x-two": "1", "user-agent": "me/1", "content-type": "text/plain", "content-length": "2",
            "accept-encoding": "identity", "x-forwarded-for": "127.0.0.1", "x-forwarded-port": str(url.server.port),
            "x-forwarded-proto": "http",
        },
    }
    assert context.pop("requestId") == told["id"] == reply.headers["x-amzn-requestid"]
    assert abs(context.pop("timeEpoch") / 1000 - time.time()) < 60
    time.strptime(context.pop("time"), "%d/%b/%Y:%H:%M:%S +0000")
    assert context == {
        "accountId": "anonymous", "apiId": url.id, "domainName": url.host.split(":")[0], "domainPrefix": url.id,
        "http": {"method": "PATCH", "path": "/pa2%Fth/1", "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "me/1"},
        "routeKey": "$default", "stage": "$default",
    }
    assert reply.headers["x-amzn-trace-id"].startswith(trace) and trace.startswith("Root=1-")
    assert told["arn"] == url.function.arn
    assert "body" not in url.event("DELETE") and "queryStringParameters" not in url.event("PUT")


def test_binary_bodies_both_ways(url):
    data = bytes(range(256)) * 4
    event = url.event("PUT", body=data, headers={"Content-Type": "application/octet-stream"})
    assert event["isBase64Encoded"] and base64.b64decode(event["body"]) == data
    reply = url.answer({"statusCode": 200, "headers": {"Content-Type": "image/png"}, "isBase64Encoded": True,
                        "body": base64.b64encode(data).decode()})
    assert (reply.headers["content-type"], reply.body) == ("image/png", data)


@pytest.mark.parametrize("result, status, body", [
    ({"statusCode": 200, "body": '{"hello": "world"}'}, 200, b'{"hello": "world"}'),
    ({"statusCode": "418"}, 418, b""),
    ({"hello": "world"}, 200, b'{"hello":"world"}'),
    (["hello", 3, True], 200, b'["hello",3,true]'),
    ("hello", 200, b"hello"),
    (3.1, 200, b"3.1"),
    (True, 200, b"true"),
    (None, 200, b"null"),
    ({"statusCode": 999}, 502, b"Internal Server Error"),
])
def test_results_become_answers(url, result, status, body):
    reply = url.answer(result)
    assert (reply.status, reply.body) == (status, body), reply
    assert status == 502 or reply.headers["content-type"] == "application/json"


def test_headers_and_cookies_of_answers(url):
    body = json.dumps({"statusCode": 302, "headers": {"Location": "/x", "Connection": "upgrade"}, "cookies": ["a=1", "b=2; Secure"]})
    connection = http.client.HTTPConnection("127.0.0.1", url.server.port)
    connection.request("POST", "/answer", body, {"Host": url.host})
    answer = connection.getresponse()
    assert answer.status == 302 and answer.headers["Location"] == "/x"
    assert answer.headers.get_all("Set-Cookie") == ["a=1", "b=2; Secure"]
    assert answer.headers["x-amzn-remapped-connection"] == "upgrade"
    answer.read()
    connection.request("HEAD", "/", headers={"Host": url.host})
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"") and int(answer.headers["Content-Length"]) > 500, "as to GET"
    connection.close()


def test_a_function_that_fails(url):
    reply = url.ask(path="/raise")
    assert (reply.status, reply.body) == (502, b"Internal Server Error")
    assert any("a secret of the function" in message for message in url.function.messages_until("a secret"))


def test_a_request_that_is_too_large(url):
    reply = url.ask("POST", body=b"x" * (6 * 1024 * 1024 + 1), headers={"Content-Type": "text/plain"})
    assert (reply.status, reply.error_type) == (413, "RequestEntityTooLargeException")


def test_no_such_url(url):
    for host in [f"{'a' * 32}.lambda-url.us-east-1.localhost", f"{url.id}.lambda-url.eu-west-1.localhost"]:
        reply = url.ask(host=host)
        assert (reply.status, reply.error_type, reply.json) == (403, "AccessDeniedException", {"Message": None}), host


def test_it_is_shut_until_a_policy_opens_it(lab):
    shut = Url(lab.deploy(HANDLER), public=False)
    reply = shut.ask()
    assert (reply.status, reply.error_type, reply.json) == (403, "AccessDeniedException", FORBIDDEN)
    shut.open()
    assert shut.ask().status == 200
    client = lab.caller.awslambda
    policy = json.loads(client.get_policy(FunctionName=shut.function.name)["Policy"])
    client.remove_permission(FunctionName=shut.function.name, StatementId=policy["Statement"][0]["Sid"])
    assert shut.ask().status == 403
    # Switched off by its concurrency, and gone with its function.
    shut.open()
    client.put_function_concurrency(FunctionName=shut.function.name, ReservedConcurrentExecutions=0)
    reply = shut.ask()
    assert (reply.status, reply.error_type) == (429, "TooManyRequestsException")
    client.delete_function(FunctionName=shut.function.name)
    assert shut.ask().json == {"Message": None}


def test_an_alias_has_a_url_of_its_own(lab):
    function, client = lab.deploy(HANDLER), lab.caller.awslambda
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="live", FunctionVersion="1")
    live = Url(function, Qualifier="live")
    assert live.ask().json["arn"] == f"{function.arn}:live"
    client.delete_alias(FunctionName=function.name, Name="live")
    reply = live.ask()
    assert (reply.status, reply.json) == (403, FORBIDDEN)


def test_pages_of_other_origins(lab):
    cors = {"AllowOrigins": ["https://app.example"], "AllowMethods": ["PUT"], "AllowHeaders": ["x-a"], "MaxAge": 60}
    url = Url(lab.deploy(HANDLER), Cors=cors)
    assert url.config["Cors"] == cors
    asked = {"Origin": "https://app.example", "Access-Control-Request-Method": "PUT"}
    reply = url.ask("OPTIONS", headers=asked)
    assert (reply.status, reply.body, reply.headers["access-control-allow-origin"]) == (200, b"", "https://app.example")
    assert (reply.headers["access-control-allow-methods"], reply.headers["access-control-max-age"]) == ("PUT", "60")
    assert "access-control-allow-origin" not in url.ask("OPTIONS", headers={**asked, "Origin": "https://evil.example"}).headers
    reply = url.ask("PUT", headers={"Origin": "https://app.example"})
    assert (reply.status, reply.headers["access-control-allow-origin"]) == (200, "https://app.example")
    # The rules are the URL's alone: the API stays shut to pages, those of functions included.
    for origin in ["https://app.example", url.text.rstrip("/"), "null"]:
        assert raw.send(url.server, "GET", "/2015-03-31/functions", headers={"Origin": origin}).status == 403, origin
    lab.caller.awslambda.update_function_url_config(FunctionName=url.function.name, Cors={})
    assert url.ask("OPTIONS", headers=asked).json["event"]["requestContext"]["http"]["method"] == "OPTIONS"


def test_signers_are_told_apart_without_proof_in_open_mode(lab):
    """Nothing is verified in open mode, but who does not sign at all is nobody."""
    url = Url(lab.deploy(HANDLER), auth="AWS_IAM", public=False)
    reply = url.ask()
    assert (reply.status, reply.json) == (403, FORBIDDEN)
    account, stranger = lab.caller.account, "111122223333"

    def signed(key):
        headers = raw.signed_headers(f"http://{url.host}/a?b=c", "GET", b"", {}, key, "any secret")
        return url.ask(path="/a?b=c", headers=headers)

    iam = signed(account).json["event"]["requestContext"]["authorizer"]["iam"]
    assert iam == {"accessKey": account, "accountId": account, "callerId": account, "cognitoIdentity": None,
                   "principalOrgId": None, "userArn": f"arn:aws:iam::{account}:root", "userId": account}
    assert signed(stranger).json == FORBIDDEN, "another account"
    lab.caller.awslambda.add_permission(
        FunctionName=url.function.name, StatementId="s", Action="lambda:InvokeFunctionUrl", Principal=stranger,
        FunctionUrlAuthType="AWS_IAM")
    assert signed(stranger).status == 200


def test_the_cli_makes_and_shows_them(awscli, function, url):
    shown = awscli.json("lambda", "get-function-url-config", "--function-name", function.name)
    assert (shown["FunctionUrl"], shown["InvokeMode"], shown["AuthType"]) == (url.text, "BUFFERED", "NONE")
    listed = awscli.json("lambda", "list-function-url-configs", "--function-name", function.name)
    assert listed["FunctionUrlConfigs"] == [shown]
    error = awscli.fails("lambda", "create-function-url-config", "--function-name", function.name, "--auth-type", "NONE")
    assert "FunctionUrlConfig exists for this Lambda function" in error


STREAM = """
exports.handler = awslambda.streamifyResponse(async (event, stream) => {
  const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
  const path = event.rawPath;
  if (path === '/plain') {
    stream.setContentType('text/html');
  } else if (path === '/early') {
    throw new Error('before the first byte');
  } else {
    stream = awslambda.HttpResponseStream.from(stream, { statusCode: 201, headers: { 'x-a': 'b' }, cookies: ['c=1', 'd=2'] });
  }
  stream.write('first');
  await sleep(1500);
  if (path === '/late') throw new Error('on the way');
  stream.write(String(Date.now()));
  stream.end();
});
"""


@pytest.fixture(scope="module")
def streaming(module_lab):
    return Url(module_lab.node(STREAM), InvokeMode="RESPONSE_STREAM")


def begin(url, path):
    connection = http.client.HTTPConnection("127.0.0.1", url.server.port, timeout=30)
    connection.request("GET", path, headers={"Host": url.host})
    return connection.getresponse()


def test_streams_are_seen_as_they_are_made(streaming):
    assert streaming.config["InvokeMode"] == "RESPONSE_STREAM"
    answer = begin(streaming, "/")
    assert (answer.status, answer.headers["x-a"], answer.headers["transfer-encoding"]) == (201, "b", "chunked")
    assert answer.headers.get_all("set-cookie") == ["c=1", "d=2"]
    assert answer.read(5) == b"first"
    seen = time.time()
    assert seen < float(answer.read()) / 1000, "the first piece came before the second was made"


def test_a_stream_without_a_head_of_its_own(streaming):
    answer = begin(streaming, "/plain")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/html")
    assert answer.read().startswith(b"first")


def test_streams_that_fail(streaming):
    early = streaming.ask(path="/early")
    assert (early.status, early.body) == (502, b"Internal Server Error")
    late = begin(streaming, "/late")
    assert late.status == 201
    with pytest.raises(http.client.IncompleteRead) as error:
        late.read()
    assert error.value.partial == b"first", "a client does not take it for the whole"


def test_a_function_that_does_not_stream_is_not_unwrapped(function):
    client = function.caller.awslambda
    client.publish_version(FunctionName=function.name)
    client.create_alias(FunctionName=function.name, Name="streams", FunctionVersion="1")
    url = Url(function, Qualifier="streams", InvokeMode="RESPONSE_STREAM")
    reply = url.answer({"statusCode": 418, "body": "x"})
    assert (reply.status, json.loads(reply.body)) == (200, {"statusCode": 418, "body": "x"})


def test_urls_outlive_the_server(make_server, lab_on):
    server = make_server().start()
    url = Url(lab_on(server).deploy(HANDLER))
    assert url.ask().status == 200
    server.stop_cleanly()
    server.start()
    assert url.ask().status == 200


def test_a_version_has_no_url(function):
    with pytest.raises(ClientError) as error:
        function.caller.awslambda.create_function_url_config(FunctionName=f"{function.name}:1", AuthType="NONE")
    assert error.value.response["Error"]["Code"] == "ValidationException"


def test_what_is_told_from_elsewhere_is_a_path(caller, url):
    """A server that is reached by another name than this machine's own has none for its URLs."""
    path = f"/2021-10-31/functions/{url.function.name}/url"
    told = raw.call(caller, "GET", path, headers={"Host": "10.1.2.3:4566"}).json["FunctionUrl"]
    assert told == f"http://10.1.2.3:4566/_hearth/url/{url.id}/"
