"""SnapStart: what happens between the init and the first event of an environment that is made from a snapshot.

Hooks are what the function registered with `snapshot_restore_py`. Imported only where there is a snapshot. Up to the
restore the process has one thread and no descriptors but its channels, unless the function made others: it can be
forked.
"""

import os
import sys

from . import codec


def pass_through(link, sink):
    """Runs the hooks before the snapshot, waits to be restored, runs the hooks after it. Ends the process on failure."""
    problem = _failure_of(_before_snapshot)
    if problem is not None:
        _end(problem, sink, link.init_error, "Runtime.BeforeSnapshotError", 64)
    sink.flush()
    os.environ.update(link.restored())
    _renew_randomness()
    problem = _failure_of(_after_restore)
    if problem is not None:
        _end(problem, sink, link.restore_error, "Runtime.AfterRestoreError", 65)


def _hooks():
    """The module that hooks are registered with, the function's own copy if it has one; None if it never imported it."""
    return sys.modules.get("snapshot_restore_py")


def _before_snapshot():
    hooks = _hooks()
    registered = hooks.get_before_snapshot() if hooks else []
    while registered:
        function, arguments, named = registered.pop()
        function(*arguments, **named)


def _after_restore():
    hooks = _hooks()
    for function, arguments, named in hooks.get_after_restore() if hooks else ():
        function(*arguments, **named)


def _failure_of(hooks):
    """What a hook raised: even `sys.exit` in a hook is a failure of the hook."""
    try:
        hooks()
    except BaseException as problem:
        return problem
    return None


def _renew_randomness():
    """Environments made from one snapshot must not draw the same numbers."""
    random = sys.modules.get("random")
    if random is not None:
        random.seed()
    # OpenSSL's own generator, which keys of connections are drawn from, renews itself after a fork alone.
    openssl = sys.modules.get("_ssl")
    if openssl is not None:
        openssl.RAND_add(os.urandom(64), 64.0)


def _end(problem, sink, report, error_type, status):
    from . import errors

    failure = errors.describe(problem, "")
    errors.log(failure, sink)
    report(error_type, codec.encode(failure))
    sys.exit(status)
