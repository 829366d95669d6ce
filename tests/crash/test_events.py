"""`kill -9` again and again under a stream of asynchronous events: every one that was accepted is run.

The proof must outlive the kills itself, and log lines of the last moment do not. So what becomes of each is
told to a collector, whose one place is taken: its events wait in the store until the last start, when its
code becomes one that logs what it is told.
"""

import json
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from botocore.exceptions import BotoCoreError
from harness.clients import Caller
from harness.functions import Lab
from harness.waiting import eventually

ROUNDS = int(os.environ.get("HEARTH_CRASH_EVENT_ROUNDS", "5"))
SEED = int(os.environ.get("HEARTH_CRASH_SEED", str(random.randrange(2**32))))
SENDERS = 4

# Some events fail at first: what a retry knows is on disk, too.
WORK = """
import random
def handler(event, context):
    if event["n"] % 7 == 0 and random.random() < 0.5:
        raise RuntimeError("at first")
    return event["n"]
"""
WAITS = "import time\ndef handler(event, context):\n    time.sleep(600)\n"
TELLS = """
def handler(event, context):
    context = event["requestContext"]
    print(f"TOLD {context['requestId']} {event['requestPayload']['n']} {context['condition']}")
"""


def send(client, name, sender, stopped, accepted):
    """Events until the server is gone; those that it answered for."""
    while not stopped.is_set():
        number = sender * 1_000_000 + len(accepted)
        try:
            answer = client.invoke(FunctionName=name, InvocationType="Event", Payload=json.dumps({"n": number}).encode())
        except BotoCoreError:
            return
        assert answer["StatusCode"] == 202
        accepted[answer["ResponseMetadata"]["RequestId"]] = number


def told(collector):
    pages = collector.caller.logs.get_paginator("filter_log_events").paginate(logGroupName=collector.group, filterPattern="TOLD")
    lines = [event["message"].split() for page in pages for event in page["events"]]
    return {line[1]: (int(line[2]), line[3]) for line in lines if line[0] == "TOLD"}


def test_accepted_events_outlive_kill_nine(make_server, checker):
    print(f"HEARTH_CRASH_SEED={SEED}")
    rng = random.Random(SEED)
    server = make_server(env={"HEARTH_LOG": "error", "HEARTH_ASYNCHRONOUS_RETRY_MS": "100"}).start()
    caller = Caller(server, checker)
    lab = Lab(caller)
    worker, collector = lab.deploy(WORK), lab.deploy(WAITS, Timeout=900)
    client = caller.awslambda
    client.put_function_concurrency(FunctionName=collector.name, ReservedConcurrentExecutions=1)
    destination = {"Destination": collector.arn}
    client.put_function_event_invoke_config(
        FunctionName=worker.name, DestinationConfig={"OnSuccess": destination, "OnFailure": destination})
    accepted = [{} for _ in range(SENDERS)]
    senders = [caller.client("lambda", connect_timeout=2, read_timeout=10) for _ in range(SENDERS)]
    for _ in range(ROUNDS):
        stopped, before = threading.Event(), sum(map(len, accepted))
        with ThreadPoolExecutor(SENDERS) as pool:
            running = [pool.submit(send, senders[n], worker.name, n, stopped, accepted[n]) for n in range(SENDERS)]
            eventually(lambda: sum(map(len, accepted)) >= before + 20, "a stream of events", 30)
            time.sleep(rng.uniform(0, 1.0))  # the random moment
            server.kill()
            stopped.set()
            for one in running:
                one.result()
        server.start()
    client.delete_function_concurrency(FunctionName=collector.name)
    collector.upload({"app.py": TELLS})
    server.kill()
    server.start()
    sent = {request_id: number for one in accepted for request_id, number in one.items()}
    print(f"{ROUNDS} kills, {len(sent)} accepted events")
    assert len(sent) >= ROUNDS * 20, "the rounds did too little to mean anything"

    def probe():
        found = told(collector)
        lost = sent.keys() - found.keys()
        assert not lost, f"{len(lost)} of {len(sent)} accepted events did not run, e.g. {sorted(lost)[:3]}"
        return found

    found = eventually(probe, timeout_s=90)
    for request_id, number in sent.items():
        told_of, condition = found[request_id]
        assert told_of == number and condition in ("Success", "RetriesExhausted"), (request_id, number, found[request_id])
    server.stop_cleanly()
