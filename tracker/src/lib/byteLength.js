/**
 * @param {string} text
 * @returns {number} Its length in UTF-8.
 */
export const byteLength = (text) => new Blob([text]).size;
