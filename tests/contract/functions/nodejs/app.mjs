// The contract's function in JavaScript. The protocol is in tests/contract/README.md.

import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const instance = randomUUID();
let count = 0;
let ticker = null;

class ContractError extends Error {
  constructor(message, options) {
    super(message, options);
    this.name = 'ContractError';
  }
}

class Ticker {
  ticks = 0;
  largest_gap_ms = 0;

  constructor() {
    let last = Date.now();
    setInterval(() => {
      const now = Date.now();
      this.ticks += 1;
      this.largest_gap_ms = Math.max(this.largest_gap_ms, now - last);
      last = now;
    }, 5);
  }
}

const FAILURES = {
  own: (message) => {
    throw new ContractError(message);
  },
  standard: () => null.member,
  cause: (message) => {
    throw new ContractError(message, { cause: new ContractError('the cause') });
  },
  abrupt: (message) => {
    throw message;
  },
  result: () => ({ number: 1n }),
  stray: async (message) => {
    Promise.reject(new ContractError(message));
    await sleep(60_000);
  },
};

const CASES = {
  context: (event, told) => ({
    request_id: told.awsRequestId,
    function_name: told.functionName,
    function_version: told.functionVersion,
    invoked_function_arn: told.invokedFunctionArn,
    memory_limit: told.memoryLimitInMB,
    log_group_name: told.logGroupName,
    log_stream_name: told.logStreamName,
    remaining_ms: told.getRemainingTimeInMillis(),
    trace_id: process.env._X_AMZN_TRACE_ID ?? null,
    client_context: told.clientContext ?? null,
    identity: told.identity ? { id: told.identity.cognitoIdentityId, pool: told.identity.cognitoIdentityPoolId } : null,
  }),
  remaining: async (event, told) => {
    const first = told.getRemainingTimeInMillis();
    await sleep(event.ms);
    return [first, told.getRemainingTimeInMillis()];
  },
  echo: (event) => event.value,
  nothing: () => undefined,
  fill: (event) => 'x'.repeat(event.size),
  measure: (event) => event.value.length,
  fail: (event) => FAILURES[event.kind](event.message),
  exit: (event) => process.exit(event.status),
  run: (event) => new Promise((done) => execFile('sh', ['-c', event.command], (_error, out) => done(out))),
  memory: async () => {
    for (const held = []; ; await sleep(1)) held.push(Buffer.alloc(16 << 20, 1));
  },
  sleep: async (event) => {
    await sleep(event.ms);
    return instance;
  },
  count: () => ({ count, instance }),
  environment: () => ({ variables: { ...process.env }, folder: process.cwd(), hour: new Date(0).getHours() }),
  read: (event) => attempt(() => readFileSync(event.path, 'utf8'), null),
  write: (event) => attempt(() => writeFileSync(event.path, event.text) ?? true, false),
  layer: () => createRequire(import.meta.url)('contract-library')(),
  print: (event) => new Promise((done) => process[event.to].write(event.text, () => done())),
  log: (event) => console[event.level](event.message),
  tick: () => {
    ticker ??= new Ticker();
    return { ticks: ticker.ticks, largest_gap_ms: ticker.largest_gap_ms };
  },
};

function attempt(work, otherwise) {
  try {
    return work();
  } catch {
    return otherwise;
  }
}

export async function handler(event, told) {
  count += 1;
  return event?.case === undefined ? event : CASES[event.case](event, told);
}

export const stream = awslambda.streamifyResponse(async (event, answer) => {
  for (const chunk of event.chunks) {
    if (!answer.write(chunk)) await new Promise((done) => answer.once('drain', done));
    await sleep(event.pause_ms ?? 0);
  }
  if (event.fail) throw new ContractError(event.fail);
  answer.end();
});

switch (process.env.CONTRACT_INIT) {
  case 'raise':
    throw new ContractError('at load');
  case 'exit':
    process.exit(3);
  case 'print':
    process.stdout.write('printed at load\n');
    break;
  case 'sleep':
    await sleep(60_000);
}
