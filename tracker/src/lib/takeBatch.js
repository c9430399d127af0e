import { byteLength } from './byteLength.js';

export const MAX_EVENTS = 20;
/** All keepalive requests and beacons of a page share 64 KiB; some is left for the envelope. */
export const MAX_BYTES = 55_000;

/**
 * Takes from the front of the queue as many events as may travel together.
 *
 * @param {import('../types.js').Item[]} queue Shortened by what is taken.
 * @returns {import('../types.js').Item[]} At least one, when the queue is not empty.
 */
export const takeBatch = (queue) => {
  let n = 0;
  let bytes = 0;
  while (n < queue.length && n < MAX_EVENTS && (bytes += byteLength(queue[n])) < MAX_BYTES) n++;
  return queue.splice(0, n || 1);
};
