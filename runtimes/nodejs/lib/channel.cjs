'use strict';

// The lean channel: frames over an inherited, connected Unix stream socket.
//
// A frame is a big-endian u32 length of what follows, a kind byte and a payload; `docs/develop/runtime-channel.md`
// has the whole of it. Events are parsed straight from the one buffer that the socket reads into; answers are written
// with a plain write(2), which spares the stream machinery, and fall back to the socket when its buffer is full.

const fs = require('fs');
const net = require('net');

const INVOKE = 1;
const SPECIALISE = 2;
const READY = 16;
const INIT_ERROR = 17;
const RESPONSE = 18;
const ERROR = 19;
const LAST_ERROR = 20;
const RESPONSE_BEGIN = 21;
const RESPONSE_CHUNK = 22;
const RESPONSE_END = 23;
const PARKED = 24;

const READ_BUFFER = 65536;
// A body that fits here behind its header is sent with it by one write; larger ones are sent on their own.
const WRITE_BUFFER = 65536;
// Error types are names; one that is longer than this is cut.
const SHORT_LIMIT = 1024;
// A streamed chunk that is larger than this is sent in several frames.
const CHUNK_LIMIT = 1048576;

class Channel {
  constructor(descriptor) {
    this.descriptor = descriptor;
    this.onInvoke = null;
    this.onSpecialise = null;
    // A frame that one read did not complete: its bytes, and how many of them are there.
    this.partial = null;
    this.have = 0;
    this.outgoing = Buffer.allocUnsafeSlow(WRITE_BUFFER);
    this.socket = new net.Socket({
      fd: descriptor,
      readable: true,
      writable: true,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER),
        callback: (count, buffer) => {
          this.received(buffer, count);
          return true;
        },
      },
    });
    // The server has gone; so has the purpose of this process.
    const hungUp = () => process.exit(0);
    this.socket.on('end', hungUp).on('error', hungUp);
    // With `onread`, bytes flow only once the stream is asked for them.
    this.socket.resume();
  }

  // Waits until it is known which function this process serves; the variables it has then.
  parked() {
    return new Promise((resolve) => {
      this.onSpecialise = resolve;
      this.send(PARKED, null, null, '');
    });
  }

  // Tells the server that init is over, and hands every event to `onInvoke` from now on.
  start(onInvoke) {
    this.onInvoke = onInvoke;
    this.send(READY, null, null, '');
  }

  // Whether waiting for the server keeps the process alive: not while a handler runs, so that Node can tell when the
  // handler has nothing left to do.
  keepAlive(wanted) {
    if (wanted) this.socket.ref();
    else this.socket.unref();
  }

  respond(requestId, body) {
    this.send(RESPONSE, requestId, null, body);
  }

  // With `sent` it is the last word: the process ends once it is out, and must not be given another event.
  fail(requestId, failure, sent) {
    this.send(sent ? LAST_ERROR : ERROR, requestId, failure.errorType, JSON.stringify(failure));
    if (sent) this.drained(sent);
  }

  responseStream(requestId) {
    return {
      begin: (contentType) => this.send(RESPONSE_BEGIN, requestId, contentType, ''),
      write: (bytes, done) => {
        for (let at = 0; at < bytes.length; at += CHUNK_LIMIT) this.chunk(bytes.subarray(at, at + CHUNK_LIMIT));
        this.taken(done);
      },
      finish: (done) => this.taken(done),
      complete: (failure) => {
        this.send(RESPONSE_END, failure?.errorType ?? '', null, failure ? JSON.stringify(failure) : '');
      },
      abandon: (failure, sent) => this.fail(requestId, failure, sent),
    };
  }

  chunk(bytes) {
    const out = this.outgoing;
    out.writeUInt32BE(1 + bytes.length, 0);
    out[4] = RESPONSE_CHUNK;
    if (5 + bytes.length <= out.length) {
      out.set(bytes, 5);
      this.write(out, 5 + bytes.length);
    } else {
      this.write(out, 5);
      this.write(bytes, bytes.length);
    }
  }

  // Goes on once the server has taken what was written. To wait for that keeps the process up, to listen does not.
  taken(then) {
    if (this.socket.writableLength === 0) then();
    else this.socket.write(Buffer.alloc(0), () => then());
  }

  initError(failure, sent) {
    this.send(INIT_ERROR, null, failure.errorType, JSON.stringify(failure));
    this.drained(sent);
  }

  drained(then) {
    if (this.socket.writableLength === 0) then();
    else this.socket.ref().write(Buffer.alloc(0), then);
  }

  received(buffer, count) {
    let at = 0;
    while (at < count) {
      if (this.partial === null && count - at >= 4) {
        const end = at + 4 + buffer.readUInt32BE(at);
        if (end <= count) {
          this.dispatch(buffer, at + 4, end);
          at = end;
          continue;
        }
      }
      at = this.gather(buffer, at, count);
    }
  }

  // Takes bytes of a frame that is still incomplete; answers how far the buffer is used up.
  gather(buffer, at, count) {
    if (this.partial === null) {
      this.partial = Buffer.allocUnsafe(4);
      this.have = 0;
    }
    const taken = Math.min(count - at, this.partial.length - this.have);
    buffer.copy(this.partial, this.have, at, at + taken);
    this.have += taken;
    if (this.have === 4 && this.partial.length === 4) {
      const whole = Buffer.allocUnsafeSlow(4 + this.partial.readUInt32BE(0));
      this.partial.copy(whole);
      this.partial = whole;
    } else if (this.have === this.partial.length) {
      const frame = this.partial;
      this.partial = null;
      this.dispatch(frame, 4, frame.length);
    }
    return at + taken;
  }

  dispatch(buffer, start, end) {
    if (buffer[start] === INVOKE) this.invoke(buffer, start, end);
    else if (buffer[start] === SPECIALISE) this.onSpecialise?.(JSON.parse(buffer.utf8Slice(start + 1, end)).environment);
  }

  invoke(buffer, start, end) {
    const deadlineMs = buffer.readUInt32BE(start + 1) * 4294967296 + buffer.readUInt32BE(start + 5);
    let at = start + 9;
    const text = () => {
      const length = buffer.readUInt16BE(at);
      const from = at + 2;
      at = from + length;
      return length === 0 ? '' : buffer.utf8Slice(from, at);
    };
    // The fields are read in the order in which they stand here.
    this.onInvoke({
      deadlineMs,
      requestId: text(),
      arn: text(),
      traceId: text(),
      clientContext: text(),
      identity: text(),
      tenantId: text(),
      event: buffer.utf8Slice(at, end),
    });
  }

  // One frame. `first` and `second` are the short strings before the body; null means that the kind has none.
  send(kind, first, second, body) {
    const out = this.outgoing;
    out[4] = kind;
    let at = 5;
    if (first !== null) at = writeShort(out, at, first.slice(0, SHORT_LIMIT));
    if (second !== null) at = writeShort(out, at, second.slice(0, SHORT_LIMIT));
    // No character takes more than three bytes of UTF-8 per unit of its length.
    if (at + body.length * 3 <= out.length) {
      at += out.utf8Write(body, at);
      out.writeUInt32BE(at - 4, 0);
      this.write(out, at);
    } else {
      const bytes = Buffer.from(body, 'utf8');
      out.writeUInt32BE(at - 4 + bytes.length, 0);
      this.write(out, at);
      this.write(bytes, bytes.length);
    }
  }

  write(bytes, length) {
    let at = 0;
    if (this.socket.writableLength === 0) {
      try {
        while (at < length) at += fs.writeSync(this.descriptor, bytes, at, length - at);
        return;
      } catch (error) {
        if (error.code !== 'EAGAIN') process.exit(0);
      }
    }
    const rest = bytes.subarray(at, length);
    this.socket.write(bytes === this.outgoing ? Buffer.from(rest) : rest);
  }
}

// A string with its u16 length in front; cut where it would not fit (no request id or error type is that long).
function writeShort(out, at, text) {
  const length = out.utf8Write(text, at + 2);
  out.writeUInt16BE(length, at);
  return at + 2 + length;
}

module.exports = { Channel };
