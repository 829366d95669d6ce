"""The handler and the formats of log records. Imported right after the function imports `logging`."""

import logging
import os
import time
import traceback

from . import logs, streams

_TEXT = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"

# Members of a log record that are not the program's own extra fields.
_STANDARD_MEMBERS = frozenset(logging.makeLogRecord({}).__dict__) | {
    "taskName",
    "aws_request_id",
    "tenant_id",
    "_frame_type",
    "asctime",
    "message",
}


def equip(sink):
    """Gives the root logger its handler, and the level that the function's configuration asks for."""
    logging.Formatter.converter = time.gmtime
    as_json = streams.json_format()
    level = os.environ.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
    level = {"TRACE": "DEBUG"}.get(level, level)
    root = logging.getLogger()
    if isinstance(getattr(logging, level, None), int):
        root.setLevel(level)
    handler = LambdaLoggerHandler(sink, as_json, with_level=as_json or bool(level))
    handler.setFormatter(_JsonFormatter() if as_json else logging.Formatter(_TEXT, "%Y-%m-%dT%H:%M:%S"))
    handler.addFilter(_CurrentInvocation())
    root.addHandler(handler)


class LambdaLoggerHandler(logging.Handler):
    def __init__(self, log_sink, as_json, with_level):
        super().__init__()
        self.log_sink = log_sink
        self._as_json = as_json
        self._with_level = with_level

    def emit(self, record):
        kind = streams.level_kind(record.levelno, self._as_json) if self._with_level else streams.LINE
        self.log_sink.log(self.format(record), kind)


class _CurrentInvocation(logging.Filter):
    def filter(self, record):
        record.aws_request_id = logs.request_id
        record.tenant_id = logs.tenant_id
        return True


class _JsonFormatter(logging.Formatter):
    """One JSON object per record: Lambda's fields in a fixed order, then the program's own; none that is null."""

    def __init__(self):
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%SZ")
        import json

        # A value that JSON has no form for is written as text rather than losing the whole record.
        self._encode = json.JSONEncoder(ensure_ascii=False, default=str).encode

    def format(self, record):
        fields = {
            "timestamp": self.formatTime(record, self.datefmt),
            "level": logging.getLevelName(min(max(record.levelno, 0), 50) // 10 * 10),
            "message": record.msg if isinstance(record.msg, dict) and not record.args else record.getMessage(),
            "logger": record.name,
        }
        fields.update(_of_exception(record))
        fields["requestId"] = record.aws_request_id
        if record.exc_info:
            fields["location"] = "%s:%s:%s" % (record.pathname, record.funcName, record.lineno)
        fields["tenantId"] = record.tenant_id
        for name, value in record.__dict__.items():
            if name not in _STANDARD_MEMBERS and fields.get(name) is None:
                fields[name] = value
        return self._encode({name: value for name, value in fields.items() if value is not None}) + "\n"


def _of_exception(record):
    if not record.exc_info:
        return {}
    kind, value, trace = record.exc_info
    return {
        "stackTrace": traceback.format_tb(trace),
        "errorType": getattr(kind, "__name__", None),
        "errorMessage": None if value is None else str(value),
    }
