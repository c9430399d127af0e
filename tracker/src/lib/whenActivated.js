/**
 * Runs the callback now, or, on a page that the browser renders ahead of time, once the
 * visitor really opens it.
 *
 * @param {() => void} callback
 */
export const whenActivated = (callback) => {
  if (document.prerendering) {
    document.addEventListener('prerenderingchange', callback, { once: true });
  } else {
    callback();
  }
};
