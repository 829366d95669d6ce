"""Functions deployed for a test: made, called, read, removed."""

import base64
import json
import re
import shutil
import subprocess
import sys
import uuid

from botocore.exceptions import ClientError

from . import processes
from .packages import zip_of
from .waiting import eventually

PYTHON = f"python3.{sys.version_info.minor}"
PROVIDED = "provided.al2023"
# What a function may take whose timeout no test is about: a busy machine is no failure.
TIMEOUT_S = 60


def node_runtime():
    """The runtime id of the host's Node.js."""
    node = shutil.which("node")
    assert node, "the tests of the Node.js runtime need `node` on the PATH"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout
    major = re.match(r"v(\d+)", version)[1]
    return f"nodejs{major}.x"


def unique(prefix="f"):
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


class Invocation:
    """What the caller of `Invoke` got."""

    def __init__(self, answer):
        self.status = answer["StatusCode"]
        self.raw = answer["Payload"].read()
        self.error = answer.get("FunctionError")
        self.version = answer.get("ExecutedVersion")
        self.headers = answer["ResponseMetadata"]["HTTPHeaders"]
        self.request_id = answer["ResponseMetadata"]["RequestId"]
        self.tail = base64.b64decode(answer["LogResult"]).decode() if "LogResult" in answer else None

    @property
    def value(self):
        return json.loads(self.raw)

    def ok(self):
        """Its value; fails the test when the function failed."""
        assert self.error is None, f"the function failed: {self.raw.decode()}\n{self.tail or ''}"
        assert self.status == 200, self.status
        return self.value

    def failed(self):
        """Its error object; fails the test when the function did not fail."""
        assert self.error == "Unhandled", f"expected a function error, found {self.raw[:500]!r}"
        assert self.status == 200, self.status
        return self.value


class Function:
    """One function of one caller."""

    def __init__(self, caller, name, created):
        self.caller, self.name, self.created = caller, name, created

    @property
    def arn(self):
        return self.caller.arn(self.name)

    @property
    def group(self):
        return f"/aws/lambda/{self.name}"

    def processes(self):
        """Pids of what runs it now. Its first package must be no other function's."""
        return processes.with_code(self.created["CodeSha256"])

    def configuration(self):
        return self.caller.awslambda.get_function_configuration(FunctionName=self.name)

    def settled(self):
        """Waits until it is active and no update is going on."""

        def probe():
            found = self.configuration()
            assert found["State"] != "Failed", found
            assert found.get("LastUpdateStatus") != "Failed", found
            ready = found["State"] == "Active" and found.get("LastUpdateStatus") == "Successful"
            return found if ready else None

        return eventually(probe, "an active function", 90)

    def configure(self, **changes):
        self.caller.awslambda.update_function_configuration(FunctionName=self.name, **changes)
        return self.settled()

    def upload(self, files):
        package = files if isinstance(files, bytes) else zip_of(files)
        self.caller.awslambda.update_function_code(FunctionName=self.name, ZipFile=package)
        return self.settled()

    def invoke(self, event=None, tail=True, raw=None, **options):
        """event: any JSON value; raw: bytes sent as they stand."""
        payload = raw if raw is not None else json.dumps(event, ensure_ascii=False).encode()
        if tail:
            options["LogType"] = "Tail"
        return Invocation(self.caller.awslambda.invoke(FunctionName=self.name, Payload=payload, **options))

    def call(self, event=None, **options):
        return self.invoke(event, **options).ok()

    def streams(self):
        """Names of its log streams, oldest first."""
        try:
            pages = self.caller.logs.get_paginator("describe_log_streams").paginate(logGroupName=self.group)
            found = [stream for page in pages for stream in page["logStreams"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise
        return [s["logStreamName"] for s in sorted(found, key=lambda s: s["creationTime"])]

    def messages(self, **options):
        """All log events' messages, in order."""
        options = {"logGroupName": self.group, **options}
        try:
            pages = self.caller.logs.get_paginator("filter_log_events").paginate(**options)
            return [event["message"] for page in pages for event in page["events"]]
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceNotFoundException":
                return []
            raise

    def messages_until(self, text, timeout_s=30):
        """Its messages, as soon as one contains `text`: logs arrive a moment after the answer."""

        def probe():
            found = self.messages()
            assert any(text in message for message in found), f"no log event with {text!r} in {found[-20:]}"
            return found

        return eventually(probe, timeout_s=timeout_s)


class Lab:
    """Deploys functions for one caller and removes them at the end."""

    def __init__(self, caller):
        self.caller = caller
        self._deployed = []

    def deploy(self, files, runtime=PYTHON, handler="app.handler", name=None, wait=True, **settings):
        """files: {path: content}, the text of the one source file, or the bytes of a zip."""
        if isinstance(files, str):
            files = {"app.py" if runtime.startswith("python") else "app.js": files}
        package = files if isinstance(files, bytes) else zip_of(files)
        return self.create(name, wait, Runtime=runtime, Handler=handler, Code={"ZipFile": package}, **settings)

    def create(self, name=None, wait=True, **members):
        """With members as they are, the code's source among them."""
        name = name or unique()
        members = {"Timeout": TIMEOUT_S, "MemorySize": 256, "Role": self.caller.role, **members}
        created = self.caller.awslambda.create_function(FunctionName=name, **members)
        function = Function(self.caller, name, created)
        self._deployed.append(function)
        if wait:
            function.settled()
        return function

    def node(self, files, handler="app.handler", **settings):
        return self.deploy(files, node_runtime(), handler, **settings)

    def provided(self, files, **settings):
        return self.deploy(files, PROVIDED, "bootstrap", **settings)

    def clear(self):
        for function in self._deployed:
            try:
                self.caller.awslambda.delete_function(FunctionName=function.name)
            except ClientError as error:
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
        self._deployed.clear()
