/**
 * Reads an answer such as `1.analytics-personalization`.
 *
 * @param {string | undefined} answer The consent cookie's value.
 * @param {string} policy The current policy version: an answer to another one does not count.
 * @returns {string[]} The purposes agreed to.
 */
export const readPurposes = (answer, policy) =>
  answer?.startsWith(policy + '.') ? answer.slice(policy.length + 1).split('-') : [];
