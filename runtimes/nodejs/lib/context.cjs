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

// `running` is null where handlers answer by their promise alone; else the context can settle it too.
function makeContext(call, running) {
  fixed ??= ofEnvironment();
  const context = running === null ? {} : settlers(running);
  context.functionVersion = fixed.functionVersion;
  context.functionName = fixed.functionName;
  context.memoryLimitInMB = fixed.memoryLimitInMB;
  context.logGroupName = fixed.logGroupName;
  context.logStreamName = fixed.logStreamName;
  context.clientContext = parsed(call.clientContext, 'ClientContext');
  context.identity = parsed(call.identity, 'CognitoIdentity');
  context.invokedFunctionArn = call.arn;
  context.awsRequestId = call.requestId;
  context.tenantId = call.tenantId || undefined;
  const deadlineMs = call.deadlineMs;
  context.getRemainingTimeInMillis = () => deadlineMs - Date.now();
  return context;
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
