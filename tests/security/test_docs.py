"""docs/security/attacks.md says what the table says. Renewed with HEARTH_RENEW=1."""

import os

import table
from harness.server import ROOT

PAGE = ROOT / "docs/security/attacks.md"
HEAD = """# What was tried

Every attack below is a function in [tests/security](../../tests/security), which runs on a real server at both levels of
isolation, beside a neighbour that has to answer in time all the while. `make test` runs them. This page is made from the
tests' own table; the [levels and the threat model](../security.md) are described elsewhere.
"""


def page():
    parts = [HEAD]
    for group, attacks in table.ATTACKS.items():
        parts.append(f"\n## {group}\n\n| attack | contained at level `root` by | at level `user` |\n|---|---|---|\n")
        parts += [f"| {attack.what} | {', '.join(attack.root.by)} | {user(attack)} |\n" for attack in attacks]
    return "".join(parts)


def user(attack):
    if attack.user is None:
        return "the same"
    by = ", ".join(attack.user.by)
    if not attack.user.weaker:
        return "the same" if by == ", ".join(attack.root.by) else by
    unless = f" (unless `hearth doctor` shows *{attack.unless}* in force)" if attack.unless else ""
    return f"**weaker**: {attack.user.weaker}{unless}" + (f"; {by}" if by else "")


def test_the_page_is_the_table():
    if os.environ.get("HEARTH_RENEW"):
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(page())
    assert PAGE.exists() and PAGE.read_text() == page(), "docs/security/attacks.md differs from tests/security/table.py; renew it with HEARTH_RENEW=1"


def test_every_row_says_by_what():
    for attack in table.rows():
        assert attack.root.by, attack.what
        assert attack.user is None or attack.user.by or attack.user.weaker, attack.what
