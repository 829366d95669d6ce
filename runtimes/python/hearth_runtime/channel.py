"""The lean channel: frames over an inherited, connected Unix stream socket.

A frame is a big-endian u32 length of what follows, a kind byte and a payload; `docs/develop/runtime-channel.md` has
the whole of it. Plain read(2) and write(2) on the descriptor serve as well as the socket module, which alone would
take longer to import than the rest of the bootstrap together.
"""

import os
import sys

from . import codec

_INVOKE, _SPECIALISE, _RESTORE = 1, 2, 3
_READY, _INIT_ERROR, _RESPONSE, _ERROR = 16, 17, 18, 19
_PARKED, _RESTORE_READY, _RESTORE_ERROR = 24, 25, 26

# One read takes a whole frame in the common case; larger ones continue into a buffer of their own size.
_FIRST_READ = 65536
# Up to here, joining header and payload is cheaper than a scattered write.
_JOIN_LIMIT = 65536


class Channel:
    decode = staticmethod(codec.decode)

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._ahead = b""

    def ready(self):
        self._send(_READY, b"", b"")

    def next(self):
        """(request id, deadline ms, function ARN, trace id, client context, identity, tenant id, event bytes)."""
        return _parse_invoke(self._wait_for(_INVOKE))

    def parked(self):
        """Waits until it is known which function this process serves; the variables it has then."""
        self._send(_PARKED, b"", b"")
        return self._variables(_SPECIALISE)

    def restored(self):
        """Says that the process may be snapshotted, and waits until it is a restored one; the variables to set."""
        self._send(_RESTORE_READY, b"", b"")
        return self._variables(_RESTORE)

    def respond(self, request_id, body):
        self._send(_RESPONSE, _short(request_id), body)

    def fail(self, request_id, error_type, body):
        self._send(_ERROR, _short(request_id) + _short(error_type), body)

    def init_error(self, error_type, body):
        self._send(_INIT_ERROR, _short(error_type), body)

    def restore_error(self, error_type, body):
        self._send(_RESTORE_ERROR, _short(error_type), body)

    def _variables(self, kind):
        return codec.decode(self._wait_for(kind)[5:])["environment"]

    def _wait_for(self, kind):
        while True:
            frame = self._frame()
            if frame[4] == kind:
                return frame

    def _frame(self):
        """The next whole frame, length word included."""
        data = self._ahead or os.read(self._descriptor, _FIRST_READ)
        while len(data) < 4:
            data += self._more(_FIRST_READ)
        end = 4 + int.from_bytes(data[:4], "big")
        if len(data) < end:
            data = self._rest(data, end)
        if len(data) == end:
            self._ahead = b""
            return data
        self._ahead = data[end:]
        return data[:end]

    def _rest(self, start, size):
        frame = bytearray(size)
        have = len(start)
        frame[:have] = start
        view = memoryview(frame)
        while have < size:
            count = os.readv(self._descriptor, [view[have:]])
            if not count:
                _hung_up()
            have += count
        return frame

    def _more(self, size):
        data = os.read(self._descriptor, size)
        if not data:
            _hung_up()
        return data

    def _send(self, kind, head, body):
        length = 1 + len(head) + len(body)
        if length < _JOIN_LIMIT:
            data = length.to_bytes(4, "big") + bytes((kind,)) + head + body
            sent = os.write(self._descriptor, data)
            if sent == len(data):
                return
            buffers = [memoryview(data)[sent:]]
        else:
            buffers = [length.to_bytes(4, "big") + bytes((kind,)) + head, memoryview(body)]
        self._send_all(buffers)

    def _send_all(self, buffers):
        while buffers:
            sent = os.writev(self._descriptor, buffers)
            while buffers and sent >= len(buffers[0]):
                sent -= len(buffers.pop(0))
            if sent:
                buffers[0] = memoryview(buffers[0])[sent:]


def _parse_invoke(frame):
    at = 13
    fields = []
    for _ in range(6):
        start = at + 2
        at = start + int.from_bytes(frame[at:start], "big")
        fields.append(str(frame[start:at], "utf-8"))
    request_id, arn, trace_id, client_context, identity, tenant_id = fields
    deadline_ms = int.from_bytes(frame[5:13], "big")
    return request_id, deadline_ms, arn, trace_id, client_context, identity, tenant_id, frame[at:]


def _short(text):
    """A string with its u16 length in front; cut where it would not fit (no request id or error type is that long)."""
    data = text.encode("utf-8", "replace")[:65535]
    return len(data).to_bytes(2, "big") + data


def _hung_up():
    """The server has gone; so has the purpose of this process."""
    sys.exit(0)
