'use strict';

// Handlers that stream their response: how they are marked, and the metadata that function URLs take from the stream.

const errors = require('./errors.cjs');

// Registered symbols, because libraries mark handlers by themselves.
const MARK = Symbol.for('aws.lambda.runtime.handler.streaming');
const HIGH_WATER_MARK = Symbol.for('aws.lambda.runtime.handler.streaming.highWaterMark');

const METADATA_TYPE = 'application/vnd.awslambda.http-integration-response';
// What stands between the metadata and the body.
const SEPARATOR = new Uint8Array(8);

function streamifyResponse(handler, options) {
  handler[MARK] = 'response';
  if (typeof options?.highWaterMark === 'number') handler[HIGH_WATER_MARK] = Math.trunc(options.highWaterMark);
  return handler;
}

function isStreaming(handler) {
  if (!handler[MARK]) return false;
  if (handler[MARK] !== 'response') throw new errors.MalformedStreamingHandler('Only response streaming is supported.');
  return true;
}

function highWaterMark(handler) {
  const bytes = Number(handler[HIGH_WATER_MARK]);
  return bytes > 0 ? bytes : undefined;
}

class HttpResponseStream {
  // Makes status code, headers and cookies the beginning of the stream, which is answered.
  static from(stream, metadata) {
    stream.setContentType(METADATA_TYPE);
    const prelude = JSON.stringify(metadata);
    stream._onBeforeFirstWrite = (write) => {
      write(prelude);
      write(SEPARATOR);
    };
    return stream;
  }
}

module.exports = { streamifyResponse, isStreaming, highWaterMark, HttpResponseStream };
