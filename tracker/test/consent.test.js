import assert from 'node:assert/strict';
import { test } from 'node:test';

import { mayCollect } from '../src/lib/mayCollect.js';
import { readCookie } from '../src/lib/readCookie.js';
import { readPurposes } from '../src/lib/readPurposes.js';

test('a cookie is found by its whole name', () => {
  const cookies = 'x_pz_consent=9.; pz_consent=1.analytics; pz_consent2=8.';
  assert.equal(readCookie(cookies, 'pz_consent'), '1.analytics');
  assert.equal(readCookie(cookies, 'consent'), undefined);
  assert.equal(readCookie('', 'pz_consent'), undefined);
});

test('purposes are read from an answer to the current policy only', () => {
  assert.deepEqual(readPurposes('1.analytics-marketing', '1'), ['analytics', 'marketing']);
  assert.deepEqual(readPurposes('2026.1.analytics', '2026.1'), ['analytics']);
  for (const answer of [undefined, '', '0.analytics', '11.analytics', 'analytics', '.analytics']) {
    assert.equal(mayCollect(readPurposes(answer, '1')), false, answer);
  }
});

test('only analytics and personalization are reasons to collect', () => {
  assert.equal(mayCollect(['analytics']), true);
  assert.equal(mayCollect(['marketing', 'personalization']), true);
  for (const purposes of [[], ['necessary'], ['marketing'], [''], ['analytic'], ['xanalytics']]) {
    assert.equal(mayCollect(purposes), false, String(purposes));
  }
});

test('anything but a list of purposes is a refusal', () => {
  for (const answer of [undefined, null, 42, {}, true, { analytics: true }, 'yes']) {
    assert.equal(mayCollect(answer), false);
  }
});
