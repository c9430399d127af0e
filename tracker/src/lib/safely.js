/**
 * Wraps a function so that nothing it throws reaches the page.
 *
 * @template {(...args: any[]) => any} F
 * @param {F} run
 * @returns {(...args: Parameters<F>) => ReturnType<F> | undefined}
 */
export const safely = (run) => (...args) => {
  try {
    return run(...args);
  } catch {
    // The page comes first: an event is lost, the site is not.
  }
};
