/** @returns {string} An id that no other event has. */
export const uniqueId = () =>
  // Pages on plain http have no randomUUID; 128 random bits serve as well.
  crypto.randomUUID?.() ?? crypto.getRandomValues(new Uint32Array(4)).join('-');
