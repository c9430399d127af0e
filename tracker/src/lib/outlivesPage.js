/**
 * @returns {boolean} Whether this browser lets a fetch outlive its page. Then a click, too, goes
 *   by fetch, which, unlike a beacon, tells whether it has to be tried again.
 */
export const outlivesPage = () => 'keepalive' in Request.prototype;
