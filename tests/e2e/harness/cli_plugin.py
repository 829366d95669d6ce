"""Loaded by the AWS CLI itself, to check the responses that it gets against its service model."""

import atexit
import os

from harness.model_check import Checker


def awscli_initialize(event_hooks):
    checker = Checker()
    checker.attach(event_hooks)
    atexit.register(_report, checker)


def _report(checker):
    with open(os.environ["HEARTH_MODEL_CHECK_FILE"], "a", encoding="utf-8") as out:
        for text in checker.take():
            out.write(text.replace("\n", "\\n") + "\n")
