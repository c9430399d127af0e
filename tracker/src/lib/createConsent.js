import { mayCollect } from './mayCollect.js';
import { readCookie } from './readCookie.js';
import { readPurposes } from './readPurposes.js';

/**
 * Knows whether events may be collected at this moment. The cookie is read again each time,
 * so an answer given in another tab counts here at once.
 *
 * @param {import('../types.js').Config} config
 * @param {(granted: boolean) => void} onChange Called with the first answer and each new one.
 */
export const createConsent = ({ consentCookie, policy }, onChange) => {
  /** @type {boolean | undefined} */
  let granted;
  /** @type {string | undefined | null} */
  let seen = null;

  const read = () => readCookie(document.cookie, consentCookie);

  /** @param {string[]} purposes */
  const apply = (purposes) => {
    const before = granted;
    granted = mayCollect(purposes);
    if (granted !== before) onChange(granted);
  };

  return {
    /** @returns {boolean} Whether events may be collected, by the newest answer there is. */
    holds: () => {
      const answer = read();
      if (answer !== seen) {
        seen = answer;
        apply(readPurposes(answer, policy));
      }
      return granted;
    },

    /** @param {string[]} purposes What the visitor has just answered. */
    set: (purposes) => {
      seen = read();
      apply(purposes);
    },
  };
};
