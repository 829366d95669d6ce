"""`logging` as functions on Lambda find it: a handler on the root logger that writes to the log channel.

Importing `logging` takes as long as starting Python does, and a function that only prints never needs it. So its import
is waited for: the moment the function imports it, and before its next line runs, the handler is in place.
"""

import sys

# The invocation that is running, for log records and error lines: request id, tenant id.
request_id = ""
tenant_id = None

_sink = None


def install(sink):
    global _sink
    _sink = sink
    if "logging" in sys.modules:
        _equip()
    else:
        sys.meta_path.insert(0, _AwaitLogging())


def begin(new_request_id, new_tenant_id):
    global request_id, tenant_id
    request_id = new_request_id
    tenant_id = new_tenant_id or None


def warn_of_failed_init():
    import logging

    logging.warning("LAMBDA_WARNING: Unhandled exception. The most likely cause is an issue in the function code.")


def _equip():
    from . import logging_setup

    logging_setup.equip(_sink)


class _AwaitLogging:
    """A finder of modules that finds only one: the standard `logging`, whatever else of that name lies on the path."""

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        from importlib.machinery import PathFinder

        sys.meta_path[:] = [finder for finder in sys.meta_path if finder is not self]
        spec = PathFinder.find_spec(name, [_home(sys.modules["os"])])
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_equip(module):
            execute(module)
            _equip()

        spec.loader.exec_module = execute_and_equip
        return spec


def _home(module):
    """The folder of a module of the standard library."""
    return module.__file__.rpartition("/")[0]
