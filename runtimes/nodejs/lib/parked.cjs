'use strict';

// Parked: the process is up before it is known which function it will serve, and takes on that function's environment
// when it is told, as if it had been started with it.

const Module = require('module');

// Modules of Node itself that many functions load, the AWS SDK among them. No package can have one of their names, so
// a function cannot tell that they are there already.
const LIKELY = ['http', 'https', 'http2', 'crypto', 'zlib', 'fs/promises', 'child_process'];

async function become(link) {
  LIKELY.forEach((name) => require(name));
  // Likewise Node's loader of ES modules, which sets itself up when it is first used.
  await import('data:text/javascript,');
  adopt(await link.parked());
}

function adopt(environment) {
  const variables = process.env;
  for (const name of Object.keys(variables)) {
    if (!Object.hasOwn(environment, name)) delete variables[name];
  }
  for (const [name, value] of Object.entries(environment)) {
    // To set TZ, even to what it was, makes V8 forget all it knows of dates.
    if (variables[name] !== value) variables[name] = value;
  }
  process.chdir(variables.LAMBDA_TASK_ROOT || '/var/task');
  // What is done with leaves no trace where a function may look.
  delete require.cache[__filename];
  // Reads NODE_PATH, as Node does when it starts.
  Module._initPaths();
}

module.exports = { become };
