const LONGEST_BACKOFF = 60_000;
export const LONGEST_ASKED = 300_000;

/**
 * How long to wait before the next try. It doubles with each failure, and at least half of it
 * is certain; the rest is chance, so that the visitors of a site that was down do not come
 * back all at once. What the server asks for in `Retry-After` is never undercut.
 *
 * @param failures How many tries have failed, from 1.
 * @param retryAfter The header: seconds or a date.
 * @returns Milliseconds.
 */
export const retryDelay = (failures: number, retryAfter?: string | null): number => {
  const backoff = Math.min(500 * 2 ** failures, LONGEST_BACKOFF) / 2;
  const asked = retryAfter ? +retryAfter * 1000 || Date.parse(retryAfter) - Date.now() || 0 : 0;
  return Math.max(backoff, Math.min(asked, LONGEST_ASKED)) + Math.random() * backoff;
};
