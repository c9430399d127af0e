import { safely } from './safely.js';

const MOMENT = 300;

/**
 * Runs the callback after a moment, unless the page goes before that.
 *
 * @param {() => void} callback
 */
export const ifStaying = (callback) => {
  const timer = setTimeout(safely(callback), MOMENT);
  addEventListener('pagehide', () => clearTimeout(timer), { once: true });
};
