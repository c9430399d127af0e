/** @returns {number} How much of the page has come into view, in percent. */
export const scrolledPercent = () =>
  // On a zoomed page the last scroll position stops a fraction of a pixel short of the end.
  ((scrollY + innerHeight + 2) / document.documentElement.scrollHeight) * 100;
