'use strict';

// The context object: the second argument of every handler.

// What does not change from one invocation to the next; read once, because reading `process.env` is slow.
let fixed = null;

function ofEnvironment() {
  const get = (name) => process.env['AWS_LAMBDA_' + name];
  return {
    functionVersion: get('FUNCTION_VERSION'),
    functionName: get('FUNCTION_NAME'),
    memoryLimitInMB: get('FUNCTION_MEMORY_SIZE'),
    logGroupName: get('LOG_GROUP_NAME'),
    logStreamName: get('LOG_STREAM_NAME'),
  };
}

// `running` is null where handlers answer by their promise alone (Node.js 24 and later); else the context can settle it
// too. The order of the fields is what functions print and compare, and differs between the two.
function makeContext(call, running) {
  fixed ??= ofEnvironment();
  return running === null ? ofToday(call) : Object.assign(settlers(running), fixed, ofCall(call));
}

function ofToday(call) {
  const { getRemainingTimeInMillis, ...told } = ofCall(call);
  const { functionName, functionVersion, memoryLimitInMB, logGroupName, logStreamName } = fixed;
  return {
    ...told,
    xRayTraceId: call.traceId || undefined,
    getRemainingTimeInMillis,
    functionName,
    functionVersion,
    memoryLimitInMB,
    logGroupName,
    logStreamName,
  };
}

function ofCall(call) {
  const deadlineMs = call.deadlineMs;
  return {
    clientContext: parsed(call.clientContext, 'ClientContext'),
    identity: parsed(call.identity, 'CognitoIdentity'),
    invokedFunctionArn: call.arn,
    awsRequestId: call.requestId,
    tenantId: call.tenantId || undefined,
    getRemainingTimeInMillis: () => deadlineMs - Date.now(),
  };
}

function settlers(running) {
  return {
    get callbackWaitsForEmptyEventLoop() {
      return running.callbackWaitsForEmptyEventLoop;
    },
    set callbackWaitsForEmptyEventLoop(value) {
      running.callbackWaitsForEmptyEventLoop = value;
    },
    succeed: (result) => running.succeed(result),
    fail: (error) => running.fail(error),
    done: (error, result) => running.done(error, result),
  };
}

function parsed(text, name) {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Cannot parse ${name} as json: ${error}`);
  }
}

module.exports = { makeContext };
