import { listen } from './listen.js';
import { safely } from './safely.js';

/** Routers set the title shortly after the address; several steps in a row are one view. */
const SETTLE = 50;

/**
 * Reports when the page may have become another one without being loaded.
 *
 * @param {() => void} report
 */
export const onNavigation = (report) => {
  let timer = 0;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(safely(report), SETTLE);
  };
  const { pushState } = history;
  history.pushState = function (...args) {
    pushState.apply(this, args);
    soon();
  };
  listen('popstate hashchange', soon);
};
