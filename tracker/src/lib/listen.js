import { safely } from './safely.js';

/**
 * Listens on the window, in the capture phase: a page that stops propagation is heard all
 * the same, and one listener serves the events of window, document and elements.
 *
 * @param {string} types Event types, separated by spaces.
 * @param {(event: any) => void} handler
 */
export const listen = (types, handler) => {
  for (const type of types.split(' ')) {
    addEventListener(type, safely(handler), { capture: true, passive: true });
  }
};
