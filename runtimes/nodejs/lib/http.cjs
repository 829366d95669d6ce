'use strict';

// The Runtime API over HTTP, for when no lean channel was handed over. One kept-alive connection, strictly in turn.

const http = require('http');

const BASE = '/2018-06-01/runtime/';
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
  return { 'Lambda-Runtime-Function-Error-Type': String(failure.errorType).replace(/[^\x20-\x7e]/g, ' ') };
}

// Node reads header bytes as Latin-1; the platform sends UTF-8.
function latin1AsUtf8(value) {
  return value === undefined ? '' : Buffer.from(value, 'latin1').toString();
}

module.exports = { RuntimeApi };
