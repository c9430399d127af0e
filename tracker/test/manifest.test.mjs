import assert from 'node:assert/strict';
import { test } from 'node:test';

import { element } from '../fake/elements.mjs';
import { openPage } from '../fake/page.mjs';
import { createRandom } from '../fake/random.mjs';

const EVENTS = {
  scroll: ['Scroll Depth Reached'],
  engaged: ['Engaged'],
  hover: ['Element Hovered'],
  section: ['Section Viewed'],
  video: ['Started', 'Paused', 'Resumed', 'Completed'].map((what) => `Video Playback ${what}`),
  form: ['Form Started', 'Form Submitted', 'Form Abandoned'],
  outbound: ['Outbound Link Clicked'],
  search: ['Products Searched'],
};
const KINDS = Object.keys(EVENTS);
/** What is listened to although the manifest names nothing. */
const ALWAYS = [
  'auxclick', 'click', 'hashchange', 'pagehide', 'pageshow', 'popstate', 'submit',
  'visibilitychange',
];
const EXTRA = {
  scroll: ['scroll'],
  engaged: ['scroll', 'mousemove', 'mousedown', 'keydown', 'touchstart', 'resize', 'focus', 'blur'],
  hover: ['pointerover', 'pointerout'],
  section: [],
  video: ['play', 'pause', 'ended'],
  form: ['input'],
  outbound: [],
  search: [],
};

const things = () => {
  const form = element('form', { name: 'signup', 'data-personalization-search': 'q' });
  return {
    form: Object.assign(form, { fields: { q: 'boots' } }),
    field: element('input', { name: 'mail' }, { form, parent: form }),
    link: element('a', { href: 'https://elsewhere.example/x?secret=1' }),
    card: element('div', { 'data-personalization-hover': 'Card' }),
    part: element('section', { 'data-personalization-section': 'Prices' }),
    film: element('video', {}, { currentTime: 3, duration: 60 }),
  };
};

/** What a visitor can do, by name. */
const deeds = (page, { form, field, link, card, part, film }) => ({
  scrolls: () => {
    page.window.scrollY = 2900;
    return page.happens('scroll');
  },
  moves: () => page.happens('mousemove'),
  hovers: () => page.happens('pointerover', { target: card, pointerType: 'mouse' }),
  looks: () =>
    page.observers.intersection.forEach((tell) =>
      tell([{ target: part, isIntersecting: true, intersectionRatio: 1, intersectionRect: {} }]),
    ),
  looksAway: () =>
    page.observers.intersection.forEach((tell) =>
      tell([{ target: part, isIntersecting: false, intersectionRatio: 0, intersectionRect: {} }]),
    ),
  plays: () => page.happens('play', { target: film }),
  pauses: () => page.happens('pause', { target: film }),
  watches: () => page.happens('ended', { target: film }),
  writes: () => page.happens('input', { target: field }),
  sends: () => page.happens('submit', { target: form }),
  leaves: () => page.happens('click', { target: link, button: 0 }),
  waits: () => page.wait(2_000),
  goesOn: () => page.window.history.pushState({}, '', `/page-${page.clock.now()}`),
  calls: () => page.api.track('Asked', { n: 1 }),
});

const kindOf = (name) => KINDS.find((kind) => EVENTS[kind].includes(name));

for (let seed = 1; seed <= 60; seed++) {
  test(`nothing outside of the manifest is sent (seed ${seed})`, async () => {
    const random = createRandom(seed);
    const collect = random.some(KINDS);
    const sample = random.pick([1, 1, 0.5, 0.05]);
    const page = await openPage({ collect, sample, random: random.next });
    const doing = deeds(page, things());
    for (let step = 0; step < 40; step++) await doing[random.pick(Object.keys(doing))]();
    await page.leave();
    for (const event of page.events()) {
      const kind = event.type === 'track' ? kindOf(event.event) : undefined;
      if (kind) {
        assert.ok(collect.includes(kind), `${event.event} of ${collect}`);
        assert.equal(event.context.sample, sample === 1 ? undefined : sample);
      } else {
        assert.ok(['page', 'Asked'].includes(event.event ?? event.type), event.event);
        assert.equal(event.context.sample, undefined);
      }
    }
  });

  test(`only what the manifest names is listened to (seed ${seed})`, async () => {
    const collect = createRandom(seed).some(KINDS);
    const page = await openPage({ collect });
    const expected = new Set([...ALWAYS, ...collect.flatMap((kind) => EXTRA[kind])]);
    assert.deepEqual([...page.types()].sort(), [...expected].sort(), String(collect));
    assert.equal(page.observers.intersection.length, +collect.includes('section'));
  });
}

test('every kind is sent when the manifest names it', async () => {
  for (const kind of KINDS) {
    const page = await openPage({ collect: [kind] });
    const doing = deeds(page, things());
    for (const name of [
      'moves', 'scrolls', 'hovers', 'looks', 'plays', 'pauses', 'plays', 'watches', 'waits',
      'looksAway', 'writes', 'sends', 'writes', 'leaves',
    ])
      await doing[name]();
    await page.leave();
    const names = new Set(page.names());
    for (const name of EVENTS[kind]) assert.ok(names.has(name), `${name} is missing`);
  }
});

test('all listeners are passive', async () => {
  const page = await openPage({ collect: KINDS });
  for (const { options } of page.listeners) assert.equal(options.passive, true);
});

test('the second file is loaded once, and only when a kind in it is named', async () => {
  for (const collect of [[], ['scroll', 'engaged', 'outbound']])
    assert.equal((await openPage({ collect })).site.loaded.length, 0);
  const page = await openPage({
    collect: ['hover', 'video', 'nonsense'],
    attributes: { 'data-more-integrity': 'sha384-x' },
  });
  await page.wait(60_000);
  const [{ src, integrity, nonce }, ...others] = page.site.loaded;
  assert.deepEqual([src, integrity, nonce], ['/static/tracker-more.js', 'sha384-x', 'NONCE']);
  assert.equal(others.length, 0);
});

test('a page that stays open learns what to collect within a minute, and what not to', async () => {
  const page = await openPage({ collect: [] });
  const { card } = things();
  const hover = async () => {
    await page.happens('pointerover', { target: card, pointerType: 'mouse' });
    await page.wait(1_000);
    await page.happens('pointerout', { relatedTarget: null });
    await page.wait(2_000);
    return page.names().filter((name) => name === 'Element Hovered').length;
  };
  assert.equal(await hover(), 0);
  page.site.collect = ['hover'];
  await page.wait(60_000);
  assert.equal(await hover(), 1);
  page.site.collect = [];
  await page.wait(60_000);
  assert.equal(await hover(), 1);
});

test('a page that nobody sees does not ask', async () => {
  const page = await openPage();
  await page.hide();
  const { manifests } = page.site;
  await page.wait(120_000);
  assert.equal(page.site.manifests, manifests);
});

test('without a manifest only what the page asks for is sent', async () => {
  const page = await openPage({ collect: KINDS, attributes: { 'data-manifest': undefined } });
  const doing = deeds(page, things());
  for (const name of ['scrolls', 'moves', 'hovers', 'writes', 'leaves']) await doing[name]();
  await page.wait(20_000);
  assert.deepEqual(page.names(), ['page']);
});

test('a server that cannot be asked has nothing collected', async () => {
  const page = await openPage({ collect: ['scroll'] });
  await page.wait(2_000);
  page.site.online = false;
  await page.wait(16_000);
  page.site.online = true;
  page.window.scrollY = 3000;
  await page.happens('scroll');
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
});

test('a visitor is in every sample that is larger than one they are in', async () => {
  for (const drawn of [0.1, 0.3, 0.7]) {
    const seen = [];
    for (const sample of [1, 0.9, 0.7, 0.5, 0.3, 0.1]) {
      const page = await openPage({ collect: ['scroll'], sample, random: () => drawn });
      page.window.scrollY = 3000;
      await page.happens('scroll');
      await page.leave();
      seen.push(page.names().includes('Scroll Depth Reached'));
    }
    // Drawn is 1 - random: in at first, and once out, out.
    assert.deepEqual(seen, [...seen].sort((a, b) => b - a));
    assert.equal(seen.filter(Boolean).length > 0, true);
  }
});

test('the draw is kept for the next page, but only when it is needed', async () => {
  const storage = {};
  await openPage({ collect: ['scroll'], storage });
  assert.deepEqual(storage, {});
  const scroll = async (random) => {
    const page = await openPage({ collect: ['scroll'], sample: 0.5, storage, random });
    page.window.scrollY = 3000;
    await page.happens('scroll');
    await page.leave();
    return page.names().includes('Scroll Depth Reached');
  };
  assert.equal(await scroll(() => 0.9), true);
  assert.equal(await scroll(() => 0.1), true);
  assert.deepEqual(Object.keys(storage), ['pz_draw']);
});

test('counts of a sample, weighted with its rate, are those of everybody', async () => {
  const sample = 0.25;
  const random = createRandom(7);
  let weighted = 0;
  for (let visitor = 0; visitor < 400; visitor++) {
    const page = await openPage({ collect: ['scroll'], sample, random: random.next });
    page.window.scrollY = 1;
    await page.happens('scroll');
    await page.leave();
    for (const { event, context } of page.events())
      if (event === 'Scroll Depth Reached') weighted += 1 / context.sample;
  }
  assert.ok(Math.abs(weighted - 400) < 80, `${weighted} for 400`);
});

test('what a page asks for is sent whatever the sample', async () => {
  const slot = element('div', {
    'data-personalization-slot': 'hero',
    'data-personalization-variation': 'v1',
    'data-personalization-decision': 'd1',
  });
  const button = element('button', { 'data-personalization-event': 'Size Chosen' });
  const page = await openPage({ sample: 0.05, random: () => 0 });
  page.api.track('Asked');
  page.api.identify('u1');
  page.api.productAdded({ product_id: 's1' });
  page.api.cartViewed({});
  page.api.orderCompleted({ order_id: 'o1' });
  await page.happens('click', { target: slot });
  await page.happens('click', { target: button });
  await page.leave();
  assert.deepEqual(page.names(), [
    'page', 'Asked', 'identify', 'Product Added', 'Cart Viewed', 'Order Completed',
    'Slot Clicked', 'Size Chosen',
  ]);
});
