'use strict';

// The stream that a streaming handler writes to, and what becomes of its invocation. Loaded with the first such handler.
//
// A link's `responseStream(requestId)` carries it: `begin(contentType, broken)` once, `write(bytes, done)`,
// `finish(done)` after the last byte, then `complete(failure)` when the handler has settled as well; or
// `abandon(failure, sent)`, when the process is about to end.

const { Writable } = require('stream');
const errors = require('./errors.cjs');

const DEFAULT_TYPE = 'application/octet-stream';

class ResponseStream extends Writable {
  constructor(carrier, highWaterMark) {
    super({ highWaterMark });
    this._carrier = carrier;
    this._contentType = DEFAULT_TYPE;
    // The handler has written something, or ended the stream.
    this._touched = false;
    // The platform knows of the response.
    this._begun = false;
    this._onBeforeFirstWrite = undefined;
    this._settled = new Promise((resolve, reject) => {
      this.on('finish', resolve);
      this.on('error', reject);
      this.on('close', () => reject(new Error('Response stream is not finished.')));
    });
    // Writes that come too late fail for the one who makes them, and for nobody else.
    this._settled.catch(() => {});
  }

  setContentType(type) {
    if (this._touched) throw new errors.InvalidStreamingOperation('Cannot set content-type, too late.');
    this._contentType = String(type);
  }

  write(chunk, encoding, callback) {
    this._touch();
    const asIs = typeof chunk === 'string' || chunk instanceof Uint8Array;
    return super.write(asIs ? chunk : JSON.stringify(chunk), encoding, callback);
  }

  end(chunk, encoding, callback) {
    if (typeof chunk === 'function') return this.end(undefined, undefined, chunk);
    if (typeof encoding === 'function') return this.end(chunk, undefined, encoding);
    if (chunk === undefined || chunk === null) this._touch();
    else this.write(chunk, encoding);
    return super.end(callback);
  }

  _touch() {
    if (this._touched) return;
    this._touched = true;
    if (typeof this._onBeforeFirstWrite === 'function') this._onBeforeFirstWrite((chunk) => super.write(chunk));
  }

  _begin() {
    if (this._begun) return;
    this._begun = true;
    this._carrier.begin(this._contentType, (error) => this.destroy(error));
  }

  _write(chunk, _encoding, done) {
    this._begin();
    if (chunk.length === 0) done();
    else this._carrier.write(chunk, done);
  }

  _final(done) {
    this._begin();
    this._carrier.finish(done);
  }
}

// Calls the handler, and waits until it has settled and the stream has ended. The first failure of the two counts.
async function serve(handler, event, stream, context) {
  const returned = handler(event, stream, context);
  if (typeof returned?.then !== 'function') throw new Error('Streaming does not support non-async handlers.');
  if ((await returned) !== undefined) console.warn('Streaming handlers ignore return values.');
  await stream._settled;
}

// Ends the response of a handler that has failed after its beginning.
function fail(stream, failure) {
  const carrier = stream._carrier;
  if (stream.writableEnded) {
    // The response is whole, or will be; to fail after that changes nothing of it.
    stream._settled.then(
      () => carrier.complete(null),
      () => carrier.complete(failure),
    );
  } else if (stream.destroyed) {
    carrier.complete(failure);
  } else {
    // An empty write comes out behind all others.
    stream.write('', () => {
      carrier.complete(failure);
      stream.destroy();
    });
  }
}

module.exports = { ResponseStream, serve, fail };
