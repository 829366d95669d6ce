'use strict';

// `awslambda`, the one global object that Lambda adds.

function install() {
  const off = process.env.AWS_LAMBDA_NODEJS_NO_GLOBAL_AWSLAMBDA;
  if (off === '1' || off === 'true') return;
  globalThis.awslambda = Object.assign(globalThis.awslambda || {}, { streamifyResponse });
}

function streamifyResponse() {
  throw new Error(
    'awslambda.streamifyResponse: response streaming is not supported by this version of Hearth; ' +
      'return the whole response from an async handler instead',
  );
}

module.exports = { install };
