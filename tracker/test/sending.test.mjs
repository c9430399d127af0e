import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage } from '../fake/page.mjs';

const NEVER = () => 0;
const times = (n, run) => Array.from({ length: n }, (_, index) => run(index));
const sizes = (page) => page.site.sent.map((body) => JSON.parse(body).batch.length);

/** A page that has sent its own view. */
const settledPage = async (site) => {
  const page = await openPage(site);
  await page.wait(2_000);
  page.site.sent.length = page.site.posts.length = 0;
  return page;
};

test('events of a second travel together, at most twenty at once', async () => {
  const page = await settledPage();
  times(45, (n) => page.api.track('Asked', { n }));
  await page.wait(2_000);
  assert.deepEqual(sizes(page), [20, 20, 5]);
  assert.deepEqual(page.events().map(({ properties }) => properties.n), times(45, (n) => n));
});

test('a batch is measured in bytes and not in letters', async () => {
  const page = await settledPage();
  times(4, () => page.api.track('Asked', { text: 'ü'.repeat(10_000) }));
  await page.wait(2_000);
  assert.deepEqual(sizes(page), [2, 2]);
});

test('one event that is too big is dropped', async () => {
  const page = await settledPage();
  page.api.track('Big', { text: 'x'.repeat(32_000) });
  page.api.track('Small');
  await page.wait(2_000);
  assert.deepEqual(page.names(), ['Small']);
});

/** The waits between tries at a server that says no with these answers. */
const waits = async (answers, random) => {
  const page = await settledPage({ random });
  page.site.answers.push(...answers);
  page.api.track('Asked');
  const at = [];
  for (let n = 0; n < 4_000 && at.length <= answers.length; n++) {
    const before = page.site.sent.length;
    await page.wait(100);
    if (page.site.sent.length > before) at.push(page.clock.now());
  }
  return at.slice(1).map((time, n) => time - at[n]);
};

test('failures without an end and busy servers are worth another try, others are not', async () => {
  for (const status of [408, 429, 500, 502, 503, 504])
    assert.equal((await waits([[status]], NEVER)).length, 1, String(status));
  for (const status of [200, 204, 304, 400, 401, 403, 404, 413, 422])
    assert.equal((await waits([[status]], NEVER)).length, 0, String(status));
});

test('waiting doubles up to a minute, half of it by chance', async () => {
  const broken = times(9, () => [500]);
  const least = await waits(broken, NEVER);
  assert.deepEqual(least, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
  const most = await waits(broken, () => 0.999);
  most.forEach((wait, n) => assert.ok(Math.abs(wait - 2 * least[n]) <= 100, `${wait}, ${least[n]}`));
});

test('a batch that the server fails at ten times is given up', async () => {
  assert.equal((await waits(times(12, () => [500]), NEVER)).length, 10);
});

test('what the server asks for is never undercut', async () => {
  assert.deepEqual(await waits([[503, { 'Retry-After': '7' }]], NEVER), [7_000]);
  const [wait] = await waits([[429, { 'Retry-After': 'Thu, 01 Jan 2026 00:00:20 GMT' }]], NEVER);
  assert.ok(wait >= 16_000 && wait <= 17_100, String(wait));
});

test('nonsense in Retry-After is ignored, and much is too much', async () => {
  for (const header of ['soon', '-5', '0', '', 'Wed, 31 Dec 2025 23:00:00 GMT'])
    assert.deepEqual(await waits([[503, { 'Retry-After': header }]], NEVER), [500], header);
  assert.deepEqual(await waits([[503, { 'Retry-After': '86400' }]], NEVER), [300_000]);
});

test('a page that goes sends a beacon, once for both ways of saying so', async () => {
  const page = await settledPage();
  page.api.track('Asked');
  await page.hide();
  await page.leave();
  assert.deepEqual(page.site.sent, []);
  assert.equal(page.site.beacons.length, 1);
});

test('what a click sets off leaves at once, by a fetch that outlives the page', async () => {
  const page = await settledPage();
  page.window.event = { type: 'click' };
  page.api.track('Asked');
  page.window.event = undefined;
  assert.equal(page.site.sent.length, 1);
});

test('what fails while the page goes counts as sent: the browser goes on with it', async () => {
  const page = await settledPage();
  page.site.online = false;
  page.api.track('Asked');
  await page.wait(1_000);
  await page.leave();
  page.site.online = true;
  await page.wait(5_000);
  assert.deepEqual(page.names(), []);
});

test('what cannot be sent before the page goes lies there for the next', async () => {
  const storage = {};
  const first = await settledPage({ storage });
  first.window.navigator.onLine = first.site.online = false;
  times(105, (n) => first.api.track('Asked', { n }));
  await first.wait(100);
  await first.leave();
  assert.deepEqual(first.names(), []);
  const next = await openPage({ storage });
  assert.deepEqual(storage, {});
  await next.wait(8_000);
  const asked = next.events().filter(({ event }) => event === 'Asked');
  assert.equal(asked.length, 99); // the newest hundred, and the view of this page is one
  assert.equal(asked.at(-1).properties.n, 104);
});

test('the next page keeps to what the server asked for', async () => {
  const storage = { pz_queue: JSON.stringify([Date.parse('2026-01-01T00:00:05Z'), []]) };
  const page = await openPage({ storage });
  await page.wait(4_000);
  assert.deepEqual(page.names(), []);
  await page.wait(2_000);
  assert.deepEqual(page.names(), ['page']);
});

test('nonsense in the storage, or no storage at all, is no reason to stop', async () => {
  const broken = new Proxy({}, {
    get: () => { throw new Error('SecurityError'); },
    set: () => { throw new Error('QuotaExceededError'); },
    deleteProperty: () => { throw new Error('SecurityError'); },
  });
  for (const storage of [{ pz_queue: 'no JSON' }, { pz_queue: '[1]' }, { pz_queue: '{}' }, broken]) {
    const page = await openPage({ storage, collect: ['scroll'], sample: 0.9 });
    page.window.scrollY = 1;
    await page.happens('scroll');
    await page.wait(2_000);
    assert.deepEqual(page.names(), ['page', 'Scroll Depth Reached']);
  }
});
