"""Hooks of SnapStart: functions to call before an environment is snapshotted, and after it was restored.

Lambda's Python runtimes have this module; a function that packs its own gets its own. Each `register_...` takes the
function and what to call it with, answers the function, and so serves as a decorator too. Hooks before the snapshot are
called in reverse order of registration, hooks after the restore in order.
"""

__all__ = ["register_before_snapshot", "register_after_restore"]

_before_snapshot = []
_after_restore = []


def register_before_snapshot(func, *args, **kwargs):
    _before_snapshot.append((func, args, kwargs))
    return func


def register_after_restore(func, *args, **kwargs):
    _after_restore.append((func, args, kwargs))
    return func


def get_before_snapshot():
    """The registry itself: (function, positional arguments, named arguments), in order of registration."""
    return _before_snapshot


def get_after_restore():
    """The registry itself, as that of the hooks before the snapshot."""
    return _after_restore
