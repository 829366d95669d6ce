import assert from 'node:assert/strict';
import { test } from 'node:test';

import { handler } from './index.ts';

test('it greets by name', async () => {
  assert.deepEqual(await handler({ name: 'Ada' }), { message: 'Hello, Ada!' });
});

test('it greets everybody else', async () => {
  assert.deepEqual(await handler({}), { message: 'Hello, world!' });
});
