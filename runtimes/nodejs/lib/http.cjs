'use strict';

// The Runtime API over HTTP, for when no lean channel was handed over. One kept-alive connection, strictly in turn.

const http = require('http');

const BASE = '/2018-06-01/runtime/';
const ERROR_TYPE = 'Lambda-Runtime-Function-Error-Type';
const ERROR_BODY = 'Lambda-Runtime-Function-Error-Body';
const RELEASE = 'hearth-nodejs/1';

class RuntimeApi {
  constructor(address) {
    const colon = address.lastIndexOf(':');
    this.host = address.slice(0, colon);
    this.port = Number(address.slice(colon + 1));
    this.agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    this.onInvoke = null;
    // Tells answers to an older delivery of the same event from this one's; echoed when the platform sends it.
    this.attempt = undefined;
  }

  start(onInvoke) {
    this.onInvoke = onInvoke;
    this.next();
  }

  // Only the wait for the next event holds the process up, and that request does so by itself.
  keepAlive() {}

  respond(requestId, body) {
    this.call('POST', `invocation/${requestId}/response`, body, this.echo(), () => this.next());
  }

  fail(requestId, failure, sent) {
    const headers = { ...this.echo(), ...errorHeaders(failure) };
    this.call('POST', `invocation/${requestId}/error`, JSON.stringify(failure), headers, sent || (() => this.next()));
  }

  // A response whose length is not known: chunks, and if it breaks off, trailers that say why.
  responseStream(requestId) {
    let request = null;
    let accepted = () => {};
    let over = false;
    const complete = (failure, then) => {
      accepted = then;
      if (!request.writableEnded) {
        if (failure !== null) request.addTrailers(errorTrailers(failure));
        request.end();
      }
      if (over) then();
    };
    return {
      begin: (contentType, broken) => {
        request = this.streamed(requestId, contentType, (error) => {
          if (over) return;
          over = true;
          if (error) broken(error);
          accepted();
        });
      },
      write: (bytes, done) => request.write(bytes, () => done()),
      finish: (done) => complete(null, done),
      complete: (failure) => complete(failure, () => this.next()),
      abandon: complete,
    };
  }

  // `ended` is told when the platform has taken all of it, or why it has not.
  streamed(requestId, contentType, ended) {
    const headers = {
      'User-Agent': RELEASE,
      'Content-Type': contentType,
      'Lambda-Runtime-Function-Response-Mode': 'streaming',
      'Transfer-Encoding': 'chunked',
      Trailer: [ERROR_TYPE, ERROR_BODY],
      ...this.echo(),
    };
    const path = `${BASE}invocation/${requestId}/response`;
    const options = { host: this.host, port: this.port, path, method: 'POST', headers, agent: this.agent };
    const request = http.request(options, (response) => {
      const unwanted = `the platform answered with status ${response.statusCode} before the end of the response`;
      response.resume().on('end', () => ended(request.writableEnded ? null : new Error(unwanted)));
    });
    // If the platform is gone altogether, the request for the next event finds out.
    request.on('error', ended);
    request.on('close', () => ended(new Error('the platform closed the connection before the end of the response')));
    return request;
  }

  initError(failure, sent) {
    this.call('POST', 'init/error', JSON.stringify(failure), errorHeaders(failure), sent);
  }

  next() {
    this.call('GET', 'invocation/next', null, {}, (response, body) => {
      if (response.statusCode !== 200) {
        throw new Error(`runtime API: expected 200 for the next invocation, found ${response.statusCode}: ${body}`);
      }
      const header = (name) => latin1AsUtf8(response.headers['lambda-runtime-' + name]);
      this.attempt = header('invocation-id') || undefined;
      this.onInvoke({
        deadlineMs: Number(header('deadline-ms')),
        requestId: header('aws-request-id'),
        arn: header('invoked-function-arn'),
        traceId: header('trace-id'),
        clientContext: header('client-context'),
        identity: header('cognito-identity'),
        tenantId: header('aws-tenant-id'),
        event: body.toString(),
      });
    });
  }

  echo() {
    return this.attempt === undefined ? {} : { 'Lambda-Runtime-Invocation-Id': this.attempt };
  }

  call(method, path, body, headers, done) {
    const all = { 'User-Agent': RELEASE, ...headers };
    if (body !== null) {
      all['Content-Type'] = 'application/json';
      all['Content-Length'] = Buffer.byteLength(body);
    }
    const options = { host: this.host, port: this.port, path: BASE + path, method, headers: all, agent: this.agent };
    const request = http.request(options, (response) => {
      const parts = [];
      response.on('data', (part) => parts.push(part));
      response.on('end', () => done(response, Buffer.concat(parts)));
    });
    // The server has gone; so has the purpose of this process.
    request.on('error', () => process.exit(0));
    request.end(body === null ? undefined : body);
  }
}

function errorHeaders(failure) {
  return { [ERROR_TYPE]: String(failure.errorType).replace(/[^\x20-\x7e]/g, ' ') };
}

function errorTrailers(failure) {
  return { ...errorHeaders(failure), [ERROR_BODY]: Buffer.from(JSON.stringify(failure)).toString('base64') };
}

// Node reads header bytes as Latin-1; the platform sends UTF-8.
function latin1AsUtf8(value) {
  return value === undefined ? '' : Buffer.from(value, 'latin1').toString();
}

module.exports = { RuntimeApi };
