'use strict';

// From an event to its answer. One invocation runs at a time; `current` is that one.
//
// Up to Node.js 22 a handler may answer in three ways: by the promise it returns, by its callback, or by the methods of
// its context. A callback's answer waits until the event loop is empty, unless the handler says otherwise. From 24 on
// there is the promise alone.

const logs = require('./logs.cjs');
const errors = require('./errors.cjs');
const globals = require('./globals.cjs');
const { makeContext } = require('./context.cjs');
const streaming = require('./streaming.cjs');
const { NODE_MAJOR } = require('./versions.cjs');

const CALLBACKS = NODE_MAJOR < 24;

class Invocations {
  constructor(link) {
    this.link = link;
    this.handler = null;
    // What makes streams for a handler that streams its response.
    this.streams = null;
    this.serving = false;
    this.current = null;
    this.traceId = process.env._X_AMZN_TRACE_ID || '';
  }

  serve(handler) {
    this.handler = handler;
    if (streaming.isStreaming(handler)) this.streams = require('./response-stream.cjs');
    this.serving = true;
    process.on('beforeExit', () => this.loopIsEmpty());
    this.link.keepAlive(true);
    this.link.start((call) => this.invoke(call));
  }

  // Fails the running invocation from outside of its handler; false if there is none.
  abandon(failure, sent) {
    const current = this.current;
    if (current === null) return false;
    this.current = null;
    if (current.stream?._begun) current.stream._carrier.abandon(failure, sent);
    else this.link.fail(current.requestId, failure, sent);
    return true;
  }

  invoke(call) {
    this.link.keepAlive(false);
    logs.begin(call.requestId, call.tenantId);
    globals.begin(call);
    if (call.traceId !== this.traceId) this.setTraceId(call.traceId);
    const current = new Running(this, call.requestId);
    this.current = current;
    if (this.streams !== null) {
      this.stream(current, call);
      return;
    }
    try {
      const context = makeContext(call, CALLBACKS ? current : null);
      const event = JSON.parse(call.event);
      const result = CALLBACKS ? this.handler(event, context, current.callback()) : this.handler(event, context);
      if (isPromise(result)) {
        current.promised = true;
        result.then((value) => current.succeed(value), (error) => current.fail(error));
      } else if (!CALLBACKS) {
        current.succeed(result);
      }
    } catch (error) {
      current.thrown(error);
    }
  }

  // The handler gets a stream, and answers by it; its promise tells when it is done.
  async stream(current, call) {
    const { ResponseStream, serve, fail } = this.streams;
    current.promised = true;
    const carrier = this.link.responseStream(call.requestId);
    const stream = new ResponseStream(carrier, streaming.highWaterMark(this.handler));
    current.stream = stream;
    try {
      await serve(this.handler, JSON.parse(call.event), stream, makeContext(call, null));
      if (this.finish(current)) carrier.complete(null);
    } catch (error) {
      logs.logError('Invoke Error', error);
      if (!this.finish(current)) return;
      if (stream._begun) {
        fail(stream, errors.describe(error));
      } else {
        stream.destroy();
        this.link.fail(current.requestId, errors.describe(error));
      }
    }
  }

  setTraceId(traceId) {
    this.traceId = traceId;
    if (traceId) process.env._X_AMZN_TRACE_ID = traceId;
    else delete process.env._X_AMZN_TRACE_ID;
  }

  // Node has nothing left to do: the moment that a callback's answer waits for, and the end of all hope for a handler
  // that never answered.
  loopIsEmpty() {
    const current = this.current;
    if (current === null) return;
    if (current.waiting) {
      this.respond(current, current.result);
    } else if (current.promised || !CALLBACKS) {
      const error = new errors.NodeJsExit();
      logs.logError('Invoke Error', error);
      this.abandon(errors.describe(error), () => process.exit(13));
    } else {
      this.respond(current, null);
    }
  }

  respond(current, result) {
    let body;
    try {
      body = JSON.stringify(result === undefined ? null : result);
    } catch {
      this.fail(current, errors.stringifyError());
      return;
    }
    if (this.finish(current)) this.link.respond(current.requestId, body === undefined ? 'null' : body);
  }

  fail(current, error) {
    logs.logError('Invoke Error', error);
    if (this.finish(current)) this.link.fail(current.requestId, errors.describe(error));
  }

  finish(current) {
    if (this.current !== current) return false;
    this.current = null;
    this.link.keepAlive(true);
    return true;
  }
}

// One invocation, and the ways in which its handler can settle it. The first of them counts.
class Running {
  constructor(invocations, requestId) {
    this.invocations = invocations;
    this.requestId = requestId;
    this.settled = false;
    this.stream = null;
    // The handler returned a promise.
    this.promised = false;
    // The callback was called; its result goes out when the event loop is empty.
    this.waiting = false;
    this.result = null;
    this.callbackWaitsForEmptyEventLoop = true;
  }

  settle() {
    const first = !this.settled;
    this.settled = true;
    return first;
  }

  succeed(result) {
    if (this.settle()) this.invocations.respond(this, result);
  }

  fail(error) {
    if (!this.settle()) return;
    // Before Node.js 24, a failure without a reason was reported as the string "handled".
    const reason = CALLBACKS && (error === undefined || error === null) ? 'handled' : error;
    this.invocations.fail(this, reason);
  }

  done(error, result) {
    if (error === undefined || error === null) this.succeed(result);
    else this.fail(error);
  }

  thrown(error) {
    if (CALLBACKS) this.called(error, undefined);
    else this.fail(error);
  }

  called(error, result) {
    if (error !== undefined && error !== null) {
      this.fail(error);
    } else if (this.settle()) {
      if (this.callbackWaitsForEmptyEventLoop) {
        this.waiting = true;
        this.result = result;
      } else {
        this.invocations.respond(this, result);
      }
    }
  }

  callback() {
    return (error, result) => this.called(error, result);
  }
}

function isPromise(value) {
  return value !== null && value !== undefined && typeof value.then === 'function';
}

module.exports = { Invocations };
