"""Servers of both levels, each with an attacker and its neighbour."""

import os

import pytest
from harness.clients import Caller
from harness.functions import PYTHON, Lab
from harness.modest import modest_server
from levels import Level, ready_python

@pytest.fixture(scope="session")
def modest():
    yield from modest_server()


@pytest.fixture(scope="session")
def levels(request, checker):
    """A level by its name; made when it is first asked for."""
    made = {}

    def get(name):
        if name not in made:
            server = request.getfixturevalue("server" if name == "root" else "modest")
            lab = Lab(Caller(server, checker))
            runtime = PYTHON if name == "root" else ready_python(server)
            made[name] = Level(name, server, lab, runtime)
        return made[name]

    # The functions go with their servers' folders.
    return get


@pytest.fixture(params=["root", "user"])
def level(request, levels):
    """Each test that asks for it runs at both levels."""
    if request.param == "root" and os.geteuid() != 0:
        pytest.skip("the tests do not run as root, so there is no server of that level")
    return levels(request.param)
