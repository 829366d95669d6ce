"""boto3 clients for a server, each with the model check attached."""

import itertools

import boto3
from botocore.config import Config

REGION = "us-east-1"
ROLE = "arn:aws:iam::{account}:role/service-role/test"
# In `open` mode a 12-digit access key id is the account: each module gets one of its own.
_accounts = itertools.count(100_000_000_001)


def new_account():
    return str(next(_accounts))


class Caller:
    """Who asks which server: endpoint, account, keys, region."""

    def __init__(self, server, checker, account=None, secret="secret", key=None, region=REGION):
        self.server, self.checker, self.region = server, checker, region
        self.account = account or new_account()
        self.key = key or self.account
        self.secret = secret
        self._clients = {}

    def client(self, service, retries=0, **config):
        """A client of `service`; kept for the next call when it is the usual one."""
        usual = not config and retries == 0
        if usual and service in self._clients:
            return self._clients[service]
        settings = {"max_pool_connections": 64, "read_timeout": 120, "retries": {"total_max_attempts": retries + 1}, **config}
        client = boto3.Session(self.key, self.secret, region_name=self.region).client(
            service, endpoint_url=self.server.endpoint, config=Config(**settings),
        )
        self.checker.attach(client.meta.events)
        if usual:
            self._clients[service] = client
        return client

    @property
    def awslambda(self):
        return self.client("lambda")

    @property
    def logs(self):
        return self.client("logs")

    @property
    def role(self):
        return ROLE.format(account=self.account)

    def arn(self, name, qualifier=None):
        base = f"arn:aws:lambda:{self.region}:{self.account}:function:{name}"
        return f"{base}:{qualifier}" if qualifier else base
