"""The context object: the second argument of every handler."""

import os
import time

# Fields of W3C trace context that an invoker may hand over inside the client context.
_W3C_FIELDS = ("traceparent", "tracestate", "baggage")

_now = time.time
_static = None


def make(call):
    """The context of one invocation, from what the platform delivered with the event."""
    global _static
    if _static is None:
        _static = _of_environment()
    return LambdaContext(call, _static)


def _of_environment():
    names = ("LOG_GROUP_NAME", "LOG_STREAM_NAME", "FUNCTION_NAME", "FUNCTION_MEMORY_SIZE", "FUNCTION_VERSION")
    return tuple(os.environ.get("AWS_LAMBDA_" + name) for name in names)


def _described(thing, fields):
    return "%s([%s])" % (thing.__class__.__name__, ",".join("%s=%s" % (name, getattr(thing, name)) for name in fields))


class LambdaContext:
    def __init__(self, call, static):
        self.aws_request_id = call[0]
        self.log_group_name, self.log_stream_name, self.function_name = static[:3]
        self.memory_limit_in_mb, self.function_version = static[3:]
        self.invoked_function_arn = call[2]
        self.tenant_id = call[6] or None
        self._w3c_fields = {}
        self.client_context = self._client_context(call[4]) if call[4] else None
        self.identity = CognitoIdentity(_parse(call[5], "Cognito Identity") if call[5] else None)
        self._epoch_deadline_time_in_ms = call[1]

    def _client_context(self, text):
        given = _parse(text, "Client Context")
        if given is None:
            return None
        w3c = given.pop("w3c", None)
        if isinstance(w3c, dict):
            self._w3c_fields = {name: w3c[name] for name in _W3C_FIELDS if isinstance(w3c.get(name), str)}
        return ClientContext(given)

    def get_remaining_time_in_millis(self):
        return max(self._epoch_deadline_time_in_ms - int(_now() * 1000), 0)

    def w3c(self):
        """The trace context that the invoker sent, as a dict of its own."""
        return dict(self._w3c_fields)

    def log(self, message):
        """Writes one log event, as it is: without a time, a level or a line end of its own."""
        from . import streams

        streams.sink.log(str(message))

    def __repr__(self):
        return _described(
            self,
            (
                "aws_request_id",
                "log_group_name",
                "log_stream_name",
                "function_name",
                "memory_limit_in_mb",
                "function_version",
                "invoked_function_arn",
                "client_context",
                "identity",
                "tenant_id",
            ),
        )


class CognitoIdentity:
    __slots__ = ("cognito_identity_id", "cognito_identity_pool_id")

    def __init__(self, given):
        given = given or {}
        self.cognito_identity_id = given.get("cognitoIdentityId")
        self.cognito_identity_pool_id = given.get("cognitoIdentityPoolId")

    def __repr__(self):
        return _described(self, self.__slots__)


class Client:
    __slots__ = ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")

    def __init__(self, given):
        for name in self.__slots__:
            setattr(self, name, given.get(name))

    def __repr__(self):
        return _described(self, self.__slots__)


class ClientContext:
    __slots__ = ("custom", "env", "client")

    def __init__(self, given):
        self.custom = given.get("custom")
        self.env = given.get("env")
        client = given.get("client")
        self.client = None if client is None else Client(client)

    def __repr__(self):
        return _described(self, self.__slots__)


def _parse(text, name):
    import json

    try:
        return json.loads(text)
    except Exception as problem:
        from .handler import Fault

        message = "Unable to parse %s JSON: %s" % (name, problem)
        raise Fault("Runtime.LambdaContextUnmarshalError", message) from None
