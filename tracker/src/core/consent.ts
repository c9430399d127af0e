import { config } from './config';
import { onConsent } from './lifecycle';

let granted: boolean | undefined;
let seen: string | undefined | null = null;

/** Return what an answer such as `1.analytics-personalization` says, if it is to this policy. */
const read = (): string | undefined =>
  `; ${document.cookie}`.split(`; ${config.consentCookie}=${config.policy}.`)[1]?.split(';')[0];

/** Return the purposes of the recorded answer; undefined if there is none to this policy. */
export const answer = (): string[] | undefined => read()?.split('-');

const apply = (purposes: unknown): void => {
  const before = granted;
  granted =
    // What the browser says for the visitor outweighs an answer, unless the site says `ignore`
    // or the answer `signal`: given all the same. No other word of the two has these letters.
    (/gn/.test(config.signals + seen!) ||
      !(navigator.globalPrivacyControl || +navigator.doNotTrack! === 1)) &&
    ([] as unknown[])
      .concat(purposes)
      .some((purpose) => /^(analytics|personalization)$/.test(purpose as string));
  if (granted !== before) onConsent(granted);
};

/**
 * Return whether events may be collected at this moment. The cookie is read again each time,
 * so an answer given in another tab counts here at once.
 */
export const holds = (): boolean => {
  const now = read();
  if (now !== seen) {
    seen = now;
    apply(answer());
  }
  return granted!;
};

/** Takes what the visitor has just answered; anything but a list of purposes is a no. */
export const consent = (purposes: unknown): void => {
  seen = read();
  apply(purposes);
};
