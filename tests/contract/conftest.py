"""Every case runs for every language; cases that mean nothing for a language are left out and stand in the page with their reason."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from languages import LANGUAGES
from suite.build import folder_of
from suite.cases import case_of
from suite.subject import Subject


def pytest_configure(config):
    config.addinivalue_line("markers", "contract(title, kinds): a case of the contract; its row in docs/runtime-contract.md")


def pytest_generate_tests(metafunc):
    if "subject" not in metafunc.fixturenames:
        return
    kinds = case_of(metafunc.function).kinds
    if kinds:
        metafunc.parametrize("kind", kinds)
    metafunc.parametrize("subject", LANGUAGES, ids=lambda language: language.id, indirect=True, scope="session")


def pytest_collection_modifyitems(config, items):
    absent = [item for item in items if _is_absent(item)]
    if absent:
        config.hook.pytest_deselected(items=absent)
        items[:] = [item for item in items if item not in set(absent)]


def _is_absent(item):
    params = getattr(getattr(item, "callspec", None), "params", {})
    if "subject" not in params:
        return False
    return params["subject"].reason_against(case_of(item.function).name, params.get("kind")) is not None


@pytest.fixture(scope="session")
def packages(request):
    """The files of each language's function. All are built one after the other, in the background, in the order in which they run."""
    wanted = {}
    for item in request.session.items:
        language = getattr(getattr(item, "callspec", None), "params", {}).get("subject")
        if language is not None:
            wanted[language.id] = language
    with ThreadPoolExecutor(1, thread_name_prefix="build") as builder:
        yield {name: builder.submit(language.package, folder_of(name)) for name, language in wanted.items()}
        builder.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def subject(request, server, checker, packages):
    """A language's functions. One language after the other, so that none waits for long and few environments are alive."""
    language = request.param
    subject = Subject(language, packages[language.id].result(), server, checker)
    subject.begin()
    yield subject
    subject.clear()
