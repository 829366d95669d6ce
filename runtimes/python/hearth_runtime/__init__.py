"""The Python runtime: loads the handler, then answers one event after the other.

Laws of this package:

- Only what every cold start needs is imported at the top of a module: `re`, `json`, `logging` and `traceback` cost
  more than everything else together, and many functions never need them.
- Nothing here is public: functions see the handler contract, never these modules.
- Frames of files in this folder never show up in a stack trace (see `errors.py`).
"""
