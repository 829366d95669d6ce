"""Waiting for something to become true, by asking again and again."""

import time

POLL_S = 0.03


def eventually(probe, expected="a true value", timeout_s=30.0):
    """Calls `probe` until it gives something true, and gives that.

    An AssertionError from the probe counts as "not yet"; the last one explains the failure.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        failure = None
        try:
            found = probe()
        except AssertionError as error:
            failure, found = error, None
        if found:
            return found
        if time.monotonic() >= deadline:
            if failure is not None:
                raise failure
            raise AssertionError(f"expected {expected} within {timeout_s} s, found {found!r}")
        time.sleep(POLL_S)
