"""Every attack of the table, as a function, beside a neighbour that has to answer in time all the while."""

import json
import os
import re
import time

import pytest
import table
from botocore.exceptions import ClientError
from facts import Host, for_attack, places
from harness.functions import unique
from harness.packages import program
from harness.waiting import eventually
from levels import ATTACKS, Level, ready_python

PROBES = [attack for attack in table.rows() if "." in attack.run]


@pytest.fixture(scope="module")
def host():
    host = Host()
    yield host
    host.close()


@pytest.mark.parametrize("attack", PROBES, ids=lambda attack: attack.run)
def test_contained(attack, level, host):
    holds = attack.holds(level.name, level.mechanisms)
    run = attack.user_run if holds is attack.user and attack.user_run else attack.run
    mark = unique("mark")
    function = None
    if attack.settings is not None:
        settings = {**attack.settings, **({} if run == attack.run else {"Timeout": 60})}
        function = level.attacker(Environment={"Variables": {"MARK": mark}}, **settings)
    found = level.attack(run, {**attack.arguments, **for_attack(run, level, host)}, function)
    check(found, holds.expected)
    if attack.gone and run == attack.run:
        eventually(lambda: not level.processes_with(mark), "no process left")


def check(found, expected):
    if isinstance(expected, table.Failed):
        error = json.dumps(found.failed())
        assert re.search(expected.pattern, error), error
        return
    value = found.ok()
    if not isinstance(value, dict):
        assert matches(value, expected), f"expected {expected}, found {value}"
        return
    wanted = expected if isinstance(expected, dict) else {"*": expected}
    missing = set(wanted) - {"*"} - set(value)
    assert not missing, f"no outcome of {missing} in {value}"
    wrong = {step: outcome for step, outcome in value.items() if not matches(outcome, wanted.get(step, wanted.get("*")))}
    assert not wrong, f"expected {wanted}, found {wrong}"


def matches(outcome, expected):
    return outcome in expected if isinstance(expected, tuple) else outcome == expected


def test_the_table_checks():
    """The comparison itself can fail."""
    assert matches("EPERM", ("EPERM", "EACCES")) and not matches("ok", ("EPERM", "EACCES")) and not matches("ok", "EPERM")


def test_each_named_test_exists():
    named = {attack.run for attack in table.rows() if "." not in attack.run}
    assert named <= set(globals()), named - set(globals())


def test_the_offender_is_the_victim(level):
    """Asks to be spared, then takes all the memory that there is: whoever is killed for it is its own."""
    if not level.mechanisms["memory limit"]:
        return  # stated in the table: not limited, so nothing to kill
    function = level.attacker(MemorySize=128)
    function.call({"attack": "processes.sparing"})
    found = level.attack("floods.memory", {"most_mib": 300}, function)
    check(found, table.Failed("OutOfMemory|signal: killed"))
    # Its sandbox may be lost with that; then it gets another one, after one that failed.
    eventually(lambda: function.invoke({"attack": "processes.visible"}).error is None, "the function to work again")


def test_tmp_is_empty_in_each_environment(level):
    function = level.attacker(MemorySize=512)
    before = room_of_the_host(level)
    level.attack("floods.disk", function=function)
    assert function.call({"attack": "floods.left_in_tmp"})["files"], "the flood was in this environment"
    function.configure(Description="so that it gets another environment")
    assert function.call({"attack": "floods.left_in_tmp"}) == {"files": [], "room": True, "inodes": True}
    # The image is a file of the host: what filled it is given back with its environment.
    eventually(lambda: room_of_the_host(level) > before - (256 << 20), "the host's disk as before", 20)


def room_of_the_host(level):
    room = os.statvfs(level.server.data)
    return room.f_bavail * room.f_frsize


def test_a_huge_configuration_is_refused(level):
    with pytest.raises(ClientError) as error:
        level.attacker(Environment={"Variables": {"BIG": "x" * 5000}})
    assert error.value.response["Error"]["Code"] == "InvalidParameterValueException"


def test_a_daemon_is_frozen_and_ends(level):
    mark = unique("mark")
    function = level.attacker(Environment={"Variables": {"MARK": mark}})
    assert level.attack("processes.daemonise", function=function).ok() == "started"
    # A while in which it would note much: the length of time is what is tested.
    time.sleep(1)
    found = function.call({"attack": "processes.ticks_again"})
    ticks = [tick for tick in found["ticks"] if tick < found["resumed"]]
    pause = max(later - earlier for earlier, later in zip(ticks, ticks[1:] + [found["resumed"]]))
    assert pause > 900_000_000, f"expected a pause of a second, found {pause} ns"
    function.configure(Description="so that its environment ends")
    function.call({"attack": "processes.visible"})
    eventually(lambda: len(level.processes_with(mark)) <= 1, "the daemon to end with its environment")


@pytest.fixture
def rival(level):
    source = (ATTACKS / "rival").read_text()
    return level.lab.provided({"bootstrap": program(source)}, Timeout=30)


def test_answering_for_another(level, rival):
    """With the request id of a neighbour's invocation."""
    with level.neighbour.asked():
        assert rival.call({"forge": level.neighbour.facts["request"]}) == {"response": 400, "error": 400}


def test_nonsense_on_the_runtime_api(level, rival):
    with level.neighbour.asked():
        assert rival.call({}) == "still here"
        assert rival.call({"forge": "x"}) == {"response": 400, "error": 400}, "and its own API still answers"


def test_no_set_user_id_program_on_the_host(level):
    """The package of every attacker has one."""
    level.shared_attacker.call({"attack": "processes.visible"})
    found = [path for path in level.server.data.rglob("*") if path.is_file() and path.stat().st_mode & 0o6000]
    assert not found, found
    assert any(path.name == "id" for path in level.server.data.rglob("id")), "the package was unpacked there"


@pytest.fixture
def nat(make_server, lab_on):
    server = make_server("[sandbox]\nnetwork = 'nat'\n").start()
    return Level("root", server, lab_on(server), ready_python(server))


def test_nat_reaches_no_neighbour(nat, host):
    neighbour = nat.neighbour.facts
    assert neighbour["address"], "the neighbour has an address of its own"
    wanted = {
        **places(nat, host),
        "the neighbour": [neighbour["address"], neighbour["port"]],
        "the neighbour's Runtime API": [neighbour["address"], 9001],
    }
    facts = {"gateway_step": {"service": host.port, "server": nat.server.port, "ssh": 22}, "places": wanted}
    found = nat.attack("network.from_outside", facts).ok()
    assert set(found.values()) <= {"no answer", "ECONNREFUSED", "ENETUNREACH", "EHOSTUNREACH", "EADDRNOTAVAIL"}, found
    check(nat.attack("network.local", for_attack("network.local", nat, host)), {"listed": "nothing", "*": "ECONNREFUSED"})
