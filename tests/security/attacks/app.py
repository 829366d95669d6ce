"""The hostile function: runs the attack that it is told to, and says what came of each of its steps."""

import importlib


def handler(event, context):
    module, _, name = event["attack"].partition(".")
    return getattr(importlib.import_module(module), name)(**event.get("facts", {}))
