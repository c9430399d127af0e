const STEP = 25;

/** Remembers which quarters of a page the visitor has reached. */
export const createDepthMarks = () => {
  let next = STEP;
  return {
    /**
     * @param {number} percent How far down the page the visitor is.
     * @returns {number[]} The marks reached for the first time.
     */
    reach: (percent) => {
      const reached = [];
      for (; next <= 100 && next <= percent; next += STEP) reached.push(next);
      return reached;
    },
    reset: () => {
      next = STEP;
    },
  };
};
