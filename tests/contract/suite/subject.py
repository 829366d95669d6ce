"""One language under test: its package, and the functions made of it, which the cases share."""

import json
import re
from concurrent.futures import ThreadPoolExecutor

from harness.clients import Caller
from harness.functions import Lab
from harness.packages import program, zip_of
from harness.waiting import eventually

from .language import STAMP

WRAPPER = program('#!/bin/sh\nexport CONTRACT_WRAPPED=yes\nexec "$@"\n')
LAYER = {"contract.txt": "from the layer", "contract-wrapper": WRAPPER}
VARIABLES = {"OWN": "wert ä😀", "TZ": "Europe/Berlin"}
# Timeouts of a function that runs into its own: the first that a busy machine starts the language within.
LATE_S = (3, 6, 12, 24)
JSON = {"LogFormat": "JSON", "SystemLogLevel": "INFO"}


class Subject:
    def __init__(self, language, files, server, checker):
        self.language, self.files = language, files
        self.package = zip_of(files)
        self.caller = Caller(server, checker)
        self.lab = Lab(self.caller)
        self._functions, self._cache = {}, {}
        self.pool = ThreadPoolExecutor(4, thread_name_prefix=language.id)
        self._ahead = {}

    def deploy(self, package=None, variables=None, **settings):
        """A further function of the language; the settings are CreateFunction's."""
        settings = {**self.language.settings, **settings}
        if variables:
            own = settings.get("Environment", {}).get("Variables", {})
            settings["Environment"] = {"Variables": {**own, **variables}}
        if self.language.client:
            settings["Layers"] = [self.client, *settings.get("Layers", ())]
        handler = settings.pop("Handler", self.language.handler)
        return self.lab.deploy(package or self.package, self.language.runtime, handler, **settings)

    def _shared(self, name, make):
        if name not in self._functions:
            self._functions[name] = make()
        return self._functions[name]

    @property
    def main(self):
        """The function of most cases: text logs, variables, a layer."""
        return self._shared("main", lambda: self.deploy(variables=VARIABLES, Layers=[self.layer]))

    @property
    def json(self):
        """The same with logs in JSON, of every level."""
        return self._shared("json", lambda: self.deploy(LoggingConfig={**JSON, "ApplicationLogLevel": self.language.json_threshold}))

    @property
    def mortal(self):
        """A function whose process dies of what it is told to do."""
        return self._shared("mortal", self.deploy)

    @property
    def streaming(self):
        return self._shared("streaming", lambda: self.deploy(**self.language.stream))

    @property
    def layer(self):
        """The ARN of the layer with the language's library, a file, and a wrapper script."""
        library = self.language.layer
        return self._layer("layer", lambda: {**LAYER, **(library() if callable(library) else library)})

    @property
    def client(self):
        """The ARN of the layer with the language's client."""
        return self._layer("client", self.language.client)

    def _layer(self, name, files):
        return self.cached(name, lambda: self.caller.awslambda.publish_layer_version(
            LayerName=f"{name}-{self.language.id}", Content={"ZipFile": zip_of(files())})["LayerVersionArn"])

    def begin(self):
        """Starts what takes long by its nature, so that other cases run meanwhile."""
        if self.language.client:
            self.client  # published once, before several ask for it
        for name, work in {"late": self._run_late, "late_init": self._init_late}.items():
            self._ahead[name] = self.pool.submit(work)

    def ahead(self, name):
        return self._ahead[name].result(300)

    def _run_late(self):
        """A timeout, and invocations before, within, and after the one that runs into it."""
        sleep = {"case": "sleep", "ms": 60_000}
        events = [{"case": "count"}, {"case": "write", "path": "/tmp/kept", "text": "kept"}, sleep, {"case": "count"}, {"case": "read", "path": "/tmp/kept"}]
        for timeout_s in LATE_S:
            function = self.deploy(Timeout=timeout_s)
            found = [function.invoke(event) for event in events]
            if not any(one.error for event, one in zip(events, found) if event is not sleep):
                break
        before, _, late, after, kept = found
        return timeout_s, before.ok(), late, after.ok(), kept.ok()

    def _init_late(self):
        """An init that never ends."""
        return self.deploy(variables={"CONTRACT_INIT": "sleep"}, Timeout=1).invoke(None)

    def cached(self, key, make):
        """What several cases look at."""
        if key not in self._cache:
            self._cache[key] = make()
        return self._cache[key]

    def context(self, **options):
        """An invocation of case `context`, and its answer."""
        invocation = self.main.invoke({"case": "context"}, **options)
        return invocation, invocation.ok()

    def logged(self, function, invocation):
        """The log events of an invocation, without the platform's own, as soon as all are there."""

        def probe():
            mine, inside = [], False
            for message in function.messages():
                if begins(message, invocation.request_id):
                    inside = True
                elif ends(message, invocation.request_id):
                    return Found(mine)
                elif inside and not platform(message):
                    mine.append(message)
            return None

        return list(eventually(probe, f"the log of {invocation.request_id}"))

    def clear(self):
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.lab.clear()


class Found(list):
    """True although it is empty."""

    def __bool__(self):
        return True


def begins(message, request_id):
    return message.startswith(f"START RequestId: {request_id}") or _of_type(message, "platform.start", request_id)


def ends(message, request_id):
    return message.startswith(f"REPORT RequestId: {request_id}") or _of_type(message, "platform.report", request_id)


def platform(message):
    return message.startswith(("END RequestId", "INIT_START")) or '"type":"platform.' in message


def _of_type(message, kind, request_id):
    return message.startswith("{") and f'"type":"{kind}"' in message and request_id in message


def pattern(template, **values):
    """A template of a log record as a pattern: it is one itself, the values are texts."""
    for name, value in {"stamp": STAMP, **{k: re.escape(v) for k, v in values.items()}}.items():
        template = template.replace("{%s}" % name, value)
    return re.compile(template, re.DOTALL)


def check_error(language, expected, invocation, message=""):
    """The invoker's error document is the declared one."""
    fill = {"message": message, "id": invocation.request_id}
    check_document(language, expected, invocation.failed(), fill)


def check_document(language, expected, found, fill):
    text = expected.message
    if isinstance(text, re.Pattern):
        assert text.fullmatch(found["errorMessage"]), found
    else:
        for name, value in fill.items():
            text = text.replace("{%s}" % name, value)
        assert found["errorMessage"] == text, found
    assert found.get("errorType") == expected.type, found
    keys = expected.keys or (("errorType", "errorMessage") if getattr(expected, "dies", False) else language.keys)
    assert tuple(found) == keys, found
    if "requestId" in keys:
        assert found["requestId"] in (fill["id"], ""), found
    if getattr(expected, "trace", ()):
        trace = "\n".join(map(str, found[language.trace_key]))
        for part in expected.trace:
            assert part in trace, found
    if getattr(expected, "cause", None):
        check_document(language, expected.cause, found["cause"], {**fill, "message": "the cause"})


def json_lines(messages):
    return [json.loads(m) for m in messages if m.startswith("{")]
