/** Wraps a function so that nothing it throws reaches the page. */
export const safely =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch {
      // The page comes first: an event is lost, the site is not.
    }
  };
