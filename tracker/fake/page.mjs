// A page of a browser, as far as the tracker can tell: enough of the DOM to run the built files
// in, a clock that stands still until it is told, and a server that remembers what it was sent.
import { readFileSync } from 'node:fs';
import { Script, createContext } from 'node:vm';

import { element } from './elements.mjs';
import { createClock } from './clock.mjs';

const FOLDER = new URL('../../personalization/static/personalization/', import.meta.url);
const [CORE, MORE] = ['tracker.js', 'tracker-more.js'].map(
  (name) => new Script(readFileSync(new URL(name, FOLDER), 'utf8'), { filename: name }),
);

/** Events that the page heard of, as the server got them. */
const eventsIn = (bodies) => bodies.flatMap((body) => JSON.parse(body).batch);

/** Lets promises that are settled tell it. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

const createTarget = () => {
  const listeners = [];
  return {
    listeners,
    addEventListener: (type, handler, options) => listeners.push({ type, handler, options }),
    dispatch: (type, event = {}) => {
      for (const listener of [...listeners])
        if (listener.type === type) listener.handler({ type, ...event });
    },
  };
};

/**
 * @param {object} [site] `collect` and `sample` of the manifest, `attributes` of the script
 *   element, the `cookie`, the elements of the page, what a random number is, the `__tcfapi` of another tool, …
 */
export const openPage = async ({
  collect = [],
  sample = 1,
  attributes = {},
  cookie = 'pz_consent=1.analytics',
  elements = [],
  random = () => 0.5,
  navigator = {},
  storage = {},
  layer,
  stub,
  tcfapi,
  prerendering = false,
  referrer = '',
} = {}) => {
  const clock = createClock();
  const site = {
    collect,
    sample,
    posts: [],
    sent: [],
    beacons: [],
    manifests: 0,
    recorded: [],
    said: [],
    /** What the server reads in a TC string. */
    agreed: ['personalization'],
    answers: [],
    loaded: [],
    online: true,
  };
  const windowTarget = createTarget();
  const documentTarget = createTarget();
  const observers = { intersection: [], mutation: [], observed: new Set() };
  const script = element('script', {
    'data-endpoint': '/p/v1/batch',
    'data-manifest': '/p/v1/manifest',
    'data-more': '/static/tracker-more.js',
    'data-key': 'KEY',
    'data-consent-cookie': 'pz_consent',
    'data-policy': '1',
    ...attributes,
  });
  script.nonce = 'NONCE';

  const answer = (status, body = '{}', headers = {}) => ({
    ok: status < 400,
    status,
    headers: { get: (name) => headers[name] ?? null },
    json: async () => JSON.parse(body),
  });
  const fetch = async (url, { body } = {}) => {
    if (!site.online) throw new TypeError('Failed to fetch');
    if (url === '/p/v1/manifest') {
      site.manifests += 1;
      const { collect, sample } = site;
      return answer(200, JSON.stringify({ version: 1, collect, sample }));
    }
    if (url === '/p/consent') {
      const said = JSON.parse(body);
      const purposes = said.purposes ?? site.agreed;
      site.recorded.push(purposes);
      site.said.push(said);
      window.document.cookie = `pz_consent=1.${purposes.join('-')}`;
      return answer(200, JSON.stringify({ purposes }));
    }
    const [status, headers] = site.answers.shift() ?? [200];
    site.sent.push(body);
    site.posts.push(body);
    return answer(status, '{}', headers);
  };

  const window = {
    addEventListener: windowTarget.addEventListener,
    document: {
      addEventListener: documentTarget.addEventListener,
      dispatchEvent: ({ type, detail }) => documentTarget.dispatch(type, { detail }),
      currentScript: script,
      cookie,
      elements,
      hidden: prerendering,
      prerendering,
      referrer,
      title: 'Shoes',
      documentElement: { scrollHeight: 4000 },
      hasFocus: () => true,
      getElementById: () => null,
      createElement: (name) => element(name),
      querySelectorAll: (selector) =>
        window.document.elements.filter((one) => one.matches(selector)),
      head: {
        append: (added) => {
          site.loaded.push(added);
          MORE.runInContext(window);
        },
      },
    },
    navigator: {
      onLine: true,
      sendBeacon: (url, body) => site.posts.push(body) && site.beacons.push(body) > 0,
      ...navigator,
    },
    location: new URL('https://shop.example/shoes'),
    history: {
      pushState: (state, title, url) => {
        window.location.href = new URL(url, window.location.href).href;
      },
    },
    localStorage: storage,
    scrollY: 0,
    innerHeight: 1000,
    crypto: { randomUUID: () => globalThis.crypto.randomUUID() },
    fetch,
    Blob,
    CustomEvent: class {
      constructor(type, { detail }) {
        Object.assign(this, { type, detail });
      }
    },
    __tcfapi: tcfapi,
    FormData: class {
      constructor(form) {
        this.get = (name) => form.fields?.[name] ?? null;
      }
    },
    IntersectionObserver: class {
      constructor(tell) {
        observers.intersection.push(tell);
        this.observe = (one) => observers.observed.add(one);
      }
    },
    MutationObserver: class {
      constructor(tell) {
        this.observe = () => observers.mutation.push(tell);
      }
    },
    dataLayer: layer,
    personalization: stub,
    ...clock.globals,
  };
  window.window = window;
  createContext(window);
  window.Date = clock.Date;
  new Script('Math.random = random').runInContext(Object.assign(window, { random }));

  const page = {
    site,
    window,
    clock,
    observers,
    types: () => new Set(windowTarget.listeners.map(({ type }) => type)),
    listeners: windowTarget.listeners,
    /** Something happens to an element, or to the window. */
    happens: async (type, event = {}) => {
      window.event = { type };
      windowTarget.dispatch(type, { target: element('html'), ...event });
      window.event = undefined;
      await settled();
    },
    tellDocument: (type, event) => documentTarget.dispatch(type, event),
    wait: async (ms) => {
      for (let passed = 0; passed < ms; passed += 100) {
        clock.pass(100);
        await settled();
      }
    },
    hide: async () => {
      window.document.hidden = true;
      await page.happens('visibilitychange');
    },
    show: async () => {
      window.document.hidden = false;
      await page.happens('visibilitychange');
    },
    leave: async () => {
      await page.happens('pagehide');
    },
    api: window.personalization,
    events: () => eventsIn(site.posts),
    names: () => page.events().map((event) => event.event ?? event.type),
  };
  CORE.runInContext(window);
  page.api = window.personalization;
  await settled();
  await settled();
  return page;
};
