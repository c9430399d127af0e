const REASONS = ['analytics', 'personalization'];

/**
 * @param {string[]} purposes The purposes that the visitor agreed to; anything else is a no.
 * @returns {boolean} Whether one of them is a reason to collect events.
 */
export const mayCollect = (purposes) => REASONS.some((reason) => [].concat(purposes).includes(reason));
