"""What a function finds around it: the module search path, and the few things of Python's site set-up it may miss.

The search path is Lambda's: the code, the layers, PYTHONPATH (by default the runtime's own folder), the standard
library, the packages that the server has for all functions, then what is installed for the interpreter. `.pth` files
are not processed.
"""

import builtins
import os
import sys


def install(task_root):
    standard = _standard_library()
    python_path = _python_path()
    layer = "/opt/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
    runtime = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    wanted = [task_root, layer, "/opt/python", *python_path, runtime, *standard, *_for_all(), *_installed(standard)]
    sys.path[:] = dict.fromkeys(wanted)
    _customise(python_path)


def _standard_library():
    """The interpreter's own entries: they begin with its (mostly absent) zip archive."""
    archive = "python%d%d.zip" % sys.version_info[:2]
    for index, entry in enumerate(sys.path):
        if entry.endswith(archive):
            return sys.path[index:]
    return [os.path.dirname(os.__file__)]


def _python_path():
    if sys.flags.ignore_environment:
        return []
    return [entry or "." for entry in os.environ.get("PYTHONPATH", "").split(":") if entry]


def _for_all():
    """The operator's packages, laid out like a layer; what Lambda's runtime has of its own (boto3) is looked for here."""
    if os.path.isdir("/var/packages/python"):
        yield "/var/packages/python/lib/python%d.%d/site-packages" % sys.version_info[:2]
        yield "/var/packages/python"


def _installed(standard):
    """Folders of installed packages, last as on Lambda; Debian keeps them elsewhere than Python does."""
    version = "%d.%d" % sys.version_info[:2]
    yield "%s/lib/python%s/site-packages" % (sys.prefix, version)
    if "/usr/lib/python" + version in standard:
        yield "/usr/local/lib/python%s/dist-packages" % version
        yield "/usr/lib/python3/dist-packages"


def site_builtins():
    """`exit`, `quit` and `help`, which programs use although they are meant for the prompt."""
    import _sitebuiltins

    builtins.exit = _sitebuiltins.Quitter("exit", "Ctrl-D (i.e. EOF)")
    builtins.quit = _sitebuiltins.Quitter("quit", "Ctrl-D (i.e. EOF)")
    builtins.help = _sitebuiltins._Helper()


def _customise(python_path):
    """Runs a `sitecustomize` that a wrapper or layer put on PYTHONPATH (tracing agents start that way)."""
    for folder in python_path:
        if os.path.exists(folder + "/sitecustomize.py") or os.path.isdir(folder + "/sitecustomize"):
            __import__("sitecustomize")
            return
