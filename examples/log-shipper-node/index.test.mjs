import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, beforeEach, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';

import { batches, handler } from './index.mjs';

let received;
let answers;
const collector = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece)).on('end', () => {
    response.statusCode = answers.shift() ?? 200;
    if (response.statusCode === 200) received.push(gunzipSync(Buffer.concat(pieces)).toString());
    response.end();
  });
});

before(async () => {
  await new Promise((done) => { collector.listen(0, '127.0.0.1', done); });
  process.env.COLLECTOR_URL = `http://127.0.0.1:${collector.address().port}/`;
});
beforeEach(() => { [received, answers] = [[], []]; });
after(() => { collector.closeAllConnections(); collector.close(); });

const event = (messages, messageType = 'DATA_MESSAGE') => {
  const logEvents = messages.map((message, at) => ({ id: `${at}`, timestamp: at, message }));
  const data = { messageType, owner: '1', logGroup: 'g', logStream: 's', logEvents };
  return { awslogs: { data: gzipSync(JSON.stringify(data)).toString('base64') } };
};

test('texts and records become lines', async () => {
  assert.deepEqual(await handler(event(['hello\n', '{"level":"INFO"}', '[1]'])), { shipped: 3 });
  const lines = received.join('').trim().split('\n').map((text) => JSON.parse(text));
  assert.deepEqual(lines.map(({ message, record }) => message ?? record), ['hello', { level: 'INFO' }, '[1]']);
  assert.equal(lines[0].time, '1970-01-01T00:00:00.000Z');
});

test('what fails in passing is tried again', async () => {
  answers = [503, 429];
  assert.deepEqual(await handler(event(['x'])), { shipped: 1 });
  assert.equal(received.length, 1);
});

test('what is refused is an error', async () => {
  answers = [400];
  await assert.rejects(handler(event(['x'])), /answered 400/);
});

test('a control message is no event', async () => {
  assert.deepEqual(await handler(event(['x'], 'CONTROL_MESSAGE')), { shipped: 0 });
  assert.equal(received.length, 0);
});

test('large events are sent in several requests', () => {
  assert.deepEqual([...batches(['aaa', 'bb', 'c', 'dddd'], 5)], [['aaa', 'bb'], ['c', 'dddd']]);
});
