const KEY = 'pz_queue';
/** The oldest events go first when there are more. */
export const MAX_STORED = 100;

/**
 * Keeps what could not be sent for the next page. An event is either in the page's memory or
 * in here, never in both: `take` empties the store.
 */
export const createStore = (storage = () => localStorage) => {
  /** @returns {[number, import('../types.js').Item[]]} */
  const read = () => {
    try {
      const [notBefore, items] = JSON.parse(storage().getItem(KEY));
      return [+notBefore, items.map(String)];
    } catch {
      return [0, []];
    }
  };
  const clear = () => storage().removeItem(KEY);

  return {
    clear,

    /**
     * @param {number} notBefore When the server may be asked again, in epoch milliseconds.
     * @param {import('../types.js').Item[]} items
     */
    put: (notBefore, items) =>
      storage().setItem(
        KEY,
        JSON.stringify([notBefore, read()[1].concat(items).slice(-MAX_STORED)]),
      ),

    /** @returns {[number, import('../types.js').Item[]]} What `put` was given. */
    take: () => {
      const kept = read();
      clear();
      return kept;
    },
  };
};
