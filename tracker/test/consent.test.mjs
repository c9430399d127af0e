import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage } from '../fake/page.mjs';

const collects = async (site) => {
  const page = await openPage(site);
  await page.leave();
  return page.names().length > 0;
};

test('the cookie is found by its whole name', async () => {
  assert.ok(await collects({ cookie: 'x_pz_consent=1.; pz_consent=1.analytics; y=1' }));
  assert.ok(!(await collects({ cookie: 'x_pz_consent=1.analytics; pz_consent2=1.analytics' })));
  assert.ok(!(await collects({ cookie: '' })));
});

test('only an answer to the current policy counts', async () => {
  const attributes = { 'data-policy': '2026.1' };
  assert.ok(await collects({ attributes, cookie: 'pz_consent=2026.1.analytics' }));
  for (const answer of ['0.analytics', '2026.11.analytics', 'analytics', '.analytics', '2026.1'])
    assert.ok(!(await collects({ attributes, cookie: `pz_consent=${answer}` })), answer);
});

test('only analytics and personalization are reasons to collect', async () => {
  for (const purposes of ['analytics', 'personalization', 'marketing-personalization'])
    assert.ok(await collects({ cookie: `pz_consent=1.${purposes}` }), purposes);
  for (const purposes of ['', 'necessary', 'marketing', 'analytic', 'xanalytics', 'analytics2'])
    assert.ok(!(await collects({ cookie: `pz_consent=1.${purposes}` })), purposes);
});

test('anything but a list of purposes is a refusal', async () => {
  for (const answer of [undefined, null, 42, {}, true, { analytics: true }, 'yes']) {
    const page = await openPage();
    page.api.consent(answer);
    page.api.track('Late');
    await page.leave();
    assert.deepEqual(page.names(), [], String(answer));
  }
});

test('without consent nothing is asked for, listened to or stored', async () => {
  const page = await openPage({ cookie: '', collect: ['scroll', 'hover'], sample: 0.5 });
  assert.equal(page.site.manifests, 0);
  assert.equal(page.listeners.length, 0);
  await page.wait(60_000);
  assert.equal(page.site.manifests, 0);
  assert.deepEqual(page.window.localStorage, {});
});

test('what is listened to says nothing after a withdrawal, and stores nothing', async () => {
  const page = await openPage({ collect: ['scroll', 'engaged'], sample: 0.5 });
  page.api.consent([]);
  const { manifests } = page.site;
  page.window.scrollY = 3000;
  await page.happens('scroll');
  await page.happens('mousemove');
  await page.wait(60_000);
  await page.leave();
  assert.deepEqual(page.names(), []);
  assert.deepEqual(page.window.localStorage, {});
  assert.equal(page.site.manifests, manifests);
});

const SIGNALS = [{ globalPrivacyControl: true }, { doNotTrack: '1' }];

for (const navigator of SIGNALS) {
  test(`${Object.keys(navigator)} outweighs an answer, unless the site differs`, async () => {
    assert.ok(!(await collects({ navigator })));
    assert.ok(await collects({ navigator, attributes: { 'data-signals': 'ignore' } }));
    const page = await openPage({ navigator, cookie: '' });
    page.api.consent(['analytics']);
    await page.leave();
    assert.deepEqual(page.names(), []);
  });
}

for (const navigator of SIGNALS) {
  test(`who agreed although the browser sends ${Object.keys(navigator)} is heard`, async () => {
    assert.ok(await collects({ navigator, cookie: 'pz_consent=1.analytics-signal' }));
    assert.ok(!(await collects({ navigator, cookie: 'pz_consent=1.marketing-signal' })));
    assert.ok(!(await collects({ navigator, cookie: 'pz_consent=0.analytics-signal' })));
    assert.ok(!(await collects({ navigator, cookie: 'signal=1; pz_consent=1.analytics' })));
    const page = await openPage({ navigator, cookie: '' });
    page.window.document.cookie = 'pz_consent=1.analytics-signal';
    page.api.consent(['analytics']);
    await page.leave();
    assert.deepEqual(page.names(), ['page']);
  });
}

test('a browser that says nothing, or that it does not mind, is no objection', async () => {
  for (const navigator of [
    { globalPrivacyControl: false }, { doNotTrack: '0' }, { doNotTrack: null },
    { doNotTrack: 'unspecified' },
  ])
    assert.ok(await collects({ navigator }), JSON.stringify(navigator));
});
