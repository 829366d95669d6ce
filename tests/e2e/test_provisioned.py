"""Provisioned concurrency: environments initialised ahead of demand, kept so, and told of truthfully.

Source: fact sheets "Lambda control-plane API" (section 8.2), "Execution-environment contract" (section 6).
"""

import signal
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from botocore.exceptions import ClientError
from harness.waiting import eventually

TELLS = """
import os, time, uuid
identity = uuid.uuid4().hex
def handler(event, context):
    time.sleep((event or {}).get('sleep', 0))
    if (event or {}).get('exit'):
        os._exit(3)
    return {'id': identity, 'type': os.environ['AWS_LAMBDA_INITIALIZATION_TYPE'], 'version': context.function_version}
"""


class Provisioned:
    """A function with one version, and an alias for it."""

    def __init__(self, lab, code=TELLS, **settings):
        self.function = lab.deploy(code, **settings)
        self.client = lab.caller.awslambda
        self.name = self.function.name
        self.publish()
        self.client.create_alias(FunctionName=self.name, Name="live", FunctionVersion="1")

    def publish(self):
        return self.client.publish_version(FunctionName=self.name)["Version"]

    def put(self, count, qualifier="live"):
        return self.client.put_provisioned_concurrency_config(
            FunctionName=self.name, Qualifier=qualifier, ProvisionedConcurrentExecutions=count
        )

    def status(self, qualifier="live"):
        return self.client.get_provisioned_concurrency_config(FunctionName=self.name, Qualifier=qualifier)

    def until(self, wanted, qualifier="live"):
        def probe():
            found = self.status(qualifier)
            assert found["Status"] == wanted, found
            return found

        return eventually(probe, wanted, 30)

    def call(self, event=None, qualifier="live"):
        return self.function.call(event or {}, Qualifier=qualifier)

    def at_once(self, count):
        with ThreadPoolExecutor(count) as pool:
            return list(pool.map(self.call, [{"sleep": 1.5}] * count))


def test_they_are_up_before_anyone_calls(lab):
    it = Provisioned(lab)
    first = it.put(2)
    assert first["Status"] == "IN_PROGRESS"
    ready = it.until("READY")
    assert ready["RequestedProvisionedConcurrentExecutions"] == 2
    assert ready["AllocatedProvisionedConcurrentExecutions"] == 2
    assert ready["AvailableProvisionedConcurrentExecutions"] == 2
    found = it.at_once(2)
    assert {f["type"] for f in found} == {"provisioned-concurrency"}
    assert len({f["id"] for f in found}) == 2
    messages = it.function.messages_until("REPORT")
    reports = [m for m in messages if m.startswith("INIT_REPORT")]
    assert len(reports) == 2 and all("Status: success" in m for m in reports)
    assert not any("\tInit Duration" in m for m in messages if m.startswith("REPORT")), "nobody waited for an init"


def test_more_than_provisioned_spills_over(lab):
    it = Provisioned(lab)
    it.put(1)
    it.until("READY")
    found = it.at_once(3)
    assert sorted(f["type"] for f in found) == ["on-demand", "on-demand", "provisioned-concurrency"]


def test_a_crash_is_made_good_ahead_of_the_next_call(lab):
    it = Provisioned(lab)
    it.put(1)
    it.until("READY")
    before = it.call()
    assert it.function.invoke({"exit": True}, Qualifier="live").failed()["errorType"] == "Runtime.ExitError"
    it.until("READY")
    after = it.call()
    assert after["type"] == "provisioned-concurrency" and after["id"] != before["id"]


def test_they_follow_the_alias(lab):
    it = Provisioned(lab)
    it.put(1)
    it.until("READY")
    it.function.upload({"app.py": TELLS + "\n# another version\n"})
    assert it.publish() == "2"
    it.client.update_alias(FunctionName=it.name, Name="live", FunctionVersion="2")
    it.until("READY")
    found = it.call()
    assert (found["type"], found["version"]) == ("provisioned-concurrency", "2")
    assert it.call(qualifier="1")["type"] == "on-demand"


def test_fewer_and_none(lab):
    it = Provisioned(lab)
    it.put(3)
    it.until("READY")
    it.put(1)
    eventually(lambda: it.status()["AllocatedProvisionedConcurrentExecutions"] == 1)
    assert sorted(f["type"] for f in it.at_once(2)) == ["on-demand", "provisioned-concurrency"]
    it.client.delete_provisioned_concurrency_config(FunctionName=it.name, Qualifier="live")
    with pytest.raises(ClientError, match="ProvisionedConcurrencyConfigNotFoundException"):
        it.status()


def test_an_init_that_fails_is_told(lab):
    it = Provisioned(lab, "raise ValueError('not today')\n")
    it.put(2)
    failed = it.until("FAILED")
    assert failed["StatusReason"] == "FUNCTION_ERROR_INIT_FAILURE"
    assert failed["AllocatedProvisionedConcurrentExecutions"] == 0


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_they_are_there_again_after_the_server(make_server, lab_on, how):
    server = make_server().start()
    it = Provisioned(lab_on(server))
    it.put(2)
    it.until("READY")
    before = {f["id"] for f in it.at_once(2)}
    server.process.send_signal(how)
    server.process.wait(60)
    server.process = None
    server.start()
    it.until("READY")
    after = it.at_once(2)
    assert {f["type"] for f in after} == {"provisioned-concurrency"}
    assert not before & {f["id"] for f in after}


def test_they_are_not_reclaimed(make_server, lab_on):
    server = make_server(env={"HEARTH_ENVIRONMENTS_IDLE_S": "1"}).start()
    it = Provisioned(lab_on(server))
    it.put(1)
    it.until("READY")
    before = it.call()
    # One on demand comes and goes in the meantime.
    it.call(qualifier="$LATEST")
    eventually(lambda: len(it.function.streams()) == 2)
    time.sleep(2.5)
    assert it.call() == before
