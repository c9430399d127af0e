import { safely } from './safely.js';

/**
 * Makes the calls public as `window.personalization`, and replays those that the page put
 * into `personalization.q` before: `['track', 'Searched', {query: 'shoes'}]`.
 *
 * @param {Object} api
 */
export const install = (api) => {
  const host = (window.personalization ||= {});
  const early = host.q || [];
  for (const [name, value] of Object.entries(api)) {
    host[name] = typeof value === 'function' ? safely(value) : value;
  }
  host.q = { push: safely(([name, ...args]) => host[name](...args)) };
  early.forEach(host.q.push);
};
