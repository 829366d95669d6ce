'use strict';

// What the invoker and the log see of an error.

const { types } = require('util');
const { NODE_MAJOR } = require('./versions.cjs');

// Errors that the runtime itself names. Their names are part of Lambda's contract.
function named(name) {
  const kind = class extends Error {
    constructor(message) {
      super(message);
      // An own name shows in the log, as it does since Node.js 24.
      if (NODE_MAJOR >= 24) this.name = kind.prototype.name;
    }
  };
  Object.defineProperty(kind, 'name', { value: name });
  Object.defineProperty(kind.prototype, 'name', { value: 'Runtime.' + name, writable: true, configurable: true });
  return kind;
}

const HandlerNotFound = named('HandlerNotFound');
const MalformedHandlerName = named('MalformedHandlerName');
const ImportModuleError = named('ImportModuleError');
const CallbackHandlerDeprecated = named('CallbackHandlerDeprecated');
const MalformedStreamingHandler = named('MalformedStreamingHandler');
const InvalidStreamingOperation = named('InvalidStreamingOperation');

class UserCodeSyntaxError extends named('UserCodeSyntaxError') {
  constructor(cause) {
    super(String(cause));
    // The original trace names the file and the line; this one's would name the loader.
    this.stack = NODE_MAJOR >= 24 ? cause.stack : `${this.name}: ${this.message}\n${cause.stack}`;
  }
}

class UnhandledPromiseRejection extends named('UnhandledPromiseRejection') {
  constructor(reason, promise) {
    super(reason === undefined ? '' : text(reason));
    this.reason = reason;
    this.promise = promise;
  }
}

// What stands for a result that cannot be written as JSON. It got a name of its own with Node.js 24.
function stringifyError() {
  const error = new Error('Unable to stringify response body');
  if (NODE_MAJOR >= 24) error.name = 'Runtime.JSONStringifyError';
  return error;
}

class NodeJsExit extends named('NodeJsExit') {
  constructor() {
    super(
      'The Lambda runtime client detected an unexpected Node.js exit code. This is most commonly caused by a Promise ' +
        'that was never settled. For more information, see https://nodejs.org/docs/latest/api/process.html#exit-codes',
    );
  }
}

// The error document that the invoker gets.
function describe(error) {
  try {
    if (isError(error)) {
      return {
        errorType: withoutDelete(error.name),
        errorMessage: withoutDelete(error.message),
        trace: traceOf(error.stack),
      };
    }
    // Before Node.js 24, null and undefined had no text.
    const message = NODE_MAJOR >= 24 ? String(error) : error.toString();
    return { errorType: typeof error, errorMessage: message, trace: [] };
  } catch {
    return {
      errorType: 'handled',
      errorMessage:
        'callback called with Error argument, but there was a problem while retrieving one or more of its message, ' +
        'name, and stack',
      ...(NODE_MAJOR >= 24 && { trace: [] }),
    };
  }
}

// Since Node.js 24 an error may be without a stack; one that is no text was never foreseen.
function traceOf(stack) {
  if (NODE_MAJOR >= 24 && (stack === undefined || stack === null)) return [];
  return stack.replace(/\x7f/g, '%7F').split('\n');
}

// Before Node.js 24, errors of another realm (a `vm` context) and look-alikes of libraries counted too.
function isError(value) {
  if (value instanceof Error || NODE_MAJOR >= 24) return value instanceof Error;
  if (types.isNativeError(value)) return true;
  return Boolean(
    value &&
      typeof value.name === 'string' &&
      value.name &&
      typeof value.message === 'string' &&
      value.message &&
      typeof value.stack === 'string' &&
      value.stack,
  );
}

// A word more about what Lambda's own Node.js has and this server's need not have.
function advise(error) {
  const missing = /Cannot find (?:module|package) '(@aws-sdk\/[^']+|aws-sdk)'/.exec(text(error?.message));
  if (missing === null) return;
  console.warn(
    `Hearth: ${missing[1]} is not part of this server's Node.js: put it into the package or a layer, or install it for all ` +
      'functions (docs/operate/packages.md, `hearth doctor`)',
  );
}

// The DEL character cannot travel in a header, where the type goes too.
function withoutDelete(text) {
  return String(text).replace(/\x7f/g, '%7F');
}

// The text of anything at all; some objects refuse to have one.
function text(value) {
  try {
    return String(value);
  } catch {
    return Object.prototype.toString.call(value);
  }
}

// An error on a log line: its own enumerable fields included, nested errors likewise.
function forLog(error) {
  try {
    return JSON.stringify(error, (_key, value) => (value instanceof Error ? unfolded(value) : value));
  } catch {
    return JSON.stringify(describe(error));
  }
}

function unfolded(error) {
  const fields = Object.assign({ errorType: error.name, errorMessage: error.message, code: error.code }, error);
  if (typeof error.stack === 'string') fields.stack = error.stack.split('\n');
  return fields;
}

module.exports = {
  advise,
  describe,
  text,
  forLog,
  stringifyError,
  HandlerNotFound,
  MalformedHandlerName,
  ImportModuleError,
  CallbackHandlerDeprecated,
  MalformedStreamingHandler,
  InvalidStreamingOperation,
  UserCodeSyntaxError,
  UnhandledPromiseRejection,
  NodeJsExit,
};
