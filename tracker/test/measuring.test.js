import assert from 'node:assert/strict';
import { test } from 'node:test';

import { createDepthMarks } from '../src/lib/createDepthMarks.js';
import { createEngagedClock } from '../src/lib/createEngagedClock.js';
import { viewedUrl } from '../src/lib/viewedUrl.js';

const START = 1_000_000;

test('a sign of life counts for five seconds', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  assert.equal(clock.take(START + 60_000), 5);
  assert.equal(clock.take(START + 90_000), 0);
});

test('overlapping stretches count once', () => {
  const clock = createEngagedClock();
  for (let second = 0; second <= 10; second++) clock.beat(START + second * 1000, true);
  assert.equal(clock.take(START + 60_000), 15);
});

test('a break in between does not count', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  clock.beat(START + 20_000, true);
  assert.equal(clock.take(START + 22_000), 7);
});

test('time stops at once when the visitor turns away', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  clock.beat(START + 2_000, false);
  assert.equal(clock.take(START + 60_000), 2);
});

test('fractions of a second are kept for the next report', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  assert.deepEqual([1_600, 3_200, 5_000].map((ms) => clock.take(START + ms)), [1, 2, 2]);
});

test('nothing is left after a reset', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  clock.take(START + 1_000);
  clock.reset();
  assert.equal(clock.take(START + 4_000), 0);
});

test('a clock that is set back takes no time away', () => {
  const clock = createEngagedClock();
  clock.beat(START, true);
  clock.beat(START - 60_000, true);
  assert.ok(clock.take(START - 59_000) >= 1);
});

test('each mark is reached once, also in a jump', () => {
  const marks = createDepthMarks();
  assert.deepEqual([10, 30, 20, 80, 99.9, 100.2, 100].map(marks.reach), [
    [],
    [25],
    [],
    [50, 75],
    [],
    [100],
    [],
  ]);
  marks.reset();
  assert.deepEqual(marks.reach(60), [25, 50]);
});

test('a page without a height reaches no mark', () => {
  assert.deepEqual(createDepthMarks().reach(NaN), []);
});

test('a place within a page is not another page', () => {
  assert.equal(viewedUrl('https://a.example/x?y=1#reviews'), 'https://a.example/x?y=1');
  assert.equal(viewedUrl('https://a.example/x#'), 'https://a.example/x');
  assert.equal(viewedUrl('https://a.example/#/cart'), 'https://a.example/#/cart');
  assert.equal(viewedUrl('https://a.example/#!cart'), 'https://a.example/#!cart');
});
