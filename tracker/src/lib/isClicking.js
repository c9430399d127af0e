/**
 * @returns {boolean} Whether the running code was set off by a click or a submission: the
 *   page may be about to change. `window.event` is old, but nothing else tells it without
 *   asking every caller.
 */
export const isClicking = () => /click|submit/.test(window.event?.type);
