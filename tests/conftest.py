from harness.fixtures import *  # noqa: F401,F403 (fixtures and hooks are found by name)
from harness.fixtures import (  # noqa: F401
    pytest_collection_finish,
    pytest_configure,
    pytest_runtest_logreport,
    pytest_runtest_makereport,
    pytest_runtest_setup,
    pytest_sessionfinish,
    pytest_terminal_summary,
)
