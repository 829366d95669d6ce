"""What the invoker and the log see of an exception. Imported when the first one happens."""

import os
import time
import traceback

from . import codec, streams
from .handler import Fault

_OWN_FOLDER = os.path.dirname(__file__) + "/"

# No-break spaces keep the indentation of a traceback from being trimmed by log viewers.
_INDENT = "\u00a0"


def describe(problem, request_id):
    """The error document, its keys in the contract's order; `requestId` is empty during init."""
    if isinstance(problem, Fault):
        error_type, trace = problem.error_type, problem.trace
    else:
        error_type, trace = problem.__class__.__name__, _trace(problem)
    return {"errorMessage": _text(problem), "errorType": error_type, "requestId": request_id, "stackTrace": trace}


def _text(problem):
    try:
        return str(problem)
    except Exception:
        return "<unprintable %s object>" % problem.__class__.__name__


def _trace(problem):
    """The formatted frames, from the first that is not the runtime's own."""
    found = traceback.extract_tb(problem.__traceback__)
    frames = [(frame.filename, frame.lineno, frame.name, frame.line) for frame in found]
    while frames and (frames[0][0].startswith(_OWN_FOLDER) or frames[0][0].endswith("/bootstrap.py")):
        del frames[0]
    return traceback.format_list(frames)


def log(failure, sink):
    # What was printed before comes before, a line without an end included.
    sink.flush()
    if streams.json_format():
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        record = {"timestamp": stamp, "level": "ERROR"}
        record.update(failure)
        sink.error([codec.encode(record).decode()])
    else:
        sink.error(_lines(failure))


def advise(problem, sink):
    """A word more about what Lambda's own Python has and this server's need not have."""
    missing = (getattr(problem, "missing", None) or "").partition(".")[0]
    if missing in ("boto3", "botocore"):
        sink.error([
            "[WARNING] Hearth: %s is not part of this server's Python: put it into the package or a layer, or install it for "
            "all functions (docs/operate/packages.md, `hearth doctor`)" % missing
        ])


def _lines(failure):
    yield "[ERROR] %s" % ": ".join(filter(None, (failure["errorType"], failure["errorMessage"])))
    yield "Traceback (most recent call last):"
    for entry in failure["stackTrace"]:
        for line in entry.splitlines():
            bare = line.lstrip(" ")
            yield _INDENT * (len(line) - len(bare)) + bare
