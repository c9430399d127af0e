import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage } from '../fake/page.mjs';

const open = (collect, site = {}) => openPage({ collect: [collect], ...site });
const of = (page, name) => page.events().filter(({ event }) => event === name);
const seconds = async (page) => {
  await page.leave();
  return of(page, 'Engaged').reduce((sum, { properties }) => sum + properties.seconds, 0);
};

test('a visitor who does nothing is engaged for five seconds', async () => {
  const page = await open('engaged');
  await page.wait(60_000);
  assert.equal(await seconds(page), 5);
});

test('overlapping stretches count once, and breaks do not', async () => {
  const page = await open('engaged');
  for (let n = 0; n < 10; n++) {
    await page.happens('mousemove');
    await page.wait(1_000);
  }
  await page.wait(20_000);
  await page.happens('keydown');
  await page.wait(2_000);
  // Ten seconds of moving with four after the last move, and two after the key.
  assert.equal(await seconds(page), 14 + 2);
});

test('time stops at once when the visitor turns away', async () => {
  for (const away of ['hasFocus', 'hidden']) {
    const page = await open('engaged');
    await page.wait(2_000);
    if (away === 'hidden') page.window.document.hidden = true;
    else page.window.document.hasFocus = () => false;
    await page.happens(away === 'hidden' ? 'visibilitychange' : 'blur');
    await page.wait(60_000);
    assert.equal(await seconds(page), 2, away);
  }
});

test('fractions of a second are kept for the next report', async () => {
  const page = await open('engaged');
  await page.wait(1_600);
  await page.hide();
  assert.equal(of(page, 'Engaged')[0].properties.seconds, 1);
  await page.show();
  await page.wait(1_500);
  assert.equal(await seconds(page), 3);
});

test('a clock that is set back takes no time away', async () => {
  const page = await open('engaged');
  await page.wait(3_000);
  page.clock.set(page.clock.now() - 60_000);
  await page.happens('mousemove');
  await page.wait(2_000);
  assert.ok((await seconds(page)) >= 1);
});

const scrollTo = async (page, y) => {
  page.window.scrollY = y;
  await page.happens('scroll');
};
const marks = (page) => of(page, 'Scroll Depth Reached').map(({ properties }) => properties);

test('each quarter is reached once, also in a jump', async () => {
  const page = await open('scroll');
  for (const y of [10, 200, 0, 2_200, 100, 2_900, 2_998, 0, 3_000]) await scrollTo(page, y);
  await page.leave();
  assert.deepEqual(marks(page).map(({ percent }) => percent), [25, 50, 75, 100]);
});

test('velocity is in pixels per second since the last quarter', async () => {
  const page = await open('scroll');
  await page.wait(2_000);
  await scrollTo(page, 1_000);
  await page.wait(500);
  await scrollTo(page, 2_000);
  await page.leave();
  assert.deepEqual(marks(page), [
    { percent: 25, velocity: 500 },
    { percent: 50, velocity: 500 },
    { percent: 75, velocity: 2_000 },
  ]);
});

test('a page without a height reaches no quarter', async () => {
  const page = await open('scroll');
  page.window.document.documentElement.scrollHeight = NaN;
  await scrollTo(page, 100);
  await page.leave();
  assert.deepEqual(marks(page), []);
});

test('a new address starts quarters and time anew, and a place within the page does not', async () => {
  const page = await open('scroll');
  await scrollTo(page, 100);
  for (const address of ['#reviews', '/shoes#', '#/cart', '#!cart', '/boots']) {
    page.window.history.pushState({}, '', address);
    await page.wait(100);
    await scrollTo(page, 100);
  }
  await page.leave();
  assert.equal(page.names().filter((name) => name === 'page').length, 1 + 3);
  assert.equal(marks(page).length, 1 + 3);
});
