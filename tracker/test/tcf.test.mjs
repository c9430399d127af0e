import assert from 'node:assert/strict';
import { test } from 'node:test';

import { openPage } from '../fake/page.mjs';

/** A page with a consent tool that speaks the TCF; `tool.says` is what it tells its listeners. */
const withTool = async (site = {}) => {
  const tool = { calls: [], says: () => {} };
  const tcfapi = (command, version, hear) => {
    tool.calls.push([command, version]);
    tool.says = async (data, ok = true) => {
      hear(data, ok);
      await page.wait(100);
    };
  };
  const attributes = { 'data-bridge': 'tcf', 'data-consent': '/p/consent' };
  const page = await openPage({ cookie: '', tcfapi, attributes, ...site });
  return { page, tool };
};

const DONE = { eventStatus: 'useractioncomplete', tcString: 'CQ.new' };
const LOADED = { eventStatus: 'tcloaded', tcString: 'CQ.old' };

test('only who asks for it listens to a consent tool', async () => {
  assert.deepEqual((await withTool()).tool.calls, [['addEventListener', 2]]);
  const others = { 'data-bridge': 'consent', 'data-consent': '/p/consent' };
  assert.deepEqual((await withTool({ attributes: others, layer: [] })).tool.calls, []);
});

test('a choice in the tool goes to the server as it is, and what that reads in it counts', async () => {
  const { page, tool } = await withTool();
  await tool.says(DONE);
  assert.deepEqual(page.site.said, [{ tcf: 'CQ.new' }]);
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
});

test('a refusal in the tool stops what a choice of earlier started', async () => {
  const { page, tool } = await withTool({ cookie: 'pz_consent=1.analytics' });
  page.site.agreed = [];
  await tool.says(DONE);
  page.api.track('Late');
  await page.leave();
  assert.deepEqual(page.names(), []);
});

test('a choice of earlier is recorded where there is no answer, and not on every page', async () => {
  const first = await withTool();
  await first.tool.says(LOADED);
  await first.tool.says(LOADED);
  assert.deepEqual(first.page.site.said, [{ tcf: 'CQ.old' }]);
  const refused = await withTool({ cookie: 'pz_consent=1.' });
  await refused.tool.says(LOADED);
  assert.deepEqual(refused.page.site.said, []);
});

test('what is not an answer is not sent', async () => {
  const { page, tool } = await withTool();
  await tool.says({ eventStatus: 'cmpuishown', tcString: 'CQ.half' });
  await tool.says({ eventStatus: 'useractioncomplete' });
  await tool.says(DONE, false);
  assert.deepEqual(page.site.said, []);
});

test('without a tool nothing happens', async () => {
  const { page } = await withTool({ tcfapi: undefined, cookie: 'pz_consent=1.analytics' });
  await page.leave();
  assert.deepEqual(page.names(), ['page']);
});
