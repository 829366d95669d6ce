"""From a handler's name to the function itself."""

import sys
from importlib import import_module


class Fault(Exception):
    """A failure that the runtime itself names, rather than one that the function raised."""

    def __init__(self, error_type, message, trace=(), missing=None):
        super().__init__(message)
        # The module that was not found.
        self.missing = missing
        self.error_type = error_type
        self.trace = list(trace)


def load(name):
    """`module.function`, where the module may lie in folders (`folder/module`) or packages (`package.module`)."""
    try:
        module_name, function_name = name.rsplit(".", 1)
    except ValueError as problem:
        raise Fault("Runtime.MalformedHandlerName", "Bad handler '%s': %s" % (name, problem)) from None
    module = _import(module_name)
    try:
        return getattr(module, function_name)
    except AttributeError:
        message = "Handler '%s' missing on module '%s'" % (function_name, module_name)
        raise Fault("Runtime.HandlerNotFound", message) from None


def _import(name):
    if name.split(".")[0] in sys.builtin_module_names:
        raise Fault(
            "Runtime.BuiltInModuleConflict", "Cannot use built-in module %s as a handler module" % name
        )
    try:
        return import_module(name.replace("/", "."))
    except ImportError as problem:
        message = "Unable to import module '%s': %s" % (name, problem)
        raise Fault("Runtime.ImportModuleError", message, missing=problem.name) from None
    except SyntaxError as problem:
        where = '  File "%s" Line %s\n    %s' % (problem.filename, problem.lineno, problem.text)
        message = "Syntax error in module '%s': %s" % (name, problem)
        raise Fault("Runtime.UserCodeSyntaxError", message, [where]) from None
