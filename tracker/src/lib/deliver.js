import { ifStaying } from './ifStaying.js';
import { outlivesPage } from './outlivesPage.js';
import { post } from './post.js';
import { safely } from './safely.js';

/**
 * Sends a body in the way that suits the occasion: a fetch, which tells what became of it, or,
 * when the page goes, a beacon.
 *
 * @param {string} endpoint
 * @param {string} body
 * @param {import('../types.js').Occasion} occasion
 * @param {(status: number, retryAfter?: string | null) => void} onAnswer Called if it becomes
 *   known what the server said; status 0 means that it said nothing.
 */
export const deliver = (endpoint, body, occasion, onAnswer) => {
  const byFetch = occasion === 'timer' || (occasion === 'click' && outlivesPage());
  if (!byFetch && navigator.sendBeacon?.(endpoint, body)) return;
  post(endpoint, body).then(
    safely(({ status, headers }) => onAnswer(status, headers.get('Retry-After'))),
    // When a page goes, browsers fail what is under way, some before `pagehide`, and deliver
    // it all the same. So a failure counts once the page has stayed for a moment.
    () => ifStaying(() => onAnswer(0)),
  );
};
