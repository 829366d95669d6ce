'use strict';

// `console` as functions on Lambda find it: each record with time, request id and level, in text or JSON.
//
// With a log channel (`_LAMBDA_TELEMETRY_LOG_FD`) a record is a frame there, whole however many lines it has: a
// big-endian u32 kind, u32 length, u64 microseconds since the epoch, then the text. Without one it is a line on stdout,
// its line ends turned into carriage returns. `process.stdout` itself is never touched.

const fs = require('fs');
const util = require('util');
const errors = require('./errors.cjs');
const { NODE_MAJOR } = require('./versions.cjs');

const LEVELS = {
  TRACE: { name: 'TRACE', priority: 1, mask: 0x04 },
  DEBUG: { name: 'DEBUG', priority: 2, mask: 0x08 },
  INFO: { name: 'INFO', priority: 3, mask: 0x0c },
  WARN: { name: 'WARN', priority: 4, mask: 0x10 },
  ERROR: { name: 'ERROR', priority: 5, mask: 0x14 },
  FATAL: { name: 'FATAL', priority: 6, mask: 0x18 },
};
const TEXT_FRAME = 0xa55a0003;
const JSON_FRAME = 0xa55a0002;

// The invocation that is running. Before the first one, Node.js 24 prints a dash and older versions print "undefined".
let requestId = NODE_MAJOR >= 24 ? '-' : undefined;
let tenantId;
let asJson = false;

function begin(newRequestId, newTenantId) {
  requestId = newRequestId;
  tenantId = newTenantId || undefined;
}

// `descriptor` is the number of the log channel, or undefined.
function install(descriptor) {
  asJson = (process.env.AWS_LAMBDA_LOG_FORMAT || '').toUpperCase() === 'JSON';
  const write = descriptor === undefined ? writeLine : frameWriter(Number(descriptor));
  const lowest = LEVELS[(process.env.AWS_LAMBDA_LOG_LEVEL || '').toUpperCase()] || LEVELS.TRACE;
  const format = asJson ? jsonRecord : textRecord;
  const logger = (level) => {
    if (level.priority < lowest.priority) return () => {};
    return (message, ...more) => {
      const now = new Date();
      write(level, now, format(level, now, message, more));
    };
  };
  console.trace = logger(LEVELS.TRACE);
  console.debug = logger(LEVELS.DEBUG);
  console.info = logger(LEVELS.INFO);
  console.log = console.info;
  console.warn = logger(LEVELS.WARN);
  console.error = logger(LEVELS.ERROR);
  console.fatal = logger(LEVELS.FATAL);
}

// The line that tells of a failed init or invocation.
function logError(title, problem) {
  const error = problem instanceof Error ? problem : new Error(errors.text(problem));
  if (asJson) console.error(error);
  else console.error(title, '\t' + errors.forLog(error));
}

function writeLine(_level, _now, record) {
  process.stdout.write(record.replace(/\n/g, '\r') + '\n');
}

function frameWriter(descriptor) {
  const kind = asJson ? JSON_FRAME : TEXT_FRAME;
  const end = asJson ? '' : '\n';
  return (level, now, record) => {
    const text = record + end;
    const length = Buffer.byteLength(text);
    const frame = Buffer.allocUnsafe(16 + length);
    frame.writeUInt32BE((kind | level.mask) >>> 0, 0);
    frame.writeUInt32BE(length, 4);
    frame.writeBigUInt64BE(BigInt(now.getTime()) * 1000n, 8);
    frame.utf8Write(text, 16);
    writeAll(descriptor, frame);
  };
}

function writeAll(descriptor, bytes) {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += fs.writeSync(descriptor, bytes, at);
    } catch (error) {
      // Nobody listens any more; that is no reason for a function's console.log to fail.
      if (error.code === 'EPIPE') return;
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

function textRecord(level, now, message, more) {
  return `${now.toISOString()}\t${requestId}\t${level.name}\t${util.format(message, ...more)}`;
}

function jsonRecord(level, now, message, more) {
  const record = { timestamp: now.toISOString(), level: level.name, requestId };
  if (tenantId !== undefined) record.tenantId = tenantId;
  if (more.length === 0) {
    record.message = message;
    try {
      return JSON.stringify(record, (_key, value) => (value instanceof Error ? unfolded(value) : value));
    } catch {
      record.message = util.format(message);
      return JSON.stringify(record);
    }
  }
  record.message = util.format(message, ...more);
  // Since Node.js 24, an error that comes first is no more than a part of the message.
  const error = (NODE_MAJOR >= 24 ? more : [message, ...more]).find((value) => value instanceof Error);
  if (error !== undefined) Object.assign(record, ofError(error, []));
  return JSON.stringify(record);
}

function unfolded(error) {
  return Object.assign(ofError(error, error.stack), error);
}

function ofError(error, otherwise) {
  return {
    errorType: error.constructor?.name ?? 'UnknownError',
    errorMessage: error.message,
    stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : otherwise,
  };
}

module.exports = { begin, install, logError };
