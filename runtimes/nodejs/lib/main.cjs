'use strict';

// The life of the process: connect, load the handler, serve events until the server hangs up.

const logs = require('./logs.cjs');
const errors = require('./errors.cjs');
const globals = require('./globals.cjs');
const { Invocations } = require('./invocations.cjs');
const { loadHandler } = require('./loader.cjs');
const { NODE_MAJOR } = require('./versions.cjs');

// What becomes of the process when nobody catches an error. (The client that AWS published for Node.js 24 leaves this to
// Node, whose message reaches no invoker; here every version reports what happened.)
const EXIT_UNCAUGHT = 129;
const EXIT_REJECTED = 128;
const EXIT_UNSETTLED = 13;
const EXIT_FAILED_INIT = NODE_MAJOR >= 24 ? 1 : EXIT_UNCAUGHT;
const FAILED_INIT = NODE_MAJOR >= 24 ? 'Init Error' : 'Uncaught Exception';

async function run() {
  const link = connect();
  const logDescriptor = take('_LAMBDA_TELEMETRY_LOG_FD');
  if (take('_HEARTH_PARKED')) await require('./parked.cjs').become(link);
  logs.install(logDescriptor);
  globals.install();
  const invocations = new Invocations(link);
  catchTheUncaught(link, invocations);
  exitIfNeverLoaded(link, invocations);
  let handler;
  try {
    handler = await loadHandler(process.env.LAMBDA_TASK_ROOT || '/var/task', process.env._HANDLER || '');
  } catch (error) {
    logs.logError(FAILED_INIT, error);
    errors.advise(error);
    link.initError(errors.describe(error), () => process.exit(EXIT_FAILED_INIT));
    return;
  }
  // Rejections that loading left behind are reported before the next turn of the event loop: they fail the init.
  setImmediate(() => invocations.serve(handler));
}

// A module whose top-level await never settles leaves Node with nothing to do; the status is Node's own for that.
function exitIfNeverLoaded(link, invocations) {
  link.keepAlive(false);
  process.on('beforeExit', () => {
    if (!invocations.serving) process.exit(EXIT_UNSETTLED);
  });
}

// The lean channel if the platform handed one over, else the HTTP Runtime API.
function connect() {
  const descriptor = take('_HEARTH_CHANNEL_FD');
  if (descriptor === undefined) {
    const { RuntimeApi } = require('./http.cjs');
    return new RuntimeApi(process.env.AWS_LAMBDA_RUNTIME_API);
  }
  const { Channel } = require('./channel.cjs');
  return new Channel(Number(descriptor));
}

// A variable that is the bootstrap's alone.
function take(name) {
  const value = process.env[name];
  delete process.env[name];
  return value;
}

// An error that nobody catches fails the invocation that runs (or the init), and ends the process.
function catchTheUncaught(link, invocations) {
  const end = (title, error, status) => {
    logs.logError(title, error);
    const failure = errors.describe(error);
    const exit = () => process.exit(status);
    if (!invocations.serving) {
      link.initError(failure, exit);
    } else if (!invocations.abandon(failure, exit)) {
      exit();
    }
  };
  process.on('uncaughtException', (error) => end('Uncaught Exception', error, EXIT_UNCAUGHT));
  process.on('unhandledRejection', (reason, promise) =>
    end('Unhandled Promise Rejection', new errors.UnhandledPromiseRejection(reason, promise), EXIT_REJECTED),
  );
}

module.exports = { run };
