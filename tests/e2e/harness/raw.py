"""Requests as bytes, for what no client library would send."""

import http.client
import json
import urllib.parse

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from .model_check import REQUEST_ID  # noqa: F401 (its users check raw answers)


class Reply:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.body = response.read()

    @property
    def error_type(self):
        return self.headers.get("x-amzn-errortype")

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f"{self.status} {self.error_type} {self.body[:1000]!r}"


def signed_headers(url, method, body, headers, key, secret, region="us-east-1", service="lambda", token=None):
    """The headers with SigV4's added."""
    request = AWSRequest(method=method, url=url, data=body, headers=dict(headers))
    SigV4Auth(Credentials(key, secret, token), service, region).add_auth(request)
    return dict(request.headers.items())


def send(server, method, path, body=b"", headers=None, timeout_s=60):
    """As it stands, unsigned unless `headers` say otherwise."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout_s)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        return Reply(connection.getresponse())
    finally:
        connection.close()


def call(caller, method, path, body=None, headers=None, service="lambda", **send_options):
    """A signed request of `caller`; a body that is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json", **(headers or {})}
    url = f"{caller.server.endpoint}{path}"
    signed = signed_headers(url, method, data, headers, caller.key, caller.secret, caller.region, service)
    return send(caller.server, method, path, data, signed, **send_options)


def quote(text):
    return urllib.parse.quote(text, safe="")
