"""The life of an execution environment, as the function sees it."""

import time
from concurrent.futures import ThreadPoolExecutor

from harness.waiting import eventually
from suite.cases import case


@case("state is kept between invocations")
def test_warm_state(subject):
    first = subject.main.call({"case": "count"})
    assert subject.main.call({"case": "count"}) == {**first, "count": first["count"] + 1}


@case("a changed function begins anew")
def test_cold_state(subject):
    function = subject.deploy()
    before = function.call({"case": "count"})
    assert before["count"] == 1
    function.configure(Description="changed")
    after = function.call({"case": "count"})
    assert after["count"] == 1 and after["instance"] != before["instance"]


@case("invocations at the same time have environments of their own")
def test_concurrency(subject):
    def at_once():
        with ThreadPoolExecutor(3) as pool:
            calls = [pool.submit(subject.main.call, {"case": "sleep", "ms": 400}) for _ in range(3)]
        return len({call.result() for call in calls}) == 3

    # Only those that overlap say something, which a busy machine may prevent.
    eventually(at_once, "three environments")


@case("background work stops between invocations and goes on in the next one")
def test_background(subject):
    start = subject.main.call({"case": "tick"})["ticks"]
    pause_s = 0.3

    def was_frozen():
        time.sleep(pause_s)  # the length of the pause is what is looked for
        found = subject.main.call({"case": "tick"})
        assert found["largest_gap_ms"] >= pause_s * 500, found
        return found

    frozen = eventually(was_frozen)
    subject.main.call({"case": "sleep", "ms": 100})
    assert subject.main.call({"case": "tick"})["ticks"] > frozen["ticks"] >= start
