import assert from 'node:assert/strict';
import { test } from 'node:test';

import { element } from '../fake/elements.mjs';
import { openPage } from '../fake/page.mjs';

const said = (page) =>
  page.events().filter(({ type }) => type === 'track').map(({ event, properties }) => [event, properties]);

test('hovering counts when the pointer rests, and a finger never does', async () => {
  const page = await openPage({ collect: ['hover'] });
  const card = element('div', {
    'data-personalization-hover': 'Card',
    'data-personalization-properties': '{"product_id": "s1"}',
  });
  const inside = element('b', {}, { parent: card });
  const over = (target, pointerType = 'mouse') => page.happens('pointerover', { target, pointerType });
  await over(card);
  await page.wait(200);
  await over(element('p'));
  await page.wait(1_000);
  await over(card, 'touch');
  await page.wait(1_000);
  await over(card);
  await page.wait(200);
  await over(inside);
  await page.wait(200);
  await over(card);
  await page.wait(5_000);
  await page.leave();
  assert.deepEqual(said(page), [['Element Hovered', { name: 'Card', product_id: 's1' }]]);
});

test('a part of a page is viewed for as long as it is in view and the page is', async () => {
  const part = element('section', { 'data-personalization-section': 'Prices' });
  const page = await openPage({ collect: ['section'], elements: [part] });
  const [tell] = page.observers.intersection;
  const entry = (ratio, height = 0) =>
    tell([
      { target: part, isIntersecting: ratio > 0, intersectionRatio: ratio, intersectionRect: { height } },
    ]);
  entry(0.4);
  await page.wait(3_000);
  entry(0.5); // in view
  await page.wait(500);
  entry(0); // passing by is no view
  entry(0.1, 600); // so tall that it fills the screen
  await page.wait(4_000);
  await page.hide();
  await page.wait(60_000);
  await page.show();
  await page.wait(2_000);
  entry(0.2);
  await page.wait(9_000);
  await page.leave();
  assert.deepEqual(said(page), [
    ['Section Viewed', { name: 'Prices', seconds: 4 }],
    ['Section Viewed', { name: 'Prices', seconds: 2 }],
  ]);
});

test('a page that stays does not repeat what is in view', async () => {
  const part = element('section', { 'data-personalization-section': 'Prices' });
  const page = await openPage({ collect: ['section'], elements: [part] });
  page.observers.intersection[0]([
    { target: part, isIntersecting: true, intersectionRatio: 1, intersectionRect: {} },
  ]);
  await page.wait(40_000);
  await page.leave();
  assert.deepEqual(said(page), [['Section Viewed', { name: 'Prices', seconds: 40 }]]);
});

test('parts that are added later are found', async () => {
  const page = await openPage({ collect: ['section'] });
  const added = element('div', { 'data-personalization-section': 'New' });
  page.window.document.elements.push(added);
  assert.deepEqual([...page.observers.observed], []);
  page.observers.mutation.forEach((tell) => tell());
  await page.wait(500);
  assert.deepEqual([...page.observers.observed], [added]);
});

test('playback has the names and the properties of the video spec', async () => {
  const page = await openPage({ collect: ['video'] });
  const film = element(
    'video',
    { 'data-personalization-properties': '{"content_asset_ids": ["film-1"]}' },
    { currentTime: 0, duration: 61.4 },
  );
  const now = (type, currentTime, ended = false) =>
    page.happens(type, { target: Object.assign(film, { currentTime, ended }) });
  await now('play', 0);
  await now('pause', 10.2);
  await now('play', 10.2);
  await now('pause', 61.4, true);
  await now('ended', 61.4, true);
  await now('play', 0);
  await page.happens('play', { target: element('video', {}, { loop: true }) });
  await page.leave();
  const events = said(page);
  assert.deepEqual(
    events.map(([name, { position, total_length }]) => [name, position, total_length]),
    [
      ['Video Playback Started', 0, 61],
      ['Video Playback Paused', 10, 61],
      ['Video Playback Resumed', 10, 61],
      ['Video Playback Completed', 61, 61],
      ['Video Playback Started', 0, 61],
    ],
  );
  assert.deepEqual(events[0][1].content_asset_ids, ['film-1']);
  assert.equal(events[0][1].video_player, 'html5');
});

const makeForm = (attributes, parent = null) => {
  const form = element('form', attributes, { parent });
  const field = (name) => element('input', { name, value: 'secret' }, { form, parent: form });
  return { form, mail: field('mail'), town: field('town') };
};

test('a form is begun, and given up when the page goes without it', async () => {
  const page = await openPage({ collect: ['form'] });
  const { mail, town } = makeForm({ id: 'signup' });
  await page.happens('input', { target: mail });
  await page.happens('input', { target: town });
  await page.hide();
  await page.show();
  await page.leave();
  await page.leave();
  assert.deepEqual(said(page), [
    ['Form Started', { form: 'signup' }],
    ['Form Abandoned', { form: 'signup', last_field: 'town' }],
  ]);
});

test('a form that was sent was not given up', async () => {
  const page = await openPage({ collect: ['form'] });
  const { form, mail } = makeForm({ name: 'login', id: 'other' });
  await page.happens('input', { target: mail });
  await page.happens('submit', { target: form });
  await page.leave();
  assert.deepEqual(said(page), [
    ['Form Started', { form: 'login' }],
    ['Form Submitted', { form: 'login' }],
  ]);
});

test('nothing is said of what is written, of our own banner, and of what the page excludes', async () => {
  const page = await openPage({ collect: ['form'] });
  const excluded = element('div', { 'data-personalization-ignore': '' });
  for (const { form, mail } of [
    makeForm({ id: 'a' }),
    makeForm({ id: 'b', class: 'x pz-consent' }),
    makeForm({ id: 'c' }, excluded),
  ]) {
    await page.happens('input', { target: mail });
    await page.happens('submit', { target: form });
  }
  await page.happens('input', { target: element('input') });
  await page.leave();
  assert.deepEqual(said(page).map(([, { form }]) => form), ['a', 'a']);
  assert.ok(!JSON.stringify(page.events()).includes('secret'));
});

test('what a marked form searches for is told, by its field', async () => {
  const page = await openPage({ collect: ['search'] });
  const form = (attributes, fields) => element('form', attributes, { fields });
  const named = { 'data-personalization-search': 'words' };
  await page.happens('submit', { target: form(named, { words: 'boots', q: 'no' }) });
  await page.happens('submit', { target: form({ 'data-personalization-search': '' }, { q: 'shoes' }) });
  await page.happens('submit', { target: form(named, { words: '' }) });
  await page.happens('submit', { target: form({}, { q: 'not marked' }) });
  await page.leave();
  assert.deepEqual(said(page), [
    ['Products Searched', { query: 'boots' }],
    ['Products Searched', { query: 'shoes' }],
  ]);
});

const bridged = (bridge, site = {}) =>
  openPage({ layer: [], ...site, attributes: { 'data-bridge': bridge, 'data-consent': '/p/consent' } });

test('without being asked for, the bridge touches no dataLayer', async () => {
  const page = await openPage({ collect: ['hover'], layer: [{ event: 'add_to_cart' }] });
  page.window.dataLayer.push({ event: 'late' });
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
  assert.equal(page.window.dataLayer.length, 2);
});

test('events of dataLayer become ours, under the names of the spec', async () => {
  const items = [{ item_id: 's1', item_name: 'Shoe', price: 9, item_brand: 'B' }];
  const page = await bridged('in', {
    layer: [{ event: 'gtm.js' }, { event: 'view_item', ecommerce: { items } }],
  });
  const { dataLayer } = page.window;
  assert.equal(dataLayer.push({ event: 'purchase', ecommerce: { transaction_id: 'o1', value: 9, items } }), 3);
  dataLayer.push({ event: 'own_thing', size: 42 }, { ecommerce: null }, null, 'text');
  await page.leave();
  const product = { product_id: 's1', name: 'Shoe', price: 9, brand: 'B' };
  assert.deepEqual(said(page), [
    ['Product Viewed', { ...product, products: [product] }],
    ['Order Completed', { order_id: 'o1', value: 9, total: 9, products: [product] }],
    ['own_thing', { size: 42 }],
  ]);
});

test('our events go into dataLayer, and nothing goes round in circles', async () => {
  const page = await bridged('in out');
  page.api.track('Asked', { n: 1 });
  page.window.dataLayer.push({ event: 'search', search_term: 'boots' });
  await page.leave();
  assert.deepEqual(page.names(), ['page', 'Asked', 'Products Searched']);
  const entries = JSON.parse(JSON.stringify(page.window.dataLayer));
  assert.deepEqual(entries.map(({ event }) => event).filter((event) => event !== 'page'), [
    'Asked', 'search', 'Products Searched',
  ]);
  const asked = entries.find(({ event }) => event === 'Asked');
  assert.deepEqual(asked.personalization, { type: 'track', properties: { n: 1 } });
});

/** Google's own snippet. */
const gtag = (page, ...args) =>
  (function () {
    page.window.dataLayer.push(arguments);
  })(...args);

const updates = (page) =>
  page.window.dataLayer
    .filter((entry) => entry[0] === 'consent' && entry[1] === 'update')
    .map((entry) => ({ ...entry[2] }));

const GRANTED = { analytics_storage: 'granted', personalization_storage: 'granted' };

test('the answer to another banner is recorded and starts the tracker', async () => {
  const page = await bridged('consent', { cookie: '' });
  gtag(page, 'consent', 'default', GRANTED);
  await page.wait(100);
  assert.deepEqual(page.site.recorded, []);
  gtag(page, 'consent', 'update', GRANTED);
  await page.wait(2_000);
  assert.deepEqual(page.site.recorded, [['analytics', 'personalization']]);
  assert.equal(page.site.said[0].mechanism, 'consent_mode');
  assert.deepEqual(page.names(), ['page']);
  gtag(page, 'consent', 'update', GRANTED); // as banners do on every page
  await page.wait(100);
  assert.equal(page.site.recorded.length, 1);
  gtag(page, 'consent', 'update', { analytics_storage: 'denied', personalization_storage: 'denied' });
  await page.wait(100);
  assert.deepEqual(page.site.recorded[1], []);
  page.api.track('Late');
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
});

test('a refusal by somebody who was never asked here needs no record', async () => {
  const page = await bridged('consent', { cookie: '' });
  gtag(page, 'consent', 'update', { analytics_storage: 'denied' });
  await page.wait(100);
  assert.deepEqual(page.site.recorded, []);
});

test('an answer given here is told to Google, once', async () => {
  const page = await bridged('consent', { cookie: 'pz_consent=1.analytics' });
  const first = {
    analytics_storage: 'granted', personalization_storage: 'denied',
    ad_storage: 'denied', ad_user_data: 'denied', ad_personalization: 'denied',
  };
  assert.deepEqual(updates(page), [first]);
  page.tellDocument('personalization:consent', { detail: { purposes: ['analytics'] } });
  assert.equal(updates(page).length, 1);
  page.tellDocument('personalization:consent', { detail: { purposes: ['marketing'] } });
  assert.deepEqual(updates(page)[1], {
    analytics_storage: 'denied', personalization_storage: 'denied',
    ad_storage: 'granted', ad_user_data: 'granted', ad_personalization: 'granted',
  });
  assert.deepEqual(page.site.recorded, []);
});

test('what the tracker writes is what Google reads: arguments, and no list', async () => {
  const page = await bridged('consent');
  const [entry] = page.window.dataLayer;
  assert.equal(Object.prototype.toString.call(entry), '[object Arguments]');
});
