"""The fixtures that tests/e2e and tests/crash share."""

import pytest

from . import dotnet
from .ahead import Ahead
from .clients import Caller
from .cli import AwsCli
from .functions import Lab
from .model_check import Checker
from .server import Server

_checker = Checker()


@pytest.fixture(scope="session")
def checker():
    return _checker


@pytest.fixture(autouse=True)
def responses_obey_the_model():
    """Every response that a client got during the test is as botocore's model has it."""
    _checker.take()
    yield
    found = _checker.take()
    assert not found, "responses that differ from the service model:\n" + "\n".join(found[:20])


SHARED = {
    # Functions of little memory would spend the suite's time waiting for their small share of idle processors, and run into
    # their timeouts on a slow machine. That the quota holds is shown by crates/sandbox/tests/quota.rs.
    "HEARTH_ENVIRONMENTS_CPU": "weight",
    # Debian 12 has an older Ruby than any runtime is named after, and `make dotnet` installs another .NET.
    "HEARTH_RUNTIMES_ALIASES": "ruby3.2=ruby3.1,dotnet8=dotnet9",
    "HEARTH_RUNTIMES_SEARCH": str(dotnet.INSTALLED),
}


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    """The server that most tests share."""
    server = Server(tmp_path_factory.mktemp("shared"), env=SHARED).start()
    yield server
    server.stop_cleanly()


@pytest.fixture
def make_server(tmp_path):
    """Servers of one test's own; stopped at its end, cleanly if they still run."""
    made = []

    def make(config="", env=None, listen=None, folder=None):
        server = Server(folder or tmp_path / f"server-{len(made)}", config, env, listen)
        made.append(server)
        return server

    make.made = made
    yield make
    for server in made:
        if server.process is not None:
            server.stop_cleanly()


@pytest.fixture(scope="module")
def caller(server, checker):
    """An account of the module's own on the shared server."""
    return Caller(server, checker)


@pytest.fixture
def lab(caller):
    lab = Lab(caller)
    yield lab
    lab.clear()


@pytest.fixture(scope="module")
def module_lab(caller):
    """For functions that the tests of a module share and do not change."""
    lab = Lab(caller)
    yield lab
    lab.clear()


@pytest.fixture
def lab_on(checker):
    """A lab on a given server."""
    labs = []

    def make(server, **options):
        labs.append(Lab(Caller(server, checker, **options)))
        return labs[-1]

    return make


@pytest.fixture
def awscli(server, caller, tmp_path):
    """The CLI in the module's account on the shared server."""
    return AwsCli(tmp_path, {
        "AWS_ENDPOINT_URL": server.endpoint, "AWS_ACCESS_KEY_ID": caller.account,
        "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": caller.region,
    })


def _servers_of(item):
    values = list(getattr(item, "funcargs", {}).values())
    found = [v for v in values if isinstance(v, Server)]
    found += [server for v in values for server in getattr(v, "made", ())]
    return {server.log_file: server for server in found}.values()


def pytest_runtest_setup(item):
    """From here on the servers' logs are this test's."""
    for server in Server.all:
        server.mark_log()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows what its servers logged meanwhile."""
    report = yield
    if report.failed:
        for server in _servers_of(item):
            report.sections.append((f"log of {server.endpoint}", server.log_tail()))
    return report


_terminal = None
_ahead = None


def pytest_configure(config):
    global _terminal
    _terminal = config.pluginmanager.get_plugin("terminalreporter")


def pytest_collection_finish(session):
    global _ahead
    if not session.config.option.collectonly:
        _ahead = Ahead(session.items)


def pytest_sessionfinish():
    if _ahead is not None:
        _ahead.stop()


@pytest.hookimpl(trylast=True)
def pytest_runtest_logreport(report):
    """Says at once what failed and why: the summary does not come when a run is cut off."""
    if not report.failed or _terminal is None:
        return
    crash = getattr(report.longrepr, "reprcrash", None)
    why = f"{crash.path}:{crash.lineno}: {crash.message}" if crash else str(report.longrepr)
    _terminal.write_line(f"\n{report.nodeid} ({report.when}, {report.duration:.1f} s): {why[:1000]}")


def pytest_terminal_summary(terminalreporter):
    operations = {name for name, _ in _checker.seen}
    total = sum(_checker.seen.values())
    terminalreporter.write_line(f"checked {total} responses of {len(operations)} operations against the service model")
