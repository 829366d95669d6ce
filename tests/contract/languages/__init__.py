"""The languages under test, in the order of the table's columns. A new one is a module here and a line below."""

from . import go, java, nodejs, python, rust

LANGUAGES = [python.OURS, python.OFFICIAL, nodejs.OURS, go.OURS, rust.OURS, java.OURS, java.OFFICIAL]
