import type { Make, Properties } from '../types';
import { config, script } from './config';
import { answer, consent, holds } from './consent';
import { attach, attachers, collected, loadMore } from './manifest';
import { read } from './marks';
import { on } from './on';
import { flush, LEAVE } from './queue';
import { safely } from './safely';
import { send, track } from './send';
import { leaving, view } from './views';

/** Events of the spec that have a call of their own: `productAdded(product)`. */
const SHOP = 'Products Searched,Product Added,Product Removed,Cart Viewed,Order Completed';

/** Puts the calls into the page. Until consent nothing is listened to, stored or sent. */
const start = (): void => {
  const host = (window.personalization ||= {} as never) as any;
  // A page that loads the script twice still counts once.
  if (host.version) return;
  const api: Record<string, (...args: any[]) => void> = {
    consent,
    track,
    page: view,
    identify: (userId?: string | Properties, traits?: Properties) =>
      send('identify', typeof userId === 'object' ? { traits: userId } : { userId, traits }),
    // What waits is the one's who used the browser until now; what comes is not.
    reset: () => {
      flush(LEAVE);
      delete config.user;
    },
    // The second file says what starts its kinds.
    extend: (make: Make) => {
      Object.assign(
        attachers,
        make(config, on, collected, track, leaving, read, safely, answer),
      );
      attach();
    },
  };
  for (const name of SHOP.split(','))
    api[name[0]!.toLowerCase() + name.slice(1).replace(' ', '')] = (properties) =>
      track(name, properties);
  for (const name in api) host[name] = safely(api[name]!);
  host.version = __VERSION__;
  holds();
  if (config.bridge) loadMore();
  const early = host.q || [];
  host.q = { push: safely(([name, ...args]: [string, ...unknown[]]) => host[name](...args)) };
  early.forEach(host.q.push);
};

if (script) {
  // A page that is rendered ahead of time counts when the visitor opens it.
  if (document.prerendering) on('prerenderingchange', start);
  else safely(start)();
}
