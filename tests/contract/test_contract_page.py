"""docs/runtime-contract.md says what the suite does. Renewed with HEARTH_RENEW=1."""

import os

from languages import LANGUAGES
from suite.language import ERRORS, INIT_ERRORS, LEVELS
from suite.page import PAGE, cases, page


def test_the_page_is_the_suite():
    if os.environ.get("HEARTH_RENEW"):
        PAGE.write_text(page())
    assert PAGE.exists() and PAGE.read_text() == page(), (
        f"{PAGE.name} differs from the suite; renew it: HEARTH_RENEW=1 pytest -c tests/pytest.ini tests/contract/test_contract_page.py")


def test_declarations_name_what_there_is():
    """A misspelt kind or case would leave out a test in silence."""
    kinds = {case.name: set(case.kinds) for _, found in cases() for case in found}
    names = set(kinds) | {f"{name}-{kind}" for name, of in kinds.items() for kind in of}
    for language in LANGUAGES:
        assert set(language.absent) <= names, (language.id, set(language.absent) - names)
        assert set(language.errors) <= set(ERRORS) and set(language.init_errors) <= set(INIT_ERRORS) and set(language.levels) <= set(LEVELS)
        for table, case in ((language.errors, "error"), (language.init_errors, "init_error")):
            for kind in kinds[case]:
                assert (kind in table) != (language.reason_against(case, kind) is not None), (
                    f"{language.id}: expected {case} {kind} to be declared, or absent with a reason")
