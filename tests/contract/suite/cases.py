"""What marks a test as a case of the contract."""

from dataclasses import dataclass

import pytest


@dataclass(frozen=True)
class Case:
    name: str
    title: str
    kinds: dict

    def rows(self):
        """(kind or None, title), a row of the page each."""
        if not self.kinds:
            return [(None, self.title)]
        return [(kind, self.title.format(kind=text)) for kind, text in self.kinds.items()]


def case(title, kinds=None):
    """A case. kinds: {kind: its words}, for each of which the test runs; `{kind}` in the title stands for the words."""
    return pytest.mark.contract(title, kinds or {})


def case_of(function):
    marks = [mark for mark in getattr(function, "pytestmark", ()) if mark.name == "contract"]
    assert len(marks) == 1, f"expected one @case on {function.__name__}, found {len(marks)}"
    title, kinds = marks[0].args
    return Case(function.__name__.removeprefix("test_"), title, kinds)
