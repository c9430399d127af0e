import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createStore, MAX_STORED } from '../src/lib/createStore.js';
import { mayRetry } from '../src/lib/mayRetry.js';
import { retryDelay } from '../src/lib/retryDelay.js';
import { safely } from '../src/lib/safely.js';
import { MAX_BYTES, takeBatch } from '../src/lib/takeBatch.js';

const never = () => 0;
const always = () => 1;

test('a batch is taken from the front of the queue', () => {
  const queue = Array.from({ length: 45 }, (_, n) => String(n));
  assert.deepEqual(takeBatch(queue), Array.from({ length: 20 }, (_, n) => String(n)));
  assert.equal(takeBatch(queue).length, 20);
  assert.equal(takeBatch(queue).length, 5);
  assert.deepEqual(takeBatch(queue), []);
});

test('a batch is measured in bytes and not in letters', () => {
  const queue = Array.from({ length: 4 }, () => 'ü'.repeat(10_000));
  assert.equal(takeBatch(queue).length, 2);
  assert.equal(takeBatch(['x'.repeat(MAX_BYTES + 1), 'y']).length, 1);
});

test('failures without an end and busy servers are worth another try', () => {
  for (const status of [0, 408, 429, 500, 502, 503, 504]) assert.ok(mayRetry(status), status);
  for (const status of [200, 204, 304, 400, 401, 403, 404, 413, 422]) {
    assert.ok(!mayRetry(status), status);
  }
});

test('waiting doubles up to a minute, half of it by chance', () => {
  const least = [1, 2, 3, 4, 20].map((n) => retryDelay(n, null, 0, never));
  const most = [1, 2, 3, 4, 20].map((n) => retryDelay(n, null, 0, always));
  assert.deepEqual(least, [500, 1000, 2000, 4000, 30_000]);
  assert.deepEqual(most, [1000, 2000, 4000, 8000, 60_000]);
});

test('what the server asks for is never undercut', () => {
  assert.equal(retryDelay(1, '7', 0, never), 7000);
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryDelay(1, 'Thu, 01 Jan 2026 00:00:09 GMT', now, never), 9000);
  assert.ok(retryDelay(1, '7', 0, always) > 7000);
});

test('nonsense in Retry-After is ignored, and much is too much', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  for (const header of ['soon', '-5', '0', '', null, 'Wed, 31 Dec 2025 23:00:00 GMT']) {
    assert.equal(retryDelay(1, header, now, never), 500, header);
  }
  assert.equal(retryDelay(1, '86400', now, never), 300_000);
});

const memory = () => {
  const items = new Map();
  return {
    items,
    getItem: (key) => items.get(key) ?? null,
    setItem: (key, value) => items.set(key, value),
    removeItem: (key) => items.delete(key),
  };
};

test('what is put into the store is taken out once', () => {
  const storage = memory();
  const store = createStore(() => storage);
  store.put(5, ['a']);
  store.put(7, ['b', 'c']);
  assert.deepEqual(store.take(), [7, ['a', 'b', 'c']]);
  assert.equal(storage.items.size, 0);
  assert.deepEqual(store.take(), [0, []]);
});

test('the store keeps the newest events', () => {
  const storage = memory();
  const store = createStore(() => storage);
  for (let n = 0; n < MAX_STORED + 5; n++) store.put(0, [String(n)]);
  const [, items] = store.take();
  assert.equal(items.length, MAX_STORED);
  assert.equal(items[0], '5');
});

test('a store that somebody else wrote into is empty', () => {
  for (const text of ['', 'x', '{}', '[]', '[1]', 'null', '[0, 5]']) {
    const storage = memory();
    storage.setItem('pz_queue', text);
    assert.deepEqual(createStore(() => storage).take(), [0, []]);
  }
});

test('a safe function passes its result on and swallows what is thrown', () => {
  assert.equal(safely((a, b) => a + b)(2, 3), 5);
  assert.equal(
    safely(() => {
      throw new Error('no');
    })(),
    undefined,
  );
});
