"""Says hello, and shows what a function is told about itself and about its invocation."""

import logging
import sys

logger = logging.getLogger()
logger.setLevel("INFO")


def handler(event, context):
    name = event.get("name", "world") if isinstance(event, dict) else "world"
    logger.info("saying hello to %s", name)
    return {
        "message": f"Hello, {name}!",
        "event": event,
        "function": {
            "name": context.function_name,
            "version": context.function_version,
            "arn": context.invoked_function_arn,
            "memory_mb": context.memory_limit_in_mb,
        },
        "invocation": {
            "request_id": context.aws_request_id,
            "log_group": context.log_group_name,
            "log_stream": context.log_stream_name,
            "remaining_ms": context.get_remaining_time_in_millis(),
        },
        "runtime": "Python %d.%d.%d" % sys.version_info[:3],
    }
