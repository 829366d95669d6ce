"""The contract's function in Python. The protocol is in tests/contract/README.md."""

import logging
import os
import subprocess
import sys
import threading
import time
import uuid

INSTANCE = uuid.uuid4().hex
count = 0
ticker = None


class ContractError(Exception):
    pass


class Ticker(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.ticks, self.largest_gap_ms = 0, 0

    def run(self):
        last = time.time()
        while True:
            time.sleep(0.005)
            now = time.time()
            self.ticks += 1
            self.largest_gap_ms = max(self.largest_gap_ms, int((now - last) * 1000))
            last = now


def context(event, told):
    client, identity = told.client_context, told.identity
    return {
        "request_id": told.aws_request_id,
        "function_name": told.function_name,
        "function_version": told.function_version,
        "invoked_function_arn": told.invoked_function_arn,
        "memory_limit": told.memory_limit_in_mb,
        "log_group_name": told.log_group_name,
        "log_stream_name": told.log_stream_name,
        "remaining_ms": told.get_remaining_time_in_millis(),
        "trace_id": os.environ.get("_X_AMZN_TRACE_ID"),
        "client_context": client and {
            "client": client.client and {
                name: getattr(client.client, name)
                for name in ("installation_id", "app_title", "app_version_name", "app_version_code", "app_package_name")
            },
            "custom": client.custom,
            "env": client.env,
        },
        "identity": identity and identity.cognito_identity_id and {
            "id": identity.cognito_identity_id, "pool": identity.cognito_identity_pool_id,
        },
    }


def remaining(event, told):
    first = told.get_remaining_time_in_millis()
    time.sleep(event["ms"] / 1000)
    return [first, told.get_remaining_time_in_millis()]


def fail(event, told):
    kind, message = event["kind"], event["message"]
    if kind == "own":
        raise ContractError(message)
    if kind == "standard":
        return int("no number")
    if kind == "cause":
        try:
            raise ContractError("the cause")
        except ContractError as cause:
            raise ContractError(message) from cause
    if kind == "result":
        return {1, 2}
    if kind == "stray":
        thread = threading.Thread(target=lambda: fail({"kind": "own", "message": message}, told))
        thread.start()
        thread.join()
        return "went on"


def memory(event, told):
    held = []
    while True:
        held.append(b"\1" * (16 << 20))


def write(event, told):
    try:
        with open(event["path"], "w") as file:
            file.write(event["text"])
    except OSError:
        return False
    return True


def read(event, told):
    try:
        with open(event["path"]) as file:
            return file.read()
    except OSError:
        return None


def layer(event, told):
    import contract_library

    return contract_library.text()


def log(event, told):
    level = {"warn": logging.WARNING, "fatal": logging.CRITICAL}.get(event["level"]) or getattr(logging, event["level"].upper())
    logger = logging.getLogger()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") != "JSON":
        logger.setLevel(logging.DEBUG)
    logger.log(level, event["message"])


def sleep(event, told):
    time.sleep(event["ms"] / 1000)
    return INSTANCE


def tick(event, told):
    global ticker
    if ticker is None:
        ticker = Ticker()
        ticker.start()
    return {"ticks": ticker.ticks, "largest_gap_ms": ticker.largest_gap_ms}


CASES = {
    "context": context,
    "remaining": remaining,
    "echo": lambda event, told: event["value"],
    "nothing": lambda event, told: None,
    "fill": lambda event, told: "x" * event["size"],
    "measure": lambda event, told: len(event["value"]),
    "fail": fail,
    "exit": lambda event, told: sys.exit(event["status"]),
    "run": lambda event, told: subprocess.run(["sh", "-c", event["command"]], capture_output=True, text=True).stdout,
    "memory": memory,
    "sleep": sleep,
    "count": lambda event, told: {"count": count, "instance": INSTANCE},
    "environment": lambda event, told: {"variables": dict(os.environ), "folder": os.getcwd(), "hour": time.localtime(0).tm_hour},
    "read": read,
    "write": write,
    "layer": layer,
    "print": lambda event, told: getattr(sys, event["to"]).write(event["text"]) and None,
    "log": log,
    "tick": tick,
}


def handler(event, told):
    global count
    count += 1
    if not isinstance(event, dict) or "case" not in event:
        return event
    return CASES[event["case"]](event, told)


match os.environ.get("CONTRACT_INIT"):
    case "raise":
        raise ContractError("at load")
    case "exit":
        sys.exit(3)
    case "print":
        print("printed at load")
    case "sleep":
        time.sleep(60)
