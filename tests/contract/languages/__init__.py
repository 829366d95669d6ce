"""The languages under test, in the order of the table's columns. A new one is a module here and a line below."""

from . import dotnet, go, java, nodejs, python, ruby, rust

LANGUAGES = [python.OURS, python.OFFICIAL, nodejs.OURS, nodejs.OFFICIAL, go.OURS, rust.OURS, java.OURS, java.OFFICIAL, ruby.OURS, dotnet.OURS]
