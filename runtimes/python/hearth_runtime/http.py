"""The Runtime API over HTTP, for when no lean channel was handed over.

A deliberately small HTTP/1.1 client: one kept-alive connection, request and answer strictly in turn. The `http`
package would cost tens of milliseconds of imports to do no more.
"""

import _socket

from . import codec

_BASE = "/2018-06-01/runtime/"
_RELEASE = "hearth-python/1"


class RuntimeApi:
    def __init__(self, address):
        host, _, port = address.rpartition(":")
        self._address = (host, int(port))
        self._host = address
        self._socket = None
        self._buffer = b""
        self._attempt = None

    @staticmethod
    def decode(body):
        return bytes(body) if isinstance(body, _Opaque) else codec.decode(body)

    def ready(self):
        """Nothing to say: the first `next` says it."""

    def next(self):
        """(request id, deadline ms, function ARN, trace id, client context, identity, tenant id, event)."""
        status, headers, body = self._call("GET", "invocation/next", b"", "")
        if status != 200:
            raise SystemExit("runtime API: expected 200 for the next invocation, found %d: %r" % (status, body[:500]))
        self._attempt = headers.get("lambda-runtime-invocation-id")
        if headers.get("content-type", "application/json") != "application/json":
            body = _Opaque(body)
        get = headers.get
        return (
            headers["lambda-runtime-aws-request-id"],
            int(get("lambda-runtime-deadline-ms", 0)),
            get("lambda-runtime-invoked-function-arn", ""),
            get("lambda-runtime-trace-id", ""),
            get("lambda-runtime-client-context", ""),
            get("lambda-runtime-cognito-identity", ""),
            get("lambda-runtime-aws-tenant-id", ""),
            body,
        )

    def respond(self, request_id, body):
        self._call("POST", "invocation/%s/response" % request_id, body, self._echo())

    def fail(self, request_id, error_type, body):
        self._call("POST", "invocation/%s/error" % request_id, body, _error_type(error_type) + self._echo())

    def init_error(self, error_type, body):
        self._call("POST", "init/error", body, _error_type(error_type))

    def restored(self):
        """Says that the process may be snapshotted, and waits until it is a restored one; nothing to set."""
        status, _, body = self._call("GET", "restore/next", b"", "")
        if status != 200:
            raise SystemExit("runtime API: expected 200 for the restore, found %d: %r" % (status, body[:500]))
        return {}

    def restore_error(self, error_type, body):
        self._call("POST", "restore/error", body, _error_type(error_type))

    def _echo(self):
        """The header by which the platform tells answers to an older delivery of the same event from this one's.

        A stale answer gets status 410; like any other status of an answer it changes nothing here: on to the next.
        """
        return "Lambda-Runtime-Invocation-Id: %s\r\n" % self._attempt if self._attempt else ""

    def _call(self, method, path, body, headers):
        if self._socket is None:
            self._socket = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM)
            self._socket.connect(self._address)
            self._socket.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
        head = (
            "%s %s%s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n"
            "Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n"
            % (method, _BASE, path, self._host, _RELEASE, len(body), headers)
        ).encode("latin-1", "replace")
        if len(body) < 65536:
            self._socket.sendall(head + body)
        else:
            self._socket.sendall(head)
            self._socket.sendall(body)
        return self._answer()

    def _answer(self):
        while b"\r\n\r\n" not in self._buffer:
            self._fill()
        head, _, rest = self._buffer.partition(b"\r\n\r\n")
        self._buffer = rest
        lines = head.decode("utf-8", "replace").split("\r\n")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        if "chunked" in headers.get("transfer-encoding", "").lower():
            body = self._chunks()
        else:
            body = self._exactly(int(headers.get("content-length", 0)))
        if headers.get("connection", "").lower() == "close":
            self._socket.close()
            self._socket, self._buffer = None, b""
        return int(lines[0].split(" ", 2)[1]), headers, body

    def _chunks(self):
        parts = []
        while True:
            size = int(self._line().split(b";")[0], 16)
            if size == 0:
                break
            parts.append(self._exactly(size))
            self._line()
        while self._line():
            pass
        return b"".join(parts)

    def _line(self):
        while b"\r\n" not in self._buffer:
            self._fill()
        line, _, self._buffer = self._buffer.partition(b"\r\n")
        return line

    def _exactly(self, size):
        have = self._buffer
        if len(have) < size:
            parts, count = [have], len(have)
            while count < size:
                part = self._receive(1 << 20)
                parts.append(part)
                count += len(part)
            have = b"".join(parts)
        self._buffer = have[size:]
        return have[:size]

    def _fill(self):
        self._buffer += self._receive(65536)

    def _receive(self, size):
        data = self._socket.recv(size)
        if not data:
            raise SystemExit(0)
        return data


class _Opaque(bytes):
    """An event that is not JSON: the handler gets its bytes."""


def _error_type(error_type):
    return "Lambda-Runtime-Function-Error-Type: %s\r\n" % error_type.replace("\r", " ").replace("\n", " ")
