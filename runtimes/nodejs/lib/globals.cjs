'use strict';

// `awslambda`, the one global object that Lambda adds.

const { streamifyResponse, HttpResponseStream } = require('./streaming.cjs');
const { NODE_MAJOR } = require('./versions.cjs');

// Tells libraries of the invocation that begins.
let begin = () => {};

function install() {
  const off = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (off === '1' || off === 'true') return;
  const lambda = Object.assign(globalThis.awslambda || {}, { streamifyResponse, HttpResponseStream });
  globalThis.awslambda = lambda;
  if (NODE_MAJOR < 24) return;
  const { InvokeStore, contextOf } = require('./invoke-store.cjs');
  const store = (lambda.InvokeStore ??= new InvokeStore());
  begin = (call) => store.run(contextOf(call), () => {});
}

module.exports = { install, begin: (call) => begin(call) };
