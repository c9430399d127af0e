import type { Attachers, Kind, Properties, Run } from '../types';
import { config, script } from './config';
import { holds } from './consent';
import { attachEngaged } from './engaged';
import { safely } from './safely';
import { attachScroll } from './scroll';
import { send } from './send';
import { draw } from './storage';

let collect: string[] = [];
let rate = 1;

/** How each kind starts; 0, once it has. Those of the second file are added when it is there. */
export const attachers: Attachers = {
  // Called late: these modules need this one, too.
  scroll: () => attachScroll(),
  engaged: () => attachEngaged(),
  // The listener for what is marked hears it, too.
  outbound: 0,
};

/** Sends an event of a kind, if the manifest names the kind and the sample has the visitor. */
export const collected = (kind: Kind, event: string, properties: Properties): void => {
  if (collect.includes(kind) && holds() && (rate >= 1 || draw() < rate))
    send('track', { event, properties }, undefined, rate < 1 ? rate : undefined);
};

/** Starts what is to be collected and was not before; loads what is not here. */
export const attach = (): void =>
  collect.forEach((kind) => {
    const start = (attachers[kind] ?? loadMore) as Run | 0;
    attachers[kind] &&= 0;
    if (start) start();
  });

/** Loads the second file, under the page's content policy. */
export const loadMore = (): void => {
  const src = config.more;
  // Once.
  delete config.more;
  if (!src) return;
  document.head.append(
    Object.assign(document.createElement('script'), {
      src,
      integrity: config.moreIntegrity || '',
      nonce: script!.nonce,
    }),
  );
};

/** Asks what to collect; the browser keeps the answer as long as the server allows. */
export const readManifest = (): void => {
  if (!config.manifest || document.hidden) return;
  fetch(config.manifest, { credentials: 'omit' })
    .then((response) => response.json())
    .then(
      safely((manifest) => {
        collect = manifest.collect || [];
        rate = manifest.sample;
        attach();
      }),
      () => {
        collect = [];
      },
    );
};
