"""Streamed answers: read to their end, or as slowly as a test likes."""

import json
import socket

from . import raw


class Answer:
    """What came of a streamed invocation, to its end."""

    def __init__(self, function, event, **options):
        self.response = function.caller.awslambda.invoke_with_response_stream(
            FunctionName=function.name, Payload=json.dumps(event).encode(), **options)
        self.request_id = self.response["ResponseMetadata"]["RequestId"]
        self.chunks, self.complete = [], None
        for item in self.response["EventStream"]:
            assert self.complete is None, f"after the end: {item}"
            if "PayloadChunk" in item:
                self.chunks.append(item["PayloadChunk"]["Payload"])
            else:
                self.complete = item["InvokeComplete"]
        assert self.complete is not None, "no InvokeComplete came"

    @property
    def body(self):
        return b"".join(self.chunks)

    def ok(self):
        assert self.complete == {}, self.complete
        return self.body

    def failed(self):
        assert self.complete["ErrorCode"] == "Unhandled", self.complete
        return json.loads(self.complete["ErrorDetails"])


class Reader:
    """A client that sends its request and reads the answer when it is told to."""

    def __init__(self, function, event):
        caller, body = function.caller, json.dumps(event).encode()
        path = f"/2021-11-15/functions/{function.name}/response-streaming-invocations"
        headers = raw.signed_headers(f"{caller.server.endpoint}{path}", "POST", body, {}, caller.key, caller.secret)
        self.socket = socket.socket()
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        self.socket.connect(("127.0.0.1", caller.server.port))
        lines = [f"POST {path} HTTP/1.1", f"Host: 127.0.0.1:{caller.server.port}", f"Content-Length: {len(body)}",
                 *(f"{k}: {v}" for k, v in headers.items()), "", ""]
        self.socket.sendall("\r\n".join(lines).encode() + body)

    def head(self):
        self.file = self.socket.makefile("rb", buffering=0)
        status = self.file.readline()
        assert b" 200 " in status, status
        while self.file.readline() != b"\r\n":
            pass

    def chunked(self):
        """The whole body."""
        file, body = self.socket.makefile("rb"), bytearray()
        while size := int(file.readline(), 16):
            body += file.read(size)
            file.readline()
        return body

    def leave(self):
        self.file.close()
        self.socket.close()
