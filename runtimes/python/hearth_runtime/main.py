"""The life of the process: connect, load the handler, serve events until the server hangs up."""

import os
import sys
import time

from . import codec, context, handler, logs, paths, streams


def run():
    link = _connect()
    sink = streams.install(os.environ.pop("_LAMBDA_TELEMETRY_LOG_FD", None))
    paths.site_builtins()
    if os.environ.pop("_HEARTH_PARKED", None):
        _become(link.parked())
    logs.install(sink)
    paths.install(os.environ.get("LAMBDA_TASK_ROOT", "/var/task"))
    function = _load(link, sink)
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") == "snap-start":
        from . import snapshot

        snapshot.pass_through(link, sink)
    sink.flush()
    link.ready()
    _serve(link, sink, function)


def _connect():
    """The lean channel if the platform handed one over, else the HTTP Runtime API."""
    descriptor = os.environ.pop("_HEARTH_CHANNEL_FD", None)
    if descriptor is not None:
        from .channel import Channel

        return Channel(int(descriptor))
    from .http import RuntimeApi

    return RuntimeApi(os.environ["AWS_LAMBDA_RUNTIME_API"])


def _become(environment):
    """Takes on a function's environment, as if the process had been started with it.

    No module of the standard library may be imported for this that an ordinary start does not import before the
    handler: the function could tell, or have a module of that name itself.
    """
    variables = os.environ
    for name in list(variables):
        del variables[name]
    for name, value in environment.items():
        variables[name] = value
    time.tzset()
    os.chdir(variables.get("LAMBDA_TASK_ROOT", "/var/task"))


def _load(link, sink):
    """The handler; when it cannot be loaded, reports why and ends the process with status 1.

    BaseExceptions are let through: `sys.exit(n)` at the top of a module ends the process with n and reports nothing.
    """
    try:
        return handler.load(os.environ.get("_HANDLER", ""))
    except Exception as problem:
        from . import errors

        failure = errors.describe(problem, "")
        logs.warn_of_failed_init()
        errors.log(failure, sink)
        errors.advise(problem, sink)
        link.init_error(failure["errorType"], codec.encode(failure))
        sys.exit(1)


def _serve(link, sink, function):
    """One event after the other, for ever. This loop is the hot path: no imports, few allocations."""
    next_event, respond = link.next, link.respond
    decode, encode = link.decode, codec.encode
    make_context, begin = context.make, logs.begin
    flush = sink.flush
    trace_id = os.environ.get("_X_AMZN_TRACE_ID", "")
    while True:
        call = next_event()
        request_id = call[0]
        begin(request_id, call[6])
        if call[3] != trace_id:
            trace_id = _set_trace_id(call[3])
        try:
            result = encode_result(function(decode(call[7]), make_context(call)), encode)
        except Exception as problem:
            _report(link, sink, request_id, problem)
            continue
        flush()
        respond(request_id, result)


def encode_result(result, encode):
    """What the handler returned, as bytes; bytes are sent as they are."""
    if isinstance(result, bytes):
        return result
    try:
        return encode(result)
    except Exception as problem:
        raise handler.Fault("Runtime.MarshalError", "Unable to marshal response: %s" % problem) from None


def _report(link, sink, request_id, problem):
    from . import errors

    failure = errors.describe(problem, request_id)
    errors.log(failure, sink)
    link.fail(request_id, failure["errorType"], codec.encode(failure))


def _set_trace_id(trace_id):
    if trace_id:
        os.environ["_X_AMZN_TRACE_ID"] = trace_id
    else:
        os.environ.pop("_X_AMZN_TRACE_ID", None)
    return trace_id
