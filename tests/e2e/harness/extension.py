#!/usr/bin/env python3
"""An external extension for tests, written against the plain API.

It does what the variable PLAN says (JSON), keeps what it hears in /tmp/<its name>.jsonl, and prints it:

    events       what it registers for (["INVOKE", "SHUTDOWN"])
    telemetry    body of a subscription; the records that come are kept in /tmp/telemetry.jsonl
    logs         the same with the Logs API
    init_error   it reports this error type instead of asking for its first event
    at           the invocation (from 1) at which the following happens:
      sleep        seconds before it asks for the next event
      exit         the status with which it ends
      exit_error   the error type that it reports before it ends
    exit_later   seconds after its first invocation at which it ends, with the status 6
    linger       seconds that it takes to end after SHUTDOWN
"""

import http.client
import http.server
import json
import os
import sys
import threading
import time

NAME = os.path.basename(sys.argv[0])
PLAN = json.loads(os.environ.get("PLAN", "{}"))
API = os.environ["AWS_LAMBDA_RUNTIME_API"]


def call(method, path, body=None, **headers):
    connection = http.client.HTTPConnection(API)
    headers = {f"Lambda-Extension-{name.replace('_', '-')}": value for name, value in headers.items()}
    connection.request(method, path, body=json.dumps(body) if body is not None else None, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.headers, json.loads(answer.read())


def append(path, text):
    """In one piece: readers, and a kill, come at any time."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.write(file, text.encode())
    os.close(file)


def keep(record):
    append(f"/tmp/{NAME}.jsonl", json.dumps(record) + "\n")


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        records = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        append("/tmp/telemetry.jsonl", "".join(json.dumps(record) + "\n" for record in records))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def subscribe(identifier, path, body):
    body.setdefault("buffering", {"timeoutMs": 25})
    if "destination" not in body:
        body["destination"] = {"protocol": "HTTP", "URI": "http://sandbox.localdomain:4243/in"}
        receiver = http.server.ThreadingHTTPServer(("0.0.0.0", 4243), Receiver)
        threading.Thread(target=receiver.serve_forever, daemon=True).start()
    status, _, answer = call("PUT", path, body, Identifier=identifier)
    keep({"subscribed": [status, answer]})


def main():
    status, headers, answer = call(
        "POST", "/2020-01-01/extension/register", {"events": PLAN.get("events", ["INVOKE", "SHUTDOWN"])},
        Name=NAME, Accept_Feature="accountId",
    )
    identifier = headers["Lambda-Extension-Identifier"]
    keep({"registered": [status, answer], "environment": dict(os.environ)})
    if "telemetry" in PLAN:
        subscribe(identifier, "/2022-07-01/telemetry", PLAN["telemetry"])
    if "logs" in PLAN:
        subscribe(identifier, "/2020-08-15/logs", PLAN["logs"])
    if "init_error" in PLAN:
        call("POST", "/2020-01-01/extension/init/error", {}, Identifier=identifier, Function_Error_Type=PLAN["init_error"])
        sys.exit(4)
    invocations = 0
    while True:
        status, headers, event = call("GET", "/2020-01-01/extension/event/next", Identifier=identifier)
        keep({"event": event, "status": status, "has_id": "Lambda-Extension-Event-Identifier" in headers})
        if event["eventType"] == "SHUTDOWN":
            print(f"{NAME} hears SHUTDOWN {event['shutdownReason']}", flush=True)
            time.sleep(PLAN.get("linger", 0))
            print(f"{NAME} ends", flush=True)
            return
        invocations += 1
        print(f"{NAME} hears INVOKE {event['requestId']}", flush=True)
        if invocations == 1 and "exit_later" in PLAN:
            threading.Timer(PLAN["exit_later"], os._exit, [6]).start()
        if invocations == PLAN.get("at"):
            time.sleep(PLAN.get("sleep", 0))
            if "exit_error" in PLAN:
                call("POST", "/2020-01-01/extension/exit/error", {}, Identifier=identifier, Function_Error_Type=PLAN["exit_error"])
            if "exit" in PLAN:
                os._exit(PLAN["exit"])


main()
