import { safely } from './safely';

/**
 * Listens on the window, in the capture phase: a page that stops propagation is heard all
 * the same, and one listener serves the events of window, document and elements.
 *
 * @param types Event types, separated by spaces.
 */
export const on = (types: string, handler: (event: any) => void): void =>
  types
    .split(' ')
    .forEach((type) => addEventListener(type, safely(handler), { capture: true, passive: true }));
