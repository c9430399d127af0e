/**
 * @param {number} status The answer's status; 0 when there was none.
 * @returns {boolean} Whether the same request may succeed later.
 */
export const mayRetry = (status) =>
  !status || status === 408 || status === 429 || status >= 500;
