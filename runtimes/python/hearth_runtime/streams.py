"""Where output goes: to the platform's log channel as frames, or to plain stdout.

A frame carries one log event whole, however many lines it has: a big-endian u32 kind, u32 length, u64 microseconds
since the epoch, then the text. With a log channel, `sys.stdout` and `sys.stderr` write frames too, one per line, so that
prints and log records keep their order; descriptors 1 and 2 stay what they were for subprocesses and C code.

Text is sent when it is written, as on Lambda: what a function printed before it was killed is never lost. A line that
takes several writes goes out in pieces, which the platform joins.
"""

import atexit
import io
import os
import sys
import time
from _thread import RLock

# Kinds of frames: plain lines, and records with a level (0 = none, 10 = debug ... 50 = critical).
LINE = b"\xa5\x5a\x00\x03"
# Pieces of lines on stdout and on stderr. One that ends with a line end, or is empty, is the last of its line.
_PIECES = (b"\xa5\x5a\x00\x83", b"\xa5\x5a\x00\xa3")
_TEXT_KINDS = {0: LINE, 10: 0x0B, 20: 0x0F, 30: 0x13, 40: 0x17, 50: 0x1B}
_JSON_KINDS = {0: 0x02, 10: 0x0A, 20: 0x0E, 30: 0x12, 40: 0x16, 50: 0x1A}

sink = None


def install(descriptor):
    """Sets the process's output up; `descriptor` is the number of the log channel, or None."""
    global sink
    sink = Plain() if descriptor is None else Frames(int(descriptor))
    atexit.register(sink.flush)
    return sink


def json_format():
    return os.environ.get("AWS_LAMBDA_LOG_FORMAT", "").upper() == "JSON"


def level_kind(level, as_json):
    """The kind of frame for a record of a level of `logging`'s scale."""
    kind = (_JSON_KINDS if as_json else _TEXT_KINDS)[min(max(level, 0), 50) // 10 * 10]
    return kind if kind is LINE else b"\xa5\x5a\x00" + bytes((kind,))


class Plain:
    """Everything to stdout. An event of several lines keeps together by carriage returns."""

    def __init__(self):
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(line_buffering=True)
        self._stdout, self._stderr = sys.stdout, sys.stderr

    def log(self, text, kind=LINE):
        try:
            sys.stdout.write(text)
        except UnicodeEncodeError:
            sys.stdout.write(text.encode("utf-8", "backslashreplace").decode())

    def error(self, lines):
        self.log("\r".join(lines) + "\n")

    def flush(self):
        try:
            self._stdout.flush()
            self._stderr.flush()
        except ValueError:
            pass  # The function closed it.


class Frames:
    """Every event as a frame on the log channel."""

    def __init__(self, descriptor):
        os.set_inheritable(descriptor, False)
        self._descriptor = descriptor
        self._renew_lock()
        os.register_at_fork(after_in_child=self._renew_lock)
        self._lines = [_Lines(self, sys.stdout, _PIECES[0]), _Lines(self, sys.stderr, _PIECES[1])]
        sys.stdout = sys.__stdout__ = self._lines[0].text
        sys.stderr = sys.__stderr__ = self._lines[1].text

    def _renew_lock(self):
        """A fork may happen while another thread writes; the child's copy of its lock would never be released."""
        self.lock = RLock()

    def log(self, text, kind=LINE):
        self.write(kind, text.encode("utf-8", "backslashreplace"))

    def error(self, lines):
        self.log("\n".join(lines), level_kind(40, json_format()))

    def write(self, kind, message):
        frame = kind + len(message).to_bytes(4, "big") + (time.time_ns() // 1000).to_bytes(8, "big") + message
        with self.lock:
            try:
                sent = os.write(self._descriptor, frame)
                while sent < len(frame):
                    frame = frame[sent:]
                    sent = os.write(self._descriptor, frame)
            except BrokenPipeError:
                pass  # Nobody listens any more; that is no reason for a function's print to fail.

    def flush(self):
        """Ends the lines that are printed so far, a last one without an end included."""
        for lines in self._lines:
            lines.finish()


class _Lines(io.BufferedIOBase):
    """The binary side of a standard stream: cuts what is written into lines, a frame each."""

    def __init__(self, frames, replaced, piece):
        self._frames = frames
        self._piece = piece
        # The last frame was a piece of a line that goes on.
        self._open = False
        self._number = replaced.fileno()
        self.name = replaced.name
        self.mode = "wb"
        self.text = io.TextIOWrapper(
            self, "utf-8", replaced.errors, newline="\n", line_buffering=True, write_through=True
        )
        self.text.mode = "w"

    def writable(self):
        return True

    def fileno(self):
        return self._number

    def isatty(self):
        return False

    def write(self, data):
        if data.__class__ is not bytes:
            data = bytes(data)
        end = data.find(b"\n") + 1
        if end == len(data) and end and not self._open:
            self._frames.write(LINE, data)
        elif data:
            with self._frames.lock:
                self._split(data, end)
        return len(data)

    def _split(self, data, end):
        start = 0
        while end:
            self._send(data[start:end])
            start = end
            end = data.find(b"\n", start) + 1
        if start < len(data):
            self._frames.write(self._piece, data[start:])
            self._open = True

    def _send(self, line):
        self._frames.write(self._piece if self._open else LINE, line)
        self._open = False

    def finish(self):
        try:
            self.text.flush()
        except ValueError:
            pass  # The function closed it.
        if self._open:
            with self._frames.lock:
                self._send(b"")
