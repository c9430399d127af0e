/**
 * Posts a body. Text, so that a foreign endpoint needs no preflight; keepalive, so that the
 * request outlives the page.
 *
 * @param {string} endpoint
 * @param {string} body
 * @returns {Promise<Response>}
 */
export const post = (endpoint, body) =>
  fetch(endpoint, { method: 'POST', body, keepalive: true, credentials: 'include' });
