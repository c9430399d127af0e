import assert from 'node:assert/strict';
import { test } from 'node:test';

import { element } from '../fake/elements.mjs';
import { openPage } from '../fake/page.mjs';

test('an event has the id that its caller gives it, or one of its own', async () => {
  const page = await openPage();
  page.api.track('Slot Viewed', { slot: 'hero' }, { messageId: 'decision-1' });
  page.api.track('Asked');
  page.api.track('Asked', {}, {});
  await page.leave();
  const [, shown, one, other] = page.events().map(({ messageId }) => messageId);
  assert.equal(shown, 'decision-1');
  assert.notEqual(one, other);
  assert.match(one, /^[0-9a-f-]{36}$/);
});

test('calls made before are replayed, with all they were given', async () => {
  const page = await openPage({
    stub: { q: [['track', 'Early', { n: 1 }, { messageId: 'm1' }], ['page', 'Cart'], null, ['no']] },
  });
  page.api.q.push(['identify', { plan: 'pro' }]);
  await page.leave();
  const [, early, cart, identify] = page.events();
  assert.deepEqual([early.event, early.properties, early.messageId], ['Early', { n: 1 }, 'm1']);
  assert.equal(cart.name, 'Cart');
  assert.deepEqual(identify.traits, { plan: 'pro' });
});

test('a click in a slot says which decision it was about', async () => {
  const slot = element('div', {
    'data-personalization-slot': 'hero',
    'data-personalization-variation': 'variation:7',
    'data-personalization-decision': 'd-1',
  });
  const link = element('a', { href: '/sale' }, { parent: slot });
  const page = await openPage();
  await page.happens('click', { target: link, button: 0 });
  await page.happens('auxclick', { target: link, button: 1 });
  await page.happens('auxclick', { target: link, button: 2 });
  await page.happens('auxclick', { target: slot, button: 1 });
  await page.happens('submit', { target: slot });
  await page.leave();
  const clicks = page.events().filter(({ event }) => event === 'Slot Clicked');
  assert.equal(clicks.length, 2);
  assert.deepEqual(clicks[0].properties, {
    slot: 'hero',
    variation: 'variation:7',
    decision_id: 'd-1',
  });
});

test('reset sends what waits and forgets who was logged in', async () => {
  const page = await openPage({ attributes: { 'data-user': 'signed' } });
  page.api.track('Mine');
  page.api.reset();
  page.api.track('Theirs');
  await page.leave();
  const tokens = page.events().map(({ event, type, context }) => [event ?? type, context.userToken]);
  assert.deepEqual(tokens, [['page', 'signed'], ['Mine', 'signed'], ['Theirs', undefined]]);
});

test('the calls of a shop have the names of the spec', async () => {
  const page = await openPage();
  const calls = {
    productsSearched: 'Products Searched',
    productAdded: 'Product Added',
    productRemoved: 'Product Removed',
    cartViewed: 'Cart Viewed',
    orderCompleted: 'Order Completed',
  };
  for (const name of Object.keys(calls)) page.api[name]({ of: name });
  await page.leave();
  const sent = page.events().slice(1).map(({ event, properties }) => [properties.of, event]);
  assert.deepEqual(Object.fromEntries(sent), calls);
});

test('links to other sites are told without what may say too much', async () => {
  const page = await openPage({ collect: ['outbound'] });
  const targets = [
    'https://elsewhere.example/path?token=1#x', 'https://shop.example/own', 'mailto:a@b.example',
    'javascript:void 0',
  ].map((href) => element('a', { href }));
  for (const target of targets) await page.happens('click', { target, button: 0 });
  await page.happens('auxclick', { target: targets[0], button: 2 });
  await page.leave();
  const urls = page.events().slice(1).map(({ properties }) => properties.url);
  assert.deepEqual(urls, ['https://elsewhere.example/path']);
});

test('a page that is rendered ahead of time counts when it is opened', async () => {
  const page = await openPage({ prerendering: true });
  await page.wait(5_000);
  assert.equal(page.api, undefined);
  page.window.document.prerendering = page.window.document.hidden = false;
  await page.happens('prerenderingchange');
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
});

test('the page keeps its globals, but for one', async () => {
  const before = Object.keys((await openPage({ attributes: { 'data-key': 'K' } })).window);
  const page = await openPage({ collect: ['hover'] });
  assert.deepEqual(Object.keys(page.window).sort(), before.sort());
});
