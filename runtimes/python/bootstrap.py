"""Entry of a Python function's process: `python3.x -S bootstrap.py`.

It stays this small because Python never caches the compiled form of a main script; all else is in the package
beside it. `-S` spares the interpreter its site hooks; `paths.py` rebuilds what a function may expect of them.
"""

import sys

# The only place from which the bootstrap's own modules may come, whatever PYTHONPATH or PYTHONSAFEPATH say.
sys.path.insert(0, __file__.rpartition("/")[0] or ".")

from hearth_runtime import main

# `multiprocessing` runs this file again, under another name, in the processes that it spawns.
if __name__ == "__main__":
    main.run()
