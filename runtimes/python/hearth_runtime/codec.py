"""Events and results as JSON, without importing `json`.

The `json` package pulls in `re`, and doubles the time to start Python. Its work is done by the C module `_json`, which
is used here directly in the way that `json` itself uses it; whatever is out of the ordinary goes to `json` after all.

What a result may hold beyond plain JSON values follows Lambda: a Decimal is written as the number it is, a named tuple
as an object, bytes as UTF-8 text, NaN and the infinities as JavaScript spells them.
"""

import os
import sys

import _json

_CONSTANTS = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}

# Marks a Decimal's digits inside the encoded text, so that the quotes around them can be taken off again. Random, so
# that no string of a function's own can look like it.
_DIGITS = "\u2060" + os.urandom(12).hex()

# Modules whose named tuples nobody returns from a handler, and which many programs import.
_NEVER_RESULTS = frozenset(("functools", "tokenize", "inspect", "dis", "selectors", "sysconfig"))


class _Rules:
    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = _CONSTANTS.__getitem__


_scan = _json.make_scanner(_Rules)


def decode(data):
    """The value of an event. Raises a Fault that says what is wrong with one that is not JSON."""
    try:
        text = str(data, "utf-8", "surrogatepass")
        try:
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        except StopIteration:
            pass
        import json

        return json.loads(text)
    except Exception as problem:
        from .handler import Fault

        raise Fault("Runtime.UnmarshalError", "Unable to unmarshal input: %s" % problem) from None


def _ascii_only():
    """Before Python 3.12, Lambda wrote every other character as an escape."""
    name, _, minor = os.environ.get("AWS_EXECUTION_ENV", "").rpartition("python3.")
    return not (name and minor.isdigit() and int(minor) >= 12)


def _default(value):
    """What stands for a value that JSON has no form for."""
    decimal = sys.modules.get("decimal")
    if decimal is not None and isinstance(value, decimal.Decimal):
        return _CONSTANTS["NaN"] if value.is_nan() else _DIGITS + str(value)
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if callable(getattr(value, "_asdict", None)):
        return value._asdict()
    raise TypeError("Object of type %s is not JSON serializable" % value.__class__.__name__)


# The containers being written, by which the encoder notices a circle.
_open_containers = {}
_write = _json.make_encoder(
    _open_containers,
    _default,
    _json.encode_basestring_ascii if _ascii_only() else _json.encode_basestring,
    None,
    ": ",
    ", ",
    False,
    False,
    True,
)
_digits_in_text = '"' + ("\\u2060" if _ascii_only() else _DIGITS[0]) + _DIGITS[1:]
_tuple_types = tuple.__subclasses__
_tuple_types_seen = 0
_named_tuples_exist = False


def encode(value):
    """A result as JSON bytes. Raises TypeError, ValueError or what the value's own methods raise.

    Half of a surrogate pair, which UTF-8 cannot hold, is written as JSON's escape for it.
    """
    if len(_tuple_types()) != _tuple_types_seen:
        _look_for_named_tuples()
    if _named_tuples_exist and _holds_named_tuple(value):
        value = _plain(value)
    try:
        text = "".join(_write(value, 0))
    except TypeError:
        _open_containers.clear()
        text = "".join(_write(_plain(value), 0))
    finally:
        _open_containers.clear()
    if _digits_in_text in text:
        text = _unquote_digits(text)
    return text.encode("utf-8", "backslashreplace")


def _look_for_named_tuples():
    """Only a program that has made a named tuple type can return one; all others are spared the search."""
    global _tuple_types_seen, _named_tuples_exist
    types = _tuple_types()
    _tuple_types_seen = len(types)
    _named_tuples_exist = any(hasattr(kind, "_asdict") and kind.__module__ not in _NEVER_RESULTS for kind in types)


def _holds_named_tuple(value):
    if isinstance(value, dict):
        members = value.values()
    elif isinstance(value, (list, tuple)):
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return True
        members = value
    else:
        return False
    try:
        for member in members:
            if isinstance(member, (dict, list, tuple)) and _holds_named_tuple(member):
                return True
    except RecursionError:
        pass  # The encoder will say what is wrong with it.
    return False


def _plain(value):
    """A copy with named tuples as dicts and byte keys as text."""
    if isinstance(value, dict):
        return {(key.decode() if isinstance(key, bytes) else key): _plain(member) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return _plain(value._asdict()) if hasattr(value, "_asdict") else [_plain(member) for member in value]
    return value


def _unquote_digits(text):
    head, *rest = text.split(_digits_in_text)
    for part in rest:
        digits, _, after = part.partition('"')
        head += digits + after
    return head
