'use strict';

// `awslambda`, the one global object that Lambda adds.

const { streamifyResponse, HttpResponseStream } = require('./streaming.cjs');

function install() {
  const off = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (off === '1' || off === 'true') return;
  globalThis.awslambda = Object.assign(globalThis.awslambda || {}, { streamifyResponse, HttpResponseStream });
}

module.exports = { install };
