"""docs/runtime-contract.md: a row for each case, a column for each language."""

import importlib

from harness.server import ROOT
from languages import LANGUAGES

from .cases import case_of

PAGE = ROOT / "docs" / "runtime-contract.md"
MODULES = ("context", "events", "errors", "init", "logs", "environment", "life", "streams")
HEAD = """# The runtime contract, language by language

One suite of tests, written once, runs for every language ([tests/contract](../tests/contract/README.md)): a function of
that language in a real sandbox, called by boto3. A column is a language's runtime here or, by the name of its package,
AWS's own runtime client, unchanged. `make test` runs every cell that says *yes*, and fails where it does not hold; this
page is made from the suite. Where AWS itself lets languages differ (the shape of errors and log records, types), the
suite expects what AWS does in that language.
"""


def cases():
    """(module's words, its cases in order)."""
    for name in MODULES:
        module = importlib.import_module(f"test_contract_{name}")
        tests = [value for key, value in vars(module).items() if key.startswith("test_") and callable(value)]
        yield module.__doc__.splitlines()[0].rstrip("."), [case_of(test) for test in tests]


def page():
    notes = {}
    parts = [HEAD]
    for words, found in cases():
        parts.append(f"\n## {words}\n\n| case | {' | '.join(language.title for language in LANGUAGES)} |\n|---{'|---' * len(LANGUAGES)}|\n")
        for case in found:
            parts += [f"| {title} | {' | '.join(cell(language, case, kind, notes) for language in LANGUAGES)} |\n" for kind, title in case.rows()]
    if notes:
        parts.append("\n## What is left out\n\n" + "".join(f"{number}. {capital(reason)}.\n" for reason, number in notes.items()))
    return "".join(parts)


def cell(language, case, kind, notes):
    reason = language.reason_against(case.name, kind)
    return "yes" if reason is None else f"– ({notes.setdefault(reason, len(notes) + 1)})"


def capital(text):
    return text[0].upper() + text[1:]
