import type { Core } from '../types';
import { hearLayer, layer } from './dataLayer';
import { record } from './record';

/** Google's consent types by our purposes. */
const TYPES: Record<string, string[]> = {
  analytics: ['analytics_storage'],
  personalization: ['personalization_storage'],
  marketing: ['ad_storage', 'ad_user_data', 'ad_personalization'],
};
const PURPOSES = Object.keys(TYPES);

/** Return `granted` or `denied` for each type. */
export const typesOf = (purposes: string[]): Record<string, string> =>
  Object.fromEntries(
    PURPOSES.flatMap((purpose) =>
      TYPES[purpose]!.map((type) => [type, purposes.includes(purpose) ? 'granted' : 'denied']),
    ),
  );

/** Return the purposes all of whose types are granted. */
export const purposesOf = (types: Record<string, unknown>): string[] =>
  PURPOSES.filter((purpose) => TYPES[purpose]!.every((type) => types[type] === 'granted'));

const same = (one: string[], other: string[]): boolean =>
  PURPOSES.every((purpose) => one.includes(purpose) === other.includes(purpose));

/**
 * Exchanges answers with Google Consent Mode v2: another banner's `gtag('consent', 'update')`
 * is recorded on our server, and what is answered here is told with an update of our own. The
 * `default` of a site is no answer.
 */
export const consentMode = ({ config, answer, safely }: Core): void => {
  const types: Record<string, unknown> = {};
  let writing = false;
  // Google's library only takes `arguments` objects, not lists.
  const gtag = function (..._: unknown[]): void {
    writing = true;
    layer().push(arguments);
    writing = false;
  };

  const write = (purposes: string[]): void => {
    if (!same(purposesOf(types), purposes) || !Object.keys(types).length)
      gtag('consent', 'update', Object.assign(types, typesOf(purposes)));
  };

  hearLayer(
    safely((entry) => {
      if (writing || entry?.[0] !== 'consent' || entry[1] !== 'update') return;
      Object.assign(types, entry[2]);
      const purposes = purposesOf(types);
      const known = answer();
      // A banner repeats its update on every page, and a refusal of nothing needs no record.
      if (config.consent && (known ? !same(known, purposes) : purposes[0]))
        record(config.consent, { purposes, mechanism: 'consent_mode' }).catch(() => {});
    }),
  );
  const known = answer();
  if (known) write(known);
  document.addEventListener(
    'personalization:consent',
    safely((event: Event) => write((event as CustomEvent).detail.purposes)),
  );
};
