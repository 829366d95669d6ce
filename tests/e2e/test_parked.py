"""Parked environments: cold starts that do not boot an interpreter, and what they must keep of one that did.

The figures are the benchmark's business (`make bench`); here it is seen that the interpreter was up
before the function was made.
"""

import time
from pathlib import Path

import pytest
from harness import processes
from harness.functions import PYTHON, node_runtime
from harness.waiting import eventually

PYTHON_TELLS = """
import os, resource, socket, sys

def handler(event, context):
    ticks = int(open('/proc/self/stat').read().rpartition(')')[2].split()[19])
    return {
        'started': ticks / os.sysconf('SC_CLK_TCK'),
        'variables': dict(os.environ),
        'path': sys.path,
        'cwd': os.getcwd(),
        'modules': sorted(name for name in sys.modules if not name.startswith(('hearth_runtime', '_hearth'))),
        'code': sorted(os.listdir('/var/task')),
        'opt': sorted(os.listdir('/opt')),
        'ids': [os.getuid(), os.getgid(), os.getgroups()],
        'limits': [resource.getrlimit(resource.RLIMIT_NOFILE), resource.getrlimit(resource.RLIMIT_NPROC)],
        'host': socket.gethostname(),
        'descriptors': sorted(os.listdir('/proc/self/fd')),
        'argv': sys.argv,
        'log': [context.log_group_name, context.log_stream_name],
    }
"""

NODE_TELLS = """
const fs = require('fs');
exports.handler = async (event, context) => ({
  started: Number(fs.readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ')[19]) / 100,
  variables: { ...process.env },
  cwd: process.cwd(),
  code: fs.readdirSync('/var/task').sort(),
  opt: fs.readdirSync('/opt').sort(),
  ids: [process.getuid(), process.getgid()],
  argv: process.argv,
  execArgv: process.execArgv,
  paths: module.paths,
  globals: Object.getOwnPropertyNames(globalThis).sort(),
  log: [context.logGroupName, context.logStreamName],
});
"""

LANGUAGES = {
    "python": (PYTHON, "app.handler", {"app.py": PYTHON_TELLS}),
    "node": (node_runtime(), "app.handler", {"app.js": NODE_TELLS}),
}


def uptime_s():
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def parked(server):
    """Pids of the interpreters that wait for a function: frozen, and no code is mounted for them."""
    started = set(processes.with_environment("_HEARTH_PARKED=1")) & processes.descendants(server.process.pid)
    return {pid for pid in started if not has_code(pid) and processes.freezer_state(pid) in ("FROZEN", "1")}


def has_code(pid):
    try:
        return " /var/task " in Path(f"/proc/{pid}/mountinfo").read_text()
    except OSError:
        return True


@pytest.fixture(params=LANGUAGES)
def language(request):
    return LANGUAGES[request.param]


@pytest.fixture
def lot(make_server, lab_on):
    """A server that parks, and a lab on it."""
    server = make_server().start()
    return server, lab_on(server)


def deploy(lab, language, **settings):
    runtime, handler, files = language
    return lab.deploy(files, runtime, handler, **settings)


def test_a_function_that_is_made_has_an_interpreter_waiting(lot, language):
    server, lab = lot
    assert not parked(server), "nothing is parked for nobody"
    deploy(lab, language)
    eventually(lambda: parked(server), "an interpreter that waits")


def test_a_cold_start_takes_it_and_another_one_follows(lot, language):
    server, lab = lot
    deploy(lab, language)
    waiting = eventually(lambda: parked(server))
    made = uptime_s()
    function = deploy(lab, language)
    answer = function.invoke({})
    assert answer.ok()["started"] < made, "the interpreter was up before the function was made"
    assert "Init Duration" in answer.tail
    eventually(lambda: parked(server) - waiting, "the next one")


def test_nothing_that_a_function_sees_tells_the_difference(lot, make_server, lab_on, language):
    server, lab = lot
    deploy(lab, language, Environment={"Variables": {"COLOUR": "blue"}})
    eventually(lambda: parked(server))
    function = deploy(lab, language, Environment={"Variables": {"COLOUR": "red"}}, name="same")
    made = uptime_s()
    late = function.call({})
    booted = make_server(env={"HEARTH_ENVIRONMENTS_PARKED": "0"}).start()
    elsewhere = deploy(lab_on(booted), language, Environment={"Variables": {"COLOUR": "red"}}, name="same")
    soon = elsewhere.call({})
    assert late["started"] < made < soon["started"]
    for answer in late, soon:
        assert answer.pop("log")[0] == "/aws/lambda/same"
        answer.pop("started")
        for changing in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
                         "AWS_LAMBDA_LOG_STREAM_NAME", "_X_AMZN_TRACE_ID"):
            answer["variables"].pop(changing)
    assert late["variables"]["COLOUR"] == "red"
    for part in soon:
        assert late[part] == soon[part], part


def test_its_limits_are_the_functions(lot):
    server, lab = lot
    lab.deploy({"app.py": "def handler(event, context): pass"})
    eventually(lambda: parked(server))
    hungry = lab.deploy("def handler(event, context):\n    return len(bytearray(400 << 20))", MemorySize=128)
    failed = hungry.invoke({}).failed()
    assert failed["errorType"] == "Runtime.OutOfMemory"
    content = lab.deploy("def handler(event, context):\n    return len(bytearray(400 << 20))", MemorySize=768)
    assert content.call({}) == 400 << 20


@pytest.mark.parametrize("variable", ["PYTHONUNBUFFERED", "LD_LIBRARY_PATH", "LANG"])
def test_what_an_interpreter_reads_at_its_start_has_one_started(lot, variable):
    server, lab = lot
    lab.deploy(PYTHON_TELLS)
    eventually(lambda: parked(server))
    made = uptime_s()
    function = lab.deploy(PYTHON_TELLS, Environment={"Variables": {variable: "/opt/mine"}})
    found = function.call({})
    assert found["started"] > made
    assert found["variables"][variable] == "/opt/mine"


def test_a_burst_is_remembered(lot):
    server, lab = lot
    function = lab.deploy("import time\ndef handler(event, context):\n    time.sleep(1)")
    eventually(lambda: parked(server))
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: function.call({}), range(4)))
    eventually(lambda: len(parked(server)) == 4, "as many as the burst took", 30)


def test_a_parked_interpreter_that_dies_costs_nobody_an_answer(lot):
    import os
    import signal

    server, lab = lot
    lab.deploy("def handler(event, context): return 1")
    for pid in eventually(lambda: parked(server)):
        os.kill(pid, signal.SIGKILL)
    assert lab.deploy("def handler(event, context): return 2").call({}) == 2


def test_what_is_parked_uses_no_processor_and_ends_with_the_server(lot):
    server, lab = lot
    deploy(lab, LANGUAGES["node"])
    (pid,) = eventually(lambda: parked(server))
    before = processes.cpu_ticks(pid)
    time.sleep(1)
    assert processes.cpu_ticks(pid) == before
    server.stop_cleanly()
    eventually(lambda: pid not in processes.all_pids())
